package firewall_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// portHits are the hits of the product's own reader, by tag: LAYER|REASON at PORT.
type portHits struct {
	mu sync.Mutex
	by map[string]string
}

func readPortHits(t *testing.T) *portHits {
	t.Helper()
	p := &portHits{by: map[string]string{}}
	r := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: logger(t), Handle: func(h *nflog.Hit) {
		i := bytes.IndexByte(h.Payload, '#')
		if i < 0 || len(h.Payload) < i+6 {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.by[string(h.Payload[i:i+6])] = h.Prefix.Layer + "|" + string(h.Prefix.Reason) + " at " + h.Port
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-r.Ready()
	return p
}

func (p *portHits) of(tag string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[tag]
}

// arpFrom is an answer that claims ip for mac, with a tag behind it.
func arpFrom(eth, mac net.HardwareAddr, ip string) func(tag string) []byte {
	return func(tag string) []byte {
		p := append([]byte{0, 1, 8, 0, 6, 4, 0, 2}, mac...)
		p = append(append(p, net.ParseIP(ip).To4()...), bridgeMAC...)
		p = append(append(p, net.ParseIP(recorderIP).To4()...), tag...)
		return ether(eth, mac, unix.ETH_P_ARP, p)
	}
}

// impostor is one way to be taken for another device; hit is what it must leave.
type impostor struct {
	name  string
	from  func(*lab) *wire
	frame func(tag string) []byte
	hit   string
	opens bool // without the binding it reaches the recorder's DNS
	moves bool // without the binding the bridge learns camera A's MAC elsewhere
}

func impostors() []impostor {
	camA := func(l *lab) *wire { return l.camA }
	rogue := func(l *lab) *wire { return l.rogue }
	dns := func(mac net.HardwareAddr, ip string) func(string) []byte {
		return as4(bridgeMAC, mac, ip, recorderIP, datagram(53))
	}
	return []impostor{
		{"moved port", rogue, dns(camAMAC, camAIP), "L1|spoof at p-r", true, true},
		{"second device with a pinned address", rogue, dns(rogueMAC, camAIP), "L1|spoof at p-r", false, false},
		{"bound MAC with an unlisted address", rogue, dns(camAMAC, rogueIP), "L1|unknown-device at p-r", false, false},
		{"another device's pair on a bound port", camA, dns(camBMAC, camBIP), "L1|spoof at p-a", true, false},
		{"another address on a bound port", camA, dns(camAMAC, camBIP), "L1|spoof at p-a", false, false},
		{"stranger on a bound port", camA, dns(rogueMAC, rogueIP), "L1|unknown-device at p-a", false, false},
		{"stranger on a shared port", rogue, dns(rogueMAC, rogueIP), "L1|unknown-device at p-r", false, false},
		{"bound MAC in a foreign frame", rogue, func(tag string) []byte {
			return ether(broadcast, camAMAC, 0x88b5, []byte(tag))
		}, "L1|spoof at p-r", false, false},
		{"bound MAC in IPv6", rogue, func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip6(camA6, farIP6, 17, udp6(camA6, farIP6, 1, 2, tag)))
		}, "L1|spoof at p-r", false, true},
		{"ARP for a bound device", rogue, arpFrom(bridgeMAC, rogueMAC, camAIP), "L1|spoof at p-r", false, false},
		{"ARP for a device on a shared port", rogue, arpFrom(broadcast, rogueMAC, camBIP), "L1|spoof at p-r", false, false},
		{"ARP for the recorder", camA, arpFrom(broadcast, camAMAC, recorderIP), "L1|spoof at p-a", false, false},
		{"ARP with another's MAC inside", rogue, func(tag string) []byte {
			f := arpFrom(broadcast, camBMAC, camBIP)(tag)
			copy(f[6:], rogueMAC)
			return f
		}, "L1|spoof at p-r", false, false},
		{"ARP with one's own MAC in another's frame", rogue, func(tag string) []byte {
			f := arpFrom(broadcast, rogueMAC, camBIP)(tag)
			copy(f[6:], camBMAC)
			return f
		}, "L1|spoof at p-r", false, false},
		{"ARP of a stranger on a bound port", camA, arpFrom(bridgeMAC, rogueMAC, rogueIP), "L1|unknown-device at p-a", false, false},
	}
}

// fdbPort is where the bridge last learnt a MAC.
func fdbPort(t *testing.T, mac net.HardwareAddr) string {
	t.Helper()
	for line := range strings.Lines(foreign(t, "bridge fdb show br br-cam")) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == mac.String() && !contains(line, "permanent") {
			return f[2]
		}
	}
	return ""
}

// C4: a device that is bound to a port is taken for itself there only, and that
// port takes nobody else, also who forges both addresses. No ARP answer and no
// forged frame moves anything. Each attempt is logged, with its port.
func TestADeviceIsBoundToItsPort(t *testing.T) {
	l := newLab(t)
	f := l.arm(policy())
	hits := readPortHits(t)
	own := as4(bridgeMAC, camAMAC, camAIP, recorderIP, datagram(53))
	home := func() { // the bridge knows camera A where it is
		tag := newTag()
		l.camA.send(t, own(tag))
		l.await("camera A's own question", func() bool { return l.service.count(tag) > 0 })
	}
	for _, i := range impostors() { // without the binding some of them work
		home()
		tag := newTag()
		i.from(l).send(t, i.frame(tag))
		l.settle()
		if got := l.service.count(tag) > 0; got != i.opens {
			t.Errorf("unbound, %s: reached the recorder %t, want %t", i.name, got, i.opens)
		}
		if got := fdbPort(t, camAMAC) != "p-a"; got != i.moves {
			t.Errorf("unbound, %s: moved camera A %t, want %t", i.name, got, i.moves)
		}
	}
	bound := policy()
	bound.Devices[0].Port = "p-a"
	generation := f.Status().Generation
	must(t, f.Set(context.Background(), bound))
	if g := f.Status().Generation; g != generation {
		t.Errorf("binding a device made generation %d of %d: rules grow with devices", g, generation)
	}
	before := foreign(t, "ip neigh show dev br-cam nud permanent | sort")
	home()
	l.refuseImpostors(hits)
	if after := foreign(t, "ip neigh show dev br-cam nud permanent | sort"); after != before {
		t.Errorf("neighbours were moved:\n%s\nbefore:\n%s", after, before)
	}
	home()

	_, _, err := f.Disarm(context.Background(), bound, firewall.Note{Who: "kim", Why: "a layer alone"})
	must(t, err)
	k, err := netfilter.New(netfilter.Options{Log: logger(t)})
	must(t, err)
	must(t, k.Apply(context.Background(), only(compile(t, bound), pinningAlone())))
	l.awaitLinks()
	home()
	l.refuseImpostors(hits)
}

// pinningAlone is the table that knows ports, without any other layer.
func pinningAlone() part {
	return hooksIn(func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Frames })
}

// refuseImpostors checks that nobody is taken for another and each try is logged.
func (l *lab) refuseImpostors(hits *portHits) {
	l.t.Helper()
	for _, i := range impostors() {
		tag := newTag()
		i.from(l).send(l.t, i.frame(tag))
		l.settle()
		if l.service.count(tag) > 0 {
			l.t.Errorf("%s: reached the recorder", i.name)
		}
		if p := fdbPort(l.t, camAMAC); p != "p-a" {
			l.t.Errorf("%s: the bridge has camera A at %q", i.name, p)
		}
		l.await("the hit of "+i.name, func() bool { return hits.of(tag) != "" })
		if got := hits.of(tag); got != i.hit {
			l.t.Errorf("%s: hit %q, want %q", i.name, got, i.hit)
		}
	}
}

// C2: no instant is open while devices are bound and freed by the dozen, though
// no other layer stands behind the table.
func TestNoInstantIsOpenWhileBindingsChange(t *testing.T) {
	l := newLab(t)
	k, err := netfilter.New(netfilter.Options{Log: logger(t)})
	must(t, err)
	here, there := policy(), changed()
	here.Devices[0].Port, there.Devices[0].Port = "p-a", "p-a"
	there.Ports = here.Ports // rules stay, sets change
	for i := range there.Devices[2:] {
		there.Devices[2+i].Port = "p-b"
	}
	sides := []ruleset.Ruleset{only(compile(t, here), pinningAlone()), only(compile(t, there), pinningAlone())}
	must(t, k.Apply(context.Background(), sides[0]))
	l.awaitLinks()
	generation := k.Generation()
	stop := l.floodOf(
		shot{l.rogue.fd, as4(bridgeMAC, camAMAC, camAIP, recorderIP, datagram(53))(floodTag)},
		shot{l.rogue.fd, as4(bridgeMAC, rogueMAC, camAIP, recorderIP, datagram(53))(floodTag)},
		shot{l.camA.fd, as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53))(floodTag)},
	)
	const rounds = 10
	for i := range rounds {
		must(t, k.Apply(context.Background(), sides[(i+1)%2]))
	}
	if g := k.Generation(); g != generation {
		t.Errorf("%d generations for changes of sets alone", g-generation)
	}
	l.settle()
	if got := l.service.count(floodTag); got != 0 {
		t.Errorf("%d of %d packets got through during %d changes", got, stop(), rounds)
	}
	foreign(t, "nft flush set bridge nvr nvr-at-port; nft flush set bridge nvr nvr-ports; nft flush set bridge nvr nvr-bound; nft flush set bridge nvr nvr-listed")
	l.await("a leak with sets emptied: else the test proves nothing", func() bool { return l.service.count(floodTag) > 0 })
	t.Logf("%d packets sent during %d changes", stop(), rounds)
}

// C10: the table that knows ports is read back and repaired like the others.
func TestTheBindingIsRepaired(t *testing.T) {
	l := newLab(t)
	p := policy()
	p.Devices[0].Port = "p-a"
	f := l.arm(p)
	for _, c := range []struct{ command, says string }{
		{"nft flush set bridge nvr nvr-at-port-pair", "lacks"},
		{"nft add element bridge nvr nvr-shared-pairs '{ 02:00:00:00:00:99 . 10.20.1.99 }'", "has 02:00:00:00:00:99 . 10.20.1.99"},
		{"nft flush chain bridge nvr PREROUTING", "hook"},
		{"nft flush chain bridge nvr NVR-PIN-SPOOF", "NVR-PIN-SPOOF"},
		{"nft delete table bridge nvr", "gone"},
	} {
		foreign(t, c.command)
		look, err := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t)}).Check(context.Background(), p)
		must(t, err)
		if len(look.Reasons) == 0 || !contains(strings.Join(look.Reasons, " "), c.says) {
			t.Errorf("after %s: %q, want it to say %q", c.command, look.Reasons, c.says)
		}
		must(t, f.Set(context.Background(), p))
		if s := f.Status(); s.State != firewall.Enforced {
			t.Errorf("after %s: %s %q", c.command, s.State, s.Reasons)
		}
	}
}
