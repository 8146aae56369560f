package media

import "time"

// Duration converts ticks of a clock of rate ticks per second.
func (m MediaTime) Duration(rate int) time.Duration {
	r := MediaTime(rate)
	// Whole seconds apart from the rest: the product would overflow after 28 hours.
	return time.Duration(m/r)*time.Second + time.Duration(m%r)*time.Second/time.Duration(r)
}

// Rescale converts ticks of a clock of from ticks per second to those of another
// one, rounding down.
func (m MediaTime) Rescale(from, to int) MediaTime {
	f, o := MediaTime(from), MediaTime(to)
	seconds, rest := m/f, m%f
	if rest < 0 {
		seconds, rest = seconds-1, rest+f
	}
	return seconds*o + rest*o/f
}

// Ticks converts a duration to ticks of a clock of rate ticks per second.
func Ticks(d time.Duration, rate int) MediaTime {
	r := time.Duration(rate)
	return MediaTime(d/time.Second*r + d%time.Second*r/time.Second)
}

// Clone makes a garbage-collected copy whose payload is one piece, so that it
// may be kept and shared.
func (u *AccessUnit) Clone() *AccessUnit {
	c := *u
	c.chunks = nil
	payload := make([]byte, 0, u.Bytes())
	for _, p := range u.Payload {
		payload = append(payload, p...)
	}
	c.Payload = [][]byte{payload}
	return &c
}
