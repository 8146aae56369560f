package media

import (
	"fmt"
	"time"
)

// Patience is how long a run waits for what a decoder likes best: a picture
// that refers to nothing before it, and the leading track.
const Patience = 10 * time.Second

// track is the assembler's side of one track. Track holds its parameters as
// they are in force; the slices in it are never written to.
type track struct {
	Track
	a     *Assembler
	index int

	seen     bool
	sequence Sequence
	header   RTPHeader     // of the packet at hand
	elapsed  time.Duration // its arrival since the run began
	faults   faults
	stats    TrackStats

	arena    arena
	timeline timeline
	clock    *Clock
	reorder  reorder
	step     MediaTime // last duration of a sample: the guess for one that nothing follows
	begun    bool      // a unit was accepted

	// Video.
	unit           openUnit
	before         openUnit // unit before the NAL unit at hand
	fragment       bool     // a NAL unit has begun to come in fragments
	param          paramKind
	recoverable    bool
	annexB         bool
	params         paramSets
	picture        picture
	scratch        []byte
	joined         bool // a unit has ended: the next one is seen from its begin
	markers        bool // the camera sets marker bits
	distrust       bool // but wrongly
	closed         RTPTime
	closedByMarker bool
	skipLeading    bool          // the pictures that precede the open random access unit begun with
	hadRandom      time.Duration // arrival of the last picture that refers to nothing before it; 0: none

	audio audioState
}

func (t *track) init(a *Assembler, index int, parameters Track) {
	t.a, t.index, t.Track = a, index, parameters
	t.ClockRate = max(1, t.ClockRate)
	t.arena.pool = &audioChunks
	t.clock = NewClock(a.o.Run.Start, t.ClockRate)
	t.timeline.rate = t.ClockRate
	t.step = max(1, MediaTime(t.ClockRate/25))
	if t.Codec == AAC {
		t.initAudio()
		t.step = max(1, MediaTime(t.audio.frame))
		return
	}
	t.arena.pool = &videoChunks
	t.scratch = make([]byte, 0, maxParameterBytes)
	for kind, nal := range [...][]byte{paramVPS: t.VPS, paramSPS: t.SPS, paramPPS: t.PPS} {
		if len(nal) > 0 && len(nal) <= maxParameterBytes {
			t.params.note(t.Codec, paramKind(kind), nal)
		}
	}
	t.VPS, t.SPS, t.PPS, t.Width, t.Height = nil, nil, nil, 0, 0 // until they are judged
}

// facts reads the first bytes of a NAL unit.
func (t *track) facts(b []byte) nalFacts {
	if t.Codec == H264 {
		return h264Facts(b)
	}
	return h265Facts(b)
}

// fault reports a fault of the camera that the run survives.
func (t *track) fault(kind fault, err error) {
	held, ok := t.faults.allow(kind, t.elapsed)
	if !ok || t.a.o.Error == nil {
		return
	}
	t.a.o.Error(&PacketError{Track: t.index, Header: t.header, Repeated: held, Err: err})
}

// admit decides whether a complete picture is wanted: a run begins with a
// random access unit whose parameter sets are known and sane.
//
// A picture that refers to one that was lost is wanted: a decoder conceals
// what is missing, and a damaged picture is better evidence than none.
func (t *track) admit(u *openUnit) bool {
	if u.random {
		t.hadRandom = u.elapsed
	}
	u.random = u.random || u.recovery
	if u.random && t.params.changed() {
		t.adopt()
	}
	if t.params.refused {
		return false
	}
	if u.random {
		if missing := t.params.missing(t.Codec); missing != noParam {
			t.fault(faultMissing, fmt.Errorf("no %v has come, in the SDP or in band: not recorded until then", missing))
			return false
		}
		t.skipLeading = u.open && !t.begun
		t.begun = true
	}
	return t.begun && (!t.skipLeading || !u.leading)
}

// adopt puts the pending parameter sets into force, or refuses them: then the
// pictures that need them are refused too.
func (t *track) adopt() {
	t.params.adopt()
	if t.params.missing(t.Codec) != noParam {
		return
	}
	p, err := readSPS(t.Codec, t.params.current[paramSPS])
	if err != nil {
		t.fault(faultParameters, err)
		t.params.refused = true
		return
	}
	if t.params.refused {
		t.begun = false // the pictures since were not taken
	}
	t.params.refused = false
	t.picture = p
	t.reorder.depth = max(p.reorder, 0)
	t.VPS, t.SPS, t.PPS = t.params.current[paramVPS], t.params.current[paramSPS], t.params.current[paramPPS]
	t.Width, t.Height = p.width, p.height
	t.a.changed = true
}

// fields tells whether a picture may come as two fields of one timestamp, each
// with a first slice. The SPS that says so may still wait for the first picture
// to be complete.
func (t *track) fields() bool {
	if sps := t.params.pending[paramSPS]; sps != nil {
		if p, err := readSPS(t.Codec, sps); err == nil {
			return p.fields
		}
	}
	return t.picture.fields
}

// despairs tells that the camera seems to send no IDR pictures, or no more of
// them, so that a recovery point (ISO/IEC 14496-10 section D.2.8) must do.
func (t *track) despairs() bool {
	return t.elapsed-max(t.hadRandom, t.a.begunAt) > Patience
}
