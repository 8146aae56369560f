package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// lookEvery is how soon a disarming is in the audit.
const lookEvery = time.Second

// maxUnwritten is how many changes wait for a database that takes none.
const maxUnwritten = 256

// How the account of arming learns who it was: a command on the box arms, and says so
// when it has read back what it loaded.
const (
	nameWithin  = 10 * time.Second // after the recorder saw it
	namedBefore = time.Minute      // before the recorder sees it
)

// noteArming writes down, at start and whenever it changes, whether the camera
// side is armed or was opened by a note on the box (C1).
func (a *app) noteArming(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		a.unwritten("arming and disarming", a.arming.look(a.fw.Status(), time.Now()))
		select {
		case <-ctx.Done():
			return a.arming.end()
		case <-tick.C:
		}
	}
}

// armingAccount writes each change of arming once and in order. What cannot be
// written waits with its time; beyond maxUnwritten the oldest go, and the next
// entry says how many.
type armingAccount struct {
	write func(audit.Entry) error

	mu      sync.Mutex   // guards what follows
	last    string       // the action that was seen last
	unnamed *audit.Entry // arming that waits for the name of who did it
	named   string       // who says that they arm, which is not seen yet
	namedAt time.Time
	waiting []audit.Entry
	dropped int
}

// look takes how things are.
func (c *armingAccount) look(s firewall.Status, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if action, detail := arming(s); action != c.last && action != "" {
		c.release("nvr")
		e := audit.Entry{Actor: "nvr", Via: "box", Action: action, Object: "containment", Detail: detail, Time: now}
		switch {
		case action != "firewall.arm", c.last == "": // at start the recorder arms by itself
			c.waiting = append(c.waiting, e)
		default:
			c.unnamed = &e
			if c.named != "" && now.Sub(c.namedAt) < namedBefore {
				c.release(c.named)
			}
		}
		c.last, c.named = action, ""
	}
	if c.unnamed != nil && now.Sub(c.unnamed.Time) >= nameWithin {
		c.release("nvr")
	}
	return c.flush()
}

// by hears who armed. Where that changed nothing, since it was armed already, it is
// an entry all the same: a ruleset was loaded.
func (c *armingAccount) by(actor, detail string, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.unnamed != nil:
		c.release(actor)
	case c.last != "firewall.arm":
		c.named, c.namedAt = actor, now
	default:
		c.waiting = append(c.waiting, audit.Entry{Actor: actor, Via: "box", Action: "firewall.arm", Object: "containment", Detail: detail, Time: now})
	}
	return c.flush()
}

// end writes what waits for a name without one.
func (c *armingAccount) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release("nvr")
	return c.flush()
}

// release has what waits for a name written under one. The caller holds mu.
func (c *armingAccount) release(actor string) {
	if c.unnamed != nil {
		c.unnamed.Actor = actor
		c.waiting = append(c.waiting, *c.unnamed)
		c.unnamed = nil
	}
}

// flush writes what waits. The caller holds mu.
func (c *armingAccount) flush() error {
	if over := len(c.waiting) - maxUnwritten; over > 0 {
		c.waiting = c.waiting[over:]
		c.dropped += over
	}
	for len(c.waiting) > 0 {
		e := c.waiting[0]
		if c.dropped > 0 {
			e.Detail += fmt.Sprintf("; %d changes before it could not be written", c.dropped)
		}
		if err := c.write(e); err != nil {
			return err
		}
		c.waiting, c.dropped = c.waiting[1:], 0
	}
	return nil
}

// arming gives the action that a status means, nothing while it is neither.
func arming(s firewall.Status) (action, detail string) {
	switch s.State {
	case firewall.Disarmed:
		return "firewall.disarm", strings.Join(s.Reasons, "; ")
	case firewall.Enforced:
		return "firewall.arm", "revision " + s.Revision
	case firewall.Observing:
		return "firewall.observe", strings.Join(s.Reasons, "; ")
	default:
		return "", ""
	}
}
