package netfilter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// Finding is one difference between the ruleset and the kernel.
type Finding struct {
	Layer ruleset.Layer
	What  string
	// Foreign is true for what others put in our way and we do not remove.
	Foreign bool
	// Absent is true for a port that is not there: nothing comes in by it.
	Absent bool
	// Note is true for what stands beside the ruleset and takes nothing away from
	// its layers. It is Foreign as well.
	Note bool
	// Spare is true for what is missing of a layer that only stands behind the
	// others, and that this process may not repair. It is Foreign as well.
	Spare bool
}

func finding(l ruleset.Layer, format string, args ...any) Finding {
	return Finding{Layer: l, What: fmt.Sprintf(format, args...)}
}

// Report is one complete read-back.
type Report struct {
	Findings []Finding
	Dropped  map[string]uint64 // packets, by the id of the dropping rule; a bridge's by its chain
}

// ErrNothingApplied says that there is no ruleset yet to compare with.
var ErrNothingApplied = errors.New("no ruleset was applied")

// Verify reads back every layer of the ruleset applied last.
func (k *Kernel) Verify(ctx context.Context) (Report, error) {
	if k.generation == 0 {
		return Report{}, ErrNothingApplied
	}
	have, err := k.read(ctx)
	if err != nil {
		return Report{}, err
	}
	r, err := k.verify(ctx, have)
	if err != nil {
		return r, err
	}
	// Last, and not before ports open: no one waits for what weakens nothing.
	notes, err := k.checkOthers(ctx, k.want)
	r.Findings = append(r.Findings, notes...)
	return r, err
}

// verify is Verify with the tables already read.
func (k *Kernel) verify(ctx context.Context, have snapshot) (Report, error) {
	rs := k.want
	r := Report{Dropped: dropped(rs, have)}
	r.Findings = append(k.checkHooks(rs, k.generation, have), k.checkChains(rs, k.generation, have)...)
	own, _ := k.checkOwnSets(rs, have)
	r.Findings = append(r.Findings, own...)
	for _, check := range []func(context.Context, ruleset.Ruleset) ([]Finding, error){
		k.checkSets, k.checkRouting, k.checkLinks, k.checkNeighbours, k.checkGuard,
	} {
		f, err := check(ctx, rs)
		if err != nil {
			return r, err
		}
		r.Findings = append(r.Findings, f...)
	}
	return r, nil
}

// Dropped reads the counters of a ruleset's permanent chains, packets by the id
// of the dropping rule; those that are not loaded yet are absent.
func (k *Kernel) Dropped(ctx context.Context, rs ruleset.Ruleset) (map[string]uint64, error) {
	have, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	return dropped(rs, have), nil
}

// dropped reads the counters of the permanent chains (C11).
func dropped(rs ruleset.Ruleset, have snapshot) map[string]uint64 {
	counts := map[string]uint64{}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if !c.Permanent {
				continue
			}
			for _, r := range have[t.Family][t.Name][c.ChainName(0)] {
				counts[c.Rules[0].ID] += r.packets
			}
		}
	}
	return counts
}

func (k *Kernel) checkSets(ctx context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	have, err := k.kernelSets(ctx)
	if err != nil {
		return nil, err
	}
	var list []Finding
	for _, s := range rs.Sets {
		switch is, ok := have[s.Name]; {
		case !ok:
			list = append(list, finding(ruleset.L3, "set %s is gone", s.Name))
		case !is.isA(s.Create):
			list = append(list, finding(ruleset.L3, "set %s is another one: %.100s", s.Name, is.create))
		case !slices.Equal(is.members, s.Members):
			list = append(list, finding(ruleset.L3, "set %s was changed: %s", s.Name, differs(difference(is.members, s.Members))))
		}
	}
	return list, nil
}

func (k *Kernel) checkRouting(_ context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	missing, foreign, err := k.ipRules(rs.IPRules)
	if err != nil {
		return nil, err
	}
	var list []Finding
	for _, m := range missing {
		list = append(list, finding(ruleset.L2, "routing rule is gone: %s", m))
	}
	for _, r := range foreign {
		if rs.Observe {
			break
		}
		list = append(list, Finding{
			Layer: ruleset.L2, Foreign: !r.ourShape(),
			What: "a foreign routing rule stands before or among ours: " + r.meaning,
		})
	}
	detached, err := k.detachedRules(rs.Link.Bridge)
	if err != nil {
		return nil, err
	}
	for _, r := range detached {
		list = append(list, finding(ruleset.L2, "routing rule matches nothing, its interface is gone or was renamed: %s", r))
	}
	for _, s := range rs.Sysctls {
		v, absent, err := sysctl(s.Path)
		if err != nil {
			return nil, err
		}
		if excused := absent && (s.Optional || unplugged(s)); v != s.Value && !excused {
			list = append(list, finding(ruleset.L2, "setting %s is %q, want %s", s.Path, v, s.Value))
		}
	}
	return list, nil
}

func (k *Kernel) checkLinks(_ context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	l := rs.Link
	bridge, err := netlink.LinkByName(l.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return []Finding{finding(ruleset.L1, "the bridge %s is gone", l.Bridge)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the bridge %s: %w", l.Bridge, permitted(err))
	}
	list := k.checkBridge(l, bridge)
	passing, closed, err := k.checkBypasses(l)
	if err != nil {
		return nil, err
	}
	list = append(list, passing...)
	for _, p := range l.Ports {
		link, err := netlink.LinkByName(p)
		switch {
		case errors.As(err, new(netlink.LinkNotFoundError)) && slices.Contains(l.Made, p):
			list = append(list, Finding{Layer: ruleset.L0, What: "the canary's port " + p + " is gone; it is made again with the next round", Foreign: true, Note: true})
			continue
		case errors.As(err, new(netlink.LinkNotFoundError)):
			list = append(list, Finding{Layer: ruleset.L0, What: "port " + p + " is gone", Foreign: true, Absent: true})
			continue
		case err != nil:
			return nil, fmt.Errorf("find port %s: %w", p, permitted(err))
		case link.Attrs().MasterIndex != bridge.Attrs().Index:
			list = append(list, finding(ruleset.L1, "port %s is not in the bridge", p))
		case isolated(link) != l.Isolated:
			list = append(list, finding(ruleset.L1, "port %s is not isolated", p))
		case link.Attrs().Group != l.Group:
			list = append(list, finding(ruleset.L1, "port %s left the group of camera interfaces", p))
		}
		if link.Attrs().Flags&net.FlagUp == 0 && !closed[p] {
			list = append(list, finding(ruleset.L0, "port %s is down", p))
		}
		own, err := ownAddresses(link)
		if err != nil {
			return nil, err
		}
		if len(own) > 0 {
			list = append(list, finding(ruleset.L1, "port %s has an address of its own: %s", p, own[0].IPNet))
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", permitted(err))
	}
	for _, x := range riders(links, l) {
		down := x.Attrs().Flags&net.FlagUp == 0
		list = append(list, Finding{
			Layer: ruleset.L1, Foreign: down || !l.Isolated, // down it does no harm, but others may set it up again
			What: fmt.Sprintf("virtual interface %s stands on the cameras' wire; remove it: ip link del %s", x.Attrs().Name, x.Attrs().Name),
		})
	}
	foreign, err := foreignPorts(l, bridge)
	if err != nil {
		return nil, err
	}
	for _, f := range foreign {
		list = append(list, finding(ruleset.L1, "foreign port %s is in the bridge", f.Attrs().Name))
	}
	return list, nil
}

func (k *Kernel) checkBridge(l ruleset.Link, bridge netlink.Link) []Finding {
	var list []Finding
	if !strings.EqualFold(bridge.Attrs().HardwareAddr.String(), l.MAC.String()) {
		list = append(list, finding(ruleset.L1, "the bridge's MAC was changed to %s", bridge.Attrs().HardwareAddr))
	}
	if bridge.Attrs().Group != l.Group {
		list = append(list, finding(ruleset.L1, "the bridge left the group of camera interfaces"))
	}
	if bridge.Attrs().Flags&net.FlagUp == 0 {
		list = append(list, finding(ruleset.L0, "the bridge is down"))
	}
	have, err := netlink.AddrList(bridge, netlink.FAMILY_V4)
	if err != nil {
		return append(list, finding(ruleset.L1, "the bridge's addresses cannot be read: %v", err))
	}
	for _, w := range l.Addresses {
		if !slices.ContainsFunc(have, func(a netlink.Addr) bool { return samePrefix(a, w) }) {
			list = append(list, finding(ruleset.L1, "the bridge lost address %s", w))
		}
	}
	if len(have) > len(l.Addresses) {
		list = append(list, finding(ruleset.L1, "the bridge has addresses that are not ours"))
	}
	return list
}

func (k *Kernel) checkNeighbours(_ context.Context, rs ruleset.Ruleset) ([]Finding, error) {
	missing, stale, _, err := k.neighbours(rs.Link.Bridge, rs.Neighbours)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, nil // said by checkLinks
	}
	if err != nil {
		return nil, err
	}
	if n := len(missing) + len(stale); n > 0 {
		return []Finding{finding(ruleset.L1, "%d pinned neighbours are not as they should be", n)}, nil
	}
	return nil, nil
}
