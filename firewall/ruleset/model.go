package ruleset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// LogGroup is the netlink group that hits are logged to.
const LogGroup = 100

// AskedGroup is the one of questions to foreign name and time servers, which are
// answered here and so are no hits: nothing of them is dropped.
const AskedGroup = 101

// LogBytes is how much of a dropped packet is logged: enough for the longest
// DNS question, so that a blocked one still tells its name.
const LogBytes = 320

// Family of packets a table sees.
type Family string

// The families.
const (
	IPv4   Family = "ipv4"
	IPv6   Family = "ipv6"
	Bridge Family = "bridge"
	Inet   Family = "inet"   // both IP families, in a table of our own that nft(8) loads
	Frames Family = "frames" // frames in bridges, likewise
)

// Nft is the family of a table of our own as nft(8) calls it; empty for all others.
func (f Family) Nft() string {
	switch f {
	case Inet:
		return "inet"
	case Frames:
		return "bridge"
	case IPv4, IPv6, Bridge:
	}
	return ""
}

// Layer names one of the layers of C3. Any one of them may be gone and nothing leaks.
type Layer string

// The layers.
const (
	L0 Layer = "L0" // ports are down until all else is read back
	L1 Layer = "L1" // ports are isolated from each other; bridge rules
	L2 Layer = "L2" // ip rules: no route from the camera side
	L3 Layer = "L3" // raw PREROUTING; fragments, before anybody puts them together
	L4 Layer = "L4" // mangle PREROUTING, filter INPUT and FORWARD, nat
	L5 Layer = "L5" // filter OUTPUT
	L6 Layer = "L6" // the guard at the way out, behind what passes by all rules
)

// Ruleset is what the kernel must hold. It is not changed once compiled.
type Ruleset struct {
	Observe    bool
	Link       Link
	Sysctls    []Sysctl
	IPRules    []IPRule
	Sets       []Set
	Tables     []Table
	Neighbours []Device
}

// Link is the bridge with its ports.
type Link struct {
	Bridge    string
	MAC       net.HardwareAddr // of the bridge: derived from its address, so it stays when ports come and go
	Addresses []netip.Prefix
	Ports     []string
	Made      []string // of these, the program's own: where one is missing, nothing comes in
	Isolated  bool     // frames from one port never go to another (L1)
	Group     uint32   // of the bridge and each port: what rules know them by when they were renamed
}

// Group marks the bridge and its ports. Unlike a name it stays with an
// interface that somebody renames while it is up.
const Group = 0x4e5652

// Sysctl is a file under /proc/sys with its value. One that a kernel lacks is no fault if Optional.
type Sysctl struct {
	Path, Value string
	Optional    bool
}

// IPRule is a routing rule of ours. Those of one preference are kept in order.
type IPRule struct {
	Family Family // IPv4 or IPv6
	Pref   int
	In     string       // incoming interface, or empty
	To     netip.Prefix // destination, or zero
	Main   bool         // look up table main; else blackhole
}

// Set is an ipset. Members are in the spelling of ipset save, sorted.
type Set struct {
	Name    string
	Create  string // type and options, as after "create NAME"
	Members []string
}

// Table is one table's part of the ruleset.
type Table struct {
	Family Family
	Name   string
	Sets   []Set // of a table of our own; members in the spelling of nft list, sorted
	Hooks  []Hook
	Chains []Chain
}

// Hook is our one jump in a base chain, always its first rule.
type Hook struct {
	Base  string // in a table of our own it is a chain of ours: Definition makes it
	Chain string // generation chain it leads to
	Layer Layer
	// Definition makes the base chain where it is ours: type, hook, priority, policy.
	Definition string
}

// Chain is a user chain. A permanent one keeps its name and its counters from
// generation to generation; the others are built anew beside their elders (C2).
type Chain struct {
	Name      string // without prefix and generation
	Permanent bool
	Layer     Layer
	Rules     []Rule
}

// Rule is one rule. Target is a verdict; To leads to a chain of ours; Log makes it log.
type Rule struct {
	ID     string // unique in the ruleset
	Match  string // in the spelling of iptables-save, ebtables-save or nft list
	Target string // such as DROP, RETURN, REDIRECT --to-ports 53
	To     string
	Goto   bool
	Log    *Log
	toKept bool // To is a permanent chain
}

// Log is what a logging rule tells of a hit.
type Log struct {
	Layer  Layer
	Reason string
	Rule   string
	Asked  bool // to AskedGroup
}

// group is where it is logged to.
func (l Log) group() int {
	if l.Asked {
		return AskedGroup
	}
	return LogGroup
}

// prefix is the text that firewall/nflog parses: S1|LAYER|REASON|RULE|REVISION.
func (l Log) prefix(revision string) string {
	return fmt.Sprintf("S1|%s|%s|%s|%s", l.Layer, l.Reason, l.Rule, revision)
}

// Kernel names of our chains start with this; a generation's number follows.
const chainPrefix = "NVR"

// ChainName is a chain's name in the kernel in the given generation.
func (c Chain) ChainName(generation int) string {
	return kernelName(c.Name, c.Permanent, generation)
}

// Target is the kernel name of the chain a hook leads to.
func (h Hook) Target(generation int) string { return kernelName(h.Chain, false, generation) }

func kernelName(name string, permanent bool, generation int) string {
	if permanent {
		return chainPrefix + "-" + name
	}
	return fmt.Sprintf("%s%d-%s", chainPrefix, generation, name)
}

// ParseChainName tells a chain of ours: generation 0 is a permanent one.
func ParseChainName(name string) (generation int, ours bool) {
	rest, ok := strings.CutPrefix(name, chainPrefix)
	if !ok {
		return 0, false
	}
	number, _, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, false
	}
	for _, c := range []byte(number) {
		if c < '0' || c > '9' || generation > 1e8 {
			return 0, false
		}
		generation = generation*10 + int(c-'0')
	}
	return generation, true
}

// Rules is a short name of the rules' content, as rule ids and reports have it.
func (rs Ruleset) Rules() string { return rs.Digest()[:6] }

// Digest names the rules' content, members of sets left out: with an equal
// digest, a change needs no new generation (C9). It is hexadecimal.
func (rs Ruleset) Digest() string {
	h := sha256.New()
	for _, t := range rs.Tables {
		fmt.Fprintf(h, "%s %s %v\n%s", t.Family, t.Name, t.Hooks, strings.Join(t.Lines(0, ""), "\n"))
		for _, s := range t.Sets {
			fmt.Fprintln(h, s.Name, s.Create)
		}
	}
	for _, s := range rs.Sets {
		fmt.Fprintln(h, s.Name, s.Create)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Revision is what a generation's log prefixes carry, such as g12-4fd1c0.
func (rs Ruleset) Revision(generation int) string {
	return fmt.Sprintf("g%d-%s", generation, rs.Rules())
}
