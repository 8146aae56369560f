package playback

import (
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/streams/media"
)

const (
	// coherent is how far media time and wall time of following parts may differ
	// and still be one stretch: more than the capture clock turns in the longest
	// part.
	coherent = 2 * time.Second
	// pieceDrift is how far wall time may run from media time within a Piece.
	pieceDrift = 100 * time.Millisecond
	// peekParts is how many parts are looked at to find where a track begins or
	// ends in a stretch.
	peekParts = 4
	// maxSkew is how far tracks may begin apart and still be believed.
	maxSkew = 10 * time.Second
)

// played is a part of the movie-to-be.
type played struct {
	*source
	part *segment.Part
}

// stretch is parts that follow each other without a hole; it begins with random
// access.
type stretch []played

func (s stretch) start() time.Time { return s[0].part.Start }
func (s stretch) end() time.Time   { return s[len(s)-1].part.End }

// stretches cuts parts where one does not continue the other. Parts that cannot
// be decoded, since what they refer to is missing, are left out.
func stretches(parts []played) []stretch {
	var out []stretch
	whole := false // the part before belongs to the last stretch
	for i, p := range parts {
		whole = whole && parts[i-1].continues(p)
		if !whole {
			if !p.part.RandomAccess {
				continue
			}
			out = append(out, nil)
			whole = true
		}
		last := &out[len(out)-1]
		*last = append(*last, p)
	}
	return out
}

// continues says whether next is what came after p, on the same media time.
func (p played) continues(next played) bool {
	if p.file.Run != next.file.Run || p.part.Sequence+1 != next.part.Sequence || !sameFormat(p.source, next.source) {
		return false
	}
	ticks := next.runTime(next.part) - p.runTime(p.part)
	media := duration(ticks, p.leading().ClockRate)
	return ticks >= 0 && (next.part.Start.Sub(p.part.Start)-media).Abs() <= coherent
}

// sameFormat says whether one init describes both segments.
func sameFormat(a, b *source) bool {
	if a == b {
		return true
	}
	if string(a.file.Init) != string(b.file.Init) || a.file.Leading != b.file.Leading || len(a.file.Tracks) != len(b.file.Tracks) {
		return false
	}
	for i := range a.file.Tracks {
		x, y := &a.file.Tracks[i], &b.file.Tracks[i]
		if x.ID != y.ID || x.ClockRate != y.ClockRate {
			return false
		}
	}
	return true
}

// edge is where the tracks of a stretch begin or end.
type edge struct {
	known []bool
	ticks []int64 // of each track, on the run's media time
}

// begins finds where each track of a stretch begins, and how long after its
// decoding its first picture is shown (ticks of the leading track). An error is
// the first moof's: the stretch cannot begin so.
func (s stretch) begins() (e edge, delay int64, err error) {
	lead := s[0].file.Leading
	e = newEdge(len(s[0].file.Tracks))
	for i := range min(len(s), peekParts) {
		m, err := s[i].moof()
		if err != nil {
			if i == 0 {
				return edge{}, 0, err
			}
			continue // it is left out when it is read
		}
		for j := range m.trafs {
			t := &m.trafs[j]
			k := s[i].track(t.track)
			if k < 0 || t.samples() == 0 {
				continue
			}
			if i == 0 && k == lead {
				delay = int64(t.sample(0).offset)
			}
			if !e.known[k] {
				e.set(k, int64(s[i].file.Tracks[k].Base)+t.time)
			}
		}
		if e.complete() {
			break
		}
	}
	e.set(lead, s[0].runTime(s[0].part))
	e.believe(s[0].source)
	return e, delay, nil
}

// reorder is how long after its decoding a random access picture of the stretch
// is shown, ticks of the leading track; first is that of the first one. A run
// learns of its B pictures as they come, so its last random access tells.
func (s stretch) reorder(first int64) int64 {
	for i := len(s) - 1; i > 0; i-- {
		if !s[i].part.RandomAccess {
			continue
		}
		m, err := s[i].moof()
		if err != nil {
			break
		}
		for j := range m.trafs {
			if t := &m.trafs[j]; t.track == s[i].leading().ID && t.samples() > 0 {
				return int64(t.sample(0).offset)
			}
		}
		break
	}
	return first
}

// ends finds where each track of a stretch ends.
func (s stretch) ends() edge {
	last := s[len(s)-1]
	e := newEdge(len(last.file.Tracks))
	for i := len(s) - 1; i >= max(0, len(s)-peekParts) && !e.complete(); i-- {
		m, err := s[i].moof()
		if err != nil {
			continue
		}
		for j := range m.trafs {
			if k := s[i].track(m.trafs[j].track); k >= 0 && !e.known[k] {
				e.set(k, int64(s[i].file.Tracks[k].Base)+m.trafs[j].end())
			}
		}
	}
	e.set(last.file.Leading, last.runTime(last.part)+int64(last.part.Duration))
	e.believe(last.source)
	return e
}

func (p played) moof() (moof, error) {
	b, err := p.readMoof(p.part)
	if err != nil {
		return moof{}, err
	}
	return parseMoof(b)
}

func newEdge(tracks int) edge {
	return edge{known: make([]bool, tracks), ticks: make([]int64, tracks)}
}

func (e *edge) set(track int, ticks int64) { e.known[track], e.ticks[track] = true, ticks }

func (e *edge) complete() bool {
	for _, k := range e.known {
		if !k {
			return false
		}
	}
	return true
}

// believe forgets tracks that are impossibly far from the leading one.
func (e *edge) believe(s *source) {
	lead := duration(e.ticks[s.file.Leading], s.leading().ClockRate)
	for i := range e.known {
		if (duration(e.ticks[i], s.file.Tracks[i].ClockRate) - lead).Abs() > maxSkew {
			e.known[i] = false
		}
	}
}

// rescale converts ticks of one clock to ticks of another, rounding down.
func rescale(t int64, from, to int) int64 { return int64(media.MediaTime(t).Rescale(from, to)) }

// rescaleUp is rescale, rounding up.
func rescaleUp(t int64, from, to int) int64 { return -rescale(-t, from, to) }

// maxSeconds keeps a Duration from wrapping.
const maxSeconds = 1 << 33

// duration converts ticks of a clock; what is longer than 272 years counts as that.
func duration(ticks int64, rate int) time.Duration {
	if seconds := ticks / int64(rate); seconds > maxSeconds || seconds < -maxSeconds {
		ticks = max(-maxSeconds, min(seconds, maxSeconds)) * int64(rate)
	}
	return time.Duration(rescale(ticks, rate, int(time.Second)))
}
