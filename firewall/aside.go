package firewall

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/managers"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// conflictsEvery is how often files of the system's are searched for our ports:
// a person edits them, and their managers read them when they start.
const conflictsEvery = time.Minute

// aside is what stands beside the rules and does not weaken them: told, listed,
// and no reason to call a layer missing.
type aside struct {
	at        time.Time // of the last search
	conflicts []managers.Conflict
}

// interfaces of ours are what managers must leave alone.
func interfaces(l ruleset.Link) []string {
	list := append([]string{l.Bridge}, l.Ports...)
	if len(l.Made) == 0 {
		return list
	}
	return append(list, slices.DeleteFunc(canary.Interfaces(), func(i string) bool { return slices.Contains(list, i) })...)
}

// refuseConflicts keeps a box from being armed for the first time while a manager
// would go on setting its ports up. Later it is only told: a box that does not arm
// because a line was added to a file would come out of its next boot open (C1).
func (f *Firewall) refuseConflicts(l ruleset.Link) error {
	if f.o.Root == "" || !l.Isolated || f.stateless() || wasArmed(f.o.StateDir) {
		return nil
	}
	if c := managers.Conflicts(f.o.Root, interfaces(l)); len(c) > 0 {
		return fmt.Errorf("%w: another program sets camera ports up: %s", netfilter.ErrPort, c[0])
	}
	return nil
}

// lookAside keeps the system's managers off the ports and cards that were ports
// shut, and tells what it could not do. Without write it only looks.
func (f *Firewall) lookAside(l ruleset.Link, write bool) []netfilter.Finding {
	var list []netfilter.Finding
	tell := func(what string) {
		list = append(list, netfilter.Finding{Layer: ruleset.L0, What: what, Foreign: true, Note: true})
	}
	renamed, err := f.shutRenamed(l, write)
	for _, r := range renamed {
		tell(r)
	}
	if err != nil {
		tell(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if f.o.Root == "" || !l.Isolated {
		return list
	}
	if write {
		wrote, err := managers.Release(f.o.Root, interfaces(l))
		for _, w := range wrote {
			f.log.Warn("a network manager was told", "what", w)
		}
		if err != nil {
			tell(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	} else {
		for _, m := range managers.Untold(f.o.Root, interfaces(l)) {
			tell(m)
		}
	}
	if now := time.Now(); f.aside.at.IsZero() || now.Sub(f.aside.at) >= conflictsEvery {
		f.aside = aside{now, managers.Conflicts(f.o.Root, interfaces(l))}
	}
	for _, c := range f.aside.conflicts {
		tell(c.String())
	}
	return list
}
