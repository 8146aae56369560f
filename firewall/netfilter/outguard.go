package netfilter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// errOnlyLooks is the fault of a process that has not loaded anything.
var errOnlyLooks = errors.New("nothing was loaded")

func (k *Kernel) guard(l ruleset.Link) outguard.Guard {
	return outguard.Guard{File: k.guardFile, Bridge: l.Bridge, Ports: l.Ports}
}

// loadGuard attaches the guard at the way out (L6) where something of it is
// missing. What keeps it from doing so is no reason to keep cameras waiting: no
// other layer needs it.
func (k *Kernel) loadGuard(l ruleset.Link) error {
	if k.guardFile == "" {
		return nil
	}
	if !l.Isolated { // observing holds nothing back
		return k.guard(l).Remove()
	}
	k.guardFault = k.guard(l).Attach()
	if k.guardFault != nil {
		k.log.Warn("no guard at the way out, behind the rules", "error", k.guardFault)
	}
	return nil
}

// checkGuard tells what of the guard is missing: a fault to be repaired where this
// process could attach it, else what stands beside the rules.
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
	fix := "nvr firewall arm puts it back, as root"
	switch {
	case errors.Is(k.guardFault, outguard.ErrNoTCX):
		fix = outguard.ErrNoTCX.Error()
	case errors.Is(k.guardFault, outguard.ErrRights) && os.Geteuid() == 0:
		fix = "root may not attach it here, as within a container or a user namespace"
	}
	f := finding(ruleset.L6, "%s; %s", strings.Join(missing, "; "), fix)
	f.Spare = k.guardFault != nil
	f.Foreign = f.Spare
	return []Finding{f}, nil
}
