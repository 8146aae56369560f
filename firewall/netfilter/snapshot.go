package netfilter

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// rule is a rule as the kernel holds it.
type rule struct {
	packets uint64
	text    string // from "-A" on
}

// table is a table's chains as the kernel holds them.
type table map[string][]rule

// snapshot is what all tables hold, by family and name.
type snapshot map[ruleset.Family]map[string]table

// tables that we have rules in, by family.
var tablesOf = map[ruleset.Family][]string{
	ruleset.IPv4: {"raw", "mangle", "nat", "filter"},
	ruleset.IPv6: {"raw", "mangle", "filter"},
}

// printTables takes a snapshot by commands: five with nf_tables, ten with legacy,
// where saving all tables at once needs more rights than we have.
// Families are read side by side: most of the time goes into starting commands.
func (k *Kernel) printTables(ctx context.Context) (snapshot, error) {
	s := snapshot{}
	save := map[ruleset.Family]string{ruleset.IPv4: "iptables-save", ruleset.IPv6: "ip6tables-save"}
	g, ctx := errgroup.WithContext(ctx)
	into := func(f ruleset.Family, read func(map[string]table) error) {
		tables := map[string]table{}
		s[f] = tables
		g.Go(func() error { return read(tables) })
	}
	for _, f := range k.families() {
		into(f, func(tables map[string]table) error {
			if k.backend != "legacy" {
				return k.save(ctx, tables, save[f], "-c")
			}
			for _, t := range tablesOf[f] {
				if err := k.save(ctx, tables, save[f], "-c", "-t", t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	into(ruleset.Bridge, func(tables map[string]table) error {
		return k.save(ctx, tables, "ebtables-nft-save", "-c")
	})
	for _, f := range ownFamilies {
		into(f, func(tables map[string]table) error { return k.readNft(ctx, f, tables) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return s, k.markUncalled(s)
}

func (k *Kernel) families() []ruleset.Family {
	if k.hasIPv6 {
		return []ruleset.Family{ruleset.IPv4, ruleset.IPv6}
	}
	return []ruleset.Family{ruleset.IPv4}
}

func (k *Kernel) save(ctx context.Context, into map[string]table, name string, args ...string) error {
	out, err := k.run(ctx, "", name, args...)
	if err != nil {
		return err
	}
	if err := parseSave(out, into); err != nil {
		return fmt.Errorf("read what %s printed: %w", name, err)
	}
	return nil
}

// parseSave reads the format of iptables-save -c, which ebtables-save shares.
func parseSave(out string, into map[string]table) error {
	var t table
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "COMMIT" || line[0] == '#':
		case line[0] == '*':
			t = table{}
			into[line[1:]] = t
		case t == nil:
			return fmt.Errorf("line %q before any table", line)
		case line[0] == ':':
			name, _, _ := strings.Cut(line[1:], " ")
			t[name] = nil
		default:
			chain, r, err := parseRule(line)
			if err != nil {
				return err
			}
			t[chain] = append(t[chain], r)
		}
	}
	return nil
}

// parseRule reads "[PACKETS:BYTES] -A CHAIN ...".
func parseRule(line string) (string, rule, error) {
	var r rule
	if line[0] == '[' {
		counters, rest, ok := strings.Cut(line[1:], "] ")
		if !ok {
			return "", r, fmt.Errorf("counters of line %q", line)
		}
		packets, _, _ := strings.Cut(counters, ":")
		n, err := strconv.ParseUint(packets, 10, 64)
		if err != nil {
			return "", r, fmt.Errorf("counters of line %q: %w", line, err)
		}
		r.packets, line = n, rest
	}
	rest, ok := strings.CutPrefix(line, "-A ")
	if !ok {
		return "", r, fmt.Errorf("line %q is no rule", line)
	}
	chain, _, _ := strings.Cut(rest, " ")
	r.text = line
	return chain, r, nil
}

// noise are match names that some versions print and others leave out,
// because an option of that match says the same.
var noise = []string{"tcp", "udp", "icmp", "icmp6"}

// canonical is a rule's text with what may differ between versions of
// iptables and nft levelled out: quotes, full-length masks, implied match names,
// the base of numbers, and how a truth is told.
func canonical(text string) string {
	fields := strings.Fields(strings.ReplaceAll(text, `"`, ""))
	out := make([]string, 0, len(fields))
	for i := 0; i < len(fields); i++ {
		if fields[i] == "-m" && i+1 < len(fields) && slices.Contains(noise, fields[i+1]) {
			i++
			continue
		}
		f := strings.TrimSuffix(fields[i], "/32")
		f = strings.TrimSuffix(f, "/128")
		if n, err := strconv.ParseUint(f, 0, 64); err == nil && strings.HasPrefix(f, "0x") {
			f = strconv.FormatUint(n, 10)
		}
		if f == "exists" {
			f = "1"
		}
		out = append(out, f)
	}
	return strings.Join(out, " ")
}

// holds reports whether a chain has exactly these rules, in this order.
func holds(have []rule, want []string) bool {
	return slices.EqualFunc(have, want, func(h rule, w string) bool {
		return h.text == w || canonical(h.text) == canonical(w)
	})
}

// newest is the highest generation that any chain in the kernel belongs to.
func (s snapshot) newest() int {
	highest := 0
	for _, tables := range s {
		for _, t := range tables {
			for name := range t {
				if g, ours := ruleset.ParseChainName(name); ours {
					highest = max(highest, g)
				}
			}
		}
	}
	return highest
}
