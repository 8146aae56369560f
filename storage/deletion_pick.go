package storage

import (
	"slices"
	"time"
)

// deletion is a segment on its way out.
type deletion struct {
	Segment
	hand *byHand // nil: by retention
	gaps []Gap   // that it leaves: by hand only, retention takes from the end
}

// lines state the deletion.
func (d deletion) lines(at time.Time) []ledgerLine {
	l := segmentLine(lineDeleted, d.Segment, at)
	if d.hand != nil {
		l.Detail, l.By, l.Why = "by hand", d.hand.By, d.hand.Why
	}
	lines := []ledgerLine{l}
	for _, g := range d.gaps {
		lines = append(lines, gapLine(g, at))
	}
	return lines
}

// byHand chooses what somebody wants to be deleted. What is being read is left
// for later, what is held for good.
func (p *pick) byHand() error {
	var over []string
	for _, w := range p.store.wantedOn(p.id) {
		if p.full() {
			break
		}
		p.mu.Lock()
		growing := p.segments[w.path()] != nil
		p.mu.Unlock()
		row, known, err := p.store.index.find(w.SegmentMeta)
		switch {
		case err != nil:
			return err
		case growing: // its row comes with a commit
		case !known, row.number != p.number, p.store.holds.covers(row.Segment):
			over = append(over, w.path())
		default:
			p.choose(row.Segment)
		}
	}
	if len(over) == 0 {
		return nil
	}
	if err := p.store.index.unwant(p.number, over); err != nil {
		return err
	}
	p.store.unwant(p.id, over...)
	return nil
}

// gapsLeft is what nobody else accounts for of a segment that is deleted by
// hand, and is on its way out (S6): beside other footage of the same time, after the clock was set
// back, and beside gaps that are stated.
func (s *Store) gapsLeft(seg Segment, hand byHand) ([]Gap, error) {
	type stretch struct{ from, to time.Time }
	var taken []stretch
	others, err := s.Segments(seg.Camera, seg.Stream, seg.Start, seg.End)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if !s.isLeaving(other.SegmentMeta) {
			taken = append(taken, stretch{other.Start, other.End})
		}
	}
	stated, err := s.allGaps(seg.key(), seg.Start, seg.End)
	if err != nil {
		return nil, err
	}
	for _, g := range stated {
		if g.To.IsZero() {
			g.To = seg.End
		}
		taken = append(taken, stretch{g.From, g.To})
	}
	slices.SortFunc(taken, func(a, b stretch) int { return a.from.Compare(b.from) })
	var gaps []Gap
	cursor := seg.Start
	piece := func(to time.Time) {
		if cursor.Before(to) {
			gaps = append(gaps, Gap{
				Camera: seg.Camera, Stream: seg.Stream, From: cursor, To: to,
				Reason: ReasonDeleted, Detail: hand.By + ": " + hand.Why,
			})
		}
	}
	for _, t := range taken {
		piece(t.from)
		cursor = laterOf(cursor, t.to)
	}
	piece(seg.End)
	return gaps, nil
}

// isLeaving reports whether a segment is on its way out, on whatever volume.
func (s *Store) isLeaving(m SegmentMeta) bool {
	p := m.path()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.doomed {
		if key.path == p {
			return true
		}
	}
	return false
}

// rescueHeldLocked takes out of a session's deletions what is held by now: from here
// on a deletion is stated, and goes. The caller holds the session's mu.
func (s *session) rescueHeldLocked(list []deletion) []deletion {
	return slices.DeleteFunc(list, func(d deletion) bool {
		if !s.store.holds.covers(d.Segment) {
			return false
		}
		delete(s.leaving, d.Path)
		s.store.forgetDoomed(fileKey{s.id, d.Path})
		return true
	})
}
