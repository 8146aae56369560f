package lab

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/stockade-nvr/stockade/internal/lab/clips"
)

// clip is a loop of access units.
type clip struct {
	name          string
	h265          bool
	fps           int
	units         [][][]byte // NAL units without delimiters
	vps, sps, pps []byte
}

// The clips' frame rates and the audio's clock, as the make command chose them.
const (
	mainFPS, subFPS  = 15, 10
	audioRate        = 16000
	audioClip        = "hum.aac"
	loopSeconds      = 8
	samplesPerFrame  = 1024 // of AAC-LC
	audioFramesALoop = audioRate * loopSeconds / samplesPerFrame
)

// loadClip reads an embedded picture clip.
func loadClip(name string) (*clip, error) {
	b, err := clips.Read(name)
	if err != nil {
		return nil, err
	}
	fps := mainFPS
	if strings.Contains(name, "-sub") {
		fps = subFPS
	}
	c, err := parseClip(name, b, fps)
	if err == nil && len(c.units) != fps*loopSeconds {
		err = fmt.Errorf("clip %s: %d frames, want %d", name, len(c.units), fps*loopSeconds)
	}
	return c, err
}

// parseClip splits an Annex B stream (ISO/IEC 14496-10 annex B), with or without
// delimiters, into access units. A name that ends in 265 is H.265, else H.264.
func parseClip(name string, b []byte, fps int) (*clip, error) {
	c := &clip{name: name, h265: strings.HasSuffix(name, "265"), fps: fps}
	sliced := true // the last unit has a slice: what is no further one of it begins the next
	for nal := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		nal = bytes.TrimRight(nal, "\x00")
		if len(nal) < 3 {
			continue
		}
		slice := c.isSlice(nal)
		if sliced && (!slice || c.isFirstSlice(nal)) {
			c.units = append(c.units, nil)
			sliced = false
		}
		sliced = sliced || slice
		c.add(nal)
	}
	if len(c.units) == 0 || !c.isKey(0) || !sliced || c.sps == nil || c.pps == nil {
		return nil, fmt.Errorf("clip %s: %d frames; want some, the first a key frame with parameter sets", name, len(c.units))
	}
	return c, nil
}

// add sorts one NAL unit (types: ISO/IEC 14496-10 table 7-1, 23008-2 table 7-1).
func (c *clip) add(nal []byte) {
	kind := int(nal[0] & 0x1f)
	if c.h265 {
		kind = 100 + int(nal[0]>>1&0x3f)
	}
	switch kind {
	case 9, 135, 6, 139, 140: // delimiters, and what the encoder had to say about itself
		return
	case 132:
		c.vps = nal
	case 7, 133:
		c.sps = nal
	case 8, 134:
		c.pps = nal
	}
	last := len(c.units) - 1
	c.units[last] = append(c.units[last], nal)
}

// unit is frame n of the endless loop, with its mark in front of the first slice.
func (c *clip) unit(n uint64, mark []byte) [][]byte {
	nals := c.units[n%uint64(len(c.units))]
	out := make([][]byte, 0, len(nals)+1)
	for i, nal := range nals {
		if c.isSlice(nal) {
			return append(append(out, mark), nals[i:]...)
		}
		out = append(out, nal)
	}
	return out
}

func (c *clip) isSlice(nal []byte) bool {
	if c.h265 {
		return nal[0]>>1&0x3f < 32
	}
	return nal[0]&0x1f >= 1 && nal[0]&0x1f <= 5
}

// isFirstSlice reads the first bit of a slice header: set where it begins a
// picture (first_mb_in_slice 0, first_slice_segment_in_pic_flag).
func (c *clip) isFirstSlice(nal []byte) bool {
	if c.h265 {
		return nal[2]&0x80 != 0
	}
	return nal[1]&0x80 != 0
}

// isKey says whether a decoder can start at a frame of the loop.
func (c *clip) isKey(frame int) bool {
	for _, nal := range c.units[frame] {
		if kind := nal[0] >> 1 & 0x3f; c.h265 && kind >= 16 && kind <= 21 || !c.h265 && nal[0]&0x1f == 5 {
			return true
		}
	}
	return false
}

// format is how an SDP describes the clip.
func (c *clip) format() format.Format {
	if c.h265 {
		return &format.H265{PayloadTyp: 96, VPS: c.vps, SPS: c.sps, PPS: c.pps}
	}
	return &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: c.sps, PPS: c.pps}
}

// loadAudio reads the embedded sound: raw frames and how an SDP describes them.
func loadAudio() ([][]byte, *format.MPEG4Audio, error) {
	b, err := clips.Read(audioClip)
	if err != nil {
		return nil, nil, err
	}
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(b); err != nil {
		return nil, nil, fmt.Errorf("clip %s: %w", audioClip, err)
	}
	if len(packets) < audioFramesALoop+1 {
		return nil, nil, fmt.Errorf("clip %s: %d frames, want %d", audioClip, len(packets), audioFramesALoop+1)
	}
	frames := make([][]byte, 0, audioFramesALoop)
	for _, p := range packets[1 : audioFramesALoop+1] { // the first is the encoder's run-up
		frames = append(frames, p.AU)
	}
	return frames, &format.MPEG4Audio{
		PayloadTyp: 97, ProfileLevelID: 1, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		Config: &mpeg4audio.AudioSpecificConfig{
			Type: packets[0].Type, SampleRate: packets[0].SampleRate, ChannelCount: packets[0].ChannelCount,
		},
	}, nil
}
