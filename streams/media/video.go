package media

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// nalFacts is what the first bytes of a NAL unit tell.
type nalFacts struct {
	param         paramKind
	picture       bool // a slice
	first         bool // the first slice of a picture
	random        bool // a decoder can start at this picture
	open          bool // random, but pictures that refer to earlier ones may follow (CRA, BLA)
	leading       bool // refers to pictures before the random access unit it follows (RASL)
	bidirectional bool // a B slice of H.264
	recovery      bool // may hold a recovery point
}

// openUnit is the access unit that is being received.
type openUnit struct {
	active  bool
	bad     bool // something of it is missing or wrong: what follows of it is skipped
	suspect bool // packets right before it are missing: it must show that it begins here
	rtp     RTPTime
	elapsed time.Duration // arrival of its first packet

	nalFacts // of its pictures, joined
}

var (
	errForbidden   = errors.New("NAL unit with its forbidden bit set")
	errNoStart     = errors.New("fragment without its first one")
	errNoEnd       = errors.New("fragmented NAL unit without its last fragment")
	errShort       = errors.New("payload is too short")
	errAggregate   = errors.New("aggregation packet is malformed")
	errUnsupported = errors.New("payload structure is not supported")
	errOversize    = errors.New("access unit is larger than the limit and was discarded")
	errMarker      = errors.New("marker bits do not end access units; they are ignored from here on")
)

// startCode begins a NAL unit of a byte stream (ISO/IEC 14496-10 annex B).
// It cannot occur within a NAL unit.
var startCode = []byte{0, 0, 1} //nolint:gochecknoglobals // a constant

// video takes a packet of a video track. Gap tells that packets before it are
// missing.
func (t *track) video(payload []byte, gap bool) {
	h := &t.header
	u := &t.unit
	if u.active && h.Time != u.rtp && (u.picture || u.bad || t.fragment) {
		if gap {
			t.spoil() // its end may be among what is missing
		}
		t.finishVideo(false)
	}
	switch {
	case !u.active:
		*u = openUnit{active: true, rtp: h.Time, elapsed: t.elapsed, suspect: gap || !t.joined}
	case gap && (u.picture || t.fragment):
		t.spoil()
	case gap:
		u.suspect = true
	}
	u.rtp = h.Time // parameter sets may come with a time of their own: they belong to the next picture

	if len(payload) == 0 {
		t.fault(faultPayload, errShort)
	} else if !u.bad {
		if t.Codec == H264 {
			t.h264(payload)
		} else {
			t.h265(payload)
		}
	}
	if h.Marker {
		t.markers = true
		if !t.distrust && (u.picture || u.bad) {
			t.finishVideo(true)
		}
	}
}

// finishVideo closes the open unit.
func (t *track) finishVideo(marker bool) {
	if t.fragment {
		t.fault(faultFragment, errNoEnd)
		t.spoil()
	}
	u := t.unit
	t.unit = openUnit{}
	t.closed, t.closedByMarker = u.rtp, marker
	if u.bad {
		if t.joined {
			t.a.discarded(t)
		}
		t.joined = true
		return
	}
	t.joined = true
	t.a.complete(t, &u)
}

// spoil gives up the open unit: what came of it is taken back at once.
func (t *track) spoil() {
	t.unit.bad = true
	t.fragment = false
	t.arena.rewind()
}

// wrong spoils the unit for a fault of the camera. What packets lost right
// before explain is no fault.
func (t *track) wrong(kind fault, err error) {
	if !t.unit.suspect {
		t.fault(kind, err)
	}
	t.spoil()
}

// nal takes a whole NAL unit, which is not empty.
func (t *track) nal(b []byte) {
	if t.wrapped(b) {
		t.splitNAL(b)
		return
	}
	if t.openNAL(b) {
		t.write(b)
		t.closeNAL()
	}
}

// wrapped tells whether start codes are within what should be one NAL unit:
// some cameras send a byte stream in it. Looking through each slice would cost
// too much, so the sign of it is a start code at the very beginning or among
// parameter sets.
func (t *track) wrapped(b []byte) bool {
	if !t.annexB {
		t.annexB = bytes.HasPrefix(b, startCode) || bytes.HasPrefix(b, []byte{0, 0, 0, 1}) ||
			t.facts(b).param != noParam && bytes.Contains(b, startCode)
	}
	return t.annexB && bytes.Contains(b, startCode)
}

// splitNAL takes the NAL units of a byte stream.
func (t *track) splitNAL(b []byte) {
	for len(b) > 0 {
		nal, rest, _ := bytes.Cut(b, startCode)
		nal = bytes.TrimRight(nal, "\x00")
		if len(nal) > 0 && t.openNAL(nal) {
			t.write(nal)
			t.closeNAL()
		}
		b = rest
	}
}

// openNAL begins a NAL unit of which head are the first bytes, without writing
// them. It tells whether the NAL unit is wanted.
func (t *track) openNAL(head []byte) bool {
	if t.unit.bad {
		return false
	}
	f := t.facts(head)
	if head[0]&0x80 != 0 && !t.annexB {
		t.wrong(faultPayload, errForbidden)
		return false
	}
	t.before = t.unit
	u := &t.unit
	if f.picture && !t.orders(f) {
		return false
	}
	u.picture = u.picture || f.picture
	u.first = u.first || f.first
	u.random = u.random || f.random
	u.open = u.open || f.open
	u.leading = u.leading || f.leading
	u.bidirectional = u.bidirectional || f.bidirectional
	t.param, t.recoverable = f.param, f.recovery
	t.arena.openNAL()
	return true
}

// orders judges a slice's place: it may begin the next picture, or show that
// the begin of this one is missing.
func (t *track) orders(f nalFacts) bool {
	u := &t.unit
	switch {
	case f.first && u.picture && u.first && !t.fields():
		// A camera without markers and with one timestamp for two pictures.
		next := openUnit{active: true, rtp: u.rtp, elapsed: t.elapsed}
		t.finishVideo(false)
		*u = next
		t.before = next
	case f.first || u.picture:
	case t.closedByMarker && t.closed == u.rtp && !u.suspect:
		t.distrust = true
		t.fault(faultMarker, errMarker)
		t.spoil()
		return false
	case u.suspect:
		t.spoil()
		return false
	}
	return true
}

// write appends to the open NAL unit.
func (t *track) write(b []byte) {
	if t.unit.bad {
		return
	}
	if t.arena.size+len(b) > t.a.o.MaxAccessUnit {
		t.fault(faultOversize, fmt.Errorf("%w: %d bytes", errOversize, t.a.o.MaxAccessUnit))
		t.spoil()
		return
	}
	t.arena.write(b)
}

// closeNAL ends the open NAL unit.
func (t *track) closeNAL() {
	t.fragment = false
	if t.unit.bad {
		return
	}
	t.arena.closeNAL()
	switch {
	case t.param != noParam && t.arena.nalSize <= maxParameterBytes:
		t.params.note(t.Codec, t.param, t.arena.nalHead(t.scratch))
	case t.recoverable && t.despairs():
		t.unit.recovery = t.unit.recovery || hasRecoveryPoint(t.arena.nalHead(t.scratch))
	}
}

// closeFragments ends a NAL unit that came in fragments, which may turn out to
// be a byte stream.
func (t *track) closeFragments() {
	if !t.unit.bad && (t.annexB || t.param != noParam && t.wrapped(t.arena.nalHead(t.scratch))) {
		if b := t.arena.nalHead(make([]byte, 0, t.arena.nalSize)); t.wrapped(b) {
			b = bytes.Clone(b) // dropNAL takes what it may be a view of
			t.fragment = false
			t.arena.dropNAL()
			t.unit = t.before
			t.splitNAL(b)
			return
		}
	}
	t.closeNAL()
}

// beginFragments begins a NAL unit of which header and first bytes are known.
func (t *track) beginFragments(header, body []byte) {
	if t.fragment {
		t.wrong(faultFragment, errNoEnd)
		return
	}
	var head [8]byte
	n := copy(head[:], header)
	n += copy(head[n:], body)
	t.annexB = t.annexB || bytes.HasPrefix(head[:n], startCode) || bytes.HasPrefix(head[:n], []byte{0, 0, 0, 1})
	if t.openNAL(head[:n]) {
		t.fragment = true
		t.write(header)
		t.write(body)
	}
}
