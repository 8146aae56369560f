package media

import (
	"fmt"
	"time"
)

// faultInterval is how often a fault of one kind is reported of one track: a
// hostile camera can fault with every packet, and each report costs memory and
// a log line. What is not reported is counted.
const faultInterval = 10 * time.Second

// PacketError is a camera's fault, with what finds it in a capture.
type PacketError struct {
	Track    int
	Header   RTPHeader // of the packet at which the fault showed
	Repeated int       // faults of the same kind since the last report
	Err      error
}

// Error implements error.
func (e *PacketError) Error() string {
	s := fmt.Sprintf("track %d: %v (sequence %d, RTP time %d, SSRC %08x", e.Track, e.Err, e.Header.Sequence, uint32(e.Header.Time), e.Header.SSRC)
	if e.Repeated > 0 {
		s += fmt.Sprintf(", %d more of the kind before", e.Repeated)
	}
	return s + ")"
}

// Unwrap gives the fault itself.
func (e *PacketError) Unwrap() error { return e.Err }

// fault is a kind of fault, for rate limiting.
type fault uint8

const (
	faultLoss fault = iota
	faultSequence
	faultPayload
	faultUnsupported
	faultFragment
	faultOversize
	faultParameters
	faultMissing
	faultTime
	faultMarker
	faultKinds
)

// faults is the rate limiter of one track.
type faults [faultKinds]struct {
	reported bool
	at       time.Duration // elapsed since the run began
	held     int
}

// allow says whether a fault of that kind is reported now, and how many were
// not since the last report.
func (f *faults) allow(kind fault, elapsed time.Duration) (held int, ok bool) {
	e := &f[kind]
	if e.reported && elapsed-e.at < faultInterval {
		e.held++
		return 0, false
	}
	held = e.held
	e.reported, e.at, e.held = true, elapsed, 0
	return held, true
}
