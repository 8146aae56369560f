package media

// NAL unit types of H.264 (ISO/IEC 14496-10 table 7-1) and of its packets
// (RFC 6184 table 1).
const (
	h264Slice     = 1
	h264Partition = 2 // data partition A
	h264IDR       = 5
	h264SEI       = 6
	h264SPS       = 7
	h264PPS       = 8
	h264STAPA     = 24
	h264STAPB     = 25
	h264MTAP16    = 26
	h264MTAP24    = 27
	h264FUA       = 28
	h264FUB       = 29
)

// seiRecoveryPoint is a payload type (ISO/IEC 14496-10 section D.1.8).
const seiRecoveryPoint = 6

// h264 takes a packet's payload, which is not empty (RFC 6184 section 5.4).
func (t *track) h264(p []byte) {
	kind := p[0] & 0x1f
	if t.fragment && kind != h264FUA {
		t.wrong(faultFragment, errNoEnd)
		return
	}
	switch kind {
	case h264STAPA:
		t.aggregate(p[1:], 1)
	case h264FUA:
		t.h264Fragment(p)
	case h264STAPB, h264MTAP16, h264MTAP24, h264FUB:
		// They belong to the interleaved mode, which nobody's camera uses and no
		// SDP of ours agrees to.
		t.wrong(faultUnsupported, errUnsupported)
	case 30, 31:
		t.fault(faultUnsupported, errUnsupported)
	default:
		t.nal(p)
	}
}

// h264Fragment takes an FU-A (RFC 6184 section 5.8).
func (t *track) h264Fragment(p []byte) {
	if len(p) < 2 {
		t.wrong(faultPayload, errShort)
		return
	}
	start, end := p[1]&0x80 != 0, p[1]&0x40 != 0
	switch {
	case start:
		t.beginFragments([]byte{p[0]&0xe0 | p[1]&0x1f}, p[2:])
	case !t.fragment:
		t.wrong(faultFragment, errNoStart)
	default:
		t.write(p[2:])
	}
	// One fragment that is start and end at once is against the RFC, and what
	// some cameras send for small pictures.
	if end && t.fragment {
		t.closeFragments()
	}
}

// aggregate takes the NAL units of a STAP-A (RFC 6184 section 5.7.1) or of an
// aggregation packet (RFC 7798 section 4.4.2), the shortest being of minimal bytes.
func (t *track) aggregate(p []byte, minimal int) {
	for len(p) > 0 {
		if len(p) == 1 && p[0] == 0 {
			return // the rest of padding
		}
		if len(p) < 2 {
			t.wrong(faultPayload, errAggregate)
			return
		}
		n := int(p[0])<<8 | int(p[1])
		p = p[2:]
		if n > len(p) {
			t.wrong(faultPayload, errAggregate)
			return
		}
		if n < minimal {
			t.fault(faultPayload, errShort) // also the padding of some cameras
		} else {
			t.nal(p[:n])
		}
		p = p[n:]
	}
}

// h264Facts reads the first bytes of a NAL unit.
func h264Facts(b []byte) nalFacts {
	var f nalFacts
	switch b[0] & 0x1f {
	case h264Slice, h264Partition:
		f.picture = true
	case h264IDR:
		f.picture, f.random = true, true
	case h264SEI:
		f.recovery = true
	case h264SPS:
		f.param = paramSPS
	case h264PPS:
		f.param = paramPPS
	}
	if f.picture && len(b) > 1 {
		// first_mb_in_slice and slice_type, both ue(v) (section 7.3.3): 0 is 1,
		// the B types 1 and 6 are 010 and 00111.
		f.first = b[1]&0x80 != 0
		f.bidirectional = f.first && (b[1]>>4&7 == 0b010 || b[1]>>2&0x1f == 0b00111)
	}
	return f
}

// hasRecoveryPoint looks for a recovery point in an SEI NAL unit of H.264.
func hasRecoveryPoint(sei []byte) bool {
	for b := sei[1:]; len(b) >= 2; {
		kind, size := 0, 0
		for len(b) > 0 && b[0] == 0xff {
			kind, b = kind+255, b[1:]
		}
		if len(b) > 0 {
			kind, b = kind+int(b[0]), b[1:]
		}
		if kind == seiRecoveryPoint {
			return true
		}
		for len(b) > 0 && b[0] == 0xff {
			size, b = size+255, b[1:]
		}
		if len(b) > 0 {
			size, b = size+int(b[0]), b[1:]
		}
		b = b[min(size, len(b)):]
	}
	return false
}
