package recorder

import (
	"hash/fnv"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// DefaultSegment is how long a segment is to be.
const DefaultSegment = 5 * time.Minute

// maxJitter is how far a part's start may be from the end of the part before it
// and still continue it. More is a step of the clock (S7).
const maxJitter = time.Second

// phase spreads the cuts of all streams evenly over the segment length, so that
// a site's cameras do not seal together (S9).
func phase(camera, stream string, length time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(camera + "/" + stream)) // a hash's Write has no errors
	return time.Duration(h.Sum64() % uint64(length))
}

// nextCut is the first instant behind t of the stream's grid of cuts.
func nextCut(t time.Time, length, phase time.Duration) time.Time {
	into := (t.UnixNano() - int64(phase)) % int64(length)
	if into < 0 {
		into += int64(length)
	}
	return t.Add(length - time.Duration(into))
}

// mayEnd says whether a part that continues the open segment can go into the
// next one: it begins with a random access unit, and time is up. A camera that
// sends no more of those must not keep one file open for ever, which retention
// could not delete. So a part that lies a whole length further is taken as it
// is; it is played from the segments before.
func (o *open) mayEnd(p *media.Part, length time.Duration) bool {
	return !p.Start.Before(o.cut) && (p.RandomAccess || !p.Start.Before(o.cut.Add(length)))
}

// mustEnd says whether a part cannot go into the open segment, and what the gap
// would be called if footage is missing before it.
func (o *open) mustEnd(p *media.Part) (storage.Reason, string, bool) {
	switch {
	case p.Run != o.run:
		return storage.ReasonNetworkLoss, "new run without notice", true
	case p.Sequence != o.sequence+1:
		return storage.ReasonOverload, "parts did not reach the recorder", true
	case p.Start.Sub(o.end).Abs() > maxJitter:
		return storage.ReasonClockStep, "capture time jumped", true
	case p.Format != o.format:
		return storage.ReasonNetworkLoss, "format changed", true
	default:
		return "", "", false
	}
}
