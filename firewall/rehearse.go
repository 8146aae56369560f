package firewall

import "fmt"

// Rehearse tells whether Set would refuse a policy, as far as that can be known
// without changing anything: whether it compiles, and whether its ports are
// there and may be taken. It is asked before streams are stopped for a change.
func (f *Firewall) Rehearse(p Policy) error {
	rs, err := compile(f.withCanary(p))
	if err != nil {
		return fmt.Errorf("compile the policy: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return err
	}
	return f.k.Rehearse(rs)
}
