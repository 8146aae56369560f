package main

import (
	"context"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/ui"
)

// proofs are the canary's rounds, as the page shows them.
type proofs struct{ fw *firewall.Firewall }

// Proof gives the last round.
func (p proofs) Proof() ui.ProofView {
	s := p.fw.Status()
	if s.Proof == nil {
		none := canary.Proof{Fault: s.Unproved}
		return proofView(firewall.Proof{Proof: none})
	}
	return proofView(*s.Proof)
}

// Prove makes one.
func (p proofs) Prove(ctx context.Context) ui.ProofView { return proofView(p.fw.Prove(ctx)) }

func proofView(p firewall.Proof) ui.ProofView {
	v := ui.ProofView{
		ProofInShort: *proofInShort(p), Paths: []ui.PathView{}, Controls: []ui.ControlView{},
		Notes: append([]string{}, p.Notes...), Unseeable: canary.Unseeable(),
	}
	for _, x := range p.Paths {
		v.Paths = append(v.Paths, ui.PathView{
			ID: x.ID, As: x.As, Text: x.Text, Outcome: string(x.Outcome), Expected: x.Expected,
			Seen: append([]string{}, x.Seen...), Leaks: append([]string{}, x.Leaks...), Detail: x.Detail,
		})
	}
	for _, c := range p.Controls {
		v.Controls = append(v.Controls, ui.ControlView(c))
	}
	return v
}

func proofInShort(p firewall.Proof) *ui.ProofInShort {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return &ui.ProofInShort{
		Verdict: string(p.Verdict()), Began: at(p.Began), Since: at(p.Since), Next: at(p.Next),
		Seconds: p.Took.Seconds(), CPU: p.CPU.Seconds(), Tried: len(p.Paths), Stopped: p.Count(canary.Stopped),
		Leaked: p.Count(canary.Leaked), Reasons: append([]string{}, p.Reasons()...),
	}
}

// canaryHealth says what the last round found, where that is not what it should be.
func (a *app) canaryHealth() []ui.HealthCheck {
	s := a.fw.Status()
	if s.Proof == nil || s.State == firewall.Disarmed || s.State == firewall.Observing {
		return nil
	}
	c := ui.HealthCheck{Name: "canary", State: ui.HealthOK, Detail: s.Unproved}
	switch s.Proof.Verdict() {
	case canary.Leaking:
		c.State, c.Fix = ui.HealthBad, "cameras are NOT contained: nvr firewall prove says by which paths, nvr firewall status which layer is missing"
	case canary.Weakened:
		c.State, c.Fix = ui.HealthWarn, "nothing came out, but a layer did not do its part: nvr firewall prove says which"
	case canary.Unproved:
		c.State, c.Fix = ui.HealthWarn, "every layer is read back, and nothing proves it on the live path: do what the reason says"
	case canary.Proved:
	}
	return []ui.HealthCheck{c}
}
