package playback

import (
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// Interval is recorded time without a break: segments of which each begins at
// the very instant at which the one before it ends, or before that, where the
// recorder's clock was set back (S7). Half-open; intervals do not overlap.
type Interval struct {
	Start, End time.Time
	Segments   int
	Bytes      int64
	Growing    bool // one of its segments is being written
}

// Recorded is what is known of a stretch of time of a stream.
type Recorded struct {
	Intervals []Interval // oldest first
	Gaps      []storage.Gap
}

// Ranges tells what is recorded in [from, to) and what is missing. Intervals and
// gaps are given whole, also where they begin or end outside.
func (x *Player) Ranges(camera, stream string, from, to time.Time) (Recorded, error) {
	segments, err := x.store.Segments(camera, stream, from, to)
	if err != nil {
		return Recorded{}, fmt.Errorf("list segments: %w", err)
	}
	gaps, err := x.store.Gaps(camera, stream, from, to)
	if err != nil {
		return Recorded{}, fmt.Errorf("list gaps: %w", err)
	}
	return Recorded{Intervals: intervals(segments), Gaps: gaps}, nil
}

func intervals(segments []storage.Segment) []Interval {
	var out []Interval
	for i := range segments {
		s := &segments[i]
		if n := len(out); n == 0 || s.Start.After(out[n-1].End) {
			out = append(out, Interval{Start: s.Start, End: s.End})
		}
		last := &out[len(out)-1]
		if s.End.After(last.End) {
			last.End = s.End
		}
		last.Segments++
		last.Bytes += s.Bytes
		last.Growing = last.Growing || s.State == storage.Open
	}
	return out
}
