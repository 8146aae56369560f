package firewall_test

import (
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// mutant is one thing that is taken out of a loaded ruleset, and put back.
type mutant struct {
	section string // of the table in docs/containment.md
	id      string
	parts   []int // columns of soloParts that it belongs to: where it is alone
	away    func(k *loaded)
	back    func(k *loaded)
}

// mutants lists everything that can be taken away: rules, hooks, members of
// sets and whole sets, routing rules, flags, neighbours, settings, layers.
func mutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	for _, t := range rs.Tables {
		list = append(list, hookMutants(t)...)
		list = append(list, ruleMutants(t)...)
	}
	list = append(list, setMutants(rs)...)
	list = append(list, routingMutants(rs)...)
	list = append(list, linkMutants(rs)...)
	list = append(list, settingMutants(rs)...)
	return append(list, layerMutants(rs)...)
}

func section(t ruleset.Table) string { return string(t.Family) + " " + t.Name }

func hookMutants(t ruleset.Table) []mutant {
	var list []mutant
	for _, h := range t.Hooks {
		list = append(list, mutant{
			section: section(t), id: "hook in " + h.Base, parts: partsOf(t, h),
			away: func(k *loaded) { k.unhook(t, h) },
			back: func(k *loaded) { k.hook(t, h) },
		})
	}
	return list
}

// partsOf are the parts that load a hook.
func partsOf(t ruleset.Table, h ruleset.Hook) []int {
	var parts []int
	for i, p := range soloParts() {
		if p.hook(t, h) {
			parts = append(parts, i)
		}
	}
	return parts
}

func ruleMutants(t ruleset.Table) []mutant {
	var list []mutant
	for c := range t.Chains {
		var parts []int
		for _, h := range t.Hooks {
			if reaches(t, h.Chain, t.Chains[c].Name) {
				parts = append(parts, partsOf(t, h)...)
			}
		}
		slices.Sort(parts)
		for r, rule := range t.Chains[c].Rules {
			if limits(rule) {
				continue
			}
			list = append(list, mutant{
				section: section(t), id: rule.ID, parts: slices.Compact(parts),
				away: func(k *loaded) { k.rewrite(t, c, r) },
				back: func(k *loaded) { k.rewrite(t, c, -1) },
			})
		}
	}
	return list
}

// limits reports whether a rule is there for floods alone. No batch is one: a test
// of their own reaches each (TestTooMuchToLogIsDroppedAndCounted).
func limits(r ruleset.Rule) bool {
	return ruleset.Suppressed(r.ID) || ruleset.Suppressed(strings.ToLower(r.To))
}

// reaches reports whether rules lead from one chain to another.
func reaches(t ruleset.Table, from, to string) bool {
	seen, todo := map[string]bool{}, []string{from}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if name == to {
			return true
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if c.Name == name && r.To != "" {
					todo = append(todo, r.To)
				}
			}
		}
	}
	return false
}

func setMutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	for _, t := range rs.Tables {
		list = append(list, nftSetMutants(rs, t)...)
	}
	for _, s := range rs.Sets {
		parts := partsUsing(rs, s.Name)
		for _, m := range s.Members {
			if strings.HasPrefix(m, absentIP+",") {
				continue // of a device that is not plugged in
			}
			list = append(list, mutant{
				section: "sets", id: s.Name + " " + m, parts: parts,
				away: func(k *loaded) { k.shell("ipset del " + s.Name + " " + m) },
				back: func(k *loaded) { k.shell("ipset add " + s.Name + " " + m) },
			})
		}
		list = append(list, mutant{
			section: "sets", id: "all of " + s.Name, parts: parts,
			away: func(k *loaded) { k.shell("ipset flush " + s.Name) },
			back: func(k *loaded) {
				k.shell("printf '" + "add " + s.Name + " " + strings.Join(s.Members, `\nadd `+s.Name+" ") + `\n' | ipset restore`)
			},
		})
	}
	return list
}

// nftSetMutants are the same for sets in a table of our own.
func nftSetMutants(rs ruleset.Ruleset, t ruleset.Table) []mutant {
	var list []mutant
	for _, s := range t.Sets {
		elements := func(verb string, members ...string) func(k *loaded) {
			return func(k *loaded) {
				k.restore(t.Family, sprintf("%s element %s %s %s { %s }\n", verb, t.Family.Nft(), t.Name, s.Name, strings.Join(members, ", ")))
			}
		}
		for _, m := range s.Members {
			if strings.Contains(m, absentMAC.String()) {
				continue // of a device that is not plugged in
			}
			list = append(list, mutant{
				section: section(t), id: s.Name + " " + m, parts: partsUsing(rs, "@"+s.Name),
				away: elements("delete", m), back: elements("add", m),
			})
		}
	}
	return list
}

// partsUsing are the parts with a rule that looks into a set.
func partsUsing(rs ruleset.Ruleset, set string) []int {
	var parts []int
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if !strings.Contains(" "+r.Match+" ", " "+set+" ") {
					continue
				}
				for _, h := range t.Hooks {
					if reaches(t, h.Chain, c.Name) {
						parts = append(parts, partsOf(t, h)...)
					}
				}
			}
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

func routingMutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	for _, r := range rs.IPRules {
		add := r.String()
		list = append(list, mutant{
			section: "routing rules", id: add, parts: partNamed("L2 routing rules"),
			away: func(k *loaded) { k.shell(strings.Replace(add, " add ", " del ", 1)) },
			back: func(k *loaded) { k.shell(add) },
		})
	}
	return list
}

func linkMutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	add := func(id string, parts []int, away, back string) {
		list = append(list, mutant{
			section: "flags and neighbours", id: id, parts: parts,
			away: func(k *loaded) { k.shell(away) }, back: func(k *loaded) { k.shell(back) },
		})
	}
	for _, p := range rs.Link.Ports {
		add(p+" isolated", partNamed("L1 isolation"), "bridge link set dev "+p+" isolated off", "bridge link set dev "+p+" isolated on")
	}
	named := []string{"L1 pinning", "L3 fragments", "L3 raw", "L4 mangle", "L4 filter", "L5 filter OUTPUT"}
	for _, i := range append([]string{rs.Link.Bridge}, rs.Link.Ports...) {
		set := "i=" + i + "; for n in br-y p-y; do [ -e /proc/sys/net/ipv4/conf/$i ] || i=$n; done; ip link set dev $i group "
		add(i+" in the group", partNamed(named...), set+"0", sprintf("%s%d", set, rs.Link.Group))
	}
	for _, d := range rs.Neighbours {
		if d.IP.String() != absentIP {
			continue // it stands for all: the kernel asks those that are there, and they answer
		}
		id := "neighbour " + d.IP.String()
		at := d.IP.String() + " dev " + rs.Link.Bridge
		add(id, partNamed("settings"), "ip neigh del "+at, "ip neigh replace "+at+" lladdr "+d.MAC.String()+" nud permanent")
	}
	return list
}

func partNamed(names ...string) []int {
	var parts []int
	for i, p := range soloParts() {
		if slices.Contains(names, p.name) {
			parts = append(parts, i)
		}
	}
	return parts
}

func settingMutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	for _, s := range rs.Sysctls {
		list = append(list, mutant{
			section: "settings", id: s.Path, parts: partNamed("settings"),
			away: func(k *loaded) { k.l.sysctl(s.Path, k.l.worseThan(s)) },
			back: func(k *loaded) { k.l.sysctl(s.Path, s.Value) },
		})
	}
	return list
}

// worseThan is a setting's value in the worst case or, where that says nothing of it, the other one.
func (l *lab) worseThan(s ruleset.Sysctl) string {
	if v, ok := l.worst()[s.Path]; ok && v != s.Value {
		return v
	}
	if s.Value == "0" {
		return "1"
	}
	return "0"
}

// layerMutants take a whole layer: all that its part consists of.
func layerMutants(rs ruleset.Ruleset) []mutant {
	var list []mutant
	for i, solo := range soloParts() {
		var of []mutant
		for _, t := range rs.Tables {
			for _, m := range hookMutants(t) {
				if slices.Contains(m.parts, i) {
					of = append(of, m)
				}
			}
		}
		switch {
		case solo.isolated:
			of = slices.DeleteFunc(linkMutants(rs), func(m mutant) bool { return !strings.HasSuffix(m.id, " isolated") })
		case solo.routing:
			of = routingMutants(rs)
		case solo.settings:
			of = append(settingMutants(rs), slices.DeleteFunc(linkMutants(rs), func(m mutant) bool { return !strings.HasPrefix(m.id, "neighbour ") })...)
		}
		list = append(list, mutant{
			section: "layers", id: "layer " + solo.name,
			away: func(k *loaded) {
				for _, m := range of {
					m.away(k)
				}
			},
			back: func(k *loaded) {
				for _, m := range of {
					m.back(k)
				}
			},
		})
	}
	return list
}
