package ui

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// reasons are the values that an attempt's reason has.
var reasons = []string{"egress", "spoof", "unknown-device", "lateral", "input", "output", "chatter"}

// attemptID is what an id may look like: it goes on to a database.
var attemptID = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,128}$`)

func (s *Server) getAttempts(w http.ResponseWriter, r *http.Request) {
	p := query(r, "device", "camera", "reason", "q", "since", "chatter", "cursor", "limit")
	f := AttemptFilter{
		Device:  p.text("device"),
		Camera:  p.text("camera"),
		Reason:  p.text("reason"),
		Text:    p.text("q"),
		Since:   p.time("since"),
		Chatter: p.flag("chatter"),
		Cursor:  p.text("cursor"),
		Limit:   p.number("limit", 1, maxPageSize, 100),
	}
	if f.Reason != "" && !slices.Contains(reasons, f.Reason) {
		p.bad(fmt.Sprintf("there is no reason %.40q", f.Reason), "give one of "+strings.Join(reasons, ", "))
	}
	if f.Camera != "" && f.Device != "" {
		p.bad("camera and device are both given", "give one of them: a camera stands for its device")
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	page, err := s.opt.Attempts.Page(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.Attempts = orEmpty(page.Attempts)
	writeJSON(w, page)
}

func (s *Server) getAttempt(w http.ResponseWriter, r *http.Request) {
	if p := query(r); p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	id := r.PathValue("attempt")
	if !attemptID.MatchString(id) {
		s.fail(w, r, ErrNotFound)
		return
	}
	a, err := s.opt.Attempts.Get(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, a)
}
