package netfilter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// The commands that print the tables of iptables and ebtables tell what is in
// them, and not whether the kernel asks them: a table that was put to sleep, and
// a base chain that lost its hook, print like any other. So the kernel is asked
// for that itself (C10).

// baseNames are the base chains of those tables.
var baseNames = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// uncalled is what stands first in a base chain that the kernel does not call: no
// rule after it counts.
func uncalled(base string) rule {
	return rule{text: "-A " + base + " is never reached: its table sleeps, or the chain has no hook"}
}

// markUncalled puts uncalled into the base chains of a snapshot that it is true of.
func (k *Kernel) markUncalled(s snapshot) error {
	chains, err := baseChains()
	if err != nil {
		return err
	}
	asleep, err := sleeping()
	if err != nil {
		return err
	}
	for f, tables := range s {
		if !k.inNft(f) {
			continue
		}
		for name, t := range tables {
			for base, rules := range t {
				called := slices.ContainsFunc(chains, func(c baseChain) bool {
					return c.family == protocols[f] && c.table == name && c.name == base
				})
				if slices.Contains(baseNames[:], base) && (!called || asleep[tableName{protocols[f], name}]) {
					t[base] = append([]rule{uncalled(base)}, rules...)
				}
			}
		}
	}
	return nil
}

// inNft reports whether a family's tables are nf_tables', and printed by commands
// of iptables or ebtables.
func (k *Kernel) inNft(f ruleset.Family) bool {
	return f == ruleset.Bridge || f.Nft() == "" && k.backend != "legacy"
}

// wake has the kernel ask those of our tables again that somebody put to sleep.
func (k *Kernel) wake(ctx context.Context, rs ruleset.Ruleset) (woke bool, err error) {
	asleep, err := sleeping()
	if err != nil {
		return false, err
	}
	var b strings.Builder
	for _, t := range k.present(rs) {
		if p := protocols[t.Family]; k.inNft(t.Family) && asleep[tableName{p, t.Name}] {
			fmt.Fprintf(&b, "add table %s %s { }\n", familyName(p), t.Name)
		}
	}
	if b.Len() == 0 {
		return false, nil
	}
	if _, err := k.run(ctx, b.String(), "nft", "-f", "-"); err != nil {
		return false, fmt.Errorf("wake our tables: %w", err)
	}
	return true, nil
}

// tableName names a table of nf_tables.
type tableName struct {
	family uint8 // unix.NFPROTO_...
	name   string
}

// Attributes of a table (linux/netfilter/nf_tables.h).
const (
	tableNameAttr  = 1
	tableFlagsAttr = 2

	flagDormant = 1
)

// sleeping are the tables that the kernel does not ask.
func sleeping() (map[tableName]bool, error) {
	messages, err := dumpTables(unix.NFT_MSG_GETTABLE, unix.NFT_MSG_NEWTABLE)
	if err != nil {
		return nil, fmt.Errorf("list the tables of nf_tables: %w", permitted(err))
	}
	asleep := map[tableName]bool{}
	for _, m := range messages {
		t, dormant, err := parseTable(m)
		if err != nil {
			return nil, fmt.Errorf("list the tables of nf_tables: %w", err)
		}
		if dormant {
			asleep[t] = true
		}
	}
	return asleep, nil
}

func parseTable(m []byte) (t tableName, dormant bool, err error) {
	family, list, err := attributes(m)
	t.family = family
	for _, a := range list {
		switch a.kind {
		case tableNameAttr:
			t.name = text(a.value)
		case tableFlagsAttr:
			dormant = number(a.value)&flagDormant != 0
		}
	}
	return t, dormant, err
}
