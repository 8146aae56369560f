package firewall

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// layers in words, in order.
var layers = [...]struct {
	id   ruleset.Layer
	name string
}{
	{ruleset.L0, "camera ports up only after the read-back"},
	{ruleset.L1, "ports isolated, bridge rules"},
	{ruleset.L2, "no route from the camera side"},
	{ruleset.L3, "dropped on arrival (raw)"},
	{ruleset.L4, "dropped before routing, at the recorder and in forwarding"},
	{ruleset.L5, "outgoing packets of the box itself"},
	{ruleset.L6, "what came in by a camera port, where it would leave"},
}

// staleAfter is how old a read-back may be and still count.
const staleAfter = 5 * time.Second

// Status is a snapshot; its account is as of the last read-back. Once that is
// too old, what was enforced then is called degraded: nobody has looked since.
func (f *Firewall) Status() Status {
	f.statusMu.Lock()
	s := f.status
	s.Reasons, s.Notes, s.Layers, s.Drift = slices.Clone(s.Reasons), slices.Clone(s.Notes), slices.Clone(s.Layers), slices.Clone(s.Drift)
	f.statusMu.Unlock()
	if s.State == Enforced || s.State == Observing {
		if age := time.Since(s.Checked); age > max(staleAfter, 3*f.o.Interval) {
			s.State = Degraded
			s.Reasons = append([]string{"not read back since " + s.Checked.UTC().Format(time.RFC3339)}, s.Reasons...)
		}
	}
	s.ReadBack = s.State
	if f.o.Findings != nil {
		s = s.With(f.o.Findings(), time.Now())
	}
	return f.proving.judge(s, time.Now())
}

func (f *Firewall) publish(change func(*Status)) {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	before := f.status.State
	f.absentOnly = false
	change(&f.status)
	if f.status.State != before {
		f.status.Since = time.Now()
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// fault says that enforcement could not be established or read back.
func (f *Firewall) fault(err error) {
	f.publish(func(s *Status) {
		s.State, s.Layers = NotEnforced, nil
		s.Reasons = []string{err.Error()}
	})
}

// recheck after a failed change: what is in force may well be the policy before it.
func (f *Firewall) recheck(ctx context.Context, cause error) {
	if !f.set || f.check(ctx) != nil {
		f.fault(cause)
	}
}

// look reads back and publishes the result.
func (f *Firewall) look(ctx context.Context) error {
	r, err := f.readBack(ctx)
	if err != nil {
		return err
	}
	f.report(r)
	return nil
}

func (f *Firewall) readBack(ctx context.Context) (netfilter.Report, error) {
	log := f.logged() // before the counters: each of these hits is in them
	r, err := f.k.Verify(ctx)
	if err != nil {
		f.fault(err)
		return r, fmt.Errorf("read back: %w", err)
	}
	f.account.add(time.Now(), r.Dropped, log)
	if l := f.guarding.Load(); l != nil {
		r.Findings = append(r.Findings, f.lookAside(*l, true)...)
	}
	return r, nil
}

// logged is how far the log's reader is.
func (f *Firewall) logged() (l logged) {
	l.bound = true
	if f.o.Hits != nil {
		l.read, l.lost = f.o.Hits()
	}
	if f.o.Binding != nil {
		l.binding, l.bound = f.o.Binding()
	}
	return l
}

// check reads back, repairs where it must, and publishes the result.
func (f *Firewall) check(ctx context.Context) error {
	r, err := f.readBack(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Findings, func(x netfilter.Finding) bool { return !x.Foreign }) {
		if r, err = f.repair(ctx, r); err != nil {
			return err
		}
	} else {
		f.drift.see(time.Now(), r.Findings)
	}
	f.report(r)
	return nil
}

func (f *Firewall) repair(ctx context.Context, r netfilter.Report) (netfilter.Report, error) {
	f.drift.see(time.Now(), r.Findings)
	f.report(r)
	hurt := map[ruleset.Layer]bool{}
	for _, x := range r.Findings {
		if !x.Foreign {
			hurt[x.Layer] = true
			f.log.Warn("containment was changed from outside", "layer", string(x.Layer), "found", x.What)
		}
	}
	f.drift.repairing(r.Findings)
	if err := f.k.Repair(ctx); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	again, err := f.readBack(ctx)
	if err != nil {
		return r, fmt.Errorf("after the repair: %w", err)
	}
	now := time.Now()
	f.drift.see(now, again.Findings)
	for l := range hurt {
		if !slices.ContainsFunc(again.Findings, func(x netfilter.Finding) bool { return x.Layer == l && (!x.Foreign || x.Spare) }) {
			f.repairs[l] = repair{f.repairs[l].times + 1, now}
			f.log.Warn("containment repaired", "layer", string(l), "generation", f.k.Generation())
		}
	}
	return again, nil
}

// absentOnly tells whether ports that are not there are all that is missing, and
// not all ports: nothing comes in by those, so the others' cameras need not wait.
func absentOnly(found []netfilter.Finding, ports int) bool {
	absent := 0
	for _, x := range found {
		switch {
		case x.Absent:
			absent++
		case !x.Note && !x.Spare:
			return false
		}
	}
	return absent > 0 && absent < ports
}

// report publishes a read-back.
func (f *Firewall) report(r netfilter.Report) {
	var list []LayerStatus
	var reasons, notes []string
	for _, x := range r.Findings {
		if x.Note {
			notes = append(notes, x.What)
		}
	}
	missing := map[ruleset.Layer]bool{}
	for _, l := range layers {
		if l.id == ruleset.L6 && f.o.GuardFile == "" {
			continue
		}
		var found []string
		spare := false
		for _, x := range r.Findings {
			if x.Layer == l.id && !x.Note {
				found, spare = append(found, x.What), x.Spare
			}
		}
		missing[l.id] = len(found) > 0
		detail := "read back"
		if len(found) > 0 {
			detail = strings.Join(found[:min(len(found), 4)], "; ")
			if spare {
				notes = append(notes, string(l.id)+": "+detail)
			} else {
				reasons = append(reasons, string(l.id)+": "+detail)
			}
		}
		list = append(list, LayerStatus{
			Layer: string(l.id), Name: l.name, Holds: len(found) == 0, Detail: detail,
			Repaired: f.repairs[l.id].times, RepairedAt: f.repairs[l.id].last,
		})
	}
	state := Enforced
	switch {
	case f.policy.Observe:
		state = Observing
		reasons = append([]string{"observing only: nothing is dropped"}, reasons...)
	case missing[ruleset.L2] && missing[ruleset.L3] && missing[ruleset.L4]:
		state = NotEnforced
	case len(reasons) > 0:
		state = Degraded
	}
	now := time.Now()
	counted, drift := f.account.counted(), f.drift.newest(shownDrift)
	counted.Canary = f.canary.Hits()
	absent := state == Degraded && absentOnly(r.Findings, len(f.policy.Ports))
	f.publish(func(s *Status) {
		f.absentOnly = absent
		s.State, s.Reasons, s.Notes, s.Layers, s.Checked = state, reasons, notes, list, now
		s.Revision, s.Generation, s.Backend = f.policy.Revision, f.k.Generation(), f.k.Backend()
		s.Counted, s.Drift = counted, drift
	})
}
