package ui

import "net/http"

// postStorageClock says that the clock is right after a step: retention by age,
// which waits for that, goes on. What it deletes then cannot be had again, hence
// the entry comes first.
func (s *Server) postStorageClock(w http.ResponseWriter, r *http.Request) {
	err := readNothing(r)
	if err == nil {
		err = s.note(r, entryOf(principal(r), "storage.clock-confirmed", stamp(s.opt.Now()), ""))
	}
	if err == nil {
		s.opt.ConfirmClock()
	}
	s.finish(w, r, err)
}
