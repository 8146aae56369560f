package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of parameters.
const (
	maxParam     = 256 // bytes
	maxListRange = 32 * 24 * time.Hour
	maxPlayRange = 24 * time.Hour
	maxPageSize  = 500
)

// params reads a query: every parameter must be known, given once and short. It
// keeps the first problem, so that a handler asks for all and checks once.
type params struct {
	values  url.Values
	problem *Problem
}

// query reads the parameters of a request, of which known is the complete list.
func query(r *http.Request, known ...string) *params {
	p := &params{}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.bad("the query is not well formed", "encode it as application/x-www-form-urlencoded")
		return p
	}
	p.values = values
	for name, v := range values {
		switch {
		case !slices.Contains(known, name):
			p.bad(fmt.Sprintf("unknown parameter %.40q", name), "known here: "+knownHere(known))
		case len(v) > 1:
			p.bad(name+" is given more than once", "give it once")
		case len(v[0]) > maxParam:
			p.bad(name+" is too long", fmt.Sprintf("at most %d bytes", maxParam))
		}
	}
	return p
}

func knownHere(known []string) string {
	if len(known) == 0 {
		return "none"
	}
	return strings.Join(known, ", ")
}

func (p *params) bad(message, fix string) {
	if p.problem == nil {
		p.problem = &Problem{http.StatusBadRequest, message, fix}
	}
}

func (p *params) text(name string) string { return p.values.Get(name) }

// time reads an RFC 3339 time; the zero time when it is not given.
func (p *params) time(name string) time.Time {
	v := p.values.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil || t.Year() < 1970 || t.Year() > 9000 {
		p.bad(name+" is not an RFC 3339 time", "write it as 2026-11-23T14:00:00Z, with + encoded as %2B")
		return time.Time{}
	}
	return t.UTC()
}

// span reads from and to, half-open, not longer than most.
func (p *params) span(now time.Time, most time.Duration) (from, to time.Time) {
	from, to = p.time("from"), p.time("to")
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		p.bad("from is missing", "give from and to as RFC 3339 times")
	}
	if p.problem == nil && !from.Before(to) {
		p.bad("from is not before to", "ranges are half-open: [from, to)")
	}
	if p.problem == nil && to.Sub(from) > most {
		p.bad("the range is too long", fmt.Sprintf("ask for at most %d h at once", int(most.Hours())))
	}
	return from, to
}

// number reads a whole number in [low, high].
func (p *params) number(name string, low, high, otherwise int) int {
	v := p.values.Get(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		p.bad(fmt.Sprintf("%s is not a number from %d to %d", name, low, high), "give a number in that range, or leave it out")
		return otherwise
	}
	return n
}

// flag reads true or false.
func (p *params) flag(name string) bool {
	switch p.values.Get(name) {
	case "", "false", "0":
		return false
	case "true", "1":
		return true
	}
	p.bad(name+" is neither true nor false", "write true or false, or leave it out")
	return false
}

// stream reads which stream of a camera; main when it is not given.
func (p *params) stream() string {
	switch v := p.values.Get("stream"); v {
	case "":
		return "main"
	case "main", "sub":
		return v
	}
	p.bad("stream is neither main nor sub", "write main or sub")
	return ""
}

// stream checks that a camera, which is known, has a stream of that name.
func (s *Server) stream(id, stream string) error {
	for _, c := range s.opt.Cameras() {
		if c.ID != id {
			continue
		}
		for _, st := range c.Streams {
			if st.Stream == stream {
				return nil
			}
		}
	}
	return &Problem{http.StatusNotFound, "the camera has no such stream", "ask for its other stream, or add it to the site file"}
}
