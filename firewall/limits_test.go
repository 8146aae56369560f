package firewall_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	around "github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/internal/frames"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

const gatewayIP = "10.20.0.254" // that a camera was set to by somebody else

// watched is an armed firewall with a Book that hears the wire and the log.
type watched struct {
	*lab
	fw   *firewall.Firewall
	book *around.Book
}

func watch(t *testing.T) *watched {
	t.Helper()
	l := newLab(t)
	book := around.New(around.Options{Log: logger(t), File: filepath.Join(t.TempDir(), "sightings.json"), Settle: 50 * time.Millisecond, AskEvery: time.Second})
	site := around.Site{Bridge: "br-cam", Ports: policy().Ports, Addresses: policy().Addresses}
	for _, d := range policy().Devices {
		site.Pins = append(site.Pins, around.Pin{Device: d.ID, MAC: nflog.MAC(d.MAC), IP: d.IP})
	}
	book.SetSite(site)
	l.proveLeaks(t)
	fw := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Findings: book.Findings})
	must(t, fw.Set(context.Background(), policy()))
	l.awaitLinks()
	ctx, cancel := context.WithCancel(context.Background())
	reader := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: logger(t), Handle: book.Hit})
	var done []chan error
	for _, run := range []func(context.Context) error{book.Run, reader.Run, fw.Run} {
		ended := make(chan error, 1)
		done = append(done, ended)
		go func() { ended <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for _, ended := range done {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	<-reader.Ready()
	return &watched{l, fw, book}
}

// until sends again and again until something is so: what is just set up may
// miss the first.
func (w *watched) until(what string, send func(), ok func() bool) {
	w.t.Helper()
	next := time.Time{}
	w.await(what, func() bool {
		if time.Now().After(next) {
			send()
			next = time.Now().Add(200 * time.Millisecond)
		}
		return ok()
	})
}

func (w *watched) finding(kind around.Kind) (around.Finding, bool) {
	list := w.book.Findings()
	i := slices.IndexFunc(list, func(f around.Finding) bool { return f.Kind == kind })
	if i < 0 {
		return around.Finding{}, false
	}
	return list[i], true
}

func (w *watched) sighting(mac net.HardwareAddr) (around.Sighting, bool) {
	list := w.book.List()
	i := slices.IndexFunc(list, func(s around.Sighting) bool { return s.MAC == nflog.MAC(mac) })
	if i < 0 {
		return around.Sighting{}, false
	}
	return list[i], true
}

// arp is an ARP message; op 1 asks, 2 answers.
func arp(op byte, from net.HardwareAddr, fromIP, whom string) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, op}
	p = append(append(p, from...), net.ParseIP(fromIP).To4()...)
	p = append(append(p, make([]byte, 6)...), net.ParseIP(whom).To4()...)
	return ether(broadcast, from, unix.ETH_P_ARP, p)
}

func TestAStrangerIsListedAndReachesNothing(t *testing.T) {
	w := watch(t)
	var tags []string
	w.until("the stranger's port, name and what it tried", func() {
		tag := newTag()
		tags = append(tags, tag)
		w.rogue.send(t, ether(bridgeMAC, rogueMAC, unix.ETH_P_IP, ip4(rogueIP, farIP, 17, udp(5001, 443, tag))))
		w.rogue.send(t, arp(1, rogueMAC, rogueIP, recorderIP))
		w.rogue.send(t, ether(broadcast, rogueMAC, unix.ETH_P_IP, ip4("0.0.0.0", "255.255.255.255", 17, discover(rogueMAC, "IPCAM"))))
	}, func() bool {
		s, ok := w.sighting(rogueMAC)
		return ok && s.Port == "p-r" && s.Name == "IPCAM" && s.Candidate() == netip.MustParseAddr(rogueIP) &&
			slices.ContainsFunc(s.Tried, func(x around.Try) bool { return x.Address == netip.MustParseAddr(farIP) && x.Port == 443 })
	})
	// A pinned device with another address, and a stranger with a pinned one.
	w.until("the contradictions", func() {
		w.camA.send(t, arp(1, camAMAC, "10.20.1.77", recorderIP))
		w.rogue.send(t, ether(bridgeMAC, rogueMAC, unix.ETH_P_IP, ip4(camBIP, farIP, 17, udp(5001, 443, "x"))))
	}, func() bool {
		moved, ok1 := w.sighting(camAMAC)
		taker, ok2 := w.sighting(rogueMAC)
		return ok1 && ok2 && slices.Contains(moved.Meanings, around.Meaning{Code: around.Moved, Device: "dev-a", IP: netip.MustParseAddr("10.20.1.77")}) &&
			slices.Contains(taker.Meanings, around.Meaning{Code: around.TakesAddress, Device: "dev-b", MAC: nflog.MAC(camBMAC), IP: netip.MustParseAddr(camBIP)}) &&
			!taker.Candidate().IsValid()
	})
	w.settle()
	for _, tag := range tags {
		if n := w.out.saw.count(tag) + w.service.count(tag); n != 0 {
			t.Errorf("%d packets of the stranger arrived", n)
		}
	}
	if s := w.fw.Status(); s.State != firewall.Enforced || len(s.Findings) != 0 {
		t.Errorf("%s: %v", s.State, s.Reasons)
	}
}

// discover is a DHCP client's first message, with a host name.
func discover(mac net.HardwareAddr, name string) []byte {
	m := make([]byte, 240)
	m[0], m[1], m[2] = 1, 1, 6
	copy(m[28:], mac)
	binary.BigEndian.PutUint32(m[236:], 0x63825363)
	m = append(append(m, 53, 1, 1, 12, byte(len(name))), name...)
	return udp(68, 67, string(append(m, 255)))
}

func TestWhereContainmentEndsIsFoundAndSaid(t *testing.T) {
	w := watch(t)
	stateIs := func(state firewall.State, reason string) bool {
		s := w.fw.Status()
		return s.State == state && s.ReadBack == firewall.Enforced && (reason == "" || len(s.Reasons) > 0 && strings.Contains(s.Reasons[0], reason))
	}
	asks := func() { w.camA.send(t, arp(1, camAMAC, camAIP, gatewayIP)) }
	w.until("a camera's question for another gateway", asks, func() bool {
		f, ok := w.finding(around.AsksGateway)
		return ok && f.Device == "dev-a" && f.Address.String() == gatewayIP && f.Port == "p-a"
	})
	if !stateIs(firewall.Enforced, "") {
		t.Errorf("a question alone makes it %+v", w.fw.Status())
	}
	w.localTraffic()
	if !stateIs(firewall.Enforced, "") {
		t.Errorf("local traffic makes it %+v", w.fw.Status())
	}

	// A gateway behind the same port: it never says a word but to us, when we ask.
	w.gateway()
	w.until("the gateway to answer", asks, func() bool {
		f, ok := w.finding(around.OtherGateway)
		return ok && f.Address.String() == gatewayIP && f.MAC.String() == "02:00:00:00:0f:fe"
	})
	if !stateIs(firewall.NotEnforced, "another gateway") {
		t.Errorf("with another gateway it is %+v", w.fw.Status())
	}

	w.until("a pinned MAC at the uplink", func() { w.out.send(t, arp(1, camBMAC, "192.0.2.77", otherIP)) }, func() bool {
		f, ok := w.finding(around.SecondWay)
		return ok && f.Device == "dev-b" && f.Port == "up0"
	})
	far := mustMAC("02:00:00:00:0f:0e")
	w.until("a router before the cameras", func() {
		for _, ip := range []string{"10.20.8.1", "10.20.8.2", "10.20.8.3"} {
			p := ip4(ip, farIP, 17, udp(5001, 443, "x"))
			p[8] = 63
			binary.BigEndian.PutUint16(p[10:], 0)
			binary.BigEndian.PutUint16(p[10:], ^frames.Sum(0, p[:20]))
			w.rogue.send(t, ether(bridgeMAC, far, unix.ETH_P_IP, p))
		}
	}, func() bool {
		f, ok := w.finding(around.Routed)
		return ok && f.MAC == nflog.MAC(far) && f.Count == 3
	})
	if s := w.fw.Status(); len(s.Reasons) < 3 || s.State != firewall.NotEnforced {
		t.Errorf("%s: %v", s.State, s.Reasons)
	}
}

// localTraffic has two cameras behind one port, as behind a switch, and a frame
// from one to the other that the switch brings to us as well.
func (w *watched) localTraffic() {
	w.t.Helper()
	w.until("local traffic", func() {
		w.camA.send(w.t, arp(1, camBMAC, camBIP, recorderIP))
		w.camA.send(w.t, ether(camBMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, camBIP, 17, udp(5001, 554, "x"))))
	}, func() bool {
		f, ok := w.finding(around.SwitchLocal)
		return ok && f.Device == "dev-a" && f.Other == "dev-b" && f.Port == "p-a"
	})
}

// gateway puts a host of its own on camera A's wire, which answers as any host does.
func (w *watched) gateway() {
	t := w.t
	t.Helper()
	space, err := ns.New("gateway")
	must(t, err)
	t.Cleanup(func() { space.Close() })
	must(t, w.camA.space.Do(func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Macvlan{
			LinkAttrs: netlink.LinkAttrs{Name: "gw0", ParentIndex: eth0.Attrs().Index, HardwareAddr: mustMAC("02:00:00:00:0f:fe"), Namespace: space.FD()},
			Mode:      netlink.MACVLAN_MODE_BRIDGE,
		})
	}))
	must(t, space.Do(func() error {
		gw, err := netlink.LinkByName("gw0")
		if err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/gw0/disable_ipv6", []byte("1"), 0o644); err != nil {
			return err
		}
		if err := netlink.AddrAdd(gw, addr(gatewayIP+"/16")); err != nil {
			return err
		}
		return netlink.LinkSetUp(gw)
	}))
}
