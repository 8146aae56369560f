package netfilter

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// keepsOpen reports whether ports may stay up while a ruleset is loaded: what
// is there guards them meanwhile. To a process that has not enforced anything
// yet, that is a whole generation and no less; to one that repairs, what keeps
// cameras off the box, so that a foreign hand in one layer costs no footage.
func (k *Kernel) keepsOpen(rs ruleset.Ruleset, have snapshot) bool {
	if rs.Observe {
		return true
	}
	if k.generation > 0 {
		return k.guarded(rs, have)
	}
	return k.complete(rs, have)
}

// complete reports whether each hook of the ruleset is in force, all of them
// lead to one generation, and no chain of ours was emptied. Whether its rules
// are those of this ruleset is not asked: it may be that of the day before.
func (k *Kernel) complete(rs ruleset.Ruleset, have snapshot) bool {
	generation := 0
	for _, t := range k.present(rs) {
		for _, h := range t.Hooks {
			g := inForce(h, have[t.Family][t.Name])
			if g == 0 || generation != 0 && g != generation {
				return false
			}
			generation = g
		}
		for name, rules := range have[t.Family][t.Name] {
			if g, ours := ruleset.ParseChainName(name); ours && (g == 0 || g == generation) && len(rules) == 0 {
				return false
			}
		}
	}
	return true
}

// guarded reports whether, in each family, raw PREROUTING or INPUT is in force.
// With neither, the box's own ports are open to cameras, whatever else holds.
func (k *Kernel) guarded(rs ruleset.Ruleset, have snapshot) bool {
	held := map[ruleset.Family]bool{}
	for _, t := range k.present(rs) {
		for _, h := range t.Hooks {
			if t.Name != "raw" && h.Base != "INPUT" {
				continue
			}
			held[t.Family] = held[t.Family] || inForce(h, have[t.Family][t.Name]) > 0
		}
	}
	for _, ok := range held {
		if !ok {
			return false
		}
	}
	return true
}

// inForce is the generation that a base chain leads to in its first rule, 0 for none.
func inForce(h ruleset.Hook, t table) int {
	rules, ok := defined(h, t[h.Base])
	if !ok || len(rules) == 0 {
		return 0
	}
	target, ours := hookTarget(rules[0].text)
	if !ours || len(t[target]) == 0 {
		return 0
	}
	g, _ := ruleset.ParseChainName(target)
	return g
}

// closeUnguarded sets ports down after a failed load where the read-back shows
// nothing that keeps cameras off the box (C1). Where even the read-back fails,
// it believes the one before; without one it closes.
func (k *Kernel) closeUnguarded(ctx context.Context, rs ruleset.Ruleset) error {
	if rs.Observe {
		return nil
	}
	have, err := k.read(ctx)
	if err != nil && k.generation > 0 || err == nil && k.guarded(rs, have) {
		return nil // the failure before it is the one to report
	}
	ports, err := existing(rs.Link.Ports)
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range ports {
		if err := netlink.LinkSetDown(link); err != nil {
			errs = append(errs, fmt.Errorf("set port %s down: %w", link.Attrs().Name, permitted(err)))
		}
	}
	k.log.Error("camera ports set down: nothing guards them", "ports", rs.Link.Ports)
	return errors.Join(errs...)
}
