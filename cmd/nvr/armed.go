package main

import (
	"context"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// lookEvery is how soon a disarming is in the audit.
const lookEvery = time.Second

// noteArming writes down, at start and whenever it changes, whether the camera
// side is armed or was opened by a note on the box (C1).
func (a *app) noteArming(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for last := ""; ; {
		if action, detail := arming(a.fw.Status()); action != last && action != "" {
			a.note(audit.Entry{Actor: "nvr", Via: "box", Action: action, Object: "containment", Detail: detail})
			last = action
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
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
