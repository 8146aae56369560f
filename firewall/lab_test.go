package firewall_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) {
	if holder := os.Getenv("STOCKADE_TEST_HOLD"); holder != "" {
		holdForever(holder)
		return
	}
	ns.Main(m)
}

// The lab: this process's namespace is the recorder. Two cameras and a rogue
// hang on ports of their own, or behind a switch; the outside is behind the
// uplink. Everything is set for the worst case: see worstCase.
const (
	recorderIP   = "10.20.0.1"
	otherIP      = "192.0.2.1" // the recorder's on the uplink
	camAIP       = "10.20.1.11"
	camBIP       = "10.20.1.12"
	rogueIP      = "10.20.1.99"
	farIP        = "203.0.113.5" // in the outside
	farIP6       = "2001:db8:113::5"
	otherIP6     = "2001:db8:1::1"
	recorder6    = "fd00:20::1" // somebody gave the bridge an IPv6 address
	camA6        = "fd00:20::11"
	camB6        = "fd00:20::12"
	rogue6       = "fd00:20::99"
	absentIP     = "10.20.1.13" // pinned, and not plugged in
	nobodyAIP    = "10.20.1.77" // unpinned addresses that the recorder takes for camera A's and B's
	nobodyBIP    = "10.20.1.78"
	routedAIP    = "172.31.7.11" // in no camera network, and routed to the devices by somebody
	routedBIP    = "172.31.7.12"
	routedRIP    = "172.31.7.99"
	wayOutIP     = "10.20.0.254" // another gateway on a flat network
	openPort     = 9999          // where a service of the recorder listens that is not for cameras
	camALink     = "fe80::11"
	camBLink     = "fe80::12"
	recorderLink = "fe80::5a:aff:fe14:1" // of the bridge's MAC
)

var (
	bridgeMAC = mustMAC("02:5a:0a:14:00:01")
	camAMAC   = mustMAC("02:00:00:00:00:11")
	camBMAC   = mustMAC("02:00:00:00:00:12")
	rogueMAC  = mustMAC("02:00:00:00:00:99")
	absentMAC = mustMAC("02:00:00:00:00:13")
	wayOutMAC = mustMAC("02:00:00:00:0f:fe")
	outMAC    = mustMAC("02:00:00:00:0f:02")
	upMAC     = mustMAC("02:00:00:00:0f:01")
	broadcast = mustMAC("ff:ff:ff:ff:ff:ff")
)

func mustMAC(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// awaitLinks waits until the ports forward and cameras get answers: what was
// just set up is not there at once, and a frame lost on the way proves nothing.
func (l *lab) awaitLinks() {
	l.t.Helper()
	l.await("the ports to forward", func() bool {
		out, err := exec.Command("bridge", "link", "show").Output()
		return err == nil && bytes.Count(out, []byte("master br-cam state forwarding")) == len(l.ports())
	})
	for _, w := range []*wire{l.camA, l.camB} {
		l.await("a question of "+w.name, func() bool {
			tag, ip, mac := newTag(), camAIP, camAMAC
			if w == l.camB {
				ip, mac = camBIP, camBMAC
			}
			w.send(l.t, as4(bridgeMAC, mac, ip, recorderIP, datagram(53))(tag))
			time.Sleep(5 * time.Millisecond)
			return l.service.count(tag) > 0
		})
	}
}

// warmUp sends on every path that a just-made address or port may still swallow.
func (l *lab) warmUp() {
	l.t.Helper()
	for _, name := range []string{"udp", "udp v6", "unknown device", "hairpin to camera B", "recorder's closed port v6", "lateral v4", "outside to camera"} {
		p := probeNamed(name)
		l.await("the path "+name, func() bool {
			tag := newTag()
			p.send(l, tag)
			time.Sleep(5 * time.Millisecond)
			return l.arrived(p.at, tag) > 0
		})
	}
}

// awaitAddress waits for an address that the kernel makes by itself.
func (l *lab) awaitAddress(link netlink.Link, ip string) {
	l.t.Helper()
	l.await("address "+ip, func() bool {
		all, err := netlink.AddrList(link, netlink.FAMILY_V6)
		must(l.t, err)
		for _, a := range all {
			if a.IP.String() == ip && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return true
			}
		}
		return false
	})
}

func addr(s string) *netlink.Addr {
	a, err := netlink.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	a.Flags = unix.IFA_F_NODAD
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wipe empties the recorder's namespace by foreign means, so that no test sees another's rules.
func (l *lab) wipe() {
	for _, c := range []string{
		"nft flush ruleset", "iptables-legacy-restore < /dev/null",
		"for t in raw mangle nat filter; do iptables-legacy -t $t -F; iptables-legacy -t $t -X; ip6tables-legacy -t $t -F; ip6tables-legacy -t $t -X; done",
		"ipset destroy", "conntrack -F",
		"for f in -4 -6; do for p in 1 2 3; do while ip $f rule del pref $p; do :; done; done; done",
		"for f in -4 -6; do while ip $f rule del pref 0 iif br-cam; do :; done; done",
		"for i in up0 p-a p-b p-r p-sw br-cam br-y evil0 nvr-cn0 nvr-cn2 nvr-out0 nvr-cnx; do ip link del $i; done",
	} {
		_ = exec.Command("sh", "-c", c).Run() // most of it is not there
	}
}

// settle waits until everything sent before it has arrived, wherever it may go:
// at each judge a control packet must arrive that was sent later.
func (l *lab) settle() {
	l.t.Helper()
	for range 2 { // what is forwarded may go through the queues of two processors
		for _, w := range []*wire{l.camA, l.camB, l.rogue, l.out} {
			l.await("a control frame at "+w.name, func() bool {
				control := newTag()
				frame := ether(broadcast, bridgeMAC, 0x88b6, append([]byte(control), make([]byte, 46)...))
				if _, err := unix.Write(w.near, frame); err != nil {
					return false // the port is down for a moment
				}
				return w.saw.soon(control)
			})
		}
		l.await("a control packet at the recorder's sockets", func() bool {
			control := newTag()
			local("127.0.0.1", "127.0.0.1", openPort)(l, control)
			return l.service.soon(control) && l.stack.soon(control)
		})
	}
	time.Sleep(10 * time.Millisecond) // for what a busy processor still holds; no verdict hangs on it
}

func (l *lab) await(what string, ok func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func policy() firewall.Policy {
	return firewall.Policy{
		Revision: "test", Ports: []string{"p-a", "p-b", "p-r"},
		Addresses: []netip.Prefix{netip.MustParsePrefix(recorderIP + "/16")},
		DNS:       true, NTP: true,
		Devices: []firewall.Device{
			{ID: "dev-a", IP: netip.MustParseAddr(camAIP), MAC: camAMAC},
			{ID: "dev-b", IP: netip.MustParseAddr(camBIP), MAC: camBMAC},
			{ID: "dev-c", IP: netip.MustParseAddr(absentIP), MAC: absentMAC},
		},
	}
}

// policy is the lab's, on the ports that this one has.
func (l *lab) policy() firewall.Policy {
	p := policy()
	p.Ports = l.ports()
	return p
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// arm makes a Firewall and puts the policy in force.
func (l *lab) arm(p firewall.Policy) *firewall.Firewall {
	l.t.Helper()
	return l.armWith(p, "")
}

func (l *lab) armWith(p firewall.Policy, backend string) *firewall.Firewall {
	l.t.Helper()
	f := firewall.New(firewall.Options{
		StateDir: l.t.TempDir(), Log: logger(l.t), Interval: 200 * time.Millisecond, Backend: backend,
	})
	if err := f.Set(context.Background(), p); err != nil {
		l.t.Fatal(err)
	}
	l.awaitLinks()
	if s := f.Status(); s.State != firewall.Enforced {
		l.t.Fatalf("state %s: %v", s.State, s.Reasons)
	}
	return f
}

// foreign runs a command as another administrator would.
func foreign(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}
