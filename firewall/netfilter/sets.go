package netfilter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// kernelSet is a set as the kernel holds it.
type kernelSet struct {
	create  string   // type and options, as after "create NAME"
	members []string // sorted, with whatever narrows one, such as nomatch
}

// printSets reads our sets by a command.
func (k *Kernel) printSets(ctx context.Context) (map[string]kernelSet, error) {
	out, err := k.run(ctx, "", "ipset", "save")
	if err != nil {
		return nil, err
	}
	sets := map[string]kernelSet{}
	for line := range strings.Lines(out) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, rest, ok := strings.Cut(rest, " ")
		if !ok || !strings.HasPrefix(name, ruleset.SetPrefix) {
			continue
		}
		s := sets[name]
		switch verb {
		case "create":
			s.create = rest
		case "add":
			s.members = append(s.members, rest)
		}
		sets[name] = s
	}
	for _, s := range sets {
		slices.Sort(s.members)
	}
	return sets, nil
}

// isA reports whether a set was created as wanted. How large its table is and
// by which random number it hashes are the kernel's own business.
func (s kernelSet) isA(create string) bool {
	return slices.Equal(meaningful(s.create), meaningful(create))
}

// method is a set's type, such as hash:ip.
func method(create string) string {
	m, _, _ := strings.Cut(create, " ")
	return m
}

func meaningful(create string) []string {
	var out []string
	f := strings.Fields(create)
	for i := 0; i < len(f); i++ {
		switch f[i] {
		case "hashsize", "bucketsize", "initval":
			i++ // and its number
		default:
			out = append(out, f[i])
		}
	}
	return out
}

// temporary marks a set that is being filled; it never stays.
const temporary = ".new"

// fewMembers is up to how many differences a set is changed member by member.
const fewMembers = 32

// loadSets makes the sets and gives them their members, all in one command. A
// new or much changed set is filled beside the one in force and swapped with
// it, since emptying and refilling let packets through (C2); of a little
// changed one, the members that must go go first. It returns the names of our
// sets that are not wanted, for dropSets.
func (k *Kernel) loadSets(ctx context.Context, want []ruleset.Set) (unwanted []string, err error) {
	held, err := k.kernelSets(ctx)
	if err != nil {
		return nil, err
	}
	have := maps.Clone(held)
	var b strings.Builder
	for _, s := range want {
		is, ok := have[s.Name]
		if ok && is.isA(s.Create) && slices.Equal(is.members, s.Members) {
			delete(have, s.Name)
			continue
		}
		switch less, more := difference(is.members, s.Members); {
		case ok && is.isA(s.Create) && plain(less) && len(less)+len(more) <= fewMembers:
			for _, m := range less {
				fmt.Fprintf(&b, "del %s %s\n", s.Name, m)
			}
			for _, m := range more {
				fmt.Fprintf(&b, "add %s %s\n", s.Name, m)
			}
		default:
			_, left := have[s.Name+temporary]
			if ok && method(is.create) != method(s.Create) { // cannot be swapped with ours
				fmt.Fprintf(&b, "destroy %s\n", s.Name)
				ok = false
			}
			fill(&b, s, ok, left)
			delete(have, s.Name+temporary)
		}
		delete(have, s.Name)
	}
	if b.Len() > 0 {
		if _, err := k.run(ctx, b.String(), "ipset", "restore"); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(have)), nil
}

// plain reports whether each member is one word: only such are taken out by it.
func plain(members []string) bool {
	return !slices.ContainsFunc(members, func(m string) bool { return strings.Contains(m, " ") })
}

// fill writes what makes a set anew and puts it in place.
func fill(b *strings.Builder, s ruleset.Set, exists, left bool) {
	fresh := s.Name + temporary
	if left {
		fmt.Fprintf(b, "destroy %s\n", fresh)
	}
	fmt.Fprintf(b, "create %s %s\n", fresh, s.Create)
	for _, m := range s.Members {
		fmt.Fprintf(b, "add %s %s\n", fresh, m)
	}
	if !exists {
		fmt.Fprintf(b, "create %s %s\n", s.Name, s.Create)
	}
	fmt.Fprintf(b, "swap %s %s\ndestroy %s\n", fresh, s.Name, fresh)
}

// difference of two sorted lists: what only the first has, and what only the second has.
func difference(have, want []string) (less, more []string) {
	for len(have) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(have) > 0 && have[0] < want[0]:
			less, have = append(less, have[0]), have[1:]
		case len(have) == 0 || want[0] < have[0]:
			more, want = append(more, want[0]), want[1:]
		default:
			have, want = have[1:], want[1:]
		}
	}
	return less, more
}

// dropSets removes sets of ours; nothing may refer to them any more.
func (k *Kernel) dropSets(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := k.run(ctx, "destroy "+strings.Join(names, "\ndestroy ")+"\n", "ipset", "restore")
	return err
}
