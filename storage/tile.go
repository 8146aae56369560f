package storage

import (
	"slices"
	"time"
)

// recovered is told what was found that no ledger stated.
func (s *Store) recovered(found []Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range found {
		if first, ok := s.firstFound[seg.key()]; !ok || seg.Start.Before(first) {
			s.firstFound[seg.key()] = seg.Start
		}
	}
}

// tileAll states what is missing of each stream since the footage that the
// last session left, up to now or the first word about it since the start.
func (s *Store) tileAll() error {
	streams, err := s.index.streams()
	if err != nil {
		return err
	}
	keys := map[streamKey]bool{}
	for _, st := range streams {
		keys[streamKey{st.Camera, st.Stream}] = true
	}
	s.mu.Lock()
	for key := range s.firstFound {
		keys[key] = true
	}
	s.mu.Unlock()
	for key := range keys {
		until := s.gaps.firstWord(key)
		if err := s.tile(key, until); err != nil {
			return err
		}
		if first := s.gaps.firstWord(key); until.IsZero() && !first.IsZero() {
			s.gaps.end(key, first) // it began to record while we looked
		}
	}
	return nil
}

// span is a stretch that is accounted for: footage, or a gap.
type span struct {
	from, to time.Time
	gap      *Gap
}

func (s span) open() bool { return s.gap != nil && s.gap.To.IsZero() }

// tile makes a stream's segments and gaps cover the time from its last stated
// footage on without a hole (S6): what nobody accounted for, the recorder was
// down. A zero until leaves the last gap open. Of what follows the last commit
// a crash may have cost anything: the end of a gap, the end of a segment, or
// all of one that others follow.
func (s *Store) tile(key streamKey, until time.Time) error {
	end := until
	if until.IsZero() {
		end = lastTime()
	}
	s.mu.Lock()
	before, found := s.firstFound[key]
	s.mu.Unlock()
	if !found {
		before = end
	}
	cursor, err := s.index.lastEnd(key, before)
	if err != nil {
		return err
	}
	spans, err := s.spans(key, cursor, end)
	if err != nil {
		return err
	}
	if len(spans) > 0 && spans[0].from.Before(cursor) && spans[0].open() {
		// Footage came after an open gap: its end was lost, and is found there.
		cursor = spans[0].from
		if spans, err = s.spans(key, cursor, end); err != nil {
			return err
		}
	}
	for i, sp := range spans {
		if !cursor.IsZero() && sp.from.After(cursor) {
			s.gaps.put(Gap{Camera: key.camera, Stream: key.stream, From: cursor, To: sp.from, Reason: ReasonRecorderDown})
		}
		if sp.open() {
			sp.to = until
			if i+1 < len(spans) {
				sp.to = spans[i+1].from // what follows is younger: the end was lost
			}
			s.replaceGap(*sp.gap, laterOf(cursor, sp.from), sp.to)
			if sp.to.IsZero() {
				return nil
			}
		}
		cursor = laterOf(cursor, sp.to)
	}
	if cursor.IsZero() || !until.IsZero() && !cursor.Before(until) {
		return nil
	}
	s.gaps.put(Gap{Camera: key.camera, Stream: key.stream, From: cursor, To: until, Reason: ReasonRecorderDown})
	return nil
}

// replaceGap gives an open gap another beginning or end.
func (s *Store) replaceGap(g Gap, from, to time.Time) {
	if from.Equal(g.From) && to.IsZero() {
		return
	}
	if !from.Equal(g.From) {
		gone := g
		gone.To = gone.From // without length: it vanishes
		s.gaps.put(gone)
	}
	if !to.IsZero() && !to.After(from) {
		to = from
	}
	g.From, g.To = from, to
	s.gaps.put(g)
}

// spans lists footage and gaps that overlap [from, to), in order.
func (s *Store) spans(key streamKey, from, to time.Time) ([]span, error) {
	gaps, err := s.allGaps(key, from, to)
	if err != nil {
		return nil, err
	}
	var spans []span
	for i, g := range gaps {
		spans = append(spans, span{g.From, g.To, &gaps[i]})
	}
	err = s.index.each(key, from, to, func(row located) bool {
		spans = append(spans, span{from: row.Start, to: row.End})
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, seg := range s.unstated(key) {
		if seg.from.Before(to) && seg.to.After(from) {
			spans = append(spans, seg)
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	return spans, nil
}

// unstated lists the footage of a stream that is on its way into the ledgers.
func (s *Store) unstated(key streamKey) (spans []span) {
	for _, v := range s.volumes {
		ses := v.session()
		if ses == nil {
			continue
		}
		ses.mu.Lock()
		for _, w := range ses.segments {
			if w.meta.key() == key && !w.writtenEnd.IsZero() {
				spans = append(spans, span{from: w.meta.Start, to: w.writtenEnd})
			}
		}
		ses.mu.Unlock()
	}
	return spans
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
