package media

// NAL unit types of H.265 (ISO/IEC 23008-2 table 7-1) and of its packets
// (RFC 7798 section 4.4).
const (
	h265RASLN  = 8
	h265RASLR  = 9
	h265BLAWLP = 16
	h265BLANLP = 18
	h265CRA    = 21 // the last one that is not reserved
	h265VPS    = 32
	h265SPS    = 33
	h265PPS    = 34
	h265AP     = 48
	h265FU     = 49
	h265PACI   = 50
)

// h265 takes a packet's payload, which is not empty.
func (t *track) h265(p []byte) {
	if len(p) < 2 {
		t.wrong(faultPayload, errShort)
		return
	}
	kind := p[0] >> 1 & 0x3f
	if t.fragment && kind != h265FU {
		t.wrong(faultFragment, errNoEnd)
		return
	}
	switch kind {
	case h265AP:
		t.aggregate(p[2:], 2)
	case h265FU:
		t.h265Fragment(p)
	case h265PACI:
		t.wrong(faultUnsupported, errUnsupported)
	default:
		if kind > h265PACI {
			t.fault(faultUnsupported, errUnsupported)
			return
		}
		t.nal(p)
	}
}

// h265Fragment takes a fragmentation unit (RFC 7798 section 4.4.3).
func (t *track) h265Fragment(p []byte) {
	if len(p) < 3 {
		t.wrong(faultPayload, errShort)
		return
	}
	start, end := p[2]&0x80 != 0, p[2]&0x40 != 0
	switch {
	case start:
		t.beginFragments([]byte{p[0]&0x81 | p[2]&0x3f<<1, p[1]}, p[3:])
	case !t.fragment:
		t.wrong(faultFragment, errNoStart)
	default:
		t.write(p[3:])
	}
	if end && t.fragment {
		t.closeFragments()
	}
}

// h265Facts reads the first bytes of a NAL unit.
func h265Facts(b []byte) nalFacts {
	var f nalFacts
	if len(b) < 2 || b[0]&1 != 0 || b[1]&0xf8 != 0 {
		return f // of an enhancement layer, which decoders here skip
	}
	kind := b[0] >> 1 & 0x3f
	switch {
	case kind == h265VPS:
		f.param = paramVPS
	case kind == h265SPS:
		f.param = paramSPS
	case kind == h265PPS:
		f.param = paramPPS
	case kind <= h265RASLR, kind >= h265BLAWLP && kind <= h265CRA:
		f.picture = true
		f.random = kind >= h265BLAWLP
		f.open = f.random && (kind <= h265BLANLP || kind == h265CRA)
		f.leading = kind == h265RASLN || kind == h265RASLR
		f.first = len(b) > 2 && b[2]&0x80 != 0 // first_slice_segment_in_pic_flag
	}
	return f
}
