package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
)

// remindEvery is how often the log says what cameras are waiting for.
const remindEvery = 15 * time.Second

// arm loads the site's policy and reads it back. It comes before anything else,
// also before the databases: a broken disk must not leave cameras free (C1). A
// disarming note is obeyed: then recording goes on, and everything says so.
func (a *app) arm(ctx context.Context) error {
	if err := a.fw.Set(ctx, policyOf(a.current())); err != nil && !errors.Is(err, firewall.ErrDisarmed) {
		return fmt.Errorf("arm the firewall: %w", err)
	}
	return nil
}

// awaitContainment returns nil once cameras may be dialled: when every layer was
// read back, or when the firewall was disarmed on the box (C1). Until then it
// says in the log what is missing. Its only error is the end of ctx.
func (a *app) awaitContainment(ctx context.Context) error {
	for {
		turn, cancel := context.WithTimeout(ctx, remindEvery)
		if s := a.fw.Status(); s.State == firewall.Degraded || s.State == firewall.NotEnforced {
			a.Log.Warn("cameras are not dialled until containment is enforced", "state", string(s.State), "reasons", s.Reasons)
		}
		err := a.fw.AwaitEnforced(turn)
		cancel()
		if err == nil || errors.Is(err, firewall.ErrDisarmed) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
