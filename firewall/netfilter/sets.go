package netfilter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// kernelSets reads the members of our sets, sorted.
func (k *Kernel) kernelSets(ctx context.Context) (map[string][]string, error) {
	out, err := k.run(ctx, "", "ipset", "save")
	if err != nil {
		return nil, err
	}
	sets := map[string][]string{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[1], ruleset.SetPrefix) {
			continue
		}
		switch f[0] {
		case "create":
			sets[f[1]] = []string{}
		case "add":
			sets[f[1]] = append(sets[f[1]], f[2])
		}
	}
	for _, m := range sets {
		slices.Sort(m)
	}
	return sets, nil
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
	have, err := k.kernelSets(ctx)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, s := range want {
		members, ok := have[s.Name]
		switch less, more := difference(members, s.Members); {
		case ok && len(less)+len(more) <= fewMembers:
			for _, m := range less {
				fmt.Fprintf(&b, "del %s %s\n", s.Name, m)
			}
			for _, m := range more {
				fmt.Fprintf(&b, "add %s %s\n", s.Name, m)
			}
		default:
			_, left := have[s.Name+temporary]
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
