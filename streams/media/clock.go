package media

import "time"

const (
	// clockWindow is how long a minimum of the delay is remembered, twice over.
	clockWindow = 5 * time.Second
	// calmSlew is how fast the mapping may turn against media time, in parts per
	// million: twice the drift that it must follow, so that it catches up.
	calmSlew = 1000
	// hastySlew is for a mapping that is wrong by much: a camera that begins with
	// pictures from its buffer, or whose clock is no clock. Still far from
	// standing or reordering.
	hastySlew = 100_000
	// A capture time later than the arrival is surely wrong; one earlier may be
	// the network's delay. So the two are not measured alike.
	hastyAhead  = 250 * time.Millisecond
	hastyBehind = 2 * time.Second
)

// Clock maps media time of one track to the recorder's clock. It begins at the
// arrival of the first packet and follows the drift of the camera's clock by
// the least delayed arrivals of the last seconds. It turns slowly and never
// jumps, so capture times are monotonic in media time (S7), whatever the
// camera's timestamps, the network, or a step of the recorder's clock do: it is
// fed with monotonic elapsed time.
type Clock struct {
	start      time.Time // UTC, without monotonic reading: elapsed 0
	rate       int       // ticks per second
	correction time.Duration
	newest     MediaTime

	begun         bool
	rollAt        time.Duration // elapsed time at which low becomes previous
	low, previous time.Duration // least delay in this window and in the one before
}

// NewClock makes the clock of a track whose media time 0 is start.
func NewClock(start time.Time, rate int) *Clock {
	return &Clock{start: start.Round(0).UTC(), rate: rate}
}

// Observe takes the arrival of a unit, as time elapsed since start.
func (c *Clock) Observe(m MediaTime, elapsed time.Duration) {
	delay := elapsed - m.Duration(c.rate)
	if !c.begun {
		c.begun = true
		c.correction, c.low, c.previous = delay, delay, delay
		c.rollAt, c.newest = elapsed+clockWindow, m
		return
	}
	if elapsed >= c.rollAt {
		c.previous, c.low = c.low, delay
		c.rollAt = elapsed + clockWindow
	}
	c.low = min(c.low, delay)
	if m <= c.newest {
		return // a picture shown before one that came earlier
	}
	step := (m - c.newest).Duration(c.rate)
	c.newest = m

	wrong := min(c.low, c.previous) - c.correction
	slew := time.Duration(calmSlew)
	if wrong < -hastyAhead || wrong > hastyBehind {
		slew = hastySlew
	}
	limit := step/1_000_000*slew + step%1_000_000*slew/1_000_000
	c.correction += max(-limit, min(wrong, limit))
}

// At gives the recorder's time, UTC, of a media time.
func (c *Clock) At(m MediaTime) time.Time {
	return c.start.Add(m.Duration(c.rate) + c.correction)
}

// Lead tells by how much a unit of that media time would be dated after its
// own arrival.
func (c *Clock) Lead(m MediaTime, elapsed time.Duration) time.Duration {
	return m.Duration(c.rate) + c.correction - elapsed
}
