package firewall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

// Run reads everything back on events and at least each Interval, repairs what
// others changed and says so (C10). It returns nil when ctx ends; what is
// loaded stays loaded (C1).
func (f *Firewall) Run(ctx context.Context) error {
	if err := netfilter.Watch(ctx, f.poke); err != nil {
		f.log.Warn("no drift events, polling only", "error", err)
	}
	var beside sync.WaitGroup
	beside.Go(func() { f.keepDrift(ctx) })
	beside.Go(func() { f.shutAtOnce(ctx) })
	beside.Go(func() { f.keepProving(ctx) })
	beside.Go(func() { f.keepPast(ctx) })
	defer beside.Wait()
	ticker := time.NewTicker(f.o.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-f.wake:
		}
		if err := f.tend(ctx); err != nil && ctx.Err() == nil {
			f.log.Error("containment could not be read back or repaired", "error", err)
		}
		// Our own changes make events too; one read-back answers a burst of them.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.o.Interval / 20):
		}
	}
}

func (f *Firewall) poke() {
	for _, c := range []chan struct{}{f.wake, f.event} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// shutPause bounds how often events make us look for what passes by the rules.
const shutPause = 5 * time.Millisecond

// shutAtOnce looks for what passes by the rules at each event, beside the
// read-back and ahead of it: until a port is shut nothing else holds (C3, L0).
func (f *Firewall) shutAtOnce(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.event:
		}
		if l := f.guarding.Load(); l != nil {
			if err := netfilter.ShutBypassed(*l, f.o.GuardFile, f.log); err != nil {
				f.log.Error("what passes by the rules could not be looked for", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(shutPause):
		}
	}
}

// tend is one round of Run. It waits for another process's lock one interval
// and no more: one that was stopped would keep it for ever. It then reads back
// all the same, and once the lock was held for lockPatience, it also repairs:
// two that write at once converge, and a disarming leaves its note first (C10).
func (f *Firewall) tend(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.set {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, f.o.Interval)
	unlock, err := lock(waiting, f.o.StateDir)
	cancel()
	mayRepair := true
	switch {
	case err == nil:
		defer unlock()
		f.lockedOut = time.Time{}
	case ctx.Err() != nil:
		return nil // asked to end
	case errors.Is(err, errLocked):
		if f.lockedOut.IsZero() {
			f.lockedOut = time.Now()
			f.log.Warn("another process of ours is changing the firewall; only looking meanwhile", "patience", lockPatience)
		}
		mayRepair = time.Since(f.lockedOut) >= lockPatience
	default: // a broken disk must not keep us from containing
		f.log.Error("no lock against other commands of ours", "error", err)
	}
	if f.obeysNote() {
		return nil
	}
	if f.unmarked {
		f.mark()
	}
	// The note is gone: enforce again, also where the command that took it away did so.
	if f.k == nil || f.k.Generation() == 0 || f.guarding.Load() == nil {
		if !mayRepair {
			return nil
		}
		rs, err := compile(f.policy)
		if err != nil {
			return fmt.Errorf("compile the policy: %w", err)
		}
		if err := f.open(); err != nil {
			f.fault(err)
			return err
		}
		if _, err := f.shutRenamed(rs.Link, true); err != nil {
			f.fault(err)
			return err
		}
		f.plug(f.policy)
		if err := f.k.Apply(ctx, rs); err != nil {
			f.fault(err)
			return fmt.Errorf("enforce the policy: %w", err)
		}
		f.notePorts(f.policy) // disarming took the list away
		f.guarding.Store(&rs.Link)
		f.proving.in(f.policy, rs.Link.Bridge)
	}
	if !mayRepair {
		return f.look(ctx)
	}
	return f.check(ctx)
}

// turn waits for other processes of ours, for lockPatience at most: one that
// was stopped must not keep a policy from being enforced, nor must a disk that
// takes no lock.
func (f *Firewall) turn(ctx context.Context) (unlock func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	dir := f.o.StateDir
	if f.stateless() {
		dir = ""
	}
	unlock, err = lock(waiting, dir)
	if errors.Is(err, errLocked) && ctx.Err() == nil {
		f.log.Warn("going on beside another process of ours that keeps the lock", "waited", lockPatience)
		return func() {}, nil
	}
	if err != nil && !errors.Is(err, errLocked) && ctx.Err() == nil {
		f.log.Error("no lock against other commands of ours", "error", err)
		return func() {}, nil
	}
	return unlock, err
}

// lockPatience is how long another process may hold the lock before it counts as stopped.
const lockPatience = 5 * time.Second
