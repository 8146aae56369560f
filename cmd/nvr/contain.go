package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
)

// remindEvery is how often the log says what cameras are waiting for.
const remindEvery = 15 * time.Second

// arm loads the site's policy and reads it back. It comes before anything else,
// also before the databases and before a look at what this machine lacks: a broken
// disk or a missing file must not leave cameras free (C1). A disarming note is
// obeyed: then recording goes on, and everything says so. What recording needs and
// this machine lacks is an error; what only people need is told.
func (a *app) arm(ctx context.Context) error {
	err := a.fw.Set(ctx, policyOf(a.current()))
	if errors.Is(err, firewall.ErrDisarmed) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("arm the firewall: %w", err)
	}
	if a.Demo {
		return err
	}
	// Looked at afterwards, and before the error: it may say why there is one.
	needed, faces := configs.CheckEnvironment(a.site).Split()
	needed = slices.DeleteFunc(needed, func(p configs.Problem) bool {
		if p.Absent { // it is taken over once it comes; the others need not wait for it
			a.Log.Error("a camera port is not there", "problem", fmt.Sprintf("%s:%s", a.Config, p))
		}
		return p.Absent
	})
	for _, p := range faces {
		a.Log.Error("recording goes on without what people need", "problem", fmt.Sprintf("%s:%s", a.Config, p))
	}
	return errors.Join(inFile(a.Config, needed), err)
}

// awaitContainment returns nil once cameras may be dialled: when every layer was
// read back, or when the firewall was disarmed on the box (C1). Until then it
// says in the log what is missing. Its only error is the end of ctx.
func (a *app) awaitContainment(ctx context.Context) error {
	for {
		turn, cancel := context.WithTimeout(ctx, remindEvery)
		if s := a.fw.Status(); s.ReadBack == firewall.Degraded || s.ReadBack == firewall.NotEnforced {
			a.Log.Warn("cameras are not dialled until containment is enforced", "state", string(s.ReadBack), "reasons", s.Reasons)
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
