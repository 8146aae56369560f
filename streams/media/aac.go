package media

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

const (
	// maxAudioUnit bounds one AAC frame: 6144 bits per channel and 8 channels
	// are 6 KiB (ISO/IEC 14496-3 section 4.5.3.1).
	maxAudioUnit = 64 << 10
	// maxHeaderBits bounds the fields of an AU header.
	maxHeaderBits = 32
	adtsHeader    = 7 // bytes; 9 with a checksum
	// maxFrames bounds the frames of one packet: two seconds and a half of sound.
	maxFrames = 128
)

var (
	errAudioParameters = errors.New("AAC without usable parameters in the SDP")
	errAudioHeaders    = errors.New("AU headers are malformed")
	errInterleaved     = errors.New("interleaved AAC frames are not supported")
	errAudioFrames     = fmt.Errorf("more than %d AAC frames in a packet", maxFrames)
	errAudioUnfinished = errors.New("AAC frame without its last fragment")
)

// audioState is the depacketizer of an AAC track (RFC 3640).
type audioState struct {
	usable   bool
	frame    RTPTime // ticks of one frame
	open     bool    // a fragmented frame is being received
	rtp      RTPTime
	declared int // AU-size of the fragmented frame
}

// initAudio reads the track's parameters.
func (t *track) initAudio() {
	var c mpeg4audio.AudioSpecificConfig
	header := t.SizeLength + max(t.IndexLength, t.IndexDeltaLength)
	if c.Unmarshal(t.AudioConfig) != nil || c.SampleRate <= 0 || t.SizeLength <= 0 || t.IndexLength < 0 || t.IndexDeltaLength < 0 || header > maxHeaderBits {
		return
	}
	samples := 1024
	if c.FrameLengthFlag {
		samples = 960
	}
	t.audio.usable = true
	t.audio.frame = RTPTime(max(1, samples*t.ClockRate/c.SampleRate))
}

// aac takes a packet of an AAC track (RFC 3640 section 3.2).
func (t *track) aac(p []byte, gap bool) {
	s, h := &t.audio, &t.header
	if !s.usable {
		t.fault(faultMissing, errAudioParameters)
		return
	}
	if s.open && (gap || h.Time != s.rtp) {
		t.finishFragments(gap)
	}
	if len(p) < 2 {
		t.fault(faultPayload, errShort)
		return
	}
	bits := int(p[0])<<8 | int(p[1])
	headers, rest := p[2:], []byte(nil)
	if n := (bits + 7) / 8; n <= len(headers) {
		headers, rest = headers[:n], headers[n:]
	} else {
		bits = 0
	}
	first := t.SizeLength + t.IndexLength
	further := t.SizeLength + t.IndexDeltaLength
	if bits < first || (bits-first)%further != 0 {
		t.fault(faultPayload, errAudioHeaders)
		return
	}
	if bits == first {
		t.single(bitField(headers, 0, t.SizeLength), bitField(headers, t.SizeLength, t.IndexLength), rest)
		return
	}
	t.several(headers, bits, rest)
}

// single takes the payload of a packet with one AU header: a frame or a
// fragment of one.
func (t *track) single(size, index int, b []byte) {
	s, h := &t.audio, &t.header
	switch {
	case index != 0:
		t.fault(faultUnsupported, errInterleaved)
		return
	case s.open:
		if len(b) > size && size < s.declared {
			b = b[:size] // a sender that declares the fragment's size
		}
		t.fragmentAudio(b)
		if s.open && h.Marker {
			t.finishFragments(false)
		}
		return
	case h.Marker && size <= len(b):
		t.frame(b[:size], h.Time)
		return
	case h.Marker:
		t.fault(faultPayload, errShort)
		t.a.discarded(t)
		return
	}
	// Without the marker this is a fragment, or a frame of a camera that never
	// sets it: the next timestamp tells.
	s.open, s.rtp, s.declared = true, h.Time, size
	t.unit.elapsed = t.elapsed
	t.fragmentAudio(b[:min(size, len(b))])
}

// several takes a packet with more than one frame.
func (t *track) several(headers []byte, bits int, b []byte) {
	if t.audio.open { // what follows its first fragment is not it
		t.fault(faultFragment, errAudioUnfinished)
		t.dropFragments()
	}
	if 1+(bits-t.SizeLength-t.IndexLength)/(t.SizeLength+t.IndexDeltaLength) > maxFrames {
		t.fault(faultPayload, errAudioFrames)
		t.a.discarded(t)
		return
	}
	at := t.header.Time
	delta := t.IndexLength
	for pos := 0; pos < bits; {
		size := bitField(headers, pos, t.SizeLength)
		index := bitField(headers, pos+t.SizeLength, delta)
		pos += t.SizeLength + delta
		delta = t.IndexDeltaLength
		if index != 0 {
			t.fault(faultUnsupported, errInterleaved)
			return
		}
		if size > len(b) {
			t.fault(faultPayload, errShort)
			t.a.discarded(t)
			return
		}
		t.frame(b[:size], at)
		b = b[size:]
		at += t.audio.frame
	}
}

// frame takes a whole AAC frame.
func (t *track) frame(b []byte, at RTPTime) {
	b = t.unwrapADTS(b)
	switch {
	case len(b) == 0:
		t.fault(faultPayload, errShort)
		return
	case len(b) > maxAudioUnit:
		t.fault(faultOversize, fmt.Errorf("%w: %d bytes", errOversize, maxAudioUnit))
		t.a.discarded(t)
		return
	}
	t.arena.write(b)
	t.a.complete(t, &openUnit{rtp: at, elapsed: t.elapsed, nalFacts: nalFacts{random: true}})
}

// fragmentAudio appends to the open frame.
func (t *track) fragmentAudio(b []byte) {
	if t.arena.size+len(b) > maxAudioUnit {
		t.fault(faultOversize, fmt.Errorf("%w: %d bytes", errOversize, maxAudioUnit))
		t.dropFragments()
		return
	}
	t.arena.write(b)
}

// finishFragments closes the open frame: it is whole if it has the declared
// size, or, for senders that declare each fragment's, at its marker.
func (t *track) finishFragments(gap bool) {
	s := &t.audio
	if t.arena.size == 0 || t.arena.size < s.declared || gap && t.arena.size != s.declared {
		if !gap {
			t.fault(faultFragment, errAudioUnfinished)
		}
		t.dropFragments()
		return
	}
	s.open = false
	t.a.complete(t, &openUnit{rtp: s.rtp, elapsed: t.unit.elapsed, nalFacts: nalFacts{random: true}})
}

func (t *track) dropFragments() {
	t.audio.open = false
	t.arena.rewind()
	t.a.discarded(t)
}

// unwrapADTS removes the header of an ADTS frame, in which some cameras wrap
// what RFC 3640 wants bare. A bare frame does not begin like one.
func (t *track) unwrapADTS(b []byte) []byte {
	if len(b) < adtsHeader || b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return b
	}
	if size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5; size != len(b) {
		return b
	}
	header := adtsHeader
	if b[1]&1 == 0 {
		header += 2
	}
	return b[min(header, len(b)):]
}

// bitField reads n ≤ 32 bits at a position that the caller has checked.
func bitField(b []byte, pos, n int) int {
	v := 0
	for i := pos; i < pos+n; i++ {
		v = v<<1 | int(b[i/8]>>(7-i%8)&1)
	}
	return v
}
