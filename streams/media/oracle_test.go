package media_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams/media"
)

// corpus gives the path of a clip of others', or skips the test where it is not
// at hand.
func corpus(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("../../../shared/corpus/media", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the corpus is not here")
	}
	return path
}

// annexB gives the pictures of a clip in decoding order, without times.
func annexB(t *testing.T, codec media.Codec, path string) []picture {
	t.Helper()
	if codec == media.H264 {
		b := ffmpeg(t, "-i", path, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-")
		return split(b, h264Kind, 0, 1)
	}
	b := ffmpeg(t, "-i", path, "-map", "0:v", "-c", "copy", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", "-")
	return split(b, h265Kind, 0, 1)
}

// decoder gives the access units that another depacketizer makes of packets.
func decoder(t *testing.T, codec media.Codec) func(*rtp.Packet) [][]byte {
	t.Helper()
	var decode func(*rtp.Packet) ([][]byte, error)
	var more error
	var err error
	switch codec {
	case media.H264:
		d := &rtph264.Decoder{PacketizationMode: 1}
		err, decode, more = d.Init(), d.Decode, rtph264.ErrMorePacketsNeeded
	case media.H265:
		d := &rtph265.Decoder{}
		err, decode, more = d.Init(), d.Decode, rtph265.ErrMorePacketsNeeded
	default:
		d := &rtpmpeg4audio.Decoder{SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
		err, decode, more = d.Init(), d.Decode, rtpmpeg4audio.ErrMorePacketsNeeded
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(p *rtp.Packet) [][]byte {
		units, err := decode(p)
		if err != nil && !errors.Is(err, more) {
			t.Fatal(err)
		}
		return units
	}
}

func TestDepacketizersAgreeWithGortsplibs(t *testing.T) {
	clips := map[string]struct {
		codec    media.Codec
		pictures []picture
	}{
		"H.264":                 {media.H264, h264Clip(t, "640x360", 0)},
		"H.264 with B pictures": {media.H264, h264Clip(t, "320x240", 2)},
		"H.265":                 {media.H265, h265Clip(t)},
	}
	for name, clip := range clips {
		t.Run(name, func(t *testing.T) {
			a, got := collect(media.AssemblerOptions{Tracks: []media.Track{{Codec: clip.codec, ClockRate: 90000}}})
			decode := decoder(t, clip.codec)
			var want [][]byte
			play(t, a, newSender(t, clip.codec), clip.pictures, begin, 0, func(_, _ int, p *rtp.Packet) *rtp.Packet {
				if nals := decode(p); nals != nil {
					want = append(want, avcc(nals))
				}
				return p
			})
			a.Close()
			equalUnits(t, got, want)
		})
	}
	t.Run("AAC", func(t *testing.T) {
		frames, config := aacClip(t)
		a, got := collect(media.AssemblerOptions{Tracks: []media.Track{aacTrack(config)}})
		s, decode := newSender(t, media.AAC), decoder(t, media.AAC)
		var want [][]byte
		for i := 0; i < len(frames); i += 3 { // several frames a packet
			for _, p := range s.packets(frames[i:min(i+3, len(frames))]) {
				want = append(want, decode(p)...)
				if err := a.Packet(0, header(p, uint32(i*1024)), p.Payload, begin); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.Close()
		equalUnits(t, got, want)
	})
	t.Run("AAC in fragments", func(t *testing.T) {
		frame := bytes.Repeat([]byte{0x21, 7}, 1200)
		a, got := collect(media.AssemblerOptions{Tracks: []media.Track{aacTrack([]byte{0x14, 0x08})}})
		s, decode := newSender(t, media.AAC), decoder(t, media.AAC)
		var want [][]byte
		for i := range 3 {
			packets := s.packets([][]byte{frame})
			if len(packets) < 2 {
				t.Fatal("the frame was not fragmented")
			}
			for _, p := range packets {
				want = append(want, decode(p)...)
				if err := a.Packet(0, header(p, uint32(i*1024)), p.Payload, begin); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.Close()
		equalUnits(t, got, want)
	})
}

func equalUnits(t *testing.T, got *collected, want [][]byte) {
	t.Helper()
	if len(want) == 0 || len(got.units) != len(want) {
		t.Fatalf("%d units, want %d; %v", len(got.units), len(want), got.errs)
	}
	for i, u := range got.units {
		if !bytes.Equal(u.Payload[0], want[i]) {
			t.Fatalf("unit %d differs", i)
		}
	}
}

func TestCorpusClips(t *testing.T) {
	tests := []struct {
		name             string
		codec            media.Codec
		pictures, random int
		width, height    int
		framed           bool // can be decoded in the order of arrival: no B pictures
	}{
		{"openh264_MIDR_MW_D.264", media.H264, 100, 2, 176, 144, true}, // 4 I pictures, 2 IDR
		{"openh264_BA1_FT_C.264", media.H264, 299, 2, 352, 288, true},  // up to 12 slices a picture
		{"openh264_BA_MW_D.264", media.H264, 100, 4, 176, 144, true},
		{"openh264_Static.264", media.H264, 10, 1, 152, 100, true}, // cropped
		{"onvifsign_test_h264.mp4", media.H264, 256, 5, 480, 640, true},
		{"onvifsign_test_h265.mp4", media.H265, 302, 5, 0, 0, true},
		{"moonfire_clip.mp4", media.H264, 10, 3, 320, 240, true},
		{"intel_car-detection.mp4", media.H264, 377, 7, 768, 432, true},
		{"mp4ff_hevc.265", media.H265, 50, 1, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pictures := annexB(t, tt.codec, corpus(t, tt.name))
			if len(pictures) != tt.pictures {
				t.Fatalf("the test reads %d pictures", len(pictures))
			}
			a, got := collect(media.AssemblerOptions{Tracks: []media.Track{{Codec: tt.codec, ClockRate: 90000}}})
			play(t, a, newSender(t, tt.codec), pictures, begin, 0, nil)
			a.Close()
			random := 0
			for i, u := range got.units {
				if u.RandomAccess {
					random++
				}
				if i < len(pictures) && !bytes.Equal(u.Payload[0], avcc(pictures[i].nals)) {
					t.Fatalf("picture %d differs", i)
				}
			}
			if len(got.units) != tt.pictures || random != tt.random {
				t.Errorf("%d pictures, %d random access; %v", len(got.units), random, got.errs)
			}
			if tr := got.formats[0].Tracks[0]; tt.width > 0 && (tr.Width != tt.width || tr.Height != tt.height) {
				t.Errorf("%dx%d", tr.Width, tr.Height)
			}
			checkParts(t, got.parts, 0)
			if n := decodes(t, got.formats[0], got.parts); tt.framed && n != tt.pictures {
				t.Errorf("ffmpeg decodes %d", n)
			}
		})
	}
}

// TestRealReorderingDecodesToTheSamePictures sends clips with B pictures at
// their own times, and compares what ffmpeg decodes with what it decodes of the
// clip itself.
func TestRealReorderingDecodesToTheSamePictures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		path  func(t *testing.T) string
	}{
		{"bottle-detection", media.H264, func(t *testing.T) string { return corpus(t, "intel_bottle-detection.mp4") }},
		{"mp4ff prog", media.H264, func(t *testing.T) string { return corpus(t, "mp4ff_prog_8s.mp4") }},
		{"H.264 pyramid", media.H264, func(t *testing.T) string {
			return encode(t, "libx264", "bframes=4:b-pyramid=normal:keyint=25:scenecut=0")
		}},
		{"H.264 open GOP", media.H264, func(t *testing.T) string {
			return encode(t, "libx264", "bframes=2:open-gop=1:keyint=25:scenecut=0")
		}},
		{"H.265 with CRA", media.H265, func(t *testing.T) string {
			return encode(t, "libx265", "bframes=3:open-gop=1:keyint=25:log-level=none")
		}},
		{"H.265 pyramid", media.H265, func(t *testing.T) string {
			return encode(t, "libx265", "bframes=4:b-pyramid=1:open-gop=0:keyint=25:log-level=none")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			times := timesOf(t, path)
			pictures := annexB(t, tt.codec, path)
			if len(times) != len(pictures) {
				t.Fatalf("%d times, %d pictures", len(times), len(pictures))
			}
			a, got := collect(media.AssemblerOptions{Tracks: []media.Track{{Codec: tt.codec, ClockRate: 90000}}})
			sendAt(t, a, newSender(t, tt.codec), pictures, times)
			a.Close()
			if len(got.units) != len(pictures) || a.Stats().Tracks[0].Jumps != 0 {
				t.Fatalf("%d of %d pictures; %+v; %v", len(got.units), len(pictures), a.Stats().Tracks[0], got.errs)
			}
			for i, u := range got.units {
				if want := got.units[0].PTS + media.MediaTime(times[i]-times[0]); u.PTS != want {
					t.Fatalf("picture %d: PTS %d, want %d", i, u.PTS, want)
				}
				if u.DTS > u.PTS || i > 0 && u.DTS <= got.units[i-1].DTS {
					t.Fatalf("picture %d: DTS %d after %d, PTS %d", i, u.DTS, got.units[max(0, i-1)].DTS, u.PTS)
				}
			}
			checkParts(t, got.parts, 0)
			want := hashes(t, path)
			if have := hashes(t, writeFile(t, got.formats[0], got.parts)); !bytes.Equal(have, want) {
				t.Errorf("ffmpeg decodes other pictures: %d and %d lines", bytes.Count(have, []byte("\n")), bytes.Count(want, []byte("\n")))
			}
		})
	}
}

// encode makes three seconds at 25 pictures a second.
func encode(t *testing.T, encoder, params string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	flag := map[string]string{"libx264": "-x264-params", "libx265": "-x265-params"}[encoder]
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", "3",
		"-pix_fmt", "yuv420p", "-c:v", encoder, "-preset", "fast", flag, params, path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}
