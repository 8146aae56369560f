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
	// The bridge then has a queue of fragments to itself: its half finds no other.
	l.proveLeaks(t, "fragment completed from outside", "fragment completed from outside v6", "fragment for the recorder's other address")
	l.arm(policy())
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked: %s", name)
	}
}

// C3: in a port that was taken out of the bridge fragments are dropped as well,
// before the kernel puts them together with what another host sends.
func TestFragmentsOfAPortOutsideTheBridge(t *testing.T) {
	l := newLab(t)
	l.arm(policy())
	foreign(t, "ip link set p-a nomaster")
	port, err := net.InterfaceByName("p-a")
	must(t, err)
	tries := map[string]func() (tag string){}
	for name, half := range map[string]func(string, bool) []byte{
		"IPv4": half4("198.51.100.9", farIP), "IPv6": half6("2001:db8:99::9", farIP6),
	} {
		tries[name] = func() string {
			tag := newTag()
			first := half(tag, false)
			copy(first, port.HardwareAddr)
			l.camA.send(t, first)
			l.out.send(t, half(tag, true))
			return tag
		}
	}
	for name, try := range tries {
		tags := []string{try(), try(), try()}
		l.settle()
		for _, tag := range tags {
			if l.out.saw.count(tag) > 0 {
				t.Errorf("%s: a fragment left", name)
			}
		}
	}
	foreign(t, "nft delete table inet nvr")
	for name, try := range tries {
		l.await("a leak of "+name+" without the layer: else the test proves nothing", func() bool {
			tag := try()
			l.settle()
			return l.out.saw.count(tag) > 0
		})
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
