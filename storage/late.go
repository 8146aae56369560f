package storage

import "time"

// awaitFor is how long a start waits for volumes that it knows and that are
// not mounted yet, before it states what is missing on those that are: a disk
// that spins up, or one that is behind a network.
const awaitFor = 5 * time.Minute

// awaiting reports whether the footage before this start is not all known yet:
// a volume that is there is being read, or one that is not may still come.
func (s *Store) awaiting() bool {
	s.mu.Lock()
	before := time.Now().Before(s.awaitUntil)
	s.mu.Unlock()
	for _, v := range s.volumes {
		switch {
		case v.session() != nil:
			if s.rebuildNeeded(v) {
				return true
			}
		case before && s.knows(v.path) && !v.wasAttached():
			return true
		}
	}
	return false
}

// trimFound makes room for footage that a volume brought after the time before
// this start was accounted for.
func (s *Store) trimFound(found []Segment) error {
	done := map[streamKey]bool{}
	for _, seg := range found {
		if key := seg.key(); !done[key] {
			done[key] = true
			if err := s.trim(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// trimAll does the same for every stream.
func (s *Store) trimAll() error {
	streams, err := s.index.streams()
	if err != nil {
		return err
	}
	for _, st := range streams {
		if err := s.trim(streamKey{st.Camera, st.Stream}); err != nil {
			return err
		}
	}
	return nil
}

// trim takes out of a stream's gaps of the reason recorder-down what footage
// covers: such a gap only says that nobody knew better (S6). So it does with one
// of the reason deleted: its footage was held after all.
func (s *Store) trim(key streamKey) error {
	gaps, err := s.allGaps(key, time.Time{}, lastTime())
	if err != nil {
		return err
	}
	for _, g := range gaps {
		if g.Reason != ReasonRecorderDown && g.Reason != ReasonDeleted {
			continue
		}
		to := g.To
		if to.IsZero() {
			to = lastTime()
		}
		spans, err := s.spans(key, g.From, to)
		if err != nil {
			return err
		}
		if pieces, cut := without(g, spans); cut {
			s.gaps.replace(g, pieces)
		}
	}
	return nil
}

// without gives what footage, in order, leaves of a gap; of one without an end
// also what later gaps leave, since its end was lost.
func without(g Gap, spans []span) (pieces []Gap, cut bool) {
	cursor := g.From
	piece := func(to time.Time) {
		part := g
		part.From, part.To = cursor, to
		pieces = append(pieces, part)
	}
	for _, sp := range spans {
		if sp.gap != nil && (!g.To.IsZero() || !sp.from.After(g.From)) {
			continue
		}
		cut = true
		if sp.from.After(cursor) {
			piece(sp.from)
		}
		if sp.open() {
			return pieces, true
		}
		cursor = laterOf(cursor, sp.to)
	}
	if g.To.IsZero() || cursor.Before(g.To) {
		piece(g.To)
	}
	return pieces, cut
}
