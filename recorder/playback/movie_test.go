package playback_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// probed is what ffprobe says of the length of a movie, in seconds.
func probed(tb testing.TB, b []byte) float64 {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "probe.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.CommandContext(tb.Context(), "ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil {
		tb.Fatal(err, string(out))
	}
	d, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		tb.Fatalf("ffprobe: %q", out)
	}
	return d
}

// plays checks that all of a movie decodes without a message, and that picture
// and length are what they should be.
func plays(t *testing.T, m *playback.Movie, want int) []byte {
	t.Helper()
	b := all(t, m)
	if int64(len(b)) != m.Size() {
		t.Errorf("%d bytes, size %d", len(b), m.Size())
	}
	if got := footage.Play(t, b); got != want {
		t.Errorf("%d pictures, want %d", got, want)
	}
	// What is decoded last may be shown two pictures later.
	if d := probed(t, b); math.Abs(d-m.Duration().Seconds()) > 0.18 {
		t.Errorf("ffprobe says %v s, the movie %v", d, m.Duration())
	}
	end := time.Duration(0)
	for _, p := range m.Pieces() {
		if p.Media != end || p.Duration <= 0 {
			t.Errorf("piece at %v lasts %v, the one before ends at %v", p.Media, p.Duration, end)
		}
		end = p.Media + p.Duration
	}
	if end != m.Duration() {
		t.Errorf("pieces end at %v of %v", end, m.Duration())
	}
	return b
}

func TestPlaysAcrossSegments(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]footage.Options{
		"H.264":        {Length: 12 * time.Second},
		"H.264, AAC":   {Length: 12 * time.Second, Audio: true},
		"H.264 B, AAC": {Length: 12 * time.Second, Audio: true, BFrames: true},
		"H.265, AAC":   {Length: 12 * time.Second, Audio: true, Codec: media.H265},
	} {
		o.Width = 96
		clip := footage.Encode(t, o)
		pieces := 1
		if o.BFrames {
			pieces = 2 // the assembler has to see that there are any
		}
		made := map[string][]*media.Part{name: clip.Parts(run("00000001", start), 0)}
		if o.Codec != media.H265 {
			made[name+", assembled"] = assemble(t, clip, run("00000001", start))
		}
		for name, parts := range made {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var cuts []int
				for i, p := range parts {
					if i > 0 && p.RandomAccess && p.Start.Sub(start) >= time.Duration(len(cuts)+1)*4*time.Second-50*time.Millisecond {
						cuts = append(cuts, i)
					}
				}
				s := newShelf(t)
				s.keepRun(parts, cuts...)
				m := s.open(t, at(0), at(60))
				plays(t, m, pictures(parts...))
				if len(m.Pieces()) > pieces || len(m.Skipped()) != 0 || !m.Next().IsZero() || m.ETag() == "" || len(cuts) != 2 {
					t.Errorf("pieces %v, skipped %v, next %v, etag %q, cuts %v", m.Pieces(), m.Skipped(), m.Next(), m.ETag(), cuts)
				}
				random := rand.New(rand.NewPCG(3, 4))
				for range 2 {
					from := random.IntN(11000)
					to := from + 1 + random.IntN(12000-from)
					m := s.open(t, at(float64(from)/1000), at(float64(to)/1000))
					want, first := 0, 0
					for i, p := range parts {
						if p.RandomAccess && !p.Start.After(at(float64(from)/1000)) {
							first = i
						}
					}
					for _, p := range parts[first:] {
						if p.Start.Before(at(float64(to) / 1000)) {
							want += pictures(p)
						}
					}
					plays(t, m, want)
				}
			})
		}
	}
}

// TestPlaysFromTheSegmentsBefore: a camera that sends no random access unit for
// longer than two segments is cut without one. A range that begins in such a
// segment is played from where a decoder can start.
func TestPlaysFromTheSegmentsBefore(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 10 * time.Second, GOP: 8 * time.Second})
	parts := clip.Parts(run("00000001", start), 0)
	s := newShelf(t)
	var cuts []int
	for i, p := range parts {
		if second := p.Start.Sub(start) / time.Second; second == 2 || second == 5 || second == 7 {
			cuts = append(cuts, i)
		}
	}
	s.keepRun(parts, cuts...)
	for _, c := range []struct{ from, to, begins float64 }{{5.5, 6.9, 0}, {7.2, 9, 0}, {8.2, 10, 8}, {0, 10, 0}} {
		m := s.open(t, at(c.from), at(c.to))
		var want []*media.Part
		for _, p := range parts {
			if !p.Start.Before(at(c.begins).Add(-time.Millisecond)) && p.Start.Before(at(c.to)) {
				want = append(want, p)
			}
		}
		plays(t, m, pictures(want...))
		if d := m.Start().Sub(at(c.begins)); d.Abs() > time.Millisecond || len(m.Skipped()) != 0 {
			t.Errorf("from %v: begins at %v, skipped %v", c.from, m.Start(), m.Skipped())
		}
	}
}

func TestHolesAreCompressed(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 6 * time.Second, Audio: true})
	one := clip.Parts(run("00000001", at(0)), 0)
	two := clip.Parts(run("00000002", at(100)), time.Hour)
	s := newShelf(t)
	s.keepRun(one[:4], 2)
	s.keepRun(two)
	m := s.open(t, at(0), at(4000))
	b := plays(t, m, pictures(one[:4]...)+pictures(two...))
	p := m.Pieces()
	if len(p) != 2 || !p[0].Start.Equal(at(0)) || !p[1].Start.Equal(at(3700)) || p[1].Media < 4*time.Second || p[1].Media > 4100*time.Millisecond {
		t.Errorf("pieces %v", p)
	}
	last := 0.0
	for _, x := range footage.Times(t, b) {
		if x-last > 0.2 {
			t.Errorf("pictures at %v and %v", last, x)
		}
		last = x
	}
	if !m.Start().Equal(at(0)) || !m.End().Equal(two[len(two)-1].End) {
		t.Errorf("%v to %v", m.Start(), m.End())
	}
}

func TestFormatChangeEndsTheMovie(t *testing.T) {
	t.Parallel()
	one := footage.Encode(t, footage.Options{Length: 4 * time.Second}).Parts(run("00000001", start), 0)
	two := footage.Encode(t, footage.Options{Length: 4 * time.Second, Width: 96}).Parts(run("00000002", at(4)), 0)
	s := newShelf(t)
	s.keepRun(one)
	s.keepRun(two)
	m := s.open(t, at(0), at(4000))
	plays(t, m, pictures(one...))
	if !m.Next().Equal(at(4)) || m.ETag() == "" {
		t.Errorf("next %v, etag %q", m.Next(), m.ETag())
	}
	if n := s.pinned.Load(); n != 1 {
		t.Errorf("%d segments pinned", n)
	}
	plays(t, s.open(t, m.Next(), at(4000)), pictures(two...))
}

func TestGrowingSegment(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Audio: true}).Parts(run("00000001", start), 0)
	s := newShelf(t)
	s.add(parts, storage.Open, nil)
	_, borders := s.lay(parts, false)
	grow := &s.segments[0]
	grow.Bytes, grow.End = borders[3]+100, parts[2].End // the durable length may lie within a part
	m := s.open(t, at(0), at(60))
	b := plays(t, m, pictures(parts[:3]...))
	if m.ETag() != "" {
		t.Error("a growing movie has an ETag")
	}
	settled := s.open(t, at(0), m.End())
	if settled.ETag() == "" || !bytes.Equal(all(t, settled), b) {
		t.Error("up to its end it does not grow")
	}
	grow.Bytes, grow.End = borders[len(parts)], parts[len(parts)-1].End
	if !bytes.Equal(all(t, m), b) {
		t.Error("grew after it was opened")
	}
	again := s.open(t, at(0), m.End())
	if again.ETag() != settled.ETag() || !bytes.Equal(all(t, again), b) {
		t.Error("what is settled changed")
	}
	plays(t, s.open(t, at(0), at(60)), pictures(parts...))
}

func TestDamageIsLeftOut(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Length: 10 * time.Second, Audio: true}).Parts(run("00000001", start), 0)
	tests := []struct {
		name    string
		from    float64
		damage  func(b []byte, borders []int64)
		want    int
		skipped int
		zeros   bool
	}{
		{"a part header in the middle", 0, func(b []byte, o []int64) { b[o[3]+40] ^= 1 }, pictures(parts...) - pictures(parts[3]), 1, false},
		{"of a random access part", 0, func(b []byte, o []int64) { b[o[4]+40] ^= 1 }, pictures(parts...) - pictures(parts[4:6]...), 1, false},
		{"from lies in it", 4.5, func(b []byte, o []int64) { b[o[4]+40] ^= 1 }, pictures(parts[6:]...), 1, false},
		{"the first moof", 0, func(b []byte, o []int64) { b[o[0]+125] ^= 1 }, pictures(parts[2:]...), 1, false},
		{"a later moof", 0, func(b []byte, o []int64) { b[o[5]+125] ^= 1 }, pictures(parts...) - pictures(parts[5]), 0, true},
		{"a random access part's moof", 0, func(b []byte, o []int64) { b[o[4]+125] ^= 1 }, pictures(parts...) - pictures(parts[4:6]...), 0, true},
		{"mdat's header", 0, func(b []byte, o []int64) { b[bytes.Index(b[o[9]:], []byte("mdat"))+int(o[9])] ^= 1 }, pictures(parts[:9]...), 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.add(parts, storage.Recovered, tt.damage)
			m := s.open(t, at(tt.from), at(60))
			b := plays(t, m, tt.want)
			if len(m.Skipped()) != tt.skipped || bytes.Contains(b, bytes.Repeat([]byte{0}, 1000)) != tt.zeros {
				t.Errorf("skipped %v, %v", m.Skipped(), tt.zeros)
			}
		})
	}
}

func TestNothingToPlay(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{}).Parts(run("00000001", start), 0)
	broken := errors.New("input/output error")
	s := newShelf(t)
	s.keepRun(parts, 2, 4)
	l := s.player()
	for name, tt := range map[string]struct {
		from, to float64
		want     error
	}{
		"before":    {-100, 0, playback.ErrNotFound},
		"after":     {6, 100, playback.ErrNotFound},
		"empty":     {3, 3, playback.ErrRange},
		"backwards": {3, 2, playback.ErrRange},
		"too long":  {0, 86401, playback.ErrRange},
	} {
		if _, err := l.Open("gate", "main", at(tt.from), at(tt.to)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Open("gate", "sub", at(0), at(6)); !errors.Is(err, playback.ErrNotFound) {
		t.Errorf("another stream: %v", err)
	}
	s.gone[s.segments[0].Path] = true
	s.fault[s.segments[1].Path] = broken
	m := s.open(t, at(0), at(6))
	plays(t, m, pictures(parts[4:]...))
	if k := m.Skipped(); len(k) != 1 || !errors.Is(k[0].Err, broken) || !k[0].Start.Equal(at(2)) || !k[0].End.Equal(at(4)) {
		t.Errorf("skipped %v", k)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Open("gate", "main", at(2), at(4)); !errors.Is(err, playback.ErrNotFound) || !errors.Is(err, broken) {
		t.Errorf("unreadable: %v", err)
	}
	if n := s.pinned.Load(); n != 0 {
		t.Errorf("%d segments stay pinned", n)
	}
	if _, err := m.ReadAt(make([]byte, 10), m.Size()-10); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

// Whatever range of bytes is asked for, in whatever order, it is the whole's.
func TestAnyRangeOfBytes(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 8 * time.Second, Audio: true})
	one, two := clip.Parts(run("00000001", start), time.Hour), clip.Parts(run("00000002", at(5000)), 0)
	s := newShelf(t)
	s.keepRun(one, 2, 4)
	s.add(two, storage.Recovered, func(b []byte, o []int64) { b[o[3]+130] ^= 0xff })
	m := s.open(t, at(3600), at(6000))
	whole := all(t, m)
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		from := random.IntN(len(whole))
		length := 1 + random.IntN(1<<random.IntN(18))
		b := make([]byte, length)
		n, err := m.ReadAt(b, int64(from))
		want := whole[from:min(from+length, len(whole))]
		if (err != nil) != (len(want) < length) || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(b[:n], want) {
			t.Fatalf("%d bytes at %d of %d: %d, %v", length, from, len(whole), n, err)
		}
	}
	if n, err := m.ReadAt(make([]byte, 1), m.Size()); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
}
