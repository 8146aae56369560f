package playback_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// parse reads the fragments of a movie with a reader that is not ours.
func parse(t *testing.T, b []byte) fmp4.Parts {
	t.Helper()
	var parts fmp4.Parts
	if err := parts.Unmarshal(b[bytes.Index(b, []byte("moof"))-4:]); err != nil {
		t.Fatal(err)
	}
	return parts
}

// Sound stays with its picture to a tick, no track runs into itself, and no
// payload is lost, however the runs' media times differ.
func TestTracksStayAligned(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Audio: true, Width: 64})
	var source []*media.Part
	s := newShelf(t)
	for i, base := range []time.Duration{0, 26*time.Hour + 7*time.Microsecond, 333333 * time.Microsecond} {
		parts := clip.Parts(run("0000000"+string(rune('1'+i)), at(float64(100*i)).Add(-base)), base)
		for _, p := range parts {
			// Of one run the sound begins before the picture, of one after it.
			p.Tracks[1].BaseDTS += media.MediaTime(i-1) * 2400
		}
		s.keepRun(parts[:5], 2, 4)
		source = append(source, parts[:5]...)
	}
	m := s.open(t, at(0), at(1000))
	samples := map[int][]*fmp4.Sample{} // of a track
	times := map[int][]uint64{}
	for i, p := range parse(t, plays(t, m, pictures(source...))) {
		if p.SequenceNumber != uint32(i+1) || len(p.Tracks) != 2 {
			t.Errorf("fragment %d: sequence %d, %d tracks", i, p.SequenceNumber, len(p.Tracks))
		}
		for _, tr := range p.Tracks {
			at := tr.BaseTime
			if n := len(times[tr.ID]); n > 0 && at < times[tr.ID][n-1]+uint64(samples[tr.ID][n-1].Duration) {
				t.Errorf("fragment %d: track %d begins at %d, within what is before it", i, tr.ID, at)
			}
			for _, x := range tr.Samples {
				samples[tr.ID] = append(samples[tr.ID], x)
				times[tr.ID] = append(times[tr.ID], at)
				at += uint64(x.Duration)
			}
		}
	}
	if len(m.Pieces()) != 3 {
		t.Errorf("pieces %v", m.Pieces())
	}
	for i, want := range source {
		first := times[1][0]
		apart := time.Duration(times[2][0])*time.Second/48000 - time.Duration(first)*time.Second/90000
		was := want.Tracks[1].BaseDTS.Duration(48000) - want.Tracks[0].BaseDTS.Duration(90000)
		if d := (apart - was).Abs(); d > 25*time.Microsecond {
			t.Errorf("part %d: sound %v after the picture, was %v", i, apart, was)
		}
		for _, tr := range want.Tracks {
			id := tr.Track + 1
			for j := range tr.Samples {
				if !bytes.Equal(samples[id][j].Payload, tr.Payload[j]) {
					t.Fatalf("part %d, track %d: sample %d differs", i, id, j)
				}
			}
			samples[id], times[id] = samples[id][len(tr.Samples):], times[id][len(tr.Samples):]
		}
	}
	if len(samples[1])+len(samples[2]) > 0 {
		t.Errorf("%d pictures and %d frames of sound too many", len(samples[1]), len(samples[2]))
	}
}

// Wall time that runs slower than media time is followed by pieces.
func TestPiecesFollowTheClock(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Length: 12 * time.Second, Width: 64}).Parts(run("00000001", start), 0)
	for _, p := range parts {
		p.Start = start.Add(p.Start.Sub(start) * 97 / 100)
		p.End = start.Add(p.End.Sub(start) * 97 / 100)
	}
	s := newShelf(t)
	s.keepRun(parts, 6)
	m := s.open(t, at(0), at(60))
	pieces := m.Pieces()
	if len(pieces) < 3 || len(pieces) > 4 {
		t.Fatalf("pieces %v", pieces)
	}
	for i, p := range parts {
		media := time.Duration(i) * time.Second
		k := len(pieces) - 1
		for pieces[k].Media > media {
			k--
		}
		x := pieces[k]
		if wrong := x.Start.Add(media - x.Media).Sub(p.Start).Abs(); wrong > 100*time.Millisecond {
			t.Errorf("at %v the wall time is %v wrong", media, wrong)
		}
	}
}

// Whatever bits flip: no panic, no wrong length, and boxes that tile the movie.
func TestRandomDamage(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Audio: true, Width: 64})
	parts := clip.Parts(run("00000001", start), 0)
	random := rand.New(rand.NewPCG(7, 8))
	opened := 0
	for range 300 {
		s := newShelf(t)
		flip := func(b []byte, borders []int64) {
			for range 1 + random.IntN(8) {
				// Boxes are hit more often than payload.
				at := borders[random.IntN(len(borders)-1)] + int64(random.IntN(400))
				b[min(at, int64(len(b)-1))] ^= 1 << random.IntN(8)
			}
		}
		s.add(parts[:4], storage.Sealed, flip)
		s.add(parts[4:], storage.Recovered, flip)
		m, err := s.player().Open("gate", "main", at(0), at(60))
		if err != nil {
			continue
		}
		opened++
		b := all(t, m)
		if int64(len(b)) != m.Size() {
			t.Fatalf("%d bytes, size %d", len(b), m.Size())
		}
		for len(b) > 0 {
			n := int(binary.BigEndian.Uint32(b))
			if n < 8 || n > len(b) {
				t.Fatalf("box %q of %d bytes, %d left", b[4:8], n, len(b))
			}
			b = b[n:]
		}
		if err := m.Close(); err != nil || s.pinned.Load() != 0 {
			t.Fatal(err, s.pinned.Load())
		}
	}
	if opened < 200 {
		t.Errorf("only %d movies could be opened", opened)
	}
}

func TestReadAtFromManyGoroutines(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.keepRun(footage.Encode(t, footage.Options{Width: 64}).Parts(run("00000001", start), 0), 2, 4)
	m := s.open(t, at(0), at(60))
	whole := all(t, m)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(9, uint64(i)))
			for range 300 {
				from := random.IntN(len(whole))
				b := make([]byte, min(5000, len(whole)-from))
				if _, err := m.ReadAt(b, int64(from)); err != nil || !bytes.Equal(b, whole[from:from+len(b)]) {
					t.Errorf("%d bytes at %d: %v", len(b), from, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestClockSetBack: where the recorder's clock was set back footage of one wall
// time exists twice. It is one interval, and a range has both.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 10 * time.Second})
	one := clip.Parts(run("00000001", at(0)), 0)
	two := clip.Parts(run("00000002", at(4)), 0) // the clock was set back by six seconds
	s := newShelf(t)
	s.add(one, storage.Sealed, nil)
	s.add(two, storage.Sealed, nil)

	r, err := s.player().Ranges("gate", "main", at(0), at(60))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Intervals) != 1 || !r.Intervals[0].Start.Equal(at(0)) || !r.Intervals[0].End.Equal(two[len(two)-1].End) || r.Intervals[0].Segments != 2 {
		t.Errorf("intervals: %+v", r.Intervals)
	}
	for _, c := range []struct{ from, to, first float64 }{{0, 60, 0}, {0, 6, 0}, {6.5, 9, 6}, {11, 13, 10}} {
		want := 0
		for _, p := range one {
			if !p.Start.Before(at(c.first).Add(-time.Millisecond)) && p.Start.Before(at(c.to)) {
				want += pictures(p)
			}
		}
		for _, p := range two {
			if p.Start.Before(at(c.to)) && (c.first < 10 || !p.Start.Before(at(c.first).Add(-time.Millisecond))) {
				want += pictures(p)
			}
		}
		plays(t, s.open(t, at(c.from), at(c.to)), want)
	}
}
