package playback

import (
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// settle is how long after an instant footage of it may still turn up in the
// index: a part's length, the queue to the disk and a commit, amply.
const settle = time.Minute

// Open gives the footage of [from, to) as a movie. It begins with the last random
// access part at or before from, or the first one after it, and ends with the last
// part that begins before to; of a growing segment it has what is durable now.
// A change of format ends it early: see [Movie.Next].
//
// ErrNotFound says that there is no footage, ErrRange that the range is empty or
// longer than MaxRange. Close the movie: its segments are pinned until then.
func (x *Player) Open(camera, stream string, from, to time.Time) (*Movie, error) {
	if err := checkRange(from, to); err != nil {
		return nil, err
	}
	segments, err := x.store.Segments(camera, stream, from, to)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	sources, skipped, err := x.openFrom(segments, from)
	if err != nil {
		return nil, err
	}
	m, err := x.assemble(sources, from, to)
	if err != nil {
		_ = closeAll(sources) // nothing was read wrong by not closing well
		if errors.Is(err, ErrNotFound) && len(skipped) > 0 {
			err = fmt.Errorf("%w that can be read: %w", err, skipped[0].Err)
		}
		return nil, err
	}
	m.log = x.log.With("camera", camera, "stream", stream)
	m.skipped = append(m.skipped, skipped...)
	if m.next.IsZero() && !x.settled(segments, m.end, to) {
		m.etag = ""
	}
	return m, nil
}

// openFrom opens segments, and those before them that the first one continues
// without a random access part to begin with at from: a camera may send none for
// longer than a segment.
func (x *Player) openFrom(segments []storage.Segment, from time.Time) ([]*source, []Skipped, error) {
	sources, skipped := x.openAll(segments)
	for len(sources) > 0 && sources[0].continued(from) {
		first := sources[0].segment
		if from.Sub(first.Start) > MaxRange {
			break
		}
		before, err := x.store.Segments(first.Camera, first.Stream, first.Start.Add(-1), first.Start)
		if err != nil {
			_ = closeAll(sources) // nothing was read wrong by not closing well
			return nil, nil, fmt.Errorf("list segments: %w", err)
		}
		opened, left := x.openAll(before)
		skipped = append(left, skipped...)
		if len(opened) == 0 {
			break
		}
		sources = append(opened, sources...)
	}
	return sources, skipped, nil
}

// settled says whether no more footage of the range can come.
func (x *Player) settled(segments []storage.Segment, end, to time.Time) bool {
	if !end.Before(to) {
		return true
	}
	for i := range segments {
		if segments[i].State == storage.Open {
			return false
		}
	}
	return x.now().Sub(to) > settle
}

// assemble makes a movie of the parts in range.
func (x *Player) assemble(sources []*source, from, to time.Time) (*Movie, error) {
	all := stretches(inRange(sources, from, to))
	for len(all) > 0 && !all[0].end().After(from) {
		all = all[1:] // what begins before from must reach it
	}
	if len(all) == 0 {
		return nil, ErrNotFound
	}
	first := all[0][0].source
	p := newPlan(first)
	var next time.Time
	for _, s := range all {
		if !sameFormat(first, s[0].source) {
			if len(p.parts) > 0 {
				next = s.start()
				break
			}
			first = s[0].source
			skipped := p.skipped
			p = newPlan(first)
			p.skipped = skipped
		}
		p.add(s)
	}
	if len(p.parts) == 0 {
		return nil, ErrNotFound
	}
	return newMovie(first, sources, p, next), nil
}

// inRange gives the parts from the last random access at or before from, else
// the first, up to the last that begins before to. Where the clock was set back
// sources overlap: none of them takes away what another one has of the range.
func inRange(sources []*source, from, to time.Time) []played {
	var parts []played
	begin := -1
	reached := false // by a source that begins earlier
	for _, s := range sources {
		reached = reached || begin >= 0 && len(parts) > 0 && parts[len(parts)-1].part.End.After(from)
		for i := range s.file.Parts {
			p := &s.file.Parts[i]
			if !p.Start.Before(to) {
				break
			}
			if p.RandomAccess && !p.Start.After(from) && !reached {
				begin = len(parts)
			}
			parts = append(parts, played{s, p})
		}
	}
	return parts[max(0, begin):]
}

// closeAll unpins.
func closeAll(sources []*source) error {
	var errs []error
	for _, s := range sources {
		if err := s.reader.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close segment %s: %w", s.segment.Path, err))
		}
	}
	return errors.Join(errs...)
}
