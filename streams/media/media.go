package media

import (
	"strconv"
	"time"
)

// RTPTime is a raw RTP timestamp (RFC 3550 section 5.1): it wraps.
type RTPTime uint32

// MediaTime counts ticks of a track's clock (1/Track.ClockRate s) since the run began.
type MediaTime int64

// Codec names how a track is compressed.
type Codec uint8

// The codecs that are recorded. Other tracks are skipped, with a log line.
const (
	H264 Codec = iota + 1 // ISO/IEC 14496-10, payload RFC 6184
	H265                  // ISO/IEC 23008-2, payload RFC 7798
	AAC                   // ISO/IEC 14496-3, payload RFC 3640
)

// String gives the codec's usual name.
func (c Codec) String() string {
	switch c {
	case H264:
		return "H.264"
	case H265:
		return "H.265"
	case AAC:
		return "AAC"
	default:
		return "codec " + strconv.Itoa(int(c))
	}
}

// Video reports whether the codec carries pictures.
func (c Codec) Video() bool { return c == H264 || c == H265 }

// MaxClockRate is the fastest clock of a track that is recorded and played, in
// Hz. Real ones have 90,000 at most for pictures and 192,000 for sound; a rate
// that an SDP makes up must not overflow what is calculated with it (S9).
const MaxClockRate = 1 << 20

// Track is one media of a stream, with the parameters that a decoder needs.
// It is immutable: a change of parameters makes a new Format.
type Track struct {
	Codec     Codec
	ClockRate int // ticks per second of the RTP and of the media clock

	VPS, SPS, PPS []byte // video parameter sets, NAL units without start code; VPS for H.265 only
	Width, Height int    // pixels after cropping, from the SPS

	AudioConfig []byte // AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1)
	SampleRate  int    // Hz
	Channels    int

	// AAC payload format parameters of the SDP (RFC 3640 section 4.1).
	SizeLength, IndexLength, IndexDeltaLength int
}

// Format is what the tracks of a run look like from one parameter set to the
// next. A changed SPS makes a new Format with the next Serial: the recorder
// starts a new segment there, viewers get a new init.
type Format struct {
	Serial int // from 0 within a run
	Tracks []Track
}

// Video gives the index of the first video track, or -1.
func (f *Format) Video() int {
	for i := range f.Tracks {
		if f.Tracks[i].Codec.Video() {
			return i
		}
	}
	return -1
}

// Run is one RTSP session of a stream.
type Run struct {
	ID     string // 8 lower-case hexadecimal digits, random
	Camera string
	Stream string    // main or sub
	Start  time.Time // UTC; MediaTime 0 of every track
}

// AccessUnit is one picture's NAL units, or one AAC frame.
// It is valid only during the call that hands it over.
type AccessUnit struct {
	Track        int // index into Format.Tracks
	DTS, PTS     MediaTime
	Capture      time.Time // recorder's clock, UTC, of PTS
	RandomAccess bool      // a decoder can start here
	Payload      [][]byte  // AVCC pieces in order (video), or the raw frame (AAC)

	chunks []*chunk // what each piece of Payload lies in; nil for a copy
}

// Bytes is the length of the payload.
func (u *AccessUnit) Bytes() int {
	n := 0
	for _, p := range u.Payload {
		n += len(p)
	}
	return n
}

// Sample is an access unit's row in a part.
type Sample struct {
	Duration     uint32 // ticks until the next sample's DTS
	PTSOffset    int32  // PTS - DTS, ticks
	Size         uint32 // bytes
	RandomAccess bool
}

// TrackPart is what a part holds of one track.
type TrackPart struct {
	Track   int       // index into Format.Tracks
	BaseDTS MediaTime // DTS of Samples[0]
	Samples []Sample
	Payload [][]byte // in sample order; the sum of lengths is the sum of sizes
}

// Bytes is the length of the payload.
func (p *TrackPart) Bytes() int {
	n := 0
	for _, b := range p.Payload {
		n += len(b)
	}
	return n
}

// Part is about one second of a run: what becomes one moof and mdat.
// Parts of a run tile its time: End is the Start of the next part.
type Part struct {
	Run          *Run
	Format       *Format
	Sequence     int         // from 0 within a run
	Tracks       []TrackPart // in Format order, only those with samples
	Start, End   time.Time   // capture time of the first sample of the leading track, and of what follows its last one
	RandomAccess bool        // the leading (video, else first) track begins with a random access unit
	Lost         int         // RTP packets missing within or right before it
	Damaged      int         // access units discarded because packets were missing or malformed

	chunks []*chunk // what Payload lies in: one reference for each of its pieces
}
