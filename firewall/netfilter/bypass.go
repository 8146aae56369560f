package netfilter

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// bypass is what another program put on an interface of the cameras' side, where
// it sees frames before any rule of ours, or sends what none of them sees (C3).
type bypass struct {
	on   string // interface: a port or the bridge
	what string
	fix  string // command that removes it
	// passes is true for what gets camera's frames first, and may send them on
	// elsewhere: while it is there, the port is down.
	passes bool
}

func (b bypass) String() string {
	return fmt.Sprintf("%s on %s; remove it: %s", b.what, b.on, b.fix)
}

// bypasses finds them on the bridge and on those of the ports that are there, but
// for our own guard.
func bypasses(l ruleset.Link, ours outguard.Programs) ([]bypass, error) {
	links, err := existing(append([]string{l.Bridge}, l.Ports...))
	if err != nil {
		return nil, err
	}
	chains, err := baseChains()
	if err != nil {
		return nil, err
	}
	var list []bypass
	copiers, err := copying(chains)
	if err != nil {
		return nil, err
	}
	for _, c := range copiers {
		list = append(list, bypass{
			on: l.Bridge, what: "chain " + c.String() + ", which copies packets before our rules", fix: "nft delete chain " + c.String(), passes: true,
		})
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Xdp != nil && a.Xdp.Attached && (a.Name != l.Bridge || !ours.Has(a.Xdp.ProgId)) {
			list = append(list, bypass{
				on: a.Name, what: fmt.Sprintf("XDP program %d", a.Xdp.ProgId), passes: true,
				fix: "ip link set dev " + a.Name + " xdp off; ip link set dev " + a.Name + " xdpgeneric off",
			})
		}
		more, err := classifiers(link)
		if err != nil {
			return nil, err
		}
		list = append(append(list, more...), programs(link, ours)...)
		for _, c := range chains {
			if c.calls(a.Name) {
				list = append(list, c.bypass(a.Name))
			}
		}
	}
	return list, nil
}

// copying picks chains that send copies of IPv6 packets elsewhere (nft's dup)
// before our first rule sees them. Of IPv4 a copy is held all the same: what is
// not a pinned pair is dropped as a frame, and a pinned address leaves by no other
// interface (L1, L5). IPv6 has no addresses to know a camera by.
func copying(chains []baseChain) ([]baseChain, error) {
	early := slices.DeleteFunc(slices.Clone(chains), func(c baseChain) bool {
		_, before := c.beforeOurs()
		return !before || c.family != unix.NFPROTO_IPV6
	})
	if len(early) == 0 {
		return nil, nil
	}
	rules, err := dupRules(unix.NFPROTO_IPV6)
	return slices.DeleteFunc(early, func(c baseChain) bool {
		return !slices.ContainsFunc(rules, func(r dupRule) bool { return c.mayLeadTo(r, chains) })
	}), err
}

// mayLeadTo reports whether a rule stands in a chain, or in one of its table that
// only rules lead to.
func (c baseChain) mayLeadTo(r dupRule, chains []baseChain) bool {
	return r.table == c.table && (r.chain == c.name || !slices.ContainsFunc(chains, func(x baseChain) bool {
		return x.family == c.family && x.table == r.table && x.name == r.chain
	}))
}

// calls reports whether frames of an interface go through the chain or flowtable
// for being that interface's. One that has no rule and drops everything, as the
// bolt's, leads nowhere.
func (c baseChain) calls(name string) bool {
	if !c.flowtable && c.policy == drops && c.use == 0 {
		return false
	}
	return slices.ContainsFunc(c.devices, func(d string) bool {
		prefix, wild := strings.CutSuffix(d, "*")
		return d == name || wild && strings.HasPrefix(name, prefix)
	})
}

func (c baseChain) bypass(name string) bypass {
	if c.flowtable {
		return bypass{on: name, what: "flowtable " + c.String(), fix: "nft delete flowtable " + c.String(), passes: true}
	}
	return bypass{on: name, what: "chain " + c.String(), fix: "nft delete chain " + c.String(), passes: c.ingress()}
}

// ingress reports whether a chain with devices sees what comes in.
func (c baseChain) ingress() bool {
	return c.family != unix.NFPROTO_NETDEV || c.hook == unix.NF_NETDEV_INGRESS
}

// classifiers lists filters of traffic control (tc). Whether one redirects is not
// asked: a program of BPF may, and there is no use for any on a camera's port.
func classifiers(link netlink.Link) ([]bypass, error) {
	var list []bypass
	name := link.Attrs().Name
	for _, side := range []struct {
		parent uint32
		word   string
	}{{netlink.HANDLE_MIN_INGRESS, "ingress"}, {netlink.HANDLE_MIN_EGRESS, "egress"}} {
		req := nl.NewNetlinkRequest(unix.RTM_GETTFILTER, unix.NLM_F_DUMP)
		req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(link.Attrs().Index), Parent: side.parent})
		messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWTFILTER)
		switch {
		case errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENODEV):
			continue // a kernel without traffic control, or the port was unplugged
		case err != nil && (len(messages) == 0 || !errors.Is(err, netlink.ErrDumpInterrupted)): // an interrupted list that is empty tells nothing
			return nil, fmt.Errorf("list tc filters of %s: %w", name, permitted(err))
		}
		if len(messages) == 0 {
			continue
		}
		list = append(list, bypass{
			on: name, what: fmt.Sprintf("tc %s filter %s", side.word, classifierKind(messages[0])),
			fix: "tc filter del dev " + name + " " + side.word, passes: side.parent == netlink.HANDLE_MIN_INGRESS,
		})
	}
	return list, nil
}

// classifierKind is a filter's kind, such as u32 or bpf.
func classifierKind(m []byte) string {
	if len(m) < nl.SizeofTcMsg {
		return "of an unknown kind"
	}
	list, _ := parseAttrs(m[nl.SizeofTcMsg:]) // what cannot be read has no kind
	for _, a := range list {
		if a.kind == nl.TCA_KIND {
			return text(a.value)
		}
	}
	return "of an unknown kind"
}

// programs lists programs of BPF that were attached by tcx (Linux 6.6), which
// traffic control does not list. Where the kernel has no tcx there are none;
// within a user namespace nobody may ask, and nobody may attach any.
func programs(link netlink.Link, ours outguard.Programs) []bypass {
	var list []bypass
	name := link.Attrs().Name
	for _, side := range []struct {
		at   ebpf.AttachType
		word string
	}{{outguard.AtIngress, "ingress"}, {outguard.AtEgress, "egress"}} {
		ids, _ := outguard.Attached(link.Attrs().Index, side.at)
		ids = slices.DeleteFunc(ids, ours.Has)
		if len(ids) > 0 {
			list = append(list, bypass{
				on: name, what: fmt.Sprintf("%d BPF program(s) at tcx %s", len(ids), side.word),
				fix: "bpftool net detach tcx_" + side.word + " dev " + name, passes: side.at == outguard.AtIngress,
			})
		}
	}
	return list
}

// shut are the ports that must be down because of what was found: all of them
// where it sits on the bridge.
func shut(l ruleset.Link, found []bypass) map[string]bool {
	ports := map[string]bool{}
	for _, b := range found {
		switch {
		case !b.passes || !l.Isolated: // observing closes nothing
		case b.on == l.Bridge:
			for _, p := range l.Ports {
				ports[p] = true
			}
		default:
			ports[b.on] = true
		}
	}
	return ports
}

// stopBypassed sets ports down that something passes by our rules. They come up
// again with the first read-back that no longer finds it.
func (k *Kernel) stopBypassed(l ruleset.Link) error {
	found, err := bypasses(l, outguard.Noted(k.guardFile))
	if err != nil {
		return err
	}
	down := shut(l, found)
	links, err := existing(l.Ports)
	if err != nil {
		return err
	}
	for _, link := range links {
		if !down[link.Attrs().Name] || link.Attrs().Flags&net.FlagUp == 0 {
			continue
		}
		i := slices.IndexFunc(found, func(b bypass) bool { return b.passes && (b.on == link.Attrs().Name || b.on == l.Bridge) })
		k.log.Error("camera port set down: its frames can pass by the rules", "port", link.Attrs().Name, "found", found[i].String())
		if err := netlink.LinkSetDown(link); err != nil {
			return fmt.Errorf("set port %s down: %w", link.Attrs().Name, permitted(err))
		}
	}
	return nil
}

// ShutBypassed sets down the ports whose frames pass by the rules. It asks by
// netlink alone, and needs no Kernel: it must not wait for a read-back, whose
// commands take longer. It may be called while a Kernel is at work.
func ShutBypassed(l ruleset.Link, guardFile string, log *slog.Logger) error {
	if !l.Isolated {
		return nil
	}
	return (&Kernel{log: log, guardFile: guardFile}).stopBypassed(l)
}

// checkBypasses names what passes by the rules, and gives the ports that are
// down because of it. Once they are, there is nothing more to repair.
func (k *Kernel) checkBypasses(l ruleset.Link) (list []Finding, down map[string]bool, err error) {
	found, err := bypasses(l, outguard.Noted(k.guardFile))
	if err != nil {
		return nil, nil, err
	}
	down = shut(l, found)
	links, err := existing(l.Ports)
	if err != nil {
		return nil, nil, err
	}
	open := slices.ContainsFunc(links, func(link netlink.Link) bool {
		return down[link.Attrs().Name] && link.Attrs().Flags&net.FlagUp != 0
	})
	for _, b := range found {
		says := b.String()
		if b.passes && l.Isolated {
			says += "; until then the port is down"
		}
		list = append(list, Finding{Layer: ruleset.L1, What: says, Foreign: !open || !b.passes})
	}
	return list, down, nil
}
