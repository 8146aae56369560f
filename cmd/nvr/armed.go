package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// lookEvery is how soon a disarming is in the audit.
const lookEvery = time.Second

// maxUnwritten is how many changes wait for a database that takes none.
const maxUnwritten = 256

// noteArming writes down, at start and whenever it changes, whether the camera
// side is armed or was opened by a note on the box (C1).
func (a *app) noteArming(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for account := (armingAccount{write: a.note, since: a.started}); ; {
		a.unwritten("arming and disarming", account.look(a.fw.Status()))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// armingAccount writes each change of arming once and in order. What cannot be
// written waits with its time; beyond maxUnwritten the oldest go, and the next
// entry says how many.
type armingAccount struct {
	write   func(audit.Entry) error
	since   time.Time      // what was found before is in the audit already
	last    string         // the action that was seen last
	alarms  string         // what was alarmed last
	told    map[uint64]int // changes by others that were told, with their count then
	waiting []audit.Entry
	dropped int
}

func (c *armingAccount) look(s firewall.Status) error {
	if action, detail := arming(s); action != c.last && action != "" {
		c.waiting = append(c.waiting, audit.Entry{Actor: "nvr", Via: "box", Action: action, Object: "containment", Detail: detail, Time: time.Now()})
		c.last = action
	}
	if alarms := strings.Join(s.Alarms, "; "); alarms != c.alarms {
		switch {
		case alarms == "":
		case s.Note != nil: // obeyed all the same
			c.waiting = append(c.waiting, audit.Entry{Actor: "nvr", Via: "box", Action: "firewall.note-doubted", Object: "containment", Detail: alarms, Time: time.Now()})
		default:
			c.waiting = append(c.waiting, audit.Entry{Actor: "nvr", Via: "box", Action: "firewall.note-refused", Object: "containment", Outcome: "refused", Detail: alarms, Time: time.Now()})
		}
		c.alarms = alarms
	}
	c.waiting = append(c.waiting, c.drift(s.Drift)...)
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

// settleDrift is how long a change by others may stand before it is told as standing.
const settleDrift = 2 * time.Second

// drift tells each change by others once, with what became of it, and again
// whenever it has happened ten times as often: one that is made anew all the time
// must not fill the audit.
func (c *armingAccount) drift(list []firewall.Drift) (entries []audit.Entry) {
	told := make(map[uint64]int, len(list))
	for _, d := range slices.Backward(list) {
		before := c.told[d.ID]
		switch {
		case d.Last.Before(c.since), before > 0 && d.Count < 10*before,
			d.Done == firewall.DriftStands && time.Since(d.First) < settleDrift:
			if before > 0 {
				told[d.ID] = before
			}
			continue
		}
		told[d.ID] = d.Count
		detail := fmt.Sprintf("%s: %s; %s", d.Layer, d.Found, d.Done)
		if d.Count > 1 {
			detail += fmt.Sprintf("; %d times since %s", d.Count, d.First.UTC().Format(time.RFC3339))
		}
		entries = append(entries, audit.Entry{Actor: "nvr", Via: "box", Action: "firewall.drift", Object: "containment", Detail: detail, Time: d.First})
	}
	c.told = told
	return entries
}

// arming gives the action that a status means, nothing while it is neither.
func arming(s firewall.Status) (action, detail string) {
	switch s.State {
	case firewall.Disarmed:
		return "firewall.disarm", strings.Join(s.Reasons, "; ")
	case firewall.Enforced, firewall.Contained:
		return "firewall.arm", "revision " + s.Revision
	case firewall.Observing:
		return "firewall.observe", strings.Join(s.Reasons, "; ")
	default:
		return "", ""
	}
}
