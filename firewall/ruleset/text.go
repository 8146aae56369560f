package ruleset

import (
	"fmt"
	"strings"
)

// line is a rule as iptables-save or ebtables-save prints it, or after "-A CHAIN" as nft list does.
func (t Table) line(c Chain, r Rule, generation int, revision string) string {
	if t.Family.Nft() != "" {
		return nftLine(c, r, generation, revision)
	}
	var b strings.Builder
	b.WriteString("-A " + c.ChainName(generation))
	if r.Match != "" {
		b.WriteString(" " + r.Match)
	}
	if t.Family != Bridge {
		b.WriteString(" -m comment --comment " + r.ID)
	}
	target := r.Target
	if r.To != "" {
		target = kernelName(r.To, r.toKept, generation)
	}
	if r.Log != nil && t.Family == Bridge {
		fmt.Fprintf(&b, " --nflog-prefix \"%s\" --nflog-group %d --nflog-range %d",
			r.Log.prefix(revision), r.Log.group(), LogBytes)
	} else if r.Log != nil {
		target = fmt.Sprintf("NFLOG --nflog-prefix \"%s\" --nflog-group %d --nflog-size %d",
			r.Log.prefix(revision), r.Log.group(), LogBytes)
	}
	if r.Goto {
		b.WriteString(" -g " + target)
	} else {
		b.WriteString(" -j " + target)
	}
	return b.String()
}

func nftLine(c Chain, r Rule, generation int, revision string) string {
	parts := []string{"-A", c.ChainName(generation)}
	if r.Match != "" {
		parts = append(parts, r.Match)
	}
	if r.Log != nil {
		parts = append(parts, fmt.Sprintf("log prefix \"%s\" group %d snaplen %d", r.Log.prefix(revision), r.Log.group(), LogBytes))
	}
	switch {
	case r.To != "" && r.Goto:
		parts = append(parts, "goto "+kernelName(r.To, r.toKept, generation))
	case r.To != "":
		parts = append(parts, "jump "+kernelName(r.To, r.toKept, generation))
	case r.Target != "":
		parts = append(parts, "counter "+strings.ToLower(r.Target)) // other families count by themselves
	}
	return strings.Join(append(parts, `comment "`+r.ID+`"`), " ")
}

// Lines gives every rule of our chains in order, hooks left out.
func (t Table) Lines(generation int, revision string) []string {
	var lines []string
	for _, c := range t.Chains {
		lines = append(lines, t.ChainLines(c, generation, revision)...)
	}
	return lines
}

// ChainLines gives one chain's rules in order.
func (t Table) ChainLines(c Chain, generation int, revision string) []string {
	lines := make([]string, 0, len(c.Rules))
	for _, r := range c.Rules {
		lines = append(lines, t.line(c, r, generation, revision))
	}
	return lines
}

// HookComment marks our jumps in base chains.
const HookComment = "nvr-hook"

// HookSpec is the jump's rule, as arguments after "-A BASE".
func (t Table) HookSpec(h Hook, generation int) []string {
	if t.Family.Nft() != "" {
		return []string{"jump", h.Target(generation), "comment", `"` + HookComment + `"`}
	}
	jump := []string{"-j", h.Target(generation)}
	if t.Family == Bridge {
		return jump
	}
	return append([]string{"-m", "comment", "--comment", HookComment}, jump...)
}

// Text is the whole ruleset, for people and for golden files. The same ruleset
// always gives the same text; generation 1 stands for whichever comes next.
func (rs Ruleset) Text() string {
	const generation = 1
	var b strings.Builder
	section := func(format string, args ...any) { fmt.Fprintf(&b, "\n# "+format+"\n", args...) }
	fmt.Fprintf(&b, "# Rules %s", rs.Rules())
	if rs.Observe {
		b.WriteString(": OBSERVE ONLY, nothing is dropped")
	}
	b.WriteString("\n")
	section("L0, L1: the bridge; its ports come up last, after everything below was read back")
	for _, l := range rs.Link.Lines() {
		b.WriteString(l + "\n")
	}
	section("L2: routing")
	for _, r := range rs.IPRules {
		b.WriteString(r.String() + "\n")
	}
	section("Settings under /proc/sys")
	for _, s := range rs.Sysctls {
		b.WriteString(s.String() + "\n")
	}
	section("Neighbours, permanent: %d", len(rs.Neighbours))
	for _, s := range rs.Sets {
		section("Set %s: %d", s.Name, len(s.Members))
		fmt.Fprintf(&b, "create %s %s\n", s.Name, s.Create)
		for _, m := range s.Members {
			fmt.Fprintf(&b, "add %s %s\n", s.Name, m)
		}
	}
	revision := rs.Revision(generation)
	for _, t := range rs.Tables {
		section("%s %s", t.Family, t.Name)
		for _, s := range t.Sets {
			fmt.Fprintf(&b, "set %s { %s }\n", s.Name, s.Create)
			for _, m := range s.Members {
				fmt.Fprintf(&b, "add element %s { %s }\n", s.Name, m)
			}
		}
		for _, h := range t.Hooks {
			if h.Definition != "" {
				fmt.Fprintf(&b, "chain %s { %s }\n", h.Base, h.Definition)
			}
			fmt.Fprintf(&b, "-I %s 1 %s\n", h.Base, strings.Join(t.HookSpec(h, generation), " "))
		}
		for _, l := range t.Lines(generation, revision) {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// Lines are the bridge with its ports, as Text prints them.
func (l Link) Lines() []string {
	lines := []string{fmt.Sprintf("bridge %s mac %s", l.Bridge, l.MAC)}
	for _, a := range l.Addresses {
		lines = append(lines, fmt.Sprintf("address %s", a))
	}
	for _, p := range l.Ports {
		lines = append(lines, fmt.Sprintf("port %s isolated %t", p, l.Isolated))
	}
	return append(lines, fmt.Sprintf("group 0x%x of the bridge and its ports", l.Group))
}

// String is the setting as Text prints it.
func (s Sysctl) String() string { return s.Path + " = " + s.Value }

// Head is the beginning of the rule's text: family and preference.
func (r IPRule) Head() string {
	if r.Family == IPv6 {
		return fmt.Sprintf("ip -6 rule add pref %d", r.Pref)
	}
	return fmt.Sprintf("ip rule add pref %d", r.Pref)
}

// String is the rule as ip(8) takes it.
func (r IPRule) String() string {
	text := r.Head()
	if r.In != "" {
		text += " iif " + r.In
	}
	if r.To.IsValid() {
		text += " to " + r.To.String()
	}
	if r.Main {
		return text + " lookup main"
	}
	return text + " blackhole"
}
