package media

import "time"

// clocks is one reading of both clocks of the recorder: the one that people set,
// and the monotonic one, from an origin that is the same for all readings of a run.
type clocks struct {
	wall time.Time // without a monotonic reading
	mono time.Duration
}

// readClocks takes a time apart that time.Now gave, as was origin. Of times
// without a monotonic reading both clocks tell the same.
func readClocks(origin, t time.Time) clocks {
	return clocks{wall: t.Round(0), mono: t.Sub(origin)}
}

// between gives the time that passed from one reading to a later one, and by how
// much the clock was set meanwhile. Only the monotonic clock tells what passed.
func between(from, to clocks) (passed, step time.Duration) {
	passed = to.mono - from.mono
	return passed, to.wall.Sub(from.wall) - passed
}
