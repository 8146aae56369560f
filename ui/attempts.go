package ui

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/filter"
)

// attemptID is what an id may look like: it goes on to a database.
var attemptID = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,128}$`)

// attemptFilter reads what chooses attempts; more are further parameters.
func attemptFilter(r *http.Request, more ...string) (*params, AttemptFilter) {
	p := query(r, append(more, "device", "camera", "reason", "q", "since", "chatter", "cursor", "limit")...)
	f := AttemptFilter{
		Device:  p.text("device"),
		Camera:  p.text("camera"),
		Reason:  p.text("reason"),
		Where:   p.text("q"),
		Since:   p.time("since"),
		Chatter: p.flag("chatter"),
		Cursor:  p.text("cursor"),
		Limit:   p.number("limit", 1, maxPageSize, 100),
	}
	if f.Reason != "" && !slices.Contains(filter.Reasons(), f.Reason) {
		p.bad(fmt.Sprintf("there is no reason %.40q", f.Reason), "give one of "+strings.Join(filter.Reasons(), ", "))
	}
	if f.Camera != "" && f.Device != "" {
		p.bad("camera and device are both given", "give one of them: a camera stands for its device")
	}
	return p, f
}

func (s *Server) getAttempts(w http.ResponseWriter, r *http.Request) {
	p, f := attemptFilter(r)
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

// groupings are what attempts can be grouped by.
var groupings = []string{"camera", "destination", "reason"}

func (s *Server) getAttemptGroups(w http.ResponseWriter, r *http.Request) {
	p, f := attemptFilter(r, "by")
	by := p.text("by")
	if !slices.Contains(groupings, by) {
		p.bad(fmt.Sprintf("attempts are not grouped by %.40q", by), "give by as one of "+strings.Join(groupings, ", "))
	}
	if p.problem != nil {
		writeProblem(w, p.problem)
		return
	}
	groups, err := s.opt.Attempts.Group(r.Context(), f, by)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	groups.Groups = orEmpty(groups.Groups)
	writeJSON(w, groups)
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
