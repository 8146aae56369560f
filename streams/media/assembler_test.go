package media_test

import (
	"bytes"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams/media"
)

var begin = time.Now()

func h264Track() []media.Track { return []media.Track{{Codec: media.H264, ClockRate: 90000}} }

// checkParts checks what is true of the parts of any run, and gives the payload
// of a track, sample by sample.
func checkParts(t *testing.T, parts []*media.Part, track int) (samples [][]byte) {
	t.Helper()
	var next media.MediaTime
	for i, p := range parts {
		if p.Sequence != i {
			t.Errorf("part %d has sequence %d", i, p.Sequence)
		}
		if !p.End.After(p.Start) || i > 0 && !p.Start.Equal(parts[i-1].End) {
			t.Errorf("part %d [%v, %v) does not follow %v", i, p.Start, p.End, parts[max(0, i-1)].End)
		}
		for _, tp := range p.Tracks {
			if tp.Track != track {
				continue
			}
			if i > 0 && tp.BaseDTS < next {
				t.Errorf("part %d begins at %d, the one before ends at %d", i, tp.BaseDTS, next)
			}
			next = tp.BaseDTS
			all := bytes.Join(tp.Payload, nil)
			for _, s := range tp.Samples {
				samples = append(samples, all[:s.Size])
				all = all[s.Size:]
				next += media.MediaTime(s.Duration)
			}
			if len(all) != 0 {
				t.Errorf("part %d: %d bytes belong to no sample", i, len(all))
			}
		}
	}
	return samples
}

// decodes has ffmpeg read the parts as a file, without a word of complaint, and
// counts the pictures.
func decodes(t *testing.T, f *media.Format, parts []*media.Part) (pictures int) {
	t.Helper()
	name := writeFile(t, f, parts)
	out, err := exec.Command("ffmpeg", "-v", "warning", "-nostdin", "-i", name, "-map", "0", "-f", "framecrc", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		switch {
		case strings.HasPrefix(line, "0,"):
			pictures++
		case !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "1,"):
			t.Errorf("ffmpeg says %s", line)
		}
	}
	return pictures
}

func TestPicturesComeOutAsTheyWentIn(t *testing.T) {
	tests := []struct {
		name     string
		codec    media.Codec
		pictures []picture
		b        bool
	}{
		{"H.264", media.H264, h264Clip(t, "320x240", 0), false},
		{"H.264 with B pictures", media.H264, h264Clip(t, "320x240", 2), true},
		{"H.265", media.H265, h265Clip(t), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: []media.Track{{Codec: tt.codec, ClockRate: 90000}}})
			play(t, a, newSender(t, tt.codec), tt.pictures, begin, 1<<32-100000, nil) // wraps at once
			a.Close()
			samples := checkParts(t, got.parts, 0)
			if len(samples) != len(tt.pictures) || len(got.units) != len(tt.pictures) {
				t.Fatalf("%d samples, %d units of %d pictures; %v", len(samples), len(got.units), len(tt.pictures), got.errs)
			}
			for i, pic := range tt.pictures {
				if want := avcc(pic.nals); !bytes.Equal(samples[i], want) || !bytes.Equal(bytes.Join(got.units[i].Payload, nil), want) {
					t.Fatalf("picture %d differs", i)
				}
				u := got.units[i]
				if u.RandomAccess != (i%10 == 0) {
					t.Errorf("picture %d: random access %v", i, u.RandomAccess)
				}
				if u.DTS > u.PTS || i > 0 && u.DTS <= got.units[i-1].DTS {
					t.Errorf("picture %d: DTS %d, PTS %d", i, u.DTS, u.PTS)
				}
				if want := got.units[0].PTS + media.MediaTime(pic.shown*9000); u.PTS != want {
					t.Errorf("picture %d: PTS %d, want %d", i, u.PTS, want)
				}
			}
			if len(got.formats) != 1 || len(got.parts) != 3 || !got.parts[1].RandomAccess || !got.parts[2].RandomAccess {
				t.Errorf("%d formats, %d parts", len(got.formats), len(got.parts))
			}
			if n := decodes(t, got.formats[0], got.parts); n != len(tt.pictures) {
				t.Errorf("ffmpeg decodes %d of %d", n, len(tt.pictures))
			}
			if len(got.errs) != 0 {
				t.Error(got.errs)
			}
			for _, p := range got.parts {
				p.Release()
			}
		})
	}
}

func TestSoundLiesBesideThePicture(t *testing.T) {
	frames, config := aacClip(t)
	pictures := h264Clip(t, "320x240", 0)
	a, got := collect(media.AssemblerOptions{Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000},
		{Codec: media.AAC, ClockRate: 16000, AudioConfig: config, SampleRate: 16000, Channels: 1, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3},
	}})
	video, sound := newSender(t, media.H264), newSender(t, media.AAC)
	ticks, sent := uint32(0), 0
	for i, pic := range pictures {
		at := begin.Add(time.Duration(i) * time.Second / testFPS)
		for _, p := range video.packets(pic.nals) {
			if err := a.Packet(0, header(p, uint32(i*9000)), p.Payload, at); err != nil {
				t.Fatal(err)
			}
		}
		for ; sent < len(frames) && int(ticks) <= (i+1)*1600; sent += 2 { // two frames a packet
			pair := frames[sent:min(sent+2, len(frames))]
			for _, p := range sound.packets(pair) {
				if err := a.Packet(1, header(p, ticks), p.Payload, at); err != nil {
					t.Fatal(err)
				}
			}
			ticks += uint32(1024 * len(pair))
		}
	}
	a.Close()
	samples := checkParts(t, got.parts, 1)
	if len(samples) != sent && len(samples) != len(frames) {
		t.Fatalf("%d of %d frames; %v", len(samples), sent, got.errs)
	}
	for i, s := range samples {
		if !bytes.Equal(s, frames[i]) {
			t.Fatalf("frame %d differs", i)
		}
	}
	checkParts(t, got.parts, 0)
	if n := decodes(t, got.formats[0], got.parts); n != len(pictures) {
		t.Errorf("%d of %d pictures", n, len(pictures))
	}
	for _, p := range got.parts {
		for _, tp := range p.Tracks[1:] {
			v := p.Tracks[0].BaseDTS.Duration(90000)
			if apart := (tp.BaseDTS.Duration(16000) - v).Abs(); apart > 250*time.Millisecond {
				t.Errorf("part %d: sound begins %s beside the picture", p.Sequence, apart)
			}
		}
	}
}

func TestWhatTheNetworkDoesToPackets(t *testing.T) {
	tests := []struct {
		name    string
		change  func(i, k int, p *rtp.Packet) *rtp.Packet
		missing []int // pictures
		lost    int
	}{
		{"nothing", nil, nil, 0},
		{"a packet lost", func(i, k int, p *rtp.Packet) *rtp.Packet {
			if i == 4 && k == 0 {
				return nil
			}
			return p
		}, []int{4}, 1},
		{"the last packet of a picture lost", func(i, _ int, p *rtp.Packet) *rtp.Packet {
			if i == 14 && p.Marker {
				return nil
			}
			return p
		}, []int{14}, 1},
		{"a random access unit lost", func(i, _ int, p *rtp.Packet) *rtp.Packet {
			if i == 10 {
				return nil
			}
			return p
		}, []int{10}, -1},
		{"no markers", func(_, _ int, p *rtp.Packet) *rtp.Packet { p.Marker = false; return p }, nil, 0},
		{"markers on every packet", func(_, _ int, p *rtp.Packet) *rtp.Packet { p.Marker = true; return p }, nil, -1},
	}
	pictures := h264Clip(t, "320x240", 0)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
			play(t, a, newSender(t, media.H264), pictures, begin, 7, tt.change)
			a.Close()
			samples := checkParts(t, got.parts, 0)
			var want [][]byte
			for i, pic := range pictures {
				if !contains(tt.missing, i) {
					want = append(want, avcc(pic.nals))
				}
			}
			if tt.name == "markers on every packet" {
				// The first picture may be given up to find out.
				samples, want = samples[max(0, len(samples)-15):], want[len(want)-15:]
			}
			if len(samples) != len(want) {
				t.Fatalf("%d pictures, want %d; %v", len(samples), len(want), got.errs)
			}
			for i := range want {
				if !bytes.Equal(samples[i], want[i]) {
					t.Fatalf("picture %d differs", i)
				}
			}
			lost := 0
			for _, p := range got.parts {
				lost += p.Lost
			}
			if tt.lost >= 0 && lost != tt.lost || tt.name == "a random access unit lost" && lost == 0 {
				t.Errorf("%d packets lost", lost)
			}
		})
	}
}

func contains(all []int, i int) bool {
	return slices.Contains(all, i)
}

func TestDuplicatesAndStragglersAreDropped(t *testing.T) {
	pictures := h264Clip(t, "320x240", 0)
	a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
	s := newSender(t, media.H264)
	var before []*rtp.Packet
	for i, pic := range pictures {
		packets := s.packets(pic.nals)
		for _, p := range append(packets, before...) {
			ticks := uint32(i * 9000)
			if err := a.Packet(0, header(p, ticks), p.Payload, begin.Add(time.Duration(i)*time.Second/testFPS)); err != nil {
				t.Fatal(err)
			}
		}
		before = packets[:1]
	}
	a.Close()
	if n := len(checkParts(t, got.parts, 0)); n != len(pictures) {
		t.Errorf("%d of %d pictures; %v", n, len(pictures), got.errs)
	}
	if n := a.Stats().Tracks[0].Dropped; n != uint64(len(pictures)-1) {
		t.Errorf("%d packets dropped", n)
	}
}

func TestTimestampsHoursAwayMoveNoFootage(t *testing.T) {
	pictures := h264Clip(t, "320x240", 0)
	for name, jump := range map[string]uint32{"ahead": 3 * 3600 * 90000, "ten seconds ahead": 10 * 90000, "back": 1<<32 - 3*3600*90000, "a little back": 1<<32 - 45000} {
		t.Run(name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
			s := newSender(t, media.H264)
			play(t, a, s, pictures[:15], begin, 0, nil)
			for i, pic := range pictures[15:] {
				for _, p := range s.packets(pic.nals) {
					at := begin.Add(time.Duration(15+i) * time.Second / testFPS)
					if err := a.Packet(0, header(p, jump+uint32((15+i)*9000)), p.Payload, at); err != nil {
						t.Fatal(err)
					}
				}
			}
			a.Close()
			checkParts(t, got.parts, 0)
			if len(got.units) != len(pictures) {
				t.Fatalf("%d of %d pictures", len(got.units), len(pictures))
			}
			for i, u := range got.units {
				want := got.units[0].Capture.Add(time.Duration(i) * time.Second / testFPS)
				if off := u.Capture.Sub(want).Abs(); off > 600*time.Millisecond {
					t.Fatalf("picture %d is dated %s off", i, off)
				}
				if i > 0 && u.Capture.Before(got.units[i-1].Capture) {
					t.Errorf("picture %d is dated before the one before", i)
				}
			}
		})
	}
}

func TestAnotherSourceEndsTheRun(t *testing.T) {
	a, _ := collect(media.AssemblerOptions{Tracks: h264Track()})
	play(t, a, newSender(t, media.H264), h264Clip(t, "320x240", 0)[:3], begin, 0, nil)
	err := a.Packet(0, media.RTPHeader{Sequence: 1, SSRC: 0xdeadbeef}, []byte{1}, begin)
	if !errors.Is(err, media.ErrSSRC) || !strings.Contains(err.Error(), "deadbeef") || !strings.Contains(err.Error(), "11223344") {
		t.Error(err)
	}
}

func TestAChangedSPSMakesANewFormatAndPart(t *testing.T) {
	small, large := h264Clip(t, "320x240", 0), h264Clip(t, "640x360", 0)
	a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
	s := newSender(t, media.H264)
	play(t, a, s, small[:15], begin, 0, nil)
	play(t, a, s, large[:15], begin.Add(1500*time.Millisecond), 15*9000, nil)
	a.Close()
	if len(got.formats) != 2 || got.formats[0].Tracks[0].Width != 320 || got.formats[1].Tracks[0].Width != 640 || got.formats[1].Serial != 1 {
		t.Fatalf("formats %+v", got.formats)
	}
	checkParts(t, got.parts, 0)
	for _, p := range got.parts {
		pictures := 0
		for _, tp := range p.Tracks {
			pictures += len(tp.Samples)
		}
		if p.Format == got.formats[1] && p.Format != got.parts[max(0, p.Sequence-1)].Format && !p.RandomAccess {
			t.Error("the new format's first part begins without random access")
		}
		if pictures == 0 {
			t.Error("empty part")
		}
	}
	for i, f := range got.formats {
		var of []*media.Part
		for _, p := range got.parts {
			if p.Format == f {
				of = append(of, p)
			}
		}
		if n := decodes(t, f, of); n != 15 {
			t.Errorf("format %d: %d pictures", i, n)
		}
	}
}

func TestAMonstrousSPSIsRefusedAndBounded(t *testing.T) {
	// 16,384 x 16,384 pixels: 1024 macroblocks a side.
	sps := []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x02, 0x00, 0x40, 0x02, 0x00, 0x40, 0x3c, 0x60, 0xc9, 0x20}
	a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
	pictures := h264Clip(t, "320x240", 0)
	nals := [][]byte{sps}
	for _, n := range pictures[0].nals {
		if n[0]&0x1f != 7 {
			nals = append(nals, n)
		}
	}
	play(t, a, newSender(t, media.H264), []picture{{nals: nals}}, begin, 0, nil)
	a.Close()
	if len(got.units) != 0 || len(got.errs) == 0 || !strings.Contains(got.errs[0].Error(), "SPS") || !strings.Contains(got.errs[0].Error(), "track 0") {
		t.Errorf("%d units, errors %v", len(got.units), got.errs)
	}
}

func TestHostilePayloadsCostAnAccessUnitAndNoMore(t *testing.T) {
	tests := map[string][]byte{
		"empty payload":            {},
		"STAP-A of empty NALs":     {24, 0, 0, 0, 0},
		"STAP-A beyond its end":    {24, 0xff, 0xff, 1},
		"FU-A without start":       {28, 0x05, 1, 2, 3},
		"FU-A of one byte":         {28},
		"STAP-B":                   {25, 0, 1, 0, 1, 9},
		"forbidden bit":            {0x80 | 5, 1, 2, 3},
		"reserved type":            {31, 1, 2},
		"FU-A start without a end": {28, 0x85, 1, 2, 3},
	}
	pictures := h264Clip(t, "320x240", 0)
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
			s := newSender(t, media.H264)
			n := uint16(0)
			for i, pic := range pictures {
				at, ticks := begin.Add(time.Duration(i)*time.Second/testFPS), uint32(i*9000)
				packets := s.packets(pic.nals)
				for k, p := range packets {
					h := header(p, ticks)
					h.Sequence += n
					if i == 5 && k == 0 { // a packet more, in the picture
						if err := a.Packet(0, media.RTPHeader{Sequence: h.Sequence, Time: h.Time, SSRC: h.SSRC}, payload, at); err != nil {
							t.Fatal(err)
						}
						n++
						h.Sequence++
					}
					if err := a.Packet(0, h, p.Payload, at); err != nil {
						t.Fatal(err)
					}
				}
			}
			a.Close()
			if got := len(checkParts(t, got.parts, 0)); got < len(pictures)-1 {
				t.Errorf("%d of %d pictures", got, len(pictures))
			}
			if len(got.errs) == 0 {
				t.Error("nothing was said")
			}
		})
	}
}

func TestAnEndlessAccessUnitIsGivenUp(t *testing.T) {
	a, got := collect(media.AssemblerOptions{Tracks: h264Track(), MaxAccessUnit: 1 << 20})
	s := newSender(t, media.H264)
	play(t, a, s, h264Clip(t, "320x240", 0)[:1], begin, 0, nil)
	payload := append([]byte{28, 5}, make([]byte, 60000)...)
	last := s.packets([][]byte{{9, 9}})[0]
	for i := range 200 {
		payload[1] = 5
		if i == 0 {
			payload[1] |= 0x80
		}
		h := header(last, 9000)
		h.Sequence += uint16(i + 1)
		h.Marker = false
		if i == 0 {
			if err := a.Packet(0, header(last, 9000), last.Payload, begin); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Packet(0, h, payload, begin); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	said := errors.Join(got.errs...)
	if said == nil || !strings.Contains(said.Error(), "larger than the limit") || len(got.units) > 2 {
		t.Errorf("%d units; %v", len(got.units), said)
	}
}

func TestClockAbsorbsDriftWithoutTearing(t *testing.T) {
	for _, ppm := range []int64{-500, 0, 500} {
		start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		c := media.NewClock(start, 90000)
		var last time.Time
		for i := range int64(3600 * 5) { // an hour, five pictures a second
			truth := time.Duration(i) * 200 * time.Millisecond
			m := media.MediaTime(i * 18000 * (1_000_000 + ppm) / 1_000_000)
			jitter := time.Duration(i*7919%40) * time.Millisecond
			c.Observe(m, truth+jitter)
			at := c.At(m)
			if at.Before(last) {
				t.Fatalf("%d ppm: time tears at %s", ppm, truth)
			}
			if off := at.Sub(start.Add(truth)).Abs(); off > 50*time.Millisecond {
				t.Fatalf("%d ppm: %s off at %s", ppm, off, truth)
			}
			last = at
		}
	}
}

func TestReleasedChunksAreNotSharedWhileHeld(t *testing.T) {
	pictures := h264Clip(t, "320x240", 0)
	a, got := collect(media.AssemblerOptions{Tracks: h264Track()})
	s := newSender(t, media.H264)
	for round := range 20 {
		play(t, a, s, pictures, begin.Add(time.Duration(round)*3*time.Second), uint32(round*30*9000), nil)
		// Every other part is given back while its neighbours are still held.
		for i, p := range got.parts {
			if p != nil && i%2 == 0 {
				p.Release()
				got.parts[i] = nil
			}
		}
	}
	a.Close()
	for i, p := range got.parts {
		if p == nil || len(p.Tracks) == 0 || len(p.Tracks[0].Samples) != 10 {
			continue
		}
		var want []byte
		for _, pic := range pictures[i%3*10 : i%3*10+10] {
			want = append(want, avcc(pic.nals)...)
		}
		if !bytes.Equal(bytes.Join(p.Tracks[0].Payload, nil), want) {
			t.Fatalf("part %d changed while it was held", i)
		}
	}
}

func TestGOPStartsALateViewer(t *testing.T) {
	pictures := h264Clip(t, "320x240", 0)
	gop := media.NewGOP(0, 1<<20)
	run := &media.Run{ID: "1", Start: begin}
	a := media.NewAssembler(media.AssemblerOptions{Run: run, Tracks: h264Track(), Unit: gop.Add, Part: (*media.Part).Release})
	play(t, a, newSender(t, media.H264), pictures[:15], begin, 0, nil)
	units := gop.Snapshot()
	if len(units) != 5 || !units[0].RandomAccess || !bytes.Equal(bytes.Join(units[4].Payload, nil), avcc(pictures[14].nals)) {
		t.Errorf("%d units", len(units))
	}
	a.Close()
	gop.Reset()
	if gop.Bytes() != 0 {
		t.Error("reset keeps bytes")
	}
}
