package firewall_test

import (
	"net"
	"testing"
)

// C3, C4, C5, C6, C7: with everything in force no path leads anywhere, and
// each attempt is a hit with the right layer and reason. No backend is an
// exception, and none of the ways to connect cameras, but for what a switch of
// theirs forwards by itself: that never reaches the box.
func TestNothingLeavesTheCameraSide(t *testing.T) {
	for _, c := range []struct {
		kind    topology
		backend string
	}{{onPorts, "nft"}, {onPorts, "legacy"}, {onInterface, "nft"}, {onInterface, "legacy"}} {
		t.Run(string(c.kind)+" "+c.backend, func(t *testing.T) {
			l := newLabOn(t, c.kind)
			list := everyPath()
			if c.kind != onPorts || c.backend != "nft" {
				list = probes()
			}
			l.proveLeaksOf(t, list)
			l.armWith(l.policy(), c.backend)
			hits := readHits(t)
			results := l.run(list, perProbe, hits)
			for _, p := range list {
				o := results[p.name]
				switch beyond := p.onSwitch && c.kind != onPorts; {
				case o.leaked > 0 && !beyond:
					t.Errorf("leaked: %s, %d of %d", p.name, o.leaked, o.sent)
				case o.leaked == 0 && beyond:
					t.Errorf("%s: the switch does not forward it: the documents say that it does", p.name)
				case beyond: // what of it reaches the box depends on the switch
				case p.all == "" && len(o.hits) > 0, p.all != "" && (len(o.hits) != 1 || o.hits[0] != p.all):
					t.Errorf("%s: hits %q, want %q", p.name, o.hits, p.all)
				}
			}
			for _, b := range hits.bad {
				t.Errorf("bad prefix %q", b)
			}
			t.Logf("%d paths, %d packets sent, 0 leaked, %d hits", len(list), l.sent(), hits.count())
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
	l.proveLeaks(t, "fragment completed from outside", "fragment completed from outside v6", "fragment for the recorder's other address",
		"fragment for the recorder", "lateral fragment")
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
