package netfilter

import (
	"context"
	"fmt"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// restore loads what is written in the format of iptables-restore into one family's tables.
func (k *Kernel) restore(ctx context.Context, f ruleset.Family, input string) error {
	name, args := "iptables-restore", []string{"--noflush", "-w", fmt.Sprint(lockSeconds)}
	switch f {
	case ruleset.IPv6:
		name = "ip6tables-restore"
	case ruleset.Bridge:
		name, args = "ebtables-nft-restore", []string{"--noflush"}
	case ruleset.Inet, ruleset.Frames:
		name, args, input = "nft", []string{"-f", "-"}, nftScript(f.Nft(), input)
	case ruleset.IPv4:
	}
	_, err := k.run(ctx, input, name, args...)
	return err
}

// present are the tables of a ruleset that this kernel can have.
func (k *Kernel) present(rs ruleset.Ruleset) []ruleset.Table {
	var list []ruleset.Table
	for _, t := range rs.Tables {
		if t.Family != ruleset.IPv6 || k.hasIPv6 {
			list = append(list, t)
		}
	}
	return list
}

// build loads a generation's chains beside those in force; no hook leads to
// them yet. Permanent chains that hold what they should are not touched, so
// their counters go on.
func (k *Kernel) build(ctx context.Context, rs ruleset.Ruleset, generation int, have snapshot) error {
	inputs := map[ruleset.Family]*strings.Builder{}
	revision := rs.Revision(generation)
	for _, t := range k.present(rs) {
		b := inputs[t.Family]
		if b == nil {
			b = &strings.Builder{}
			inputs[t.Family] = b
		}
		fmt.Fprintf(b, "*%s\n", t.Name)
		kept := have[t.Family][t.Name]
		if t.Family.Nft() != "" {
			kept = beginNft(b, t, kept)
		}
		var lines []string
		for _, c := range t.Chains {
			name := c.ChainName(generation)
			rules := t.ChainLines(c, generation, revision)
			if existing, ok := kept[name]; c.Permanent && ok && holds(existing, rules) {
				continue
			}
			if t.Family == ruleset.Bridge {
				fmt.Fprintf(b, ":%s RETURN\n", name)
			} else {
				fmt.Fprintf(b, ":%s - [0:0]\n", name)
			}
			lines = append(lines, rules...)
		}
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
		b.WriteString("COMMIT\n")
	}
	for f, b := range inputs {
		if err := k.restore(ctx, f, b.String()); err != nil {
			return fmt.Errorf("load generation %d: %w", generation, err)
		}
	}
	return nil
}

// checkChains tells which chains of a generation do not hold what they should.
func (k *Kernel) checkChains(rs ruleset.Ruleset, generation int, have snapshot) []Finding {
	var list []Finding
	revision := rs.Revision(generation)
	for _, t := range k.present(rs) {
		for _, c := range t.Chains {
			name := c.ChainName(generation)
			rules, ok := have[t.Family][t.Name][name]
			switch {
			case !ok:
				list = append(list, finding(c.Layer, "%s %s: chain %s is gone", t.Family, t.Name, name))
			case !holds(rules, t.ChainLines(c, generation, revision)):
				list = append(list, finding(c.Layer, "%s %s: chain %s was changed: %s", t.Family, t.Name, name,
					change(rules, t.ChainLines(c, generation, revision))))
			}
		}
	}
	return list
}

// change says in words by which rule a chain first differs from what it should hold.
func change(have []rule, want []string) string {
	for i := range max(len(have), len(want)) {
		switch {
		case i >= len(want):
			return fmt.Sprintf("has %.160s", have[i].text)
		case i >= len(have):
			return fmt.Sprintf("lacks %.160s", want[i])
		case canonical(have[i].text) != canonical(want[i]):
			return fmt.Sprintf("has %.160s where it should have %.160s", have[i].text, want[i])
		}
	}
	return "not in its text"
}

// checkHooks tells which of our jumps is not the first rule of its base chain.
func (k *Kernel) checkHooks(rs ruleset.Ruleset, generation int, have snapshot) []Finding {
	var list []Finding
	for _, t := range k.present(rs) {
		for _, h := range t.Hooks {
			rules, attached := defined(h, have[t.Family][t.Name][h.Base])
			want := "-A " + h.Base + " " + strings.Join(t.HookSpec(h, generation), " ")
			switch {
			case len(rules) > 0 && rules[0] == uncalled(h.Base):
				list = append(list, finding(h.Layer, "%s %s: the kernel does not ask %s: the table was put to sleep, or the chain has no hook",
					t.Family, t.Name, h.Base))
			case !attached || !hooked(rules):
				list = append(list, finding(h.Layer, "%s %s: the hook in %s is gone", t.Family, t.Name, h.Base))
			case canonical(rules[0].text) != canonical(want):
				list = append(list, finding(h.Layer, "%s %s: a foreign rule stands before ours in %s: %.120s",
					t.Family, t.Name, h.Base, rules[0].text))
			}
		}
	}
	return list
}

// hooked reports whether any of the rules is a jump of ours.
func hooked(rules []rule) bool {
	for _, r := range rules {
		if _, ours := hookTarget(r.text); ours {
			return true
		}
	}
	return false
}

// hookTarget is the chain that a jump of ours in a base chain leads to.
func hookTarget(text string) (string, bool) {
	if f := strings.Fields(text); len(f) > 3 && f[2] == "jump" { // of nft
		g, ours := ruleset.ParseChainName(f[3])
		return f[3], ours && g > 0
	}
	_, target, ok := strings.Cut(text, " -j ")
	if !ok || strings.ContainsRune(target, ' ') {
		return "", false
	}
	g, ours := ruleset.ParseChainName(target)
	return target, ours && g > 0
}

// swap puts a generation in force: in each base chain the new jump takes the
// first place in one step, and only then do older jumps go (C2). Filter first:
// what it admits is the least.
func (k *Kernel) swap(ctx context.Context, rs ruleset.Ruleset, generation int, have snapshot) error {
	var bridge strings.Builder
	for _, t := range k.present(rs) {
		switch t.Family {
		case ruleset.Bridge:
			swapBridge(&bridge, t, generation, have)
			continue
		case ruleset.Inet, ruleset.Frames:
			if err := k.swapNft(ctx, t, generation); err != nil {
				return fmt.Errorf("hook %s %s: %w", t.Family, t.Name, err)
			}
			continue
		case ruleset.IPv4, ruleset.IPv6:
		}
		for _, h := range t.Hooks {
			if err := k.swapHook(t, h, generation, have[t.Family][t.Name][h.Base]); err != nil {
				return fmt.Errorf("hook %s %s %s: %w", t.Family, t.Name, h.Base, err)
			}
		}
	}
	if err := k.restore(ctx, ruleset.Bridge, bridge.String()); err != nil {
		return fmt.Errorf("hook the bridge: %w", err)
	}
	return nil
}

func (k *Kernel) swapHook(t ruleset.Table, h ruleset.Hook, generation int, have []rule) error {
	ipt, spec := k.hooks[t.Family], t.HookSpec(h, generation)
	first := 0
	k.runs.Add(1)
	if len(have) > 0 {
		if _, ours := hookTarget(have[0].text); ours {
			if err := ipt.Replace(t.Name, h.Base, 1, spec...); err != nil {
				return explain(err, "")
			}
			first = 1
		}
	}
	if first == 0 {
		if err := ipt.Insert(t.Name, h.Base, 1, spec...); err != nil {
			return explain(err, err.Error())
		}
	}
	for _, r := range have[first:] {
		if target, ours := hookTarget(r.text); ours {
			k.runs.Add(1)
			if err := ipt.DeleteIfExists(t.Name, h.Base, "-m", "comment", "--comment", ruleset.HookComment, "-j", target); err != nil {
				return explain(err, err.Error())
			}
		}
	}
	return nil
}

// swapBridge does the same for a bridge table, in one transaction.
func swapBridge(b *strings.Builder, t ruleset.Table, generation int, have snapshot) {
	fmt.Fprintf(b, "*%s\n", t.Name)
	for _, h := range t.Hooks {
		fmt.Fprintf(b, "-I %s 1 %s\n", h.Base, strings.Join(t.HookSpec(h, generation), " "))
		for _, r := range have[t.Family][t.Name][h.Base] {
			if target, ours := hookTarget(r.text); ours {
				fmt.Fprintf(b, "-D %s -j %s\n", h.Base, target)
			}
		}
	}
	b.WriteString("COMMIT\n")
}

// forget removes chains of all generations but one; with keep 0, also the
// permanent ones. No hook may lead to them. It takes two commands per family,
// because a chain cannot go while another in the same step still leads to it.
func (k *Kernel) forget(ctx context.Context, keep int, have snapshot) error {
	for f, tables := range have {
		if f.Nft() != "" && keep == 0 {
			if err := k.removeNft(ctx, f, tables); err != nil {
				return fmt.Errorf("remove our table: %w", err)
			}
			continue
		}
		var flush, remove strings.Builder
		for name, t := range tables {
			var f, x []string
			for c := range t {
				g, ours := ruleset.ParseChainName(c)
				if ours && (g != keep && g != 0 || keep == 0) {
					f, x = append(f, "-F "+c+"\n"), append(x, "-X "+c+"\n")
				}
			}
			if len(f) > 0 {
				flush.WriteString("*" + name + "\n" + strings.Join(f, "") + "COMMIT\n")
				remove.WriteString("*" + name + "\n" + strings.Join(x, "") + "COMMIT\n")
			}
		}
		if flush.Len() == 0 {
			continue
		}
		for _, input := range []string{flush.String(), remove.String()} {
			if err := k.restore(ctx, f, input); err != nil {
				return fmt.Errorf("remove old chains: %w", err)
			}
		}
	}
	return nil
}
