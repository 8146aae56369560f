package segment_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/streams/media"
)

// secondOf4Mbit is a part as a camera of 4 Mbit/s and 15 pictures a second makes.
func secondOf4Mbit(run *media.Run, format *media.Format, sequence int) *media.Part {
	chunk := bytes.Repeat([]byte{0x5a}, 62500)
	p := &media.Part{
		Run: run, Format: format, Sequence: sequence, RandomAccess: sequence%2 == 0,
		Start: start.Add(time.Duration(sequence) * time.Second), End: start.Add(time.Duration(sequence+1) * time.Second),
		Tracks: []media.TrackPart{{BaseDTS: media.MediaTime(sequence) * 90000, Payload: [][]byte{
			chunk, chunk, chunk, chunk, chunk, chunk, chunk, chunk,
		}}},
	}
	for range 15 {
		p.Tracks[0].Samples = append(p.Tracks[0].Samples, media.Sample{Duration: 6000, Size: 500000 / 15})
	}
	return p
}

func BenchmarkAdd(b *testing.B) {
	fixed := fixedParts(b)[0]
	format := &media.Format{Tracks: fixed.Format.Tracks[1:]}
	run := footage.Run("gate", "00000001", start)
	p := secondOf4Mbit(run, format, 0)
	var blocks segment.Blocks
	w, err := segment.NewWriter(p, "bench", &blocks)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(p.Tracks[0].Bytes()))
	b.ReportAllocs()
	payload := p.Tracks[0].Payload
	for i := 0; b.Loop(); i++ {
		p.Sequence, p.Tracks[0].Payload = i, payload // released below
		if i > 0 && i%300 == 0 {
			if w, err = segment.NewWriter(p, "bench", &blocks); err != nil {
				b.Fatal(err)
			}
		}
		block, err := w.Add(p)
		if err != nil {
			b.Fatal(err)
		}
		block.Release()
	}
}

func BenchmarkOpenSealed(b *testing.B) { benchmarkOpen(b, true) }

func BenchmarkOpenGrowing(b *testing.B) { benchmarkOpen(b, false) }

func benchmarkOpen(b *testing.B, sealed bool) {
	fixed := fixedParts(b)[0]
	format := &media.Format{Tracks: fixed.Format.Tracks[1:]}
	run := footage.Run("gate", "00000001", start)
	var parts []*media.Part
	for i := range 300 {
		p := secondOf4Mbit(run, format, i)
		p.Tracks[0].Payload = [][]byte{[]byte("short, since only headers are read")}
		parts = append(parts, p)
	}
	f := write(b, parts)
	size := f.sealed
	if !sealed {
		size = f.borders[len(parts)]
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := segment.Open(bytes.NewReader(f.bytes), size); err != nil {
			b.Fatal(err)
		}
	}
}
