package firewall_test

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// C3, C4, C5, C6, C7: with everything in force no path leads anywhere, and
// each attempt is a hit with the right layer and reason. No backend is an exception.
func TestNothingLeavesTheCameraSide(t *testing.T) {
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			l := newLab(t)
			l.proveLeaks(t)
			if !forgetAdvertised(t) {
				t.Error("the router advertisement had no effect with protection off: the test proves nothing")
			}
			l.armWith(policy(), backend)
			hits := readHits(t)
			results := l.runProbes(hits)
			for _, name := range leaks(results) {
				t.Errorf("leaked: %s", name)
			}
			for _, p := range probes() {
				if got := results[p.name].hits; len(got) != 1 || got[0] != p.all {
					t.Errorf("%s: hits %q, want %q", p.name, got, p.all)
				}
			}
			for _, b := range hits.bad {
				t.Errorf("bad prefix %q", b)
			}
			if forgetAdvertised(t) {
				t.Error("the recorder took a camera for its router")
			}
		})
	}
}

// With bridge-nf-call-iptables on, as Docker sets it, bridged frames pass the
// IP tables too, before the ports' isolation: nothing may open, nor be counted wrong.
func TestNothingLeavesWithBridgeNetfilter(t *testing.T) {
	l := newLab(t)
	l.sysctl("net/bridge/bridge-nf-call-iptables", "1")
	l.sysctl("net/bridge/bridge-nf-call-ip6tables", "1")
	t.Cleanup(l.worstCase)
	l.proveLeaks(t)
	l.arm(policy())
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked: %s", name)
	}
}

// forgetAdvertised removes routes that came by router advertisement, and tells
// whether there were any on the camera side.
func forgetAdvertised(t *testing.T) bool {
	t.Helper()
	br, err := netlink.LinkByName("br-cam")
	must(t, err)
	routes, err := netlink.RouteList(br, netlink.FAMILY_V6)
	must(t, err)
	found := false
	for _, r := range routes {
		if r.Gw.Equal(net.ParseIP(camALink)) {
			found = true
			must(t, netlink.RouteDel(&r))
		}
	}
	return found
}
