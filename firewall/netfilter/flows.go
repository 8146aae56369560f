package netfilter

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// forgetQuestions ends what connection tracking remembers of questions that
// began before there was a redirection: the kernel asks nat only about a flow's
// first packet, and a device that always asks from the same port would find no
// answer ever. Nothing else is forgotten: footage flows on. An error is no
// danger, since such questions are refused.
func (k *Kernel) forgetQuestions(rs ruleset.Ruleset) {
	var nets straight
	for _, a := range rs.Link.Addresses {
		nets.from = append(nets.from, a.Masked())
	}
	n, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, nets)
	switch {
	case err != nil:
		k.log.Warn("old questions of cameras are still tracked, some may wait for an answer", "error", permitted(err))
	case n > 0:
		k.log.Info("questions from before the redirection forgotten", "flows", n)
	}
}

// straight matches questions for name and time servers that go where they were sent.
type straight struct{ from []netip.Prefix }

// MatchConntrackFlow is what the library asks.
func (s straight) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	to, back := f.Forward, f.Reverse
	if to.DstPort != 53 && to.DstPort != 123 || back.SrcPort != to.DstPort || !back.SrcIP.Equal(to.DstIP) {
		return false
	}
	ip, ok := netip.AddrFromSlice(to.SrcIP.To4())
	return ok && slices.ContainsFunc(s.from, func(p netip.Prefix) bool { return p.Contains(ip) })
}
