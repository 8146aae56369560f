package media

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

const (
	// maxSide and maxPixels bound what an SPS may declare. The largest picture of
	// any H.264 or H.265 level has 35.7 million pixels (level 6.2).
	maxSide   = 16384
	maxPixels = 1 << 26
	// maxParameterBytes bounds one parameter set; real ones have less than 200.
	maxParameterBytes = 4096
)

// paramKind is a kind of parameter set.
type paramKind uint8

const (
	noParam paramKind = iota
	paramVPS
	paramSPS
	paramPPS
	paramKinds
)

// String gives the usual abbreviation.
func (k paramKind) String() string {
	return [...]string{"none", "VPS", "SPS", "PPS"}[k]
}

// paramSets are the parameter sets of a video track. The camera may send them
// at any time; they come into force with a random access unit.
type paramSets struct {
	current [paramKinds][]byte
	pending [paramKinds][]byte // nil: as current
	refused bool               // the pending SPS cannot be used, so what follows cannot either
}

// note takes a parameter set that was received; it is copied if it is new.
// A PPS of another id than the current one is a further one, not a change: it
// reaches decoders in band.
func (p *paramSets) note(codec Codec, kind paramKind, nal []byte) {
	known := p.current[kind]
	if p.pending[kind] != nil {
		known = p.pending[kind]
	}
	if bytes.Equal(known, nal) {
		return
	}
	if kind == paramPPS && known != nil {
		a, okA := ppsID(codec, known)
		b, okB := ppsID(codec, nal)
		if okA && okB && a != b {
			return
		}
	}
	if bytes.Equal(p.current[kind], nal) {
		p.pending[kind] = nil // back to what it was
		return
	}
	p.pending[kind] = bytes.Clone(nal)
}

// changed tells whether a parameter set waits to come into force.
func (p *paramSets) changed() bool {
	return p.pending[paramVPS] != nil || p.pending[paramSPS] != nil || p.pending[paramPPS] != nil
}

// adopt puts what is pending into force.
func (p *paramSets) adopt() {
	for k, nal := range p.pending {
		if nal != nil {
			p.current[k], p.pending[k] = nal, nil
		}
	}
}

// missing names a parameter set that has not come yet.
func (p *paramSets) missing(codec Codec) paramKind {
	switch {
	case p.current[paramSPS] == nil:
		return paramSPS
	case p.current[paramPPS] == nil:
		return paramPPS
	case codec == H265 && p.current[paramVPS] == nil:
		return paramVPS
	default:
		return noParam
	}
}

// ppsID reads pic_parameter_set_id, the first field of a PPS.
func ppsID(codec Codec, pps []byte) (uint32, bool) {
	header := 1
	if codec == H265 {
		header = 2
	}
	if len(pps) <= header {
		return 0, false
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(h264.EmulationPreventionRemove(pps[header:min(len(pps), 16)]), &pos)
	return id, err == nil
}

// picture is what an SPS says that matters here.
type picture struct {
	width, height int
	reorder       int  // pictures that may be decoded before and shown after another; 0 also if unknown
	fields        bool // a picture may be sent as two fields, each with a first slice
}

var errSPS = errors.New("SPS cannot be read")

// readSPS parses and judges an SPS.
func readSPS(codec Codec, sps []byte) (picture, error) {
	var p picture
	switch codec {
	case H264:
		var s h264.SPS
		if err := s.Unmarshal(sps); err != nil {
			return p, fmt.Errorf("%w: %w", errSPS, err)
		}
		p = picture{s.Width(), s.Height(), h264Reorder(&s), !s.FrameMbsOnlyFlag}
		// Before cropping, so that cropping cannot hide a monster.
		if err := checkSize((uint64(s.PicWidthInMbsMinus1)+1)*16, (uint64(s.PicHeightInMapUnitsMinus1)+1)*16); err != nil {
			return p, err
		}
	case H265:
		var s h265.SPS
		if err := s.Unmarshal(sps); err != nil {
			return p, fmt.Errorf("%w: %w", errSPS, err)
		}
		p = picture{width: s.Width(), height: s.Height()}
		if n := len(s.MaxNumReorderPics); n > 0 {
			p.reorder = int(min(s.MaxNumReorderPics[n-1], maxReorder))
		}
		if err := checkSize(uint64(s.PicWidthInLumaSamples), uint64(s.PicHeightInLumaSamples)); err != nil {
			return p, err
		}
	default:
		return p, fmt.Errorf("%w: %v has none", errSPS, codec)
	}
	return p, checkSize(uint64(p.width), uint64(p.height))
}

func checkSize(width, height uint64) error {
	if width == 0 || height == 0 || width > maxSide || height > maxSide || width*height > maxPixels {
		return fmt.Errorf("SPS declares %dx%d, more than %d a side or %d pixels, or nothing", width, height, maxSide, maxPixels)
	}
	return nil
}

// h264Reorder gives the depth of reordering that an SPS states. 0 is also the
// answer where it states none: most cameras have no B pictures and say nothing.
func h264Reorder(s *h264.SPS) int {
	if s.PicOrderCntType == 2 || s.ProfileIdc == 66 {
		return 0
	}
	if s.VUI == nil || s.VUI.BitstreamRestriction == nil {
		return 0
	}
	return int(min(s.VUI.BitstreamRestriction.MaxNumReorderFrames, maxReorder))
}
