package firewall_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// changed is the lab's policy with another rule in every table of IP, and with
// so many devices more that sets are swapped.
func changed() firewall.Policy {
	p := policy()
	p.NTP = false
	p.Addresses = append(p.Addresses, netip.MustParsePrefix("10.20.0.2/16"))
	p.Ports = p.Ports[:2] // the bridge's tables know ports only
	for i := range 40 {
		mac := []byte{2, 0, 0, 0, 1, byte(i)}
		p.Devices = append(p.Devices, firewall.Device{
			ID: fmt.Sprintf("more-%d", i), IP: netip.AddrFrom4([4]byte{10, 20, 2, byte(1 + i)}), MAC: mac,
		})
	}
	return p
}

// instants are the tables that are changed while each is the only one loaded,
// with what floods the gap that a careless change would open, and the command
// that opens one.
func (l *lab) instants() map[string]struct {
	shots []shot
	open  string
} {
	type row = struct {
		shots []shot
		open  string
	}
	out := []shot{
		{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, farIP, 17, udp(4000, 32100, floodTag)))},
		{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip6(camA6, farIP6, 17, udp6(camA6, farIP6, 4000, 443, floodTag)))},
		{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4("8.8.8.8", farIP, 17, udp(4000, 80, floodTag)))},
		{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, otherIP, 17, udp(4000, openPort, floodTag)))},
	}
	var fragments []shot
	for id := range uint16(256) {
		whole := udp(4000, openPort, floodTag+"xxxxxxxxxxxxxxxxxx")
		for _, dst := range []string{farIP, otherIP} {
			fragments = append(fragments,
				shot{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, fragment4("198.51.100.9", dst, id, 0, true, whole[:16]))},
				shot{l.out.fd, ether(upMAC, outMAC, unix.ETH_P_IP, fragment4("198.51.100.9", dst, id, 2, false, whole[16:]))})
		}
	}
	lateral := []shot{{l.camA.fd, ether(camBMAC, camAMAC, 0x88b5, []byte(floodTag+"                                        "))}}
	return map[string]row{
		"L1 bridge PREROUTING": {lateral, "ebtables-nft -t nat -F PREROUTING"},
		"L1 bridge FORWARD":    {lateral, "ebtables-nft -F FORWARD"},
		"L1 pinning":           {out[2:3], "nft flush chain bridge nvr PREROUTING"},
		"L3 fragments":         {fragments, "nft flush chain inet nvr PREROUTING"},
		"L3 raw":               {out, "iptables -t raw -F PREROUTING; ip6tables -t raw -F PREROUTING"},
		"L4 mangle":            {out, "iptables -t mangle -F PREROUTING; ip6tables -t mangle -F PREROUTING"},
		"L4 filter":            {out, "iptables -F FORWARD; iptables -F INPUT; ip6tables -F FORWARD"},
	}
}

// C2: no table is open for an instant while its rules and sets change, though
// no other layer stands behind it. That the flood would find an instant is
// shown by taking the jumps out for one and putting them back.
func TestNoInstantIsOpenWhileOneTableChanges(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	instants := l.instants()
	for _, solo := range soloParts() {
		row, ok := instants[solo.name]
		if !ok {
			continue
		}
		t.Run(solo.name, func(t *testing.T) {
			k, err := netfilter.New(netfilter.Options{Log: logger(t)})
			must(t, err)
			here, there := only(compile(t, policy()), solo.part), only(compile(t, changed()), solo.part)
			must(t, k.Apply(context.Background(), here))
			t.Cleanup(func() { must(t, k.Remove(context.Background(), here.Link)) })
			l.awaitLinks()
			leaked := func() int {
				l.settle()
				return l.out.saw.count(floodTag) + l.camB.saw.count(floodTag) + l.service.count(floodTag)
			}
			before, generation := leaked(), k.Generation()
			stop := l.floodOf(row.shots...)
			const rounds = 4
			for i := range rounds {
				must(t, k.Apply(context.Background(), []ruleset.Ruleset{there, here}[i%2]))
			}
			n := stop()
			if got := leaked() - before; got != 0 {
				t.Errorf("%d of %d packets got through during %d changes", got, n, rounds)
			}
			if grown := k.Generation() - generation; grown != rounds {
				t.Errorf("%d generations in %d changes: the test proves nothing", grown, rounds)
			}
			t.Logf("%d packets sent during %d changes", n, rounds)

			before = leaked()
			stop = l.floodOf(row.shots...)
			foreign(t, row.open)
			time.Sleep(50 * time.Millisecond)
			must(t, k.Repair(context.Background()))
			stop()
			if leaked() == before {
				t.Error("with the jumps taken out for an instant nothing gets through either: the test proves nothing")
			}
		})
	}
}
