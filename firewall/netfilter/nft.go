package netfilter

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// Two tables are ours alone and go through nft(8): no iptables table comes before
// the kernel puts fragments together, and none looks a port and a pair up at
// once. Here is what makes them look like any other table: their rules are read
// as "-A CHAIN ...", their sets as chains called @NAME, and what is written for
// iptables-restore is put into nft's words.

// ownFamilies are those that we have a table of our own in.
var ownFamilies = [...]ruleset.Family{ruleset.Inet, ruleset.Frames}

// readNft reads our table of a family. One that was put to sleep or given
// something that is not ours to have reads as empty: build makes it anew.
func (k *Kernel) readNft(ctx context.Context, f ruleset.Family, into map[string]table) error {
	out, err := k.run(ctx, "", "nft", "-n", "-t", "list", "table", f.Nft(), ruleset.OwnTable)
	if err != nil {
		if strings.Contains(err.Error(), "No such file or directory") {
			return nil
		}
		return err
	}
	t, err := parseNft(out)
	if err != nil {
		return fmt.Errorf("read what nft printed: %w", err)
	}
	into[ruleset.OwnTable] = t
	return readMembers(f, t)
}

// parseNft reads one table as nft lists it without elements. A base chain's definition reads as
// its first rule, and so does a set's.
func parseNft(out string) (table, error) {
	t := table{}
	chain, set := "", false
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "table":
		case f[0] == "}":
			chain, set = "", false
		case chain == "" && f[0] == "set" && len(f) == 3:
			chain, set = setChain(f[1]), true
			t[chain] = nil
		case set && len(t[chain]) == 1:
			t[chain][0].text += "; " + strings.Join(f, " ")
		case set:
			t[chain] = []rule{{text: "-A " + chain + " " + strings.Join(f, " ")}}
		case chain == "" && f[0] == "chain" && len(f) == 3:
			chain = f[1]
			t[chain] = nil
		case chain == "":
			return table{}, nil // such as "flags dormant": no rule of such a table can be relied on
		default:
			r, err := parseNftRule(chain, f)
			if err != nil {
				return nil, err
			}
			t[chain] = append(t[chain], r)
		}
	}
	return t, nil
}

// parseNftRule takes the counter's figures out of a rule.
func parseNftRule(chain string, fields []string) (rule, error) {
	r := rule{}
	text := []string{"-A", chain}
	for i := 0; i < len(fields); i++ {
		if fields[i] != "packets" || i == 0 || fields[i-1] != "counter" || i+3 >= len(fields) {
			text = append(text, fields[i])
			continue
		}
		n, err := strconv.ParseUint(fields[i+1], 10, 64)
		if err != nil {
			return r, fmt.Errorf("counter of %q: %w", strings.Join(fields, " "), err)
		}
		r.packets = n
		i += 3 // packets N bytes N
	}
	r.text = strings.Join(text, " ")
	return r, nil
}

// defined takes the definition off a base chain's rules; false where the chain
// is not attached to the kernel as it should be.
func defined(h ruleset.Hook, rules []rule) ([]rule, bool) {
	if h.Definition == "" {
		return rules, true
	}
	if len(rules) == 0 || canonical(rules[0].text) != canonical("-A "+h.Base+" "+h.Definition) {
		return nil, false
	}
	return rules[1:], true
}

// nftScript puts what is written for iptables-restore into nft's words. The
// whole script is one transaction.
func nftScript(family, input string) string {
	var b strings.Builder
	name := ""
	for line := range strings.Lines(input) {
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		chain, rest, _ := strings.Cut(rest, " ")
		switch {
		case strings.HasPrefix(line, "*"):
			name = family + " " + line[1:]
			fmt.Fprintf(&b, "add table %s\n", name)
		case strings.HasPrefix(line, ":"):
			fmt.Fprintf(&b, "add chain %s %s\nflush chain %s %s\n", name, verb[1:], name, verb[1:])
		case verb == "-A":
			fmt.Fprintf(&b, "add rule %s %s %s\n", name, chain, rest)
		case verb == "-F":
			fmt.Fprintf(&b, "flush chain %s %s\n", name, chain)
		case verb == "-X":
			fmt.Fprintf(&b, "delete chain %s %s\n", name, chain)
		case line == deleteTable:
			fmt.Fprintf(&b, "delete table %s\nadd table %s\n", name, name)
		case verb == "chain" || verb == "set":
			fmt.Fprintf(&b, "add %s %s %s %s\n", verb, name, chain, rest)
		case verb == addMembers:
			fmt.Fprintf(&b, "add element %s %s %s\n", name, chain, rest)
		case verb == takeMembers:
			fmt.Fprintf(&b, "delete element %s %s %s\n", name, chain, rest)
		}
	}
	return b.String()
}

// Lines of our own in what nftScript takes, beside "chain" and "set".
const (
	deleteTable = "delete"
	addMembers  = "add" // SET { MEMBER, ... }
	takeMembers = "del"
)

// beginNft writes what a table of our own begins with, where its base chains or
// its sets are not what they should be: all of it is made anew, in the same
// transaction as its rules. It returns what may be kept of what is there.
func beginNft(b *strings.Builder, t ruleset.Table, have table) table {
	whole := true
	for _, h := range t.Hooks {
		_, ok := defined(h, have[h.Base])
		whole = whole && ok
	}
	for _, s := range t.Sets {
		_, ok := members(s, have)
		whole = whole && ok
	}
	if whole {
		return have
	}
	b.WriteString(deleteTable + "\n")
	for _, h := range t.Hooks {
		if h.Definition != "" {
			fmt.Fprintf(b, "chain %s { %s }\n", h.Base, h.Definition)
		}
	}
	for _, s := range t.Sets {
		fmt.Fprintf(b, "set %s { %s }\n", s.Name, s.Create)
		changeMembers(b, s, nil)
	}
	return nil
}

// swapNft gives our base chains their one jump, in one transaction.
func (k *Kernel) swapNft(ctx context.Context, t ruleset.Table, generation int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", t.Name)
	for _, h := range t.Hooks {
		fmt.Fprintf(&b, "-F %s\n-A %s %s\n", h.Base, h.Base, strings.Join(t.HookSpec(h, generation), " "))
	}
	return k.restore(ctx, t.Family, b.String())
}

// removeNft removes our table of a family with all that is in it.
func (k *Kernel) removeNft(ctx context.Context, f ruleset.Family, have map[string]table) error {
	var b strings.Builder
	for name := range have {
		fmt.Fprintf(&b, "delete table %s %s\n", f.Nft(), name)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := k.run(ctx, b.String(), "nft", "-f", "-")
	return err
}
