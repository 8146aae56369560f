package pattern

import "time"

// Fan tells who tries ever new destinations, or who comes under ever new
// addresses, from who tries some. Its zero value has seen nothing.
type Fan struct {
	since time.Time // begin of the window
	fresh int       // new ones in it
	until time.Time // spread out until then
}

// New takes note of a new one and reports whether there are too many of them:
// more than limit within a window, and as long as they go on coming with less than
// a window between them. A clock that is set back ends it.
func (f *Fan) New(at time.Time, limit int, window time.Duration) bool {
	if f.Spread(at, window) {
		f.until = at.Add(window)
		return true
	}
	if age := at.Sub(f.since); age < 0 || age >= window {
		f.since, f.fresh = at, 0
	}
	if f.fresh++; f.fresh <= limit {
		return false
	}
	f.until, f.fresh = at.Add(window), 0
	return true
}

// Spread reports whether it is spread out at an instant.
func (f *Fan) Spread(at time.Time, window time.Duration) bool {
	left := f.until.Sub(at)
	return left > 0 && left <= window
}

// Since is when the window began that it spread out in.
func (f *Fan) Since() time.Time { return f.since }

// Fresh is how many new ones it has seen in the window that an instant is in.
func (f *Fan) Fresh(at time.Time, window time.Duration) int {
	if age := at.Sub(f.since); age < 0 || age >= window {
		return 0
	}
	return f.fresh
}
