package playback_test

import (
	"io"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// hour is 12 sealed segments of 300 parts.
func hour(b *testing.B) *shelf {
	b.Helper()
	clip := footage.Encode(b, footage.Options{Length: 2 * time.Second, Width: 64})
	two := clip.Parts(run("00000001", start), 0)
	s := newShelf(b)
	r := two[0].Run
	for i := range 12 {
		var parts []*media.Part
		for k := range 300 {
			n := i*300 + k
			p := *two[n%2]
			p.Run, p.Sequence, p.Start, p.End = r, n, at(float64(n)), at(float64(n+1))
			p.Tracks = []media.TrackPart{p.Tracks[0]}
			p.Tracks[0].BaseDTS = media.MediaTime(n) * 90000
			parts = append(parts, &p)
		}
		s.add(parts, storage.Sealed, nil)
	}
	return s
}

func BenchmarkOpenHour(b *testing.B) {
	s := hour(b)
	l := s.player()
	b.ReportAllocs()
	for b.Loop() {
		m, err := l.Open("gate", "main", at(0), at(3600))
		if err != nil {
			b.Fatal(err)
		}
		if len(m.Pieces()) != 1 {
			b.Fatal(m.Pieces())
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadHour(b *testing.B) {
	m := hour(b).open(b, at(0), at(3600))
	b.SetBytes(m.Size())
	b.ReportAllocs()
	buffer := make([]byte, 32<<10)
	for b.Loop() {
		if _, err := m.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{m}, buffer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	l := hour(b).player()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Frame("gate", "main", at(1801)); err != nil {
			b.Fatal(err)
		}
	}
}
