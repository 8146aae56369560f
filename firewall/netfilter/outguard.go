package netfilter

import (
	"context"
	"fmt"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

func (k *Kernel) guard(l ruleset.Link) outguard.Guard {
	return outguard.Guard{File: k.guardFile, Bridge: l.Bridge, Ports: l.Ports}
}

// loadGuard attaches the guard at the way out (L6) where something of it is
// missing. What keeps it from doing so is no reason to keep cameras waiting: no
// other layer needs it.
func (k *Kernel) loadGuard(l ruleset.Link) error {
	k.guardFault = nil
	if k.guardFile == "" {
		return nil
	}
	if !l.Isolated { // observing holds nothing back
		return k.guard(l).Remove()
	}
	if err := k.guard(l).Attach(); err != nil {
		k.guardFault = err
		k.log.Warn("no guard at the way out, behind the rules", "error", err)
	}
	return nil
}

// checkGuard tells what of the guard is missing: to be repaired where this
// process may, beside the rules where it may not.
func (k *Kernel) checkGuard(_ context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	if k.guardFile == "" || !rs.Link.Isolated {
		return nil, nil
	}
	missing, err := k.guard(rs.Link).Check()
	if err != nil {
		return nil, permitted(err)
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if more := len(missing) - maxOthers; more > 0 {
		missing = append(missing[:maxOthers], fmt.Sprintf("and %d more", more))
	}
	f := finding(ruleset.L6, "%s", strings.Join(missing, "; "))
	if k.guardFault != nil {
		f.Foreign, f.Spare = true, true
		f.What += ": " + k.guardFault.Error()
	}
	return []Finding{f}, nil
}
