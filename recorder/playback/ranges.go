package playback

import (
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// Interval is recorded time without a break: segments of which each begins at
// the very instant at which the one before it ends. Half-open.
type Interval struct {
	Start, End time.Time
	Segments   int
	Bytes      int64
	Growing    bool // its last segment is being written
}

// Recorded is what is known of a stretch of time of a stream.
type Recorded struct {
	Intervals []Interval // oldest first
	Gaps      []storage.Gap
}

// Ranges tells what is recorded in [from, to) and what is missing. Intervals and
// gaps are given whole, also where they begin or end outside.
func (l *Library) Ranges(camera, stream string, from, to time.Time) (Recorded, error) {
	segments, err := l.store.Segments(camera, stream, from, to)
	if err != nil {
		return Recorded{}, fmt.Errorf("list segments: %w", err)
	}
	gaps, err := l.store.Gaps(camera, stream, from, to)
	if err != nil {
		return Recorded{}, fmt.Errorf("list gaps: %w", err)
	}
	return Recorded{Intervals: intervals(segments), Gaps: gaps}, nil
}

func intervals(segments []storage.Segment) []Interval {
	var out []Interval
	for i := range segments {
		s := &segments[i]
		if n := len(out); n == 0 || !out[n-1].End.Equal(s.Start) {
			out = append(out, Interval{Start: s.Start})
		}
		last := &out[len(out)-1]
		last.End = s.End
		last.Segments++
		last.Bytes += s.Bytes
		last.Growing = s.State == storage.Open
	}
	return out
}
