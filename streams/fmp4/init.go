package fmp4

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"github.com/stockade-nvr/stockade/streams/media"
)

// ErrNoTracks says that no track of a format has the parameters a decoder needs.
var ErrNoTracks = errors.New("no track has its parameters")

// Init gives ftyp and moov for the tracks of a format, followed by extra: whole
// boxes of the caller's.
//
// A track whose parameters have not come or cannot be read is left out: no part
// of the format has samples of it, and it must not keep the others from being
// recorded. If none is left the error is ErrNoTracks.
func Init(f *media.Format, extra []byte) ([]byte, error) {
	var in fmp4.Init
	for i := range f.Tracks {
		codec, err := codecOf(&f.Tracks[i])
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", i, err)
		}
		if codec != nil {
			in.Tracks = append(in.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(f.Tracks[i].ClockRate), Codec: codec})
		}
	}
	if len(in.Tracks) == 0 {
		return nil, ErrNoTracks
	}
	var b seekablebuffer.Buffer
	if err := in.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write init: %w", err)
	}
	return append(b.Bytes(), extra...), nil
}

// codecOf gives a track's codec, or nil if its parameters are missing.
func codecOf(t *media.Track) (mp4.Codec, error) {
	switch t.Codec {
	case media.H264:
		if len(t.SPS) == 0 || len(t.PPS) == 0 {
			return nil, nil
		}
		return &mp4.CodecH264{SPS: t.SPS, PPS: t.PPS}, nil
	case media.H265:
		if len(t.VPS) == 0 || len(t.SPS) == 0 || len(t.PPS) == 0 {
			return nil, nil
		}
		return &mp4.CodecH265{VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}, nil
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if c.Unmarshal(t.AudioConfig) != nil {
			return nil, nil //nolint:nilerr // a track that cannot be described is left out
		}
		return &mp4.CodecMPEG4Audio{Config: c}, nil
	default:
		return nil, fmt.Errorf("%s cannot be written", t.Codec)
	}
}
