package firewall

import (
	"context"
	"fmt"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

// Plan is what a policy compiles to.
type Plan struct {
	Text  string // the exact ruleset
	Rules string // its digest, as log prefixes bear it
	// Enforcing says that the policy asks for observing and this box was armed
	// before, so that arming enforces all the same (C1).
	Enforcing bool
}

// Plan compiles a policy as arming would. It touches nothing.
func (f *Firewall) Plan(p Policy) (Plan, error) {
	refused := p.Observe && wasArmed(f.o.StateDir)
	p.Observe = p.Observe && !refused
	rs, err := compile(withRoom(p))
	if err != nil {
		return Plan{}, fmt.Errorf("compile the policy: %w", err)
	}
	return Plan{Text: rs.Text(), Rules: rs.Rules(), Enforcing: refused}, nil
}

// Compare tells what the kernel holds in another way than arming would load it.
// It changes nothing, and nothing needs to have been armed.
func (f *Firewall) Compare(ctx context.Context, p Policy) (netfilter.Comparison, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Observe = p.Observe && !wasArmed(f.o.StateDir)
	rs, err := compile(f.withCanary(p))
	if err != nil {
		return netfilter.Comparison{}, fmt.Errorf("compile the policy: %w", err)
	}
	if err := f.open(); err != nil {
		return netfilter.Comparison{}, err
	}
	c, err := f.k.Compare(ctx, rs)
	if err != nil {
		return c, fmt.Errorf("compare with the kernel: %w", err)
	}
	return c, nil
}
