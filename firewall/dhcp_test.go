package firewall_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"github.com/stockade-nvr/stockade/firewall/sinkhole"
)

// C8: devices get their addresses through the rules: a pinned one its own, one
// that nobody knows one that is pinned to nobody, with the recorder as a gateway
// that leads nowhere: what it sends by that is dropped and seen. Where the site
// file does not switch DHCP on, not a question reaches the server.
func TestDHCPThroughTheRules(t *testing.T) {
	l := newLab(t)
	hits := readHits(t)
	off := policy()
	f := l.arm(off)
	s := serveDHCP(t, off.Addresses)
	if lease, err := l.camA.lease(time.Second); err == nil {
		t.Errorf("with DHCP off, a camera got %s", lease.ACK)
	}
	if n := s.DHCP(); n != (sinkhole.DHCPStats{}) {
		t.Errorf("with DHCP off, the server heard something: %+v", n)
	}
	on := policy()
	on.DHCP = true
	must(t, f.Set(t.Context(), on))
	hits.settle(l)
	before := hits.count()
	for w, want := range map[*wire]string{l.camA: camAIP, l.camB: camBIP} {
		lease, err := w.lease(surely)
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		if got := lease.ACK.YourIPAddr.String(); got != want {
			t.Errorf("%s got %s", w.name, got)
		}
	}
	lease, err := l.rogue.lease(surely)
	must(t, err)
	ip := lease.ACK.YourIPAddr
	if pool := netip.MustParsePrefix("10.20.252.0/22"); !pool.Contains(netip.AddrFrom4([4]byte(ip.To4()))) {
		t.Errorf("a device that nobody knows got %s", ip)
	}
	if gw := lease.ACK.Router(); len(gw) != 1 || gw[0].String() != recorderIP {
		t.Errorf("its gateway is %s", gw)
	}
	hits.settle(l)
	if n := hits.count() - before; n != 0 { // as when an answer to everybody comes back to the box itself
		t.Errorf("handing out addresses made %d hits", n)
	}
	tag := newTag()
	l.rogue.send(t, as4(bridgeMAC, rogueMAC, ip.String(), farIP, datagram(443))(tag))
	l.await("the hit of what it tries", func() bool { return len(hits.of(tag)) > 0 })
	if got := hits.of(tag); len(got) != 1 || got[0] != "L1|unknown-device" {
		t.Errorf("what it tries is seen as %q", got)
	}
	if n := l.out.saw.count(tag); n != 0 {
		t.Errorf("%d packets reached the outside", n)
	}
	if err := l.camA.renew(); err != nil {
		t.Errorf("renew: %v", err)
	}
}

// serveDHCP runs the server of the lab's site until the test ends.
func serveDHCP(t *testing.T, networks []netip.Prefix) *sinkhole.Sinkhole {
	t.Helper()
	leases := sinkhole.NewLeases(networks, map[sinkhole.MAC]netip.Addr{
		sinkhole.MAC(camAMAC): netip.MustParseAddr(camAIP), sinkhole.MAC(camBMAC): netip.MustParseAddr(camBIP),
	})
	s := sinkhole.New(sinkhole.Options{Log: logger(t), Device: "br-cam", DHCP: true, Leases: func() *sinkhole.Leases { return leases }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve DHCP: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case <-time.After(surely):
		t.Fatal("the server is not ready")
	}
	return s
}

// lease has the device ask for an address as one that has none.
func (w *wire) lease(patience time.Duration) (lease *nclient4.Lease, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = w.space.Do(func() error {
		c, err := nclient4.New("eth0", nclient4.WithTimeout(patience/4+time.Second))
		if err != nil {
			return err
		}
		defer c.Close()
		lease, err = c.Request(ctx)
		return err
	})
	return lease, err
}

// renew has camera A, which has its address, ask the recorder for it again.
func (w *wire) renew() error {
	q, err := dhcpv4.New(dhcpv4.WithHwAddr(camAMAC), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithClientIP(net.ParseIP(camAIP)))
	if err != nil {
		return err
	}
	return w.space.Do(func() error {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(camAIP), Port: 68}, &net.UDPAddr{IP: net.ParseIP(recorderIP), Port: 67})
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(surely)); err != nil {
			return err
		}
		if _, err := c.Write(q.ToBytes()); err != nil {
			return err
		}
		b := make([]byte, 1500)
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		_, err = dhcpv4.FromBytes(b[:n])
		return err
	})
}
