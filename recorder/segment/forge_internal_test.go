package segment

import (
	"bytes"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// forgery is a segment of three parts of which the camera chose the payload.
type forgery struct {
	tb     testing.TB
	w      *Writer
	blocks Blocks
	run    *media.Run
	format *media.Format
	bytes  []byte
}

func newForgery(tb testing.TB) *forgery {
	tb.Helper()
	f := &forgery{
		tb:  tb,
		run: &media.Run{ID: "0badcafe", Camera: "gate", Stream: "main", Start: time.Unix(1e9, 42).UTC()},
		format: &media.Format{Tracks: []media.Track{
			{Codec: media.AAC, ClockRate: 48000, AudioConfig: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2},
		}},
	}
	return f
}

// part appends a part that ends with the payload.
func (f *forgery) part(payload []byte) {
	f.tb.Helper()
	n := 0
	if f.w != nil {
		n = len(f.w.parts)
	}
	p := &media.Part{
		Run: f.run, Format: f.format, Sequence: n, RandomAccess: true,
		Start: f.run.Start.Add(time.Duration(n) * time.Second), End: f.run.Start.Add(time.Duration(n+1) * time.Second),
		Tracks: []media.TrackPart{{
			BaseDTS: media.MediaTime(n * 48000),
			Samples: []media.Sample{{Duration: 48000, Size: uint32(len(payload)), RandomAccess: true}},
			Payload: [][]byte{payload},
		}},
	}
	if f.w == nil {
		w, err := NewWriter(p, "test", &f.blocks)
		if err != nil {
			f.tb.Fatal(err)
		}
		f.w, f.bytes = w, bytes.Clone(w.Head())
	}
	b, err := f.w.Add(p)
	if err != nil {
		f.tb.Fatal(err)
	}
	for _, piece := range b.Buffers {
		f.bytes = append(f.bytes, piece...)
	}
}

// TestForgedTrailer: a camera can make the payload of the last durable part end
// like a sealed file. It cannot know the head's checksum, so none is believed:
// else it could make what was recorded before vanish from playback (S9).
func TestForgedTrailer(t *testing.T) {
	made := newForgery(t)
	made.part([]byte("first"))
	made.part([]byte("second"))
	d := made.w.Description()
	begin := int64(len(made.w.Head()))
	for name, trailer := range map[string][]byte{
		"no parts":            appendTrailer(nil, &d, nil, 0),
		"the first part only": appendTrailer(nil, &d, made.w.parts[:1], 0),
		"all as one part": appendTrailer(nil, &d, []Part{{
			Offset: begin, Size: made.w.Size() - begin + minPart + 5, Start: time.Unix(1, 0), End: time.Unix(2, 0), RandomAccess: true,
		}}, 0),
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.part([]byte("first"))
			f.part([]byte("second"))
			f.part(append([]byte("third"), trailer...))
			size := int64(len(f.bytes))
			file, err := Open(bytes.NewReader(f.bytes), size)
			if err != nil {
				t.Fatal(err)
			}
			if file.Sealed || len(file.Parts) != 3 || len(file.Damage) != 0 {
				t.Errorf("sealed %v, %d parts, damage %v", file.Sealed, len(file.Parts), file.Damage)
			}
			for _, from := range []int64{0, file.Parts[1].Offset, size} {
				e, err := Probe(bytes.NewReader(f.bytes), size, from)
				if err != nil || e.Sealed || e.Good != size {
					t.Errorf("probe from %d: %+v, %v", from, e, err)
				}
			}
			f.bytes = append(f.bytes, f.w.Trailer()...)
			if file, err = Open(bytes.NewReader(f.bytes), int64(len(f.bytes))); err != nil || !file.Sealed || len(file.Parts) != 3 {
				t.Errorf("once it is sealed: %+v, %v", file, err)
			}
		})
	}
}

// TestEmptyTable: a table without parts is right directly behind the head only,
// whatever its checksum says.
func TestEmptyTable(t *testing.T) {
	f := newForgery(t)
	f.part([]byte("first"))
	d := f.w.Description()
	f.part(appendTrailer(nil, &d, nil, f.w.origin))
	file, err := Open(bytes.NewReader(f.bytes), int64(len(f.bytes)))
	if err != nil || file.Sealed || len(file.Parts) != 2 {
		t.Errorf("%+v, %v", file, err)
	}
}

// TestForgedPart: where a header was destroyed the next right one is looked for.
// One that a camera sent as payload is none.
func TestForgedPart(t *testing.T) {
	header := make([]byte, partHeaderSize)
	putPartHeader(header, &Part{Size: minPart, Start: time.Unix(1, 0), End: time.Unix(2, 0), RandomAccess: true}, 1, 0)
	f := newForgery(t)
	f.part([]byte("first"))
	at := len(f.bytes)
	f.part(append(bytes.Clone(header), make([]byte, minPart)...))
	f.part([]byte("third"))
	f.bytes[at+40] ^= 1
	file, err := Open(bytes.NewReader(f.bytes), int64(len(f.bytes)))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Parts) != 2 || file.Parts[1].Sequence != 2 || len(file.Damage) != 1 {
		t.Errorf("parts %+v, damage %v", file.Parts, file.Damage)
	}
}
