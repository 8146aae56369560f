package segment_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/segment"
)

func probe(t *testing.T, b []byte, from int64) segment.Extent {
	t.Helper()
	e, err := segment.Probe(bytes.NewReader(b), int64(len(b)), from)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestProbeFindsTheLastGoodPart(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{}).Parts(footage.Run("gate", "00000001", start), 0)
	f := write(t, parts)
	n := len(parts)
	whole := f.borders[n]
	flip := func(at int64) []byte {
		b := bytes.Clone(f.bytes)
		b[at] ^= 0x10
		return b
	}
	zero := func(from, to int64) []byte {
		b := bytes.Clone(f.bytes[:whole])
		clear(b[from:to])
		return b
	}
	tests := []struct {
		name  string
		bytes []byte
		from  int64
		want  segment.Extent
	}{
		{"sealed", f.bytes, 0, segment.Extent{Good: f.sealed, Start: parts[0].Start, End: parts[n-1].End, Parts: n, Sealed: true}},
		{"sealed, from the trailer", f.bytes, whole, segment.Extent{Good: f.sealed, Sealed: true}},
		{"growing", f.bytes[:whole], 0, segment.Extent{Good: whole, Start: parts[0].Start, End: parts[n-1].End, Parts: n}},
		{"nothing after the checkpoint", f.bytes[:whole], whole, segment.Extent{Good: whole}},
		{"from a checkpoint", f.bytes[:whole], f.borders[2], segment.Extent{Good: whole, Start: parts[2].Start, End: parts[n-1].End, Parts: n - 2}},
		{"torn in the last part", f.bytes[:whole-1], 0, segment.Extent{Good: f.borders[n-1], Start: parts[0].Start, End: parts[n-2].End, Parts: n - 1}},
		{"torn in a header", f.bytes[:f.borders[1]+50], 0, segment.Extent{Good: f.borders[1], Start: parts[0].Start, End: parts[0].End, Parts: 1}},
		{"torn trailer", f.bytes[:f.sealed-1], 0, segment.Extent{Good: whole, Start: parts[0].Start, End: parts[n-1].End, Parts: n}},
		{"head only", f.bytes[:f.head], 0, segment.Extent{Good: f.head}},
		{"torn head", f.bytes[:f.head-1], 0, segment.Extent{}},
		{"empty", nil, 0, segment.Extent{}},
		{"flipped bit in the payload", flip(f.borders[3] - 9), 0, segment.Extent{Good: f.borders[2], Start: parts[0].Start, End: parts[1].End, Parts: 2}},
		{"flipped bit in a time", flip(f.borders[1] + 45), 0, segment.Extent{Good: f.borders[1], Start: parts[0].Start, End: parts[0].End, Parts: 1}},
		{"flipped bit in the moov", flip(200), 0, segment.Extent{}},
		{"flipped bit in the table", flip(whole + 70), 0, segment.Extent{Good: whole, Start: parts[0].Start, End: parts[n-1].End, Parts: n}},
		{"zeroed page", zero(f.borders[1]+1000, f.borders[1]+1512), 0, segment.Extent{Good: f.borders[1], Start: parts[0].Start, End: parts[0].End, Parts: 1}},
		{"zeroed end", zero(f.borders[4], whole), 0, segment.Extent{Good: f.borders[4], Start: parts[0].Start, End: parts[3].End, Parts: 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := probe(t, tt.bytes, tt.from); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Whatever the disk did to the end of a file, Probe stops at a border of parts
// and never after the damage.
func TestProbeAtRandomDamage(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Audio: true}).Parts(footage.Run("gate", "00000001", start), 0)
	f := write(t, parts)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := bytes.Clone(f.bytes[:1+random.IntN(len(f.bytes))])
		at := random.IntN(len(b))
		b[at] ^= 1 << random.IntN(8)
		e := probe(t, b, 0)
		if e.Good > int64(at) {
			t.Fatalf("%d of %d bytes with a flipped bit at %d: %+v", len(b), len(f.bytes), at, e)
		}
		border := int64(0)
		for _, x := range f.borders {
			if x <= int64(at) && x <= int64(len(b)) {
				border = x
			}
		}
		if e.Good != border {
			t.Fatalf("%d of %d bytes with a flipped bit at %d: good up to %d, want %d", len(b), len(f.bytes), at, e.Good, border)
		}
	}
}

type brokenDisk struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("input/output error")

func (d brokenDisk) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > d.from {
		return 0, errDisk
	}
	return d.ReaderAt.ReadAt(p, at)
}

// A disk that cannot be read is not a file that ends: nothing may be truncated.
func TestReadErrorsAreNotDamage(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{}).Parts(footage.Run("gate", "00000001", start), 0)
	f := write(t, parts)
	for _, from := range []int64{0, f.head + 10, f.borders[1] + 10, f.borders[2] - 10, f.sealed - 1} {
		disk := brokenDisk{bytes.NewReader(f.bytes), from}
		if _, err := segment.Probe(disk, f.sealed, 0); !errors.Is(err, errDisk) {
			t.Errorf("probe, unreadable from %d: %v", from, err)
		}
		if _, err := segment.Open(disk, f.sealed); !errors.Is(err, errDisk) {
			t.Errorf("open, unreadable from %d: %v", from, err)
		}
	}
}

func TestOpenNamesDamage(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{}).Parts(footage.Run("gate", "00000001", start), 0)
	f := write(t, parts)
	n := len(parts)
	whole := f.borders[n]

	b := bytes.Clone(f.bytes[:whole-10]) // cut short, and a header destroyed in the middle
	b[f.borders[2]+40] ^= 1
	s, err := segment.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Parts) != n-2 || s.Parts[2].Offset != f.borders[3] {
		t.Errorf("parts: %+v", s.Parts)
	}
	if len(s.Damage) != 2 || s.Damage[0].Offset != f.borders[2] || s.Damage[0].Length != f.borders[3]-f.borders[2] ||
		s.Damage[1].Offset != f.borders[n-1] || s.Damage[1].Offset+s.Damage[1].Length != int64(len(b)) {
		t.Errorf("damage: %+v", s.Damage)
	}

	b = bytes.Clone(f.bytes)
	b[whole+60] ^= 1 // the table
	if s, err = segment.Open(bytes.NewReader(b), int64(len(b))); err != nil || s.Sealed || len(s.Parts) != n || len(s.Damage) != 1 {
		t.Errorf("with a damaged trailer: %+v, %v", s, err)
	}
	b[30] ^= 1 // the head
	if _, err = segment.Open(bytes.NewReader(b), int64(len(b))); err == nil {
		t.Error("opened a file with a damaged head")
	}
}

func seeds(f *testing.F) {
	f.Helper()
	s := write(f, fixedParts(f)) // small, and the same in each worker
	f.Add(s.bytes, int64(0))
	f.Add(s.bytes[:s.borders[1]], int64(0))
	f.Add(s.bytes[:s.borders[1]+100], s.borders[1])
	f.Add(s.bytes[s.borders[1]:], int64(0))
	f.Add(s.bytes[s.borders[2]:], int64(0))
	f.Add([]byte{}, int64(0))
}

func FuzzProbe(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, from int64) {
		e, err := segment.Probe(bytes.NewReader(b), int64(len(b)), from)
		if err != nil {
			return
		}
		if e.Good < from || e.Good > int64(len(b)) {
			t.Fatalf("good up to %d of %d from %d", e.Good, len(b), from)
		}
		again, err := segment.Probe(bytes.NewReader(b[:e.Good]), e.Good, from)
		if err != nil || again != e {
			t.Fatalf("truncated where it said: %+v, before %+v, %v", again, e, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, _ int64) {
		s, err := segment.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		at := int64(0)
		for _, p := range s.Parts {
			if p.Offset < at || p.Size <= 0 || p.Offset+p.Size > int64(len(b)) {
				t.Fatalf("part %+v of %d bytes, behind %d", p, len(b), at)
			}
			at = p.Offset + p.Size
		}
	})
}
