package rtsp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stockade-nvr/stockade/streams/media"
)

// maxTracks bounds how many media of an SDP are looked at.
const maxTracks = 16

// offer is what a camera's SDP offers: what can be recorded, and what not, in words.
type offer struct {
	tracks  []offered
	skipped []string // "audio G711, control trackID=2: not recorded yet"
}

// offered is a track and what plays it.
type offered struct {
	track  media.Track
	media  *description.Media
	format format.Format
}

// readOffer picks the tracks that can be recorded: the first usable format of
// each media that the camera sends. body is the SDP that desc was read from.
func readOffer(desc *description.Session, body []byte) offer {
	var o offer
	clocks := readClocks(body)
	beyond := 0
	for i, m := range desc.Medias {
		if i >= maxTracks {
			beyond++
			continue
		}
		if m.IsBackChannel {
			o.skip(m, "it is for talking to the camera")
			continue
		}
		if t, ok := pick(m, clocks.of(i)); ok {
			o.tracks = append(o.tracks, t)
		} else {
			o.skip(m, "not recorded yet")
		}
	}
	if beyond > 0 { // one line, not one for each of thousands
		o.skipped = append(o.skipped, fmt.Sprintf("%d more media: only the first %d are looked at", beyond, maxTracks))
	}
	return o
}

func (o *offer) skip(m *description.Media, why string) {
	names := make([]string, 0, len(m.Formats))
	for _, f := range m.Formats[:min(len(m.Formats), maxTracks)] {
		name := f.Codec()
		if g, ok := f.(*format.Generic); ok {
			name = g.RTPMap()
		}
		if name == "" {
			name = "payload type " + strconv.Itoa(int(f.PayloadType()))
		}
		names = append(names, name)
	}
	o.skipped = append(o.skipped, fmt.Sprintf("%.80q %.200q, control %.200q: %s", m.Type, strings.Join(names, ", "), m.Control, why))
}

func pick(m *description.Media, clocks map[uint8]int) (offered, bool) {
	for _, f := range m.Formats {
		t := media.Track{ClockRate: f.ClockRate()}
		switch f := f.(type) {
		case *format.H264:
			t.Codec = media.H264
			t.SPS, t.PPS = bytes.Clone(f.SPS), bytes.Clone(f.PPS)
			var s h264.SPS
			if len(t.SPS) > 0 && s.Unmarshal(t.SPS) == nil {
				t.Width, t.Height = s.Width(), s.Height()
			}
		case *format.H265:
			t.Codec = media.H265
			t.VPS, t.SPS, t.PPS = bytes.Clone(f.VPS), bytes.Clone(f.SPS), bytes.Clone(f.PPS)
			var s h265.SPS
			if len(t.SPS) > 0 && s.Unmarshal(t.SPS) == nil {
				t.Width, t.Height = s.Width(), s.Height()
			}
		case *format.MPEG4Audio:
			config, err := f.Config.Marshal()
			if err != nil {
				continue
			}
			t.Codec, t.AudioConfig = media.AAC, config
			t.SampleRate, t.Channels = f.Config.SampleRate, f.Config.ChannelCount
			t.SizeLength, t.IndexLength, t.IndexDeltaLength = f.SizeLength, f.IndexLength, f.IndexDeltaLength
			// RFC 3640 section 4.1: the clock is the rtpmap's. With SBR it may be
			// twice the rate that the configuration begins with, which is what
			// gortsplib reports.
			if c := clocks[f.PayloadType()]; c > 0 {
				t.ClockRate = c
			}
		default:
			continue
		}
		if t.ClockRate <= 0 || t.ClockRate > media.MaxClockRate {
			continue
		}
		return offered{track: t, media: m, format: f}, true
	}
	return offered{}, false
}

// clocks holds the rtpmap clock rates of each media, by payload type.
type clocks []map[uint8]int

func (c clocks) of(i int) map[uint8]int {
	if i < len(c) {
		return c[i]
	}
	return nil
}

// readClocks reads the rtpmap lines (RFC 8866 section 6.6), which gortsplib
// does not hand on.
func readClocks(body []byte) clocks {
	var s sdp.SessionDescription
	if s.Unmarshal(body) != nil {
		return nil
	}
	out := make(clocks, len(s.MediaDescriptions))
	for i, m := range s.MediaDescriptions {
		out[i] = map[uint8]int{}
		for _, a := range m.Attributes {
			if a.Key != "rtpmap" {
				continue
			}
			pt, encoding, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
			parts := strings.Split(strings.TrimSpace(encoding), "/")
			n, err := strconv.ParseUint(pt, 10, 7)
			if err != nil || len(parts) < 2 {
				continue
			}
			if rate, err := strconv.ParseUint(parts[1], 10, 31); err == nil && rate > 0 {
				out[i][uint8(n)] = int(rate)
			}
		}
	}
	return out
}
