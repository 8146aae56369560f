package playback

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
)

// leg is a segment's share of a stretch.
type leg struct {
	*source
	shift []int64 // of each track: from the segment's movie time to ours, ticks
}

// Piece is a stretch of a movie in which wall time runs with media time.
type Piece struct {
	Media    time.Duration // media time at which it begins
	Start    time.Time     // wall time there
	Duration time.Duration // the next Piece begins there
}

// plan lays out a movie.
type plan struct {
	parts    []part
	ticks    []int64 // where each part begins
	random   []bool  // whether with random access
	pieces   []Piece
	ends     edge // where the tracks end, on the movie's time
	first    int64
	skipped  []Skipped
	identity hash.Hash
	last     *segment.Part
}

func newPlan(first *source) *plan {
	p := &plan{ends: newEdge(len(first.file.Tracks)), identity: sha256.New()}
	for i := range p.ends.known {
		p.ends.known[i] = true // all begin at 0
	}
	p.identity.Write(first.file.Init)
	return p
}

// add appends a stretch behind what is there. A beginning that cannot be read is
// skipped up to the next random access, or, if the disk fails, with its segment.
func (p *plan) add(s stretch) {
	for len(s) > 0 {
		begins, delay, err := s.begins()
		if err == nil {
			p.lay(s, begins, delay)
			return
		}
		n := 1
		for n < len(s) && (!s[n].part.RandomAccess || s[n].source == s[0].source && !errors.Is(err, errMoof)) {
			n++
		}
		p.skipped = append(p.skipped, Skipped{s[0].segment.Path, s[0].part.Start, s[n-1].part.End, err})
		s = s[n:]
	}
}

// lay puts a stretch as early as no track runs into what is there, and shifts all
// of its tracks alike.
func (p *plan) lay(s stretch, begins edge, delay int64) {
	tracks, lead := s[0].file.Tracks, s[0].file.Leading
	rate := tracks[lead].ClockRate
	shift := p.ends.ticks[lead] - begins.ticks[lead]
	for i, known := range begins.known {
		if known {
			shift = max(shift, rescaleUp(p.ends.ticks[i]-begins.ticks[i], tracks[i].ClockRate, rate))
		}
	}
	if len(p.parts) == 0 {
		p.first = begins.ticks[lead] + shift + delay
	}
	reorder := duration(s.reorder(delay), rate)
	fresh := true
	var l *leg
	for _, x := range s {
		if l == nil || l.source != x.source {
			l = &leg{source: x.source, shift: make([]int64, len(tracks))}
			// A segment is append-only: where a part lies in which file says what it is (S1).
			p.identity.Write([]byte(x.segment.Volume + "\x00" + x.segment.Path + "\x00"))
			for i := range l.shift {
				l.shift[i] = int64(x.file.Tracks[i].Base) + rescale(shift, rate, tracks[i].ClockRate)
			}
		}
		at := x.runTime(x.part) + shift
		p.place(part{
			leg:    l,
			offset: x.part.Offset + segment.FragmentOffset,
			size:   x.part.Size - segment.FragmentOffset,
		}, x.part, at)
		p.wall(fresh, duration(at, rate), x.part.Start.Add(-reorder))
		fresh = false
	}
	ends := s.ends()
	for i, known := range ends.known {
		if known {
			p.ends.ticks[i] = max(p.ends.ticks[i], ends.ticks[i]+rescale(shift, rate, tracks[i].ClockRate))
		}
	}
}

// place appends a part that begins at ticks.
func (p *plan) place(x part, said *segment.Part, ticks int64) {
	p.parts = append(p.parts, x)
	p.ticks = append(p.ticks, ticks)
	p.random = append(p.random, said.RandomAccess)
	p.last = said

	var n [32]byte
	be := binary.BigEndian
	be.PutUint64(n[:], uint64(x.offset))
	be.PutUint64(n[8:], uint64(x.size))
	be.PutUint64(n[16:], uint64(ticks))
	be.PutUint64(n[24:], uint64(said.Start.UnixNano()))
	p.identity.Write(n[:])
}

// wall notes which wall time is shown at a media time.
func (p *plan) wall(fresh bool, media time.Duration, at time.Time) {
	if n := len(p.pieces); n > 0 {
		last := &p.pieces[n-1]
		if drift := at.Sub(last.Start) - (media - last.Media); !fresh && drift.Abs() <= pieceDrift {
			return
		}
		last.Duration = media - last.Media
	} else { // sound may begin before the picture
		at, media = at.Add(-media), 0
	}
	p.pieces = append(p.pieces, Piece{Media: media, Start: at})
}

// etag names the content.
func (p *plan) etag() string { return hex.EncodeToString(p.identity.Sum(nil)[:16]) }
