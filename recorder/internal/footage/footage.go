package footage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Clip is encoded footage: its tracks and their samples, times from 0.
type Clip struct {
	Format *media.Format
	tracks [][]unit
}

type unit struct {
	dts     media.MediaTime
	sample  media.Sample
	payload []byte
}

// Options says what to encode.
type Options struct {
	Codec   media.Codec   // H264 (default) or H265
	Length  time.Duration // default 6 s
	GOP     time.Duration // default 2 s
	Audio   bool          // with AAC
	BFrames bool
	Width   int // default 160; height is three quarters of it
}

// FrameRate of the pictures, per second.
const FrameRate = 15

// Encode makes a clip with ffmpeg.
func Encode(tb testing.TB, o Options) *Clip {
	tb.Helper()
	if o.Length == 0 {
		o.Length = 6 * time.Second
	}
	if o.GOP == 0 {
		o.GOP = 2 * time.Second
	}
	if o.Width == 0 {
		o.Width = 160
	}
	gop := strconv.Itoa(int(o.GOP.Seconds() * FrameRate))
	args := []string{
		"-v", "error", "-f", "lavfi", "-i",
		fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", o.Width, o.Width*3/4, FrameRate),
	}
	if o.Audio {
		args = append(args, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
	}
	args = append(args, "-t", strconv.FormatFloat(o.Length.Seconds(), 'f', 3, 64), "-pix_fmt", "yuv420p")
	b := "0"
	if o.BFrames {
		b = "2"
	}
	if o.Codec == media.H265 {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1",
			"-x265-params", "log-level=error:scenecut=0:keyint="+gop+":min-keyint="+gop+":bframes="+b)
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-g", gop, "-keyint_min", gop,
			"-sc_threshold", "0", "-bf", b)
	}
	args = append(args, "-c:a", "aac", "-video_track_timescale", "90000",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets", "-f", "mp4", "-")
	cmd := exec.CommandContext(context.Background(), "ffmpeg", args...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		tb.Fatalf("encode footage: %v: %s", err, fault.String())
	}
	return read(tb, out.Bytes())
}

func read(tb testing.TB, b []byte) *Clip {
	tb.Helper()
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(b)); err != nil {
		tb.Fatalf("read footage: %v", err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(b); err != nil {
		tb.Fatalf("read footage: %v", err)
	}
	c := &Clip{Format: &media.Format{}, tracks: make([][]unit, len(init.Tracks))}
	index := map[int]int{}
	for i, t := range init.Tracks {
		index[t.ID] = i
		c.Format.Tracks = append(c.Format.Tracks, track(tb, t))
	}
	for _, p := range parts {
		for _, t := range p.Tracks {
			dts := media.MediaTime(t.BaseTime)
			i := index[t.ID]
			for _, s := range t.Samples {
				c.tracks[i] = append(c.tracks[i], unit{dts: dts, payload: s.Payload, sample: media.Sample{
					Duration: s.Duration, PTSOffset: s.PTSOffset, Size: uint32(len(s.Payload)), RandomAccess: randomAccess(c.Format.Tracks[i].Codec, s.Payload),
				}})
				dts += media.MediaTime(s.Duration)
			}
		}
	}
	return c
}

// randomAccess looks for an IDR or IRAP slice among the NAL units.
func randomAccess(codec media.Codec, avcc []byte) bool {
	for len(avcc) > 4 {
		size, kind := int(binary.BigEndian.Uint32(avcc)), avcc[4]
		switch {
		case codec == media.H264 && kind&0x1f == 5,
			codec == media.H265 && kind>>1&0x3f >= 16 && kind>>1&0x3f <= 21:
			return true
		}
		avcc = avcc[min(4+size, len(avcc)):]
	}
	return codec == media.AAC
}

func track(tb testing.TB, t *fmp4.InitTrack) media.Track {
	tb.Helper()
	out := media.Track{ClockRate: int(t.TimeScale)}
	switch c := t.Codec.(type) {
	case *mp4.CodecH264:
		out.Codec, out.SPS, out.PPS, out.Width, out.Height = media.H264, c.SPS, c.PPS, 160, 120
	case *mp4.CodecH265:
		out.Codec, out.VPS, out.SPS, out.PPS, out.Width, out.Height = media.H265, c.VPS, c.SPS, c.PPS, 160, 120
	case *mp4.CodecMPEG4Audio:
		config, err := c.Config.Marshal()
		if err != nil {
			tb.Fatalf("read footage: %v", err)
		}
		out.Codec, out.AudioConfig, out.SampleRate, out.Channels = media.AAC, config, c.Config.SampleRate, c.Config.ChannelCount
	default:
		tb.Fatalf("read footage: codec %T", c)
	}
	return out
}

// Run makes a run that begins at start.
func Run(camera, id string, start time.Time) *media.Run {
	return &media.Run{ID: id, Camera: camera, Stream: "main", Start: start}
}

// Frames is the number of pictures in the clip.
func (c *Clip) Frames() int { return len(c.tracks[c.leading()]) }

func (c *Clip) leading() int { return max(c.Format.Video(), 0) }

// Parts gives the clip as the parts of a run of about a second each, whose media
// time begins at first. Parts share payload with the clip: their Release is free.
func (c *Clip) Parts(run *media.Run, first time.Duration) []*media.Part {
	lead := c.tracks[c.leading()]
	rate := c.Format.Tracks[c.leading()].ClockRate
	var parts []*media.Part
	next := make([]int, len(c.tracks))
	for from := 0; from < len(lead); {
		to := from + 1
		for to < len(lead) && !lead[to].sample.RandomAccess && lead[to].dts-lead[from].dts < media.MediaTime(rate) {
			to++
		}
		end := lead[to-1].dts + media.MediaTime(lead[to-1].sample.Duration)
		p := &media.Part{
			Run: run, Format: c.Format, Sequence: len(parts), RandomAccess: lead[from].sample.RandomAccess,
			Start: run.Start.Add(first + span(lead[from].dts, rate)), End: run.Start.Add(first + span(end, rate)),
		}
		for i, units := range c.tracks {
			own := c.Format.Tracks[i].ClockRate
			last := next[i]
			for last < len(units) && (to == len(lead) || span(units[last].dts, own) < span(end, rate)) {
				last++
			}
			if tp, ok := trackPart(i, units[next[i]:last], ticks(first, own)); ok {
				p.Tracks = append(p.Tracks, tp)
			}
			next[i] = last
		}
		parts = append(parts, p)
		from = to
	}
	return parts
}

func trackPart(index int, units []unit, first media.MediaTime) (media.TrackPart, bool) {
	if len(units) == 0 {
		return media.TrackPart{}, false
	}
	tp := media.TrackPart{Track: index, BaseDTS: units[0].dts + first}
	for _, u := range units {
		tp.Samples = append(tp.Samples, u.sample)
		tp.Payload = append(tp.Payload, u.payload)
	}
	return tp, true
}

func span(t media.MediaTime, rate int) time.Duration {
	return time.Duration(t) * time.Second / time.Duration(rate)
}

func ticks(d time.Duration, rate int) media.MediaTime {
	return media.MediaTime(d * time.Duration(rate) / time.Second)
}
