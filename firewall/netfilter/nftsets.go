package netfilter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// setChain is what a set of a table of our own is called among its chains.
func setChain(name string) string { return "@" + name }

// sortMembers puts members in order; what the set is stays first.
func sortMembers(rules []rule) {
	if len(rules) > 1 {
		slices.SortFunc(rules[1:], func(a, b rule) int { return strings.Compare(a.text, b.text) })
	}
}

// members are those that the kernel holds; false where the set is not there, or
// is another one.
func members(s ruleset.Set, have table) ([]string, bool) {
	rules, ok := have[setChain(s.Name)]
	prefix := "-A " + setChain(s.Name) + " "
	if !ok || len(rules) == 0 || rules[0].text != prefix+strings.TrimSuffix(s.Create, ";") {
		return nil, false
	}
	list := make([]string, 0, len(rules)-1)
	for _, r := range rules[1:] {
		list = append(list, strings.TrimPrefix(r.text, prefix))
	}
	return list, true
}

// changeMembers writes what brings a set from the members it has to its own.
func changeMembers(b *strings.Builder, s ruleset.Set, has []string) {
	less, more := difference(has, s.Members)
	for _, c := range []struct {
		verb string
		list []string
	}{{takeMembers, less}, {addMembers, more}} {
		if len(c.list) > 0 {
			fmt.Fprintf(b, "%s %s { %s }\n", c.verb, s.Name, strings.Join(c.list, ", "))
		}
	}
}

// loadMembers gives the sets of our own tables their members where only these
// differ, and reads such a table again into what was read. Each table changes in
// one transaction, which packets see whole or not at all (C2).
func (k *Kernel) loadMembers(ctx context.Context, rs ruleset.Ruleset, have snapshot) error {
	for _, t := range k.present(rs) {
		var b strings.Builder
		for _, s := range t.Sets {
			if has, ok := members(s, have[t.Family][t.Name]); ok {
				changeMembers(&b, s, has)
			}
		}
		if b.Len() == 0 {
			continue
		}
		if err := k.restore(ctx, t.Family, "*"+t.Name+"\n"+b.String()); err != nil {
			return fmt.Errorf("change the sets of %s %s: %w", t.Family, t.Name, err)
		}
		again := table{}
		for name, rules := range have[t.Family][t.Name] {
			if strings.HasPrefix(name, setChain("")) {
				rules = rules[:min(1, len(rules))]
			}
			again[name] = rules
		}
		if err := readMembers(t.Family, again); err != nil {
			return err
		}
		have[t.Family][t.Name] = again
		k.ownCommit(have)
	}
	return nil
}

// checkOwnSets tells which sets of our own tables are not what they should be.
func (k *Kernel) checkOwnSets(rs ruleset.Ruleset, have snapshot) (list []Finding, whole bool) {
	whole = true
	for _, t := range k.present(rs) {
		for _, s := range t.Sets {
			has, ok := members(s, have[t.Family][t.Name])
			switch less, more := difference(has, s.Members); {
			case !ok:
				whole = false
				list = append(list, finding(ruleset.L1, "%s %s: set %s is gone or another one", t.Family, t.Name, s.Name))
			case len(less)+len(more) > 0:
				list = append(list, finding(ruleset.L1, "%s %s: set %s was changed: %s", t.Family, t.Name, s.Name, differs(less, more)))
			}
		}
	}
	return list, whole
}

// differs says in words by which members a set differs from what it should hold.
func differs(foreign, missing []string) string {
	var words []string
	for _, c := range []struct {
		what string
		list []string
	}{{"has", foreign}, {"lacks", missing}} {
		if n := len(c.list); n > 1 {
			words = append(words, fmt.Sprintf("%s %s and %d more", c.what, c.list[0], n-1))
		} else if n == 1 {
			words = append(words, c.what+" "+c.list[0])
		}
	}
	return strings.Join(words, ", ")
}
