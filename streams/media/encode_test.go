package media_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// picture is one encoded access unit: NAL units, and when it is shown, in frames.
type picture struct {
	nals  [][]byte
	shown int
}

// The clips are encoded once per test run.
var clips = struct {
	sync.Mutex
	made map[string][]byte
}{made: map[string][]byte{}}

func ffmpeg(tb testing.TB, args ...string) []byte {
	tb.Helper()
	clips.Lock()
	defer clips.Unlock()
	key := strings.Join(args, " ")
	if b, ok := clips.made[key]; ok {
		return b
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		tb.Fatalf("ffmpeg: %v: %s (make test installs it)", err, errs.String())
	}
	clips.made[key] = out.Bytes()
	return out.Bytes()
}

const testFPS = 10

// h264Clip is three seconds of H.264 with a GOP of one second.
func h264Clip(tb testing.TB, size string, bframes int) []picture {
	b := ffmpeg(tb, "-f", "lavfi", "-i", "testsrc=s="+size+":r=10", "-t", "3", "-pix_fmt", "yuv420p", "-c:v", "libx264",
		"-preset", "veryfast", "-g", "10", "-bf", []string{"0", "1", "2"}[bframes], "-x264-params", "scenecut=0:b-adapt=0:slices=2", "-f", "h264", "-")
	return split(b, h264Kind, bframes, 10)
}

func h265Clip(tb testing.TB) []picture {
	b := ffmpeg(tb, "-f", "lavfi", "-i", "testsrc=s=320x240:r=10", "-t", "3", "-pix_fmt", "yuv420p", "-c:v", "libx265",
		"-preset", "ultrafast", "-x265-params", "keyint=10:min-keyint=10:bframes=0:repeat-headers=1:log-level=none", "-f", "hevc", "-")
	return split(b, h265Kind, 0, 10)
}

func h264Kind(n []byte) (vcl, first bool) {
	k := n[0] & 0x1f
	return k >= 1 && k <= 5, k >= 1 && k <= 5 && n[1]&0x80 != 0
}

func h265Kind(n []byte) (vcl, first bool) {
	k := n[0] >> 1 & 0x3f
	return k < 32, k < 32 && n[2]&0x80 != 0
}

// split cuts a byte stream into pictures. With B pictures in a fixed pattern
// (I b b P b b P ...) the order of showing follows from that of decoding.
func split(stream []byte, kind func([]byte) (vcl, first bool), bframes, gop int) []picture {
	var all []picture
	var cur [][]byte
	have := false
	for nal := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		nal = bytes.TrimRight(nal, "\x00")
		if len(nal) == 0 {
			continue
		}
		vcl, first := kind(nal)
		if have && (!vcl || first) {
			all = append(all, picture{nals: cur})
			cur, have = nil, false
		}
		cur, have = append(cur, nal), have || vcl
	}
	if have {
		all = append(all, picture{nals: cur})
	} else if n := len(all); n > 0 { // an end of sequence
		all[n-1].nals = append(all[n-1].nals, cur...)
	}
	for i := range all {
		all[i].shown = i
	}
	if bframes > 0 {
		for start := 0; start < len(all); start += gop {
			end := min(start+gop, len(all))
			// Decoded: I P b b P b b; shown: I b b P b b P.
			for i := start + 1; i < end; {
				n := min(bframes, end-i-1)
				all[i].shown = i + n
				for k := 1; k <= n; k++ {
					all[i+k].shown = i + k - 1
				}
				i += n + 1
			}
		}
	}
	return all
}

// sender turns pictures into RTP packets as a camera would.
type sender struct {
	tb   testing.TB
	h264 *rtph264.Encoder
	h265 *rtph265.Encoder
	aac  *rtpmpeg4audio.Encoder
}

func newSender(tb testing.TB, codec media.Codec) *sender {
	tb.Helper()
	s := &sender{tb: tb}
	var err error
	ssrc, seq := uint32(0x11223344), uint16(65500) // it wraps soon
	switch codec {
	case media.H264:
		s.h264 = &rtph264.Encoder{PayloadType: 96, SSRC: &ssrc, InitialSequenceNumber: &seq, PayloadMaxSize: 900, PacketizationMode: 1}
		err = s.h264.Init()
	case media.H265:
		s.h265 = &rtph265.Encoder{PayloadType: 96, SSRC: &ssrc, InitialSequenceNumber: &seq, PayloadMaxSize: 900}
		err = s.h265.Init()
	default:
		s.aac = &rtpmpeg4audio.Encoder{PayloadType: 97, SSRC: &ssrc, InitialSequenceNumber: &seq, PayloadMaxSize: 900, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
		err = s.aac.Init()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *sender) packets(units [][]byte) []*rtp.Packet {
	s.tb.Helper()
	var p []*rtp.Packet
	var err error
	switch {
	case s.h264 != nil:
		p, err = s.h264.Encode(units)
	case s.h265 != nil:
		p, err = s.h265.Encode(units)
	default:
		p, err = s.aac.Encode(units)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	return p
}

func header(p *rtp.Packet, ticks uint32) media.RTPHeader {
	return media.RTPHeader{Sequence: p.SequenceNumber, Time: media.RTPTime(p.Timestamp + ticks), SSRC: p.SSRC, PayloadType: p.PayloadType, Marker: p.Marker}
}

// aacClip is three seconds of sound.
func aacClip(tb testing.TB) (frames [][]byte, config []byte) {
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(ffmpeg(tb, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000", "-t", "3", "-ac", "1", "-c:a", "aac", "-b:a", "32k", "-f", "adts", "-")); err != nil {
		tb.Fatal(err)
	}
	for _, p := range packets {
		frames = append(frames, p.AU)
	}
	config, err := mpeg4audio.AudioSpecificConfig{Type: packets[0].Type, SampleRate: packets[0].SampleRate, ChannelCount: packets[0].ChannelCount}.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return frames, config
}

// collected is what an assembler gave.
type collected struct {
	formats []*media.Format
	units   []*media.AccessUnit
	parts   []*media.Part
	errs    []error
}

func collect(o media.AssemblerOptions) (*media.Assembler, *collected) {
	c := &collected{}
	if o.Run == nil {
		o.Run = &media.Run{ID: "00000001", Camera: "gate", Stream: "main", Start: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	}
	o.Format = func(f *media.Format) { c.formats = append(c.formats, f) }
	o.Unit = func(u *media.AccessUnit) { c.units = append(c.units, u.Clone()) }
	o.Part = func(p *media.Part) { c.parts = append(c.parts, p) }
	o.Error = func(err error) { c.errs = append(c.errs, err) }
	return media.NewAssembler(o), c
}

// play sends pictures at ten a second and returns when the last was sent.
func play(tb testing.TB, a *media.Assembler, s *sender, pictures []picture, start time.Time, ticks uint32, change func(i, k int, p *rtp.Packet) *rtp.Packet) {
	tb.Helper()
	for i, pic := range pictures {
		at := start.Add(time.Duration(i) * time.Second / testFPS)
		for k, p := range s.packets(pic.nals) {
			if change != nil {
				if p = change(i, k, p); p == nil {
					continue
				}
			}
			if err := a.Packet(0, header(p, ticks+uint32(pic.shown*90000/testFPS)), p.Payload, at); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// avcc is a picture as it is stored.
func avcc(nals [][]byte) []byte {
	var b []byte
	for _, n := range nals {
		b = append(b, byte(len(n)>>24), byte(len(n)>>16), byte(len(n)>>8), byte(len(n)))
		b = append(b, n...)
	}
	return b
}

func aacTrack(config []byte) media.Track {
	return media.Track{Codec: media.AAC, ClockRate: 16000, AudioConfig: config, SampleRate: 16000, Channels: 1, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
}

// timesOf gives the PTS of a clip's pictures in decoding order, in ticks of 90 kHz.
func timesOf(tb testing.TB, path string) []int64 {
	tb.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		tb.Fatal(err)
	}
	var times []int64
	for line := range strings.Lines(string(out)) {
		seconds, err := strconv.ParseFloat(strings.Trim(line, ", \n"), 64)
		if err != nil {
			tb.Fatal(err)
		}
		times = append(times, int64(math.Round(seconds*90000)))
	}
	return times
}

// sendAt sends pictures with their own timestamps, each when a camera that must
// wait for the pictures it refers to would have it.
func sendAt(tb testing.TB, a *media.Assembler, s *sender, pictures []picture, times []int64) {
	tb.Helper()
	latest := times[0]
	for i, pic := range pictures {
		latest = max(latest, times[i])
		at := begin.Add(media.MediaTime(latest - times[0]).Duration(90000))
		for _, p := range s.packets(pic.nals) {
			if err := a.Packet(0, header(p, uint32(times[i])), p.Payload, at); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// writeFile writes parts as a file.
func writeFile(tb testing.TB, f *media.Format, parts []*media.Part) string {
	tb.Helper()
	file, err := fmp4.Init(f, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i, p := range parts {
		file = fmp4.AppendFragment(file, uint32(i+1), p)
		for _, tp := range p.Tracks {
			file = append(file, bytes.Join(tp.Payload, nil)...)
		}
	}
	name := filepath.Join(tb.TempDir(), "x.mp4")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// hashes gives the hash of each decoded picture in the order of showing.
func hashes(tb testing.TB, path string) []byte {
	tb.Helper()
	cmd := exec.Command("ffmpeg", "-v", "warning", "-nostdin", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		tb.Errorf("ffmpeg on %s: %v: %s", path, err, errs.String())
	}
	var all []byte
	for line := range bytes.Lines(out) {
		if fields := bytes.Split(line, []byte(",")); len(fields) == 6 {
			all = append(all, bytes.TrimLeft(fields[5], " ")...)
		}
	}
	return all
}
