package media

import "time"

const (
	// jumpStep is how much further than time has passed one step of the camera's
	// timestamps may go, beside four of its usual steps.
	jumpStep = 2 * time.Second
	// jumpLead and jumpLag bound how far the media time of a track may run from
	// the recorder's clock before it is set right.
	jumpLead = 30 * time.Second
	jumpLag  = 30 * time.Second
	// reorderWindow is how far a B picture may lie before one decoded earlier
	// while the depth of reordering is still being learnt.
	reorderWindow = 2 * time.Second
)

// timeline turns RTP timestamps into media time. A timestamp that jumps, by an
// hour or backwards, does not move footage: the step is then what passed
// between the arrivals.
type timeline struct {
	rate    int
	begun   bool
	rtp     RTPTime       // of the last unit
	pts     MediaTime     // of the last unit
	highest MediaTime     // the latest pts
	usual   MediaTime     // the last ordinary step forward
	elapsed time.Duration // arrival of the last unit, since the run began
}

// next gives a unit's PTS, and whether its timestamp jumped. The PTS exceeds
// decoded, the DTS of the unit before, unless the unit may be shown before
// pictures that were decoded earlier.
func (l *timeline) next(rtp RTPTime, elapsed time.Duration, decoded MediaTime, bidirectional bool, clock *Clock) (pts MediaTime, jumped bool) {
	if !l.begun {
		l.begun = true
		l.highest = max(0, Ticks(elapsed, l.rate))
		l.rtp, l.pts, l.elapsed = rtp, l.highest, elapsed
		return l.pts, false
	}
	step := MediaTime(int32(rtp - l.rtp))
	passed := max(0, Ticks(elapsed-l.elapsed, l.rate))
	pts = l.pts + step
	lead := clock.Lead(pts, elapsed)

	switch {
	case lead < -jumpLag:
		pts, jumped = max(l.highest+1, l.highest+passed, Ticks(elapsed, l.rate)), true
	case lead > jumpLead, l.leaps(step, passed) && lead > jumpStep, !l.follows(pts, decoded, bidirectional):
		pts, jumped = l.highest+max(1, passed), true
	case step > 0:
		l.usual = step
	}
	l.rtp, l.pts, l.elapsed = rtp, pts, elapsed
	l.highest = max(l.highest, pts)
	return pts, jumped
}

// leaps tells that one step is far more than what time has passed.
func (l *timeline) leaps(step, passed MediaTime) bool {
	return step-passed > Ticks(jumpStep, l.rate)+4*l.usual
}

// follows tells that a PTS can come after a unit decoded at the given time.
func (l *timeline) follows(pts, decoded MediaTime, bidirectional bool) bool {
	return pts > decoded || bidirectional && pts > decoded-Ticks(reorderWindow, l.rate)
}
