package netfilter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// otherEvery is how often the backend of iptables that is not in use is read: it
// tells of no change, and reading it takes a command for each of its tables.
const otherEvery = 10 * time.Second

// maxOthers is how many rules of others are named at once.
const maxOthers = 8

// others is what was last read of the other backend.
type others struct {
	at    time.Time
	rules []string // commands that would make them
	err   error    // why there may be more
}

// checkOthers tells what other programs have beside our rules: rules in the other
// backend of iptables that could let our side's packets pass or turn them, and
// chains that come before ours. Neither takes anything away: every packet passes
// both backends, and what is accepted in one chain is judged in the next.
func (k *Kernel) checkOthers(ctx context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	chains, err := baseChains()
	if err != nil {
		return nil, err
	}
	copiers, err := copying(chains)
	if err != nil {
		return nil, err
	}
	var list []Finding
	note := func(l ruleset.Layer, format string, args ...any) {
		list = append(list, Finding{Layer: l, What: fmt.Sprintf(format, args...), Foreign: true, Note: true})
	}
	for _, c := range chains {
		told := slices.ContainsFunc(copiers, func(x baseChain) bool { return x.String() == c.String() })
		if l, before := c.beforeOurs(); before && !told {
			note(l, "chain %s at priority %d may come before ours; look at it: nft list chain %s; if nobody needs it: nft delete chain %s", c, c.priority, c, c)
		}
	}
	if now := time.Now(); k.others.at.IsZero() || now.Sub(k.others.at) >= otherEvery {
		runs := k.runs.Load()
		rules, err := k.otherRules(ctx, rs.Link, chains)
		k.runs.Store(runs) // no change makes these, nor does any device (C9)
		k.others = others{now, rules, err}
	}
	if k.others.err != nil {
		note(ruleset.L4, "rules of the other iptables backend cannot be read: %v", k.others.err)
	}
	for i, r := range k.others.rules {
		if i == maxOthers {
			note(ruleset.L4, "and %d more rules of the other iptables backend", len(k.others.rules)-i)
			break
		}
		if copiesIPv6(r) { // our rules may come after it, and no other layer knows a camera's IPv6 packet
			list = append(list, Finding{Layer: ruleset.L3, Foreign: true, What: fmt.Sprintf(
				"a foreign rule may copy cameras' IPv6 packets elsewhere before ours drop them: %s; remove it: %s", r, strings.Replace(r, " -A ", " -D ", 1))})
			continue
		}
		note(ruleset.L4, "a foreign rule in the iptables backend that we do not use, which ours hold against all the same: %s; if nobody needs it: %s",
			r, strings.Replace(r, " -A ", " -D ", 1))
	}
	return list, nil
}

// beforeOurs reports whether a foreign chain may see what comes in before our
// first one of its layer does: of two with one priority, the later made comes first.
func (c baseChain) beforeOurs() (ruleset.Layer, bool) {
	const prerouting, raw, pinning = 0, -300, -310 // NF_INET_PRE_ROUTING and NF_BR_PRE_ROUTING; linux/netfilter_ipv4.h
	const ours = "PREROUTING"                      // of our own tables, and of iptables' raw, which is read back or read as the other backend's
	if c.flowtable || c.hook != prerouting || c.name == ours && (c.table == ruleset.OwnTable || c.table == "raw") || len(c.devices) > 0 {
		return "", false
	}
	switch c.family {
	case unix.NFPROTO_BRIDGE:
		return ruleset.L1, c.priority <= pinning
	case unix.NFPROTO_INET, unix.NFPROTO_IPV4, unix.NFPROTO_IPV6:
		return ruleset.L3, c.priority <= raw
	}
	return "", false
}

// otherRules reads what concerns our side in the backend that is not in use.
func (k *Kernel) otherRules(ctx context.Context, l ruleset.Link, chains []baseChain) ([]string, error) {
	var list []string
	var errs []error
	for _, f := range k.families() {
		command := map[ruleset.Family]string{ruleset.IPv4: "iptables", ruleset.IPv6: "ip6tables"}[f] + "-" + k.otherBackend()
		if k.path[command] == "" {
			continue // nobody here can have made any with it
		}
		for _, t := range k.otherTables(f, chains) {
			out, err := k.run(ctx, "", command, "-w", fmt.Sprint(lockSeconds), "-t", t, "-S")
			if err != nil {
				if !strings.Contains(err.Error(), "does not exist") { // a kernel without that table
					errs = append(errs, err)
				}
				continue
			}
			for line := range strings.Lines(out) {
				if line = strings.TrimSpace(line); concerns(line, l) {
					list = append(list, command+" -t "+t+" "+line)
				}
			}
		}
	}
	return list, errors.Join(errs...)
}

func (k *Kernel) otherBackend() string {
	if k.backend == "legacy" {
		return "nft"
	}
	return "legacy"
}

// otherTables are the tables that the other backend has. Legacy ones are in a
// file that not everybody may read: then each is asked for.
func (k *Kernel) otherTables(f ruleset.Family, chains []baseChain) []string {
	all := []string{"raw", "mangle", "nat", "filter"}
	if k.otherBackend() == "nft" {
		family := map[ruleset.Family]uint8{ruleset.IPv4: unix.NFPROTO_IPV4, ruleset.IPv6: unix.NFPROTO_IPV6}[f]
		return slices.DeleteFunc(all, func(t string) bool {
			return !slices.ContainsFunc(chains, func(c baseChain) bool { return c.family == family && c.table == t })
		})
	}
	names, err := os.ReadFile(map[ruleset.Family]string{ruleset.IPv4: "/proc/net/ip_tables_names", ruleset.IPv6: "/proc/net/ip6_tables_names"}[f])
	if errors.Is(err, fs.ErrPermission) {
		return all
	}
	has := strings.Fields(string(names)) // none where there is no such file
	return slices.DeleteFunc(all, func(t string) bool { return !slices.Contains(has, t) })
}

// copiesIPv6 reports whether a rule of the other backend copies packets where it
// may come before ours.
func copiesIPv6(command string) bool {
	return strings.HasPrefix(command, "ip6tables-") && strings.Contains(command, " -t raw ") && strings.Contains(command, " -j TEE ")
}

// turning are targets that let a packet pass, or make it another one.
var turning = []string{"ACCEPT", "DNAT", "SNAT", "REDIRECT", "MASQUERADE", "NETMAP", "TPROXY", "TEE"}

// concerns reports whether a rule as iptables -S prints it could let packets of
// our side pass, or turn them: it has such a target, and is not limited to what
// comes in by other interfaces, or from networks that are not the cameras'.
func concerns(line string, l ruleset.Link) bool {
	f := strings.Fields(line)
	if len(f) < 3 || f[0] != "-A" {
		return false
	}
	target := false
	for i := 2; i+1 < len(f); i++ {
		inverted := f[i-1] == "!"
		switch f[i] {
		case "-j", "-g":
			target = slices.Contains(turning, f[i+1])
		case "-i":
			if !inverted && !isOurs(f[i+1], l) {
				return false
			}
		case "-s":
			if !inverted && elsewhere(f[i+1], l) {
				return false
			}
		}
	}
	return target
}

// isOurs reports whether a pattern of iptables fits the bridge or a port.
func isOurs(pattern string, l ruleset.Link) bool {
	prefix, wild := strings.CutSuffix(pattern, "+")
	return slices.ContainsFunc(append([]string{l.Bridge}, l.Ports...), func(i string) bool {
		return i == pattern || wild && strings.HasPrefix(i, prefix)
	})
}

// elsewhere reports whether a source is none of the camera side's. A camera may
// forge one, but is known by its port then.
func elsewhere(network string, l ruleset.Link) bool {
	p, err := netip.ParsePrefix(network)
	return err == nil && p.Addr().Is4() && !slices.ContainsFunc(l.Addresses, p.Masked().Overlaps)
}
