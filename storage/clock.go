package storage

import (
	"fmt"
	"sync"
	"time"
)

const (
	// maxStep is how far the wall clock may jump before deletion by age stops (S7).
	maxStep = 10 * time.Minute
	// maxAway is how far the clock may have moved on between the last commit
	// and a start: while the recorder is down nothing tells a step from time
	// that passed, and a clock that is wrong by a month would have a month of
	// footage deleted. A box that was off for longer asks once.
	maxAway = 24 * time.Hour
	// newestSlack is how far footage may lie ahead of the clock: a segment's
	// end is the beginning of what follows.
	newestSlack = time.Minute
	// clockEvery is the longest time without a commit, so that what the
	// checkpoints know of the clock is younger than maxAway by far.
	clockEvery = time.Hour
)

// clockState is what outlives a restart: each checkpoint has it. Deletion by
// age is suspended over a restart as long as nobody confirmed the clock.
type clockState struct {
	step      time.Duration // that nobody has confirmed; never within maxStep
	confirmed time.Time     // newest footage that was confirmed to lie ahead; zero if never
}

// clockGuard tells whether the wall clock can be trusted with deletion by age.
type clockGuard struct {
	mu      sync.Mutex
	started time.Time // monotonic base
	clockState
	wall   time.Time // at the last check, or at the last commit before the start
	mono   time.Duration
	away   bool      // wall is of before the start
	blind  bool      // at the first check nothing told when we last ran
	newest time.Time // newest footage at the last check
	reason string
}

func newClockGuard() *clockGuard { return &clockGuard{started: time.Now(), away: true} }

// restore takes what a volume's last checkpoint says, the first time that the
// volume is attached. Of several the one that trusts the clock least counts.
func (c *clockGuard) restore(at time.Time, was clockState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was.step.Abs() > c.step.Abs() {
		c.step = was.step
		c.reason = c.stepped()
	}
	c.confirmed = laterOf(c.confirmed, was.confirmed)
	switch {
	case c.away:
		c.wall = laterOf(c.wall, at.Round(0))
	case c.blind: // the index was lost, and this volume is the first that knows
		c.blind = false
		if away := c.wall.Sub(at.Round(0)); tooLongAway(away) && c.step == 0 {
			c.step = away
			c.reason = c.stepped()
		}
	}
}

// tooLongAway reports whether so much passed, by the wall clock, since the last
// commit of before the start that nobody can tell it from a step.
func tooLongAway(away time.Duration) bool { return away < -maxStep || away > maxAway }

// state is what the next checkpoint says.
func (c *clockGuard) state() clockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clockState
}

// check compares the wall clock with the monotonic one and with the newest
// footage, and gives why nothing may be deleted by age; empty if it may.
func (c *clockGuard) check(wall, newest time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall = wall.Round(0)
	mono := time.Since(c.started)
	if c.wall.IsZero() { // no checkpoint is left: the footage tells when we last ran
		c.wall = newest
	}
	switch {
	case c.wall.IsZero(): // nothing is known, and nothing is there to delete
		c.blind = true
	case c.away:
		if away := wall.Sub(c.wall); tooLongAway(away) {
			c.step += away
		}
	default:
		if step := wall.Sub(c.wall) - (mono - c.mono); step.Abs() > maxStep {
			c.step += step
		}
	}
	if c.step.Abs() <= maxStep {
		c.step = 0 // stepped back
	}
	c.wall, c.mono, c.newest, c.away = wall, mono, newest, false
	switch {
	case c.step != 0:
		c.reason = c.stepped()
	case newest.After(wall.Add(newestSlack)) && newest.After(c.confirmed):
		c.reason = fmt.Sprintf("the clock says %s, before the newest footage of %s",
			wall.UTC().Format(time.RFC3339), newest.UTC().Format(time.RFC3339))
	default:
		c.reason = ""
	}
	return c.reason
}

func (c *clockGuard) stepped() string {
	return fmt.Sprintf("the clock stepped by %v, or the recorder was off for so long", c.step.Round(time.Second))
}

// confirm takes the clock as right from now on, also before the first check.
func (c *clockGuard) confirm(wall, newest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono, c.away, c.blind = wall.Round(0), time.Since(c.started), false, false
	c.step, c.reason = 0, ""
	c.confirmed = laterOf(newest, c.newest)
}

func (c *clockGuard) suspended() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}
