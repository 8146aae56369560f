package netfilter

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// Comparison is a ruleset beside what the kernel holds of ours.
type Comparison struct {
	Generation  int    // the newest in the kernel; 0: none
	Revision    string // that its log rules bear, such as g12-4fd1c0; empty: none, or several
	Wanted      string // that they would bear if it were this ruleset's
	Differences []Difference
}

// Rules is the digest that the kernel's log rules bear; empty: none, or several.
func (c Comparison) Rules() string {
	_, digest, _ := strings.Cut(c.Revision, "-")
	return digest
}

// Difference is one part of a ruleset that the kernel holds in another way.
type Difference struct {
	Part  string   // as ruleset.Text heads it
	Lines []string // from kernel to ruleset: "-" begins what only the kernel has, "+" what only the ruleset has
}

// loggedRevision finds what a log rule's prefix ends with.
var loggedRevision = regexp.MustCompile(`\|(g[0-9]+-[0-9a-f]{6})"?`)

// Held is the newest generation that the kernel holds, whoever loaded it; 0 for none.
func (k *Kernel) Held(ctx context.Context) (int, error) {
	have, err := k.read(ctx)
	return have.newest(), err
}

// Compare reads the kernel whole, ports, bridge and all, and tells in which
// lines of its text a ruleset differs. It changes nothing, and nothing needs to
// have been applied. Chains are compared as the same generation.
func (k *Kernel) Compare(ctx context.Context, rs ruleset.Ruleset) (Comparison, error) {
	have, err := k.read(ctx)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Generation: have.newest()}
	generation := max(1, c.Generation)
	c.Wanted = rs.Revision(generation)
	c.Revision = have.revision(c.Generation)
	for _, part := range []func(context.Context, ruleset.Ruleset) (Difference, error){
		k.compareLinks, k.compareRouting, k.compareSettings, k.compareNeighbours,
	} {
		d, err := part(ctx, rs)
		if err != nil {
			return c, err
		}
		c.add(d)
	}
	sets, err := k.kernelSets(ctx)
	if err != nil {
		return c, err
	}
	for _, d := range compareSets(rs.Sets, sets) {
		c.add(d)
	}
	for _, t := range k.present(rs) {
		c.add(compareTable(t, generation, c, have[t.Family][t.Name]))
	}
	return c, nil
}

func (c *Comparison) add(d Difference) {
	if len(d.Lines) > 0 {
		c.Differences = append(c.Differences, d)
	}
}

// revision is what all log rules of a generation bear; empty where they differ.
func (s snapshot) revision(generation int) string {
	found := ""
	for _, tables := range s {
		for _, t := range tables {
			for name, rules := range t {
				if g, ours := ruleset.ParseChainName(name); !ours || g != generation || g == 0 {
					continue
				}
				for _, r := range rules {
					m := loggedRevision.FindStringSubmatch(r.text)
					switch {
					case m == nil || m[1] == found:
					case found == "":
						found = m[1]
					default:
						return ""
					}
				}
			}
		}
	}
	return found
}

func compareTable(t ruleset.Table, generation int, c Comparison, have table) Difference {
	var want, is []string
	seen := map[string]bool{}
	for _, h := range t.Hooks {
		if h.Definition != "" {
			want = append(want, "-A "+h.Base+" "+h.Definition)
		}
		want = append(want, "-A "+h.Base+" "+strings.Join(t.HookSpec(h, generation), " "))
		is = append(is, upToHook(have[h.Base], h.Definition != "")...)
	}
	for _, chain := range t.Chains {
		name := chain.ChainName(generation)
		seen[name] = true
		want = append(want, t.ChainLines(chain, generation, c.Wanted)...)
		is = append(is, texts(have[name])...)
	}
	for _, name := range sortedNames(have) {
		if g, ours := ruleset.ParseChainName(name); ours && !seen[name] && (g == 0 || g == generation) {
			is = append(is, texts(have[name])...)
		}
	}
	if c.Revision != "" { // said once, and not in each line that logs
		for i := range is {
			is[i] = strings.ReplaceAll(is[i], "|"+c.Revision, "|"+c.Wanted)
		}
	}
	return Difference{fmt.Sprintf("%s %s", t.Family, t.Name), append(compareOwnSets(t.Sets, have), lineDifference(is, want)...)}
}

// compareOwnSets compares the sets of a table of our own.
func compareOwnSets(sets []ruleset.Set, have table) (lines []string) {
	for _, s := range sets {
		has, ok := members(s, have)
		if !ok {
			for _, r := range have[setChain(s.Name)] {
				lines = append(lines, "-"+r.text)
			}
			lines = append(lines, fmt.Sprintf("+set %s { %s }", s.Name, s.Create))
		}
		less, more := difference(has, s.Members)
		for _, m := range less {
			lines = append(lines, fmt.Sprintf("-add element %s { %s }", s.Name, m))
		}
		for _, m := range more {
			lines = append(lines, fmt.Sprintf("+add element %s { %s }", s.Name, m))
		}
	}
	return lines
}

// upToHook are a base chain's rules from the first to ours: what stands before
// it judges before it. All of a chain that is ours as a whole count.
func upToHook(rules []rule, whole bool) []string {
	if whole {
		return texts(rules)
	}
	last := -1
	for i, r := range rules {
		if _, ours := hookTarget(r.text); ours {
			last = i
		}
	}
	return texts(rules[:last+1])
}

func texts(rules []rule) []string {
	lines := make([]string, 0, len(rules))
	for _, r := range rules {
		lines = append(lines, r.text)
	}
	return lines
}

func sortedNames(t table) []string {
	names := make([]string, 0, len(t))
	for n := range t {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func compareSets(want []ruleset.Set, have map[string]kernelSet) []Difference {
	var list []Difference
	for _, s := range want {
		d := Difference{Part: "Set " + s.Name}
		is, there := have[s.Name]
		switch {
		case !there:
			d.Lines = append(d.Lines, "+create "+s.Name+" "+s.Create)
		case !is.isA(s.Create):
			d.Lines = append(d.Lines, "-create "+s.Name+" "+is.create, "+create "+s.Name+" "+s.Create)
		}
		less, more := difference(is.members, s.Members)
		for _, m := range less {
			d.Lines = append(d.Lines, "-add "+s.Name+" "+m)
		}
		for _, m := range more {
			d.Lines = append(d.Lines, "+add "+s.Name+" "+m)
		}
		list = append(list, d)
	}
	return list
}

func (k *Kernel) compareRouting(_ context.Context, rs ruleset.Ruleset) (Difference, error) {
	missing, foreign, err := k.ipRules(rs.IPRules)
	d := Difference{Part: "L2: routing"}
	for _, r := range foreign {
		d.Lines = append(d.Lines, "-"+r.meaning)
	}
	for _, r := range missing {
		d.Lines = append(d.Lines, "+"+r.String())
	}
	return d, err
}

func (k *Kernel) compareSettings(_ context.Context, rs ruleset.Ruleset) (Difference, error) {
	d := Difference{Part: "Settings under /proc/sys"}
	for _, s := range rs.Sysctls {
		v, absent, err := sysctl(s.Path)
		switch {
		case err != nil:
			return d, err
		case absent && s.Optional || v == s.Value && !absent:
			continue
		case !absent:
			d.Lines = append(d.Lines, "-"+ruleset.Sysctl{Path: s.Path, Value: v}.String())
		}
		d.Lines = append(d.Lines, "+"+s.String())
	}
	return d, nil
}

func (k *Kernel) compareNeighbours(_ context.Context, rs ruleset.Ruleset) (Difference, error) {
	d := Difference{Part: "Neighbours, permanent"}
	missing, stale, _, err := k.neighbours(rs.Link.Bridge, rs.Neighbours)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		missing, err = rs.Neighbours, nil
	}
	for _, n := range stale {
		d.Lines = append(d.Lines, fmt.Sprintf("-neighbour %s %s", n.IP, n.HardwareAddr))
	}
	for _, n := range missing {
		d.Lines = append(d.Lines, fmt.Sprintf("+neighbour %s %s", n.IP, n.MAC))
	}
	return d, err
}

// lineDifference is the shortest way from one list of lines to another.
func lineDifference(from, to []string) []string {
	same := func(a, b string) bool { return a == b || canonical(a) == canonical(b) }
	for len(from) > 0 && len(to) > 0 && same(from[0], to[0]) {
		from, to = from[1:], to[1:]
	}
	// common[i][j]: how many lines the rest of both have in common.
	common := make([][]int, len(from)+1)
	for i := range common {
		common[i] = make([]int, len(to)+1)
	}
	for i := len(from) - 1; i >= 0; i-- {
		for j := len(to) - 1; j >= 0; j-- {
			if same(from[i], to[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && same(from[i], to[j]):
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "-"+from[i])
			i++
		default:
			lines = append(lines, "+"+to[j])
			j++
		}
	}
	return lines
}
