package segment_test

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/streams/media"
)

var update = flag.Bool("update", false, "write the golden files")

// fixedParts is a run of one picture a part, no ffmpeg asked.
func fixedParts(tb testing.TB) []*media.Part {
	tb.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	format := &media.Format{Tracks: []media.Track{
		{Codec: media.AAC, ClockRate: 48000, AudioConfig: []byte{0x11, 0x88}, SampleRate: 48000, Channels: 1},
		{Codec: media.H264, ClockRate: 90000, SPS: unhex("6742c00ada0a11f970110000030001000003001e0f1226a0"), PPS: unhex("68ce0fc8"), Width: 160, Height: 120},
	}}
	run := footage.Run("gate", "0badcafe", start.Add(-time.Minute))
	var parts []*media.Part
	for i := range 2 {
		at := media.MediaTime(60 + i)
		parts = append(parts, &media.Part{
			Run: run, Format: format, Sequence: 7 + i, Lost: i, Damaged: 2 * i, RandomAccess: i == 0,
			Start: start.Add(time.Duration(i) * time.Second), End: start.Add(time.Duration(i+1) * time.Second),
			Tracks: []media.TrackPart{
				{
					Track: 0, BaseDTS: at*48000 - 480, Payload: [][]byte{[]byte("sound")},
					Samples: []media.Sample{{Duration: 1024, Size: 5, RandomAccess: true}},
				},
				{
					Track: 1, BaseDTS: at * 90000, Payload: [][]byte{[]byte("pic"), []byte("ture")},
					Samples: []media.Sample{{Duration: 90000, PTSOffset: 3000, Size: 7, RandomAccess: i == 0}},
				},
			},
		})
	}
	return parts
}

// The box tree and our own boxes, byte by byte, of a segment with fixed content:
// the format may not change unnoticed.
func TestGoldenBoxes(t *testing.T) {
	t.Parallel()
	f := write(t, fixedParts(t))
	var out strings.Builder
	tree(&out, f.bytes, 0, 0)
	const golden = "testdata/boxes.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the format changed:\n%s", out.String())
	}
}

// tree writes name, offset and size of each box, and the bytes of those that are
// not fmp4's.
func tree(out *strings.Builder, b []byte, offset, depth int) {
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		name := string(b[4:8])
		indent := strings.Repeat("  ", depth)
		fmt.Fprintf(out, "%s%s", indent, name)
		if depth == 0 {
			fmt.Fprintf(out, " at %d, %d bytes", offset, size)
		}
		out.WriteByte('\n')
		switch name {
		case "moov", "trak", "mdia", "minf", "stbl", "mvex", "moof", "traf":
			tree(out, b[8:size], offset+8, depth+1)
		case "uuid", "prft", "mfra":
			for line := range strings.Lines(hex.Dump(b[8:size])) {
				out.WriteString(indent + "    " + line)
			}
		}
		b, offset = b[size:], offset+size
	}
}
