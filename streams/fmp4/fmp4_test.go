package fmp4_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	oracle "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// format is a picture track and a sound track.
func format(tb testing.TB) *media.Format {
	tb.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	return &media.Format{Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: unhex("6742c028d900780227e584000003000400000300f03c60c920"), PPS: unhex("68cb83cb20")},
		{Codec: media.AAC, ClockRate: 16000, AudioConfig: unhex("1408"), SampleRate: 16000, Channels: 1},
	}}
}

// part has three pictures, the second shown last, and two frames of sound, the
// payload in pieces that do not follow the samples' borders.
func part() *media.Part {
	return &media.Part{
		Start: time.Unix(0, 0), End: time.Unix(1, 0),
		Tracks: []media.TrackPart{
			{
				Track: 0, BaseDTS: 1 << 33,
				Samples: []media.Sample{{Duration: 3000, PTSOffset: 3000, Size: 4, RandomAccess: true}, {Duration: 3000, PTSOffset: 6000, Size: 2, RandomAccess: false}, {Duration: 3600, PTSOffset: -600, Size: 3, RandomAccess: false}},
				Payload: [][]byte{[]byte("abcde"), []byte("fghi")},
			},
			{
				Track: 1, BaseDTS: 77,
				Samples: []media.Sample{{Duration: 1024, PTSOffset: 0, Size: 1, RandomAccess: true}, {Duration: 1024, PTSOffset: 0, Size: 2, RandomAccess: true}},
				Payload: [][]byte{[]byte("xyz")},
			},
		},
	}
}

func TestFragmentReadsBackAsWritten(t *testing.T) {
	p := part()
	head := fmp4.AppendFragment([]byte("before"), 9, p)[len("before"):]
	if len(head) != fmp4.FragmentSize(p) {
		t.Errorf("%d bytes, FragmentSize says %d", len(head), fmp4.FragmentSize(p))
	}
	file := bytes.Clone(head)
	for _, track := range p.Tracks {
		for _, b := range track.Payload {
			file = append(file, b...)
		}
	}
	var parts oracle.Parts
	if err := parts.Unmarshal(file); err != nil {
		t.Fatal(err)
	}
	if len(parts) != 1 || parts[0].SequenceNumber != 9 || len(parts[0].Tracks) != 2 {
		t.Fatalf("%+v", parts)
	}
	want := [][]string{{"abcd", "ef", "ghi"}, {"x", "yz"}}
	for i, got := range parts[0].Tracks {
		in := p.Tracks[i]
		if got.ID != in.Track+1 || got.BaseTime != uint64(in.BaseDTS) || len(got.Samples) != len(in.Samples) {
			t.Fatalf("track %d: %+v", i, got)
		}
		for k, s := range got.Samples {
			if string(s.Payload) != want[i][k] || s.Duration != in.Samples[k].Duration ||
				s.PTSOffset != in.Samples[k].PTSOffset || s.IsNonSyncSample == in.Samples[k].RandomAccess {
				t.Errorf("track %d sample %d: %+v, want %+v %q", i, k, s, in.Samples[k], want[i][k])
			}
		}
	}
}

func TestUnitReadsBackAsWritten(t *testing.T) {
	u := &media.AccessUnit{Track: 1, DTS: 5, PTS: 8, RandomAccess: true, Payload: [][]byte{[]byte("ab"), []byte("c")}}
	b := fmp4.AppendUnit(nil, 3, u, 1024)
	if len(b) != fmp4.UnitSize(u) {
		t.Errorf("%d bytes, UnitSize says %d", len(b), fmp4.UnitSize(u))
	}
	var parts oracle.Parts
	if err := parts.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	got := parts[0].Tracks[0]
	if got.ID != 2 || got.BaseTime != 5 || string(got.Samples[0].Payload) != "abc" || got.Samples[0].PTSOffset != 3 || got.Samples[0].Duration != 1024 {
		t.Errorf("%+v %+v", got, got.Samples[0])
	}
}

func TestInitNamesTracksAndClocks(t *testing.T) {
	b, err := fmp4.Init(format(t), []byte("\x00\x00\x00\x08free"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(b, []byte("free")) {
		t.Error("the caller's box is not at the end")
	}
	var in oracle.Init
	if err := in.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	if len(in.Tracks) != 2 || in.Tracks[0].ID != 1 || in.Tracks[0].TimeScale != 90000 || in.Tracks[1].TimeScale != 16000 {
		t.Errorf("%+v", in)
	}
}

func TestInitRefusesATrackWithoutParameters(t *testing.T) {
	for _, track := range []media.Track{
		{Codec: media.H264, ClockRate: 90000},
		{Codec: media.H265, ClockRate: 90000, SPS: []byte{1}, PPS: []byte{1}},
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67}, PPS: []byte{0x68}},
		{Codec: media.AAC, ClockRate: 16000},
		{Codec: 99, ClockRate: 1},
	} {
		if _, err := fmp4.Init(&media.Format{Tracks: []media.Track{track}}, nil); err == nil {
			t.Errorf("%+v was written", track)
		}
	}
}

func TestATrackWithoutParametersKeepsNoOtherFromBeingWritten(t *testing.T) {
	f := format(t)
	f.Tracks = append([]media.Track{{Codec: media.H265, ClockRate: 90000}, {Codec: media.AAC, ClockRate: 8000, AudioConfig: []byte{0xff}}}, f.Tracks...)
	b, err := fmp4.Init(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in oracle.Init
	if err := in.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	if len(in.Tracks) != 2 || in.Tracks[0].ID != 3 || in.Tracks[1].ID != 4 {
		t.Errorf("%+v", in.Tracks)
	}
}

func BenchmarkAppendFragment(b *testing.B) {
	p := part()
	p.Tracks = p.Tracks[:1]
	samples := make([]media.Sample, 15)
	for i := range samples {
		samples[i] = media.Sample{Duration: 6000, Size: 27000}
	}
	p.Tracks[0].Samples, p.Tracks[0].Payload = samples, [][]byte{make([]byte, 15*27000)}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst = fmp4.AppendFragment(dst[:0], 1, p)
		}
	})
	b.Run("mediacommon", func(b *testing.B) {
		b.ReportAllocs()
		track := &oracle.PartTrack{ID: 1}
		for range samples {
			track.Samples = append(track.Samples, &oracle.Sample{Duration: 6000, Payload: make([]byte, 27000)})
		}
		in := oracle.Part{Tracks: []*oracle.PartTrack{track}}
		for b.Loop() {
			var buf seekablebuffer.Buffer
			if err := in.Marshal(&buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
