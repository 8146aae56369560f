package storage

import (
	"fmt"
	"sync"
	"time"
)

const (
	// maxStep is how far the wall clock may jump before deletion by age stops (S7).
	maxStep = 10 * time.Minute
	// newestSlack is how far footage may lie ahead of the clock: a segment's
	// end is the beginning of what follows.
	newestSlack = time.Minute
)

// clockGuard tells whether the wall clock can be trusted with deletion by age.
type clockGuard struct {
	mu        sync.Mutex
	started   time.Time // monotonic base
	wall      time.Time // at the last check
	mono      time.Duration
	step      time.Duration // a step that nobody has confirmed
	newest    time.Time     // newest footage at the last check
	confirmed time.Time     // newest footage that was confirmed to lie ahead
	reason    string
}

func newClockGuard() *clockGuard { return &clockGuard{started: time.Now()} }

// check compares the wall clock with the monotonic one and with the newest
// footage, and gives why nothing may be deleted by age; empty if it may.
func (c *clockGuard) check(wall, newest time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Since(c.started)
	if !c.wall.IsZero() {
		step := wall.Round(0).Sub(c.wall) - (mono - c.mono)
		if step.Abs() > maxStep {
			c.step += step
		}
	}
	c.wall, c.mono, c.newest = wall.Round(0), mono, newest
	switch {
	case c.step != 0:
		c.reason = fmt.Sprintf("the clock stepped by %v", c.step.Round(time.Second))
	case newest.After(wall.Add(newestSlack)) && newest.After(c.confirmed):
		c.reason = fmt.Sprintf("the clock says %s, before the newest footage of %s",
			wall.UTC().Format(time.RFC3339), newest.UTC().Format(time.RFC3339))
	default:
		c.reason = ""
	}
	return c.reason
}

func (c *clockGuard) confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step, c.confirmed, c.reason = 0, c.newest, ""
}

func (c *clockGuard) suspended() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}
