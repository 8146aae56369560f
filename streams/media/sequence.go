package media

// Bounds of RFC 3550 appendix A.1: a sequence number further ahead or behind
// is a camera that counts anew, not a loss or a straggler.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Sequence follows the RTP sequence numbers of a track. Packets are expected in
// order (a transport that reorders puts them right before): a hole is a loss at
// once, what comes later is late.
type Sequence struct {
	begun    bool
	next     uint16 // expected
	probing  bool   // the last packet was out of all bounds
	resumeAt uint16 // what follows that packet, if the camera counts anew
}

// Verdict is what a sequence number means.
type Verdict struct {
	Drop      bool // a duplicate, a straggler, or the first one of a new count
	Lost      int  // packets missing before this one
	Restarted bool // the camera counts anew; how many are missing is unknown
}

// Take judges the next packet's sequence number.
func (s *Sequence) Take(n uint16) Verdict {
	ahead := int(n - s.next) // 0..65535
	switch {
	case !s.begun:
		s.begun = true
	case ahead == 0:
	case ahead <= maxDropout:
		s.probing, s.next = false, n+1
		return Verdict{Lost: ahead}
	case ahead >= 1<<16-maxMisorder:
		return Verdict{Drop: true}
	case s.probing && n == s.resumeAt:
		s.probing, s.next = false, n+1
		return Verdict{Lost: 1, Restarted: true} // the probe itself was dropped
	default:
		s.probing, s.resumeAt = true, n+1
		return Verdict{Drop: true}
	}
	s.probing, s.next = false, n+1
	return Verdict{}
}
