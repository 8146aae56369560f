package ui

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// shares bounds what is open of one kind: in total, and for each user, so that
// one person or one broken page takes it from nobody else. Some of it is kept for
// admins and auditors: they get in to see what the others do.
//
// Those on the box, and everybody where there are no accounts, have no share of
// their own: they can't be told apart.
type shares struct {
	max  int // open at once
	each int // of one user, all sessions and tokens together
	kept int // of max, for admins and auditors

	mu   sync.Mutex // guards what follows
	open int
	of   map[string]int // by user id; none is 0
}

// take takes a place; false means that there is none for this principal. Who got
// one calls give, once.
func (s *shares) take(p auth.Principal) (give func(), ok bool) {
	most, id := s.max-s.kept, p.User.ID
	if p.Local || p.Is(auth.Admin, auth.Auditor) {
		most = s.max
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= most || id != "" && s.of[id] >= s.each {
		return nil, false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.open++
	if id != "" {
		s.of[id]++
	}
	return func() { s.give(id) }, true
}

func (s *shares) give(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if id == "" {
		return
	}
	if s.of[id]--; s.of[id] == 0 {
		delete(s.of, id)
	}
}

// placesAgain is after how many seconds it is worth asking again for a place.
const placesAgain = 10

// writeFull answers that no place is left for what is called so.
func writeFull(w http.ResponseWriter, what string) {
	w.Header().Set("Retry-After", strconv.Itoa(placesAgain))
	writeProblem(w, &Problem{
		http.StatusServiceUnavailable, "too many " + what + " are open, by you or in total",
		"close pages and programs of this recorder that nobody looks at",
	})
}
