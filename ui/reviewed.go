package ui

import (
	"net/http"
	"time"
)

// getReviewed tells who asks up to when they have looked at attempts.
func (s *Server) getReviewed(w http.ResponseWriter, r *http.Request) {
	v, err := s.opt.Reviews.Reviewed(r.Context(), principal(r).User.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.Reviews = orEmpty(v.Reviews)
	writeJSON(w, v)
}

// postReviewed signs off: an admin says that they have looked at all up to an
// instant. It is written down before it counts.
func (s *Server) postReviewed(w http.ResponseWriter, r *http.Request) {
	var in struct {
		UpTo time.Time `json:"up_to"`
	}
	who := principal(r)
	err := readBody(r, &in)
	if err == nil {
		err = reviewable(in.UpTo, s.opt.Now())
	}
	if err == nil { // the entry says what is so
		var was time.Time
		if was, err = s.opt.Reviews.UpTo(r.Context(), who.User.ID); err == nil && was.After(in.UpTo) {
			err = &Problem{http.StatusConflict, "you have looked at later ones already", "sign off forward only; your last is up to " + stamp(was)}
		}
	}
	if err == nil {
		err = s.note(r, entryOf(who, "attempts.reviewed", stamp(in.UpTo), ""))
	}
	if err == nil {
		err = s.opt.Reviews.Review(r.Context(), who.User.ID, who.Name(), in.UpTo)
	}
	s.finish(w, r, err)
}

// reviewable refuses what nobody can have looked at.
func reviewable(upTo, now time.Time) error {
	if upTo.IsZero() || upTo.Year() < 1970 || upTo.After(now) {
		return &Problem{http.StatusBadRequest, "up_to is missing, or in the future", "give the last sighting of the newest attempt that you looked at, as 2026-11-23T14:00:00Z"}
	}
	return nil
}
