package netfilter

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// maxPref is the last preference of ours; up to it, nothing foreign may stand.
const maxPref = 3

func nlFamily(f ruleset.Family) int {
	if f == ruleset.IPv6 {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// routingRule is a rule as the kernel tells it. The library's own list leaves
// out the action, and so cannot tell a blackhole from anything else.
type routingRule struct {
	pref    int
	meaning string // comparable text: of ours, the same as ip rule's line
	in      string // incoming interface, or empty
	idle    bool   // there is no interface of that name
	message []byte // as received: sent back, it removes exactly this rule
}

// routingRules lists one family's rules in their order.
func routingRules(f ruleset.Family) ([]routingRule, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(nlFamily(f)))
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE)
	if err != nil {
		return nil, fmt.Errorf("list %s rules: %w", f, permitted(err))
	}
	list := make([]routingRule, 0, len(messages))
	for _, m := range messages {
		r, err := parseRoutingRule(f, m)
		if err != nil {
			return nil, fmt.Errorf("list %s rules: %w", f, err)
		}
		list = append(list, r)
	}
	return list, nil
}

func parseRoutingRule(f ruleset.Family, m []byte) (routingRule, error) {
	r := routingRule{message: m}
	if len(m) < unix.SizeofRtMsg {
		return r, fmt.Errorf("a rule of %d bytes", len(m))
	}
	head := nl.DeserializeRtMsg(m)
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
	if err != nil {
		return r, fmt.Errorf("attributes of a rule: %w", err)
	}
	var in, to, rest string
	table := int(head.Table)
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.FRA_PRIORITY:
			r.pref = int(word(a.Value))
		case unix.FRA_TABLE:
			table = int(word(a.Value))
		case unix.FRA_IIFNAME:
			r.in = string(bytes.TrimRight(a.Value, "\x00"))
			in = " iif " + r.in
		case unix.FRA_DST:
			to = fmt.Sprintf(" to %s/%d", net.IP(a.Value), head.Dst_len)
		case unix.FRA_PROTOCOL, unix.FRA_PAD:
		case unix.FRA_SUPPRESS_IFGROUP, unix.FRA_SUPPRESS_PREFIXLEN:
			if word(a.Value) != 0xffffffff {
				rest += fmt.Sprintf(" suppress %d", word(a.Value))
			}
		default: // whatever narrows a rule makes it another rule
			rest += fmt.Sprintf(" with %d=%x", a.Attr.Type, a.Value)
		}
	}
	r.idle = head.Flags&unix.FIB_RULE_IIF_DETACHED != 0
	if head.Flags&netlink.FibRuleInvert != 0 {
		rest += " not"
	}
	if head.Tos != 0 {
		rest += fmt.Sprintf(" tos %d", head.Tos)
	}
	r.meaning = ruleset.IPRule{Family: f, Pref: r.pref}.Head() + in + to + rest + action(int(head.Type), table)
	return r, nil
}

func word(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return nl.NativeEndian().Uint32(b)
}

func action(kind, table int) string {
	switch kind {
	case unix.FR_ACT_BLACKHOLE:
		return " blackhole"
	case unix.FR_ACT_TO_TBL:
		if table == unix.RT_TABLE_MAIN {
			return " lookup main"
		}
		return fmt.Sprintf(" lookup %d", table)
	}
	return fmt.Sprintf(" action %d", kind)
}

// ipRules compares the kernel's rules with what is wanted: missing ones of
// ours, and foreign ones that come before or among ours (C3).
func (k *Kernel) ipRules(want []ruleset.IPRule) (missing []ruleset.IPRule, foreign []routingRule, err error) {
	ours := map[string]bool{}
	for _, w := range want {
		ours[w.String()] = true
	}
	for _, f := range k.families() {
		have, err := routingRules(f)
		if err != nil {
			return nil, nil, err
		}
		local := ruleset.IPRule{Family: f}.Head() + fmt.Sprintf(" lookup %d", unix.RT_TABLE_LOCAL)
		seen := map[string]bool{}
		for _, h := range have {
			if h.pref > maxPref {
				continue
			}
			if !ours[h.meaning] && h.meaning != local {
				foreign = append(foreign, h)
			}
			seen[h.meaning] = true
		}
		for _, w := range want {
			if w.Family == f && !seen[w.String()] {
				missing = append(missing, w)
			}
		}
	}
	return missing, foreign, nil
}

// detachedRules are those that would match the bridge, but find no interface of its name.
func (k *Kernel) detachedRules(bridge string) ([]string, error) {
	var list []string
	for _, f := range k.families() {
		rules, err := routingRules(f)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if r.pref == 1 && r.idle && r.in == bridge {
				list = append(list, r.meaning)
			}
		}
	}
	return list, nil
}

// ourShape tells rules that an earlier policy of ours left from foreign ones.
func (r routingRule) ourShape() bool {
	switch r.pref {
	case 1:
		return strings.HasSuffix(r.meaning, " blackhole") && strings.Contains(r.meaning, " iif ") && !r.narrowed()
	case 2:
		return strings.HasSuffix(r.meaning, " lookup main") && strings.Contains(r.meaning, " iif lo to ") && !r.narrowed()
	case 3:
		return strings.HasSuffix(r.meaning, " blackhole") && strings.Contains(r.meaning, " to ") && !r.narrowed()
	}
	return false
}

func (r routingRule) narrowed() bool {
	return strings.Contains(r.meaning, " with ") || strings.Contains(r.meaning, " not")
}

func (k *Kernel) loadIPRules(want []ruleset.IPRule) error {
	missing, _, err := k.ipRules(want)
	if err != nil {
		return err
	}
	for _, m := range missing {
		r := netlink.NewRule()
		r.Family, r.Priority, r.IifName = nlFamily(m.Family), m.Pref, m.In
		if m.To.IsValid() {
			r.Dst = ipNet(m.To)
		}
		if m.Main {
			r.Table = unix.RT_TABLE_MAIN
		} else {
			r.Type = unix.FR_ACT_BLACKHOLE
		}
		if err := netlink.RuleAdd(r); err != nil && !errors.Is(err, syscall.EEXIST) {
			return fmt.Errorf("add %s: %w", m, permitted(err))
		}
	}
	return nil
}

// dropIPRules removes rules of ours that are not wanted any more.
func (k *Kernel) dropIPRules(want []ruleset.IPRule) error {
	_, foreign, err := k.ipRules(want)
	if err != nil {
		return err
	}
	for _, r := range foreign {
		if !r.ourShape() {
			continue
		}
		req := nl.NewNetlinkRequest(unix.RTM_DELRULE, unix.NLM_F_ACK)
		req.AddRawData(r.message)
		if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("remove %s: %w", r.meaning, permitted(err))
		}
	}
	return nil
}
