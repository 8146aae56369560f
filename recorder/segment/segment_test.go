package segment_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/streams/media"
)

var start = time.Date(2026, 11, 23, 9, 30, 0, 123456789, time.UTC)

// file is a segment in memory and where its parts begin.
type file struct {
	bytes   []byte
	head    int64
	borders []int64 // the beginning of each part, and the end of the last one
	sealed  int64   // length with the trailer; bytes is cut by the tests
}

func write(tb testing.TB, parts []*media.Part) file {
	tb.Helper()
	var blocks segment.Blocks
	w, err := segment.NewWriter(parts[0], "test 1", &blocks)
	if err != nil {
		tb.Fatal(err)
	}
	f := file{bytes: bytes.Clone(w.Head()), head: w.Size()}
	for _, p := range parts {
		f.borders = append(f.borders, w.Size())
		b, err := w.Add(p)
		if err != nil {
			tb.Fatal(err)
		}
		for _, piece := range b.Buffers {
			f.bytes = append(f.bytes, piece...)
		}
		b.Release()
		if int64(len(f.bytes)) != w.Size() {
			tb.Fatalf("file has %d bytes, writer says %d", len(f.bytes), w.Size())
		}
	}
	f.borders = append(f.borders, w.Size())
	f.bytes = append(f.bytes, w.Trailer()...)
	f.sealed = int64(len(f.bytes))
	return f
}

func clips(tb testing.TB) map[string]footage.Options {
	tb.Helper()
	return map[string]footage.Options{
		"H.264":             {},
		"H.264, B, AAC":     {BFrames: true, Audio: true},
		"H.265 with AAC":    {Codec: media.H265, Audio: true},
		"long GOP":          {GOP: 10 * time.Second},
		"H.265 with B, AAC": {Codec: media.H265, BFrames: true, Audio: true},
	}
}

// samples counts the pictures in parts.
func samples(parts []*media.Part) int {
	n := 0
	for _, p := range parts {
		for _, t := range p.Tracks {
			if p.Format.Tracks[t.Track].Codec.Video() {
				n += len(t.Samples)
			}
		}
	}
	return n
}

// S1: at every instant of its life any player opens it.
func TestPlaysWhenSealedGrowingAndCut(t *testing.T) {
	t.Parallel()
	for name, o := range clips(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts := footage.Encode(t, o).Parts(footage.Run("gate", "00000001", start), 3*time.Hour)
			f := write(t, parts)
			if got, want := footage.Play(t, f.bytes), samples(parts); got != want {
				t.Errorf("sealed: %d pictures, want %d", got, want)
			}
			for i, border := range f.borders[1:] {
				if i%3 != len(name)%3 && name != "H.264" {
					continue // the cut is the same for all: a few for each codec
				}
				if got, want := footage.Play(t, f.bytes[:border]), samples(parts[:i+1]); got != want {
					t.Errorf("cut after part %d: %d pictures, want %d", i, got, want)
				}
			}
			torn := f.bytes[:f.borders[2]+f.borders[1]/3]
			e, err := segment.Probe(bytes.NewReader(torn), int64(len(torn)), 0)
			if err != nil || e.Good != f.borders[2] {
				t.Fatalf("probe of a torn file: %+v, %v", e, err)
			}
			if got, want := footage.Play(t, torn[:e.Good]), samples(parts[:2]); got != want {
				t.Errorf("torn and truncated: %d pictures, want %d", got, want)
			}
		})
	}
}

func TestOpenTellsWhatWasWritten(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Audio: true}).Parts(footage.Run("gate", "0badcafe", start), time.Minute)
	parts[2].Lost, parts[2].Damaged = 70000, 3
	f := write(t, parts)
	sealed, err := segment.Open(bytes.NewReader(f.bytes), f.sealed)
	if err != nil {
		t.Fatal(err)
	}
	growing, err := segment.Open(bytes.NewReader(f.bytes), f.borders[len(f.borders)-1])
	if err != nil {
		t.Fatal(err)
	}
	if !sealed.Sealed || growing.Sealed || len(sealed.Damage)+len(growing.Damage) != 0 {
		t.Errorf("sealed %v, growing sealed %v, damage %v %v", sealed.Sealed, growing.Sealed, sealed.Damage, growing.Damage)
	}
	want := segment.Description{
		Format: 1, Camera: "gate", Stream: "main", Run: "0badcafe", RunStart: start, Start: start.Add(time.Minute),
		Software: "test 1", Leading: 0, Tracks: []segment.Track{
			{ID: 1, Codec: "H.264", ClockRate: 90000, Base: 60 * 90000, Width: 160, Height: 120},
			{ID: 2, Codec: "AAC", ClockRate: 48000, Base: 60 * 48000, SampleRate: 48000, Channels: 1},
		},
	}
	if d := cmp.Diff(want, sealed.Description); d != "" {
		t.Errorf("description (-want +got):\n%s", d)
	}
	if len(growing.Parts) != len(parts) || growing.Parts[2].Lost != 70000 || growing.Parts[2].Damaged != 3 {
		t.Errorf("growing: %+v", growing.Parts)
	}
	if sealed.Parts[2].Lost != 65535 {
		t.Errorf("the table's count of lost packets saturates: %d", sealed.Parts[2].Lost)
	}
	growing.Parts[2].Lost = 65535
	if d := cmp.Diff(growing.Parts, sealed.Parts, cmpopts.IgnoreUnexported(segment.Part{})); d != "" {
		t.Errorf("headers and table disagree (-headers +table):\n%s", d)
	}
	for i, p := range sealed.Parts {
		src := parts[i]
		if p.Offset != f.borders[i] || p.Offset+p.Size != f.borders[i+1] || !p.Start.Equal(src.Start) || !p.End.Equal(src.End) ||
			p.RandomAccess != src.RandomAccess || p.Decode != uint64(src.Tracks[0].BaseDTS)-60*90000 {
			t.Errorf("part %d: %+v", i, p)
		}
	}
}

func TestAddRefusesWhatDoesNotContinue(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 3 * time.Second})
	parts := clip.Parts(footage.Run("gate", "00000001", start), 0)
	other := clip.Parts(footage.Run("gate", "00000002", start), 0)
	changed := *parts[1]
	format := *parts[1].Format
	changed.Format = &format
	var blocks segment.Blocks
	for name, p := range map[string]*media.Part{
		"another run": other[1], "another format": &changed, "a part left out": parts[2], "twice": parts[0],
	} {
		w, err := segment.NewWriter(parts[0], "test", &blocks)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Add(parts[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Add(p); !errors.Is(err, segment.ErrElse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The movie begins at 0 also when the sound begins before the picture.
func TestBaseIsTheEarliestTrack(t *testing.T) {
	t.Parallel()
	parts := footage.Encode(t, footage.Options{Audio: true}).Parts(footage.Run("gate", "00000001", start), time.Hour)
	for _, p := range parts {
		p.Tracks[1].BaseDTS -= 4800 // 0.1 s
	}
	f := write(t, parts)
	s, err := segment.Open(bytes.NewReader(f.bytes), f.sealed)
	if err != nil {
		t.Fatal(err)
	}
	if s.Tracks[0].Base != 3600*90000-9000 || s.Tracks[1].Base != 3600*48000-4800 || s.Parts[0].Decode != 9000 {
		t.Errorf("bases %d and %d, first picture at %d", s.Tracks[0].Base, s.Tracks[1].Base, s.Parts[0].Decode)
	}
	footage.Play(t, f.bytes)
}
