package canary

import (
	"net"
	"net/netip"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// Groups that devices speak to, with their MACs.
var (
	allHosts   = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	nobodyYet  = netip.IPv4Unspecified()
	ssdpGroup  = netip.AddrFrom4([4]byte{239, 255, 255, 250})
	ssdpMAC    = net.HardwareAddr{0x01, 0, 0x5e, 0x7f, 0xff, 0xfa}
	allNodes   = netip.MustParseAddr("ff02::1")
	allNodesAt = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
	noMAC      = make(net.HardwareAddr, 6)
)

func raw(dst, src net.HardwareAddr, kind uint16) func([]byte, uint16) [][]byte {
	return one(func(tag []byte, _ uint16) []byte { return frames.Ether(dst, src, kind, tag) })
}

// arp is a packet of the sender's, with the tag behind it.
func arp(dst, mac net.HardwareAddr, operation byte, sender, target netip.Addr) func([]byte, uint16) [][]byte {
	return one(func(tag []byte, _ uint16) []byte {
		return frames.Ether(dst, mac, frames.TypeARP, frames.ARP(operation, mac, sender, noMAC, target, tag))
	})
}

// within puts a VLAN tag around frames.
func within(kind, vid uint16, inner func([]byte, uint16) [][]byte) func([]byte, uint16) [][]byte {
	return func(tag []byte, sport uint16) [][]byte {
		list := inner(tag, sport)
		for i := range list {
			list[i] = frames.Tagged(kind, vid, list[i])
		}
		return list
	}
}

// toOthers are frames for the second canary, as for any other camera.
func (g ground) toOthers() []path {
	lateral := hit("L1", "lateral")
	direct := to(macB, macA, g.a(), g.b(), frames.ProtoUDP, datagram(portDiscard))
	out := to(g.bridgeMAC, macA, g.a(), g.out.target4, frames.ProtoUDP, datagram(portHTTPS))
	return []path{
		// First: it tells the bridge where the second canary is.
		{id: "lateral-back", as: Pinned, text: "another camera, the other way", want: lateral, from: byB, frames: to(macA, macB, g.b(), g.a(), frames.ProtoUDP, datagram(portDiscard))},
		{id: "lateral4", as: Pinned, text: "another camera, IPv4", want: lateral, frames: direct},
		{id: "lateral-arp", as: Pinned, text: "another camera, ARP", want: lateral, frames: arp(macB, macA, frames.ARPAsk, g.a(), g.b())},
		{id: "lateral-raw", as: Pinned, text: "another camera, a foreign ethertype", want: lateral, frames: raw(macB, macA, frames.TypeLocal)},
		{id: "lateral-vlan", as: Pinned, text: "another camera, in a VLAN", want: lateral, frames: within(frames.TypeTag, 5, direct)},
		{id: "lateral-qinq", as: Pinned, text: "another camera, with a service tag", want: lateral, frames: within(frames.TypeServiceTag, 5, direct)},
		{id: "hairpin4", as: Pinned, text: "another camera, by the recorder", want: hit("L3", "lateral"), frames: to(g.bridgeMAC, macA, g.a(), g.b(), frames.ProtoUDP, datagram(portDiscard))},
		{id: "vlan-out", as: Pinned, text: "the outside, in a VLAN", want: lateral, frames: within(frames.TypeTag, 5, out)},
		{id: "priority-out", as: Pinned, text: "the outside, priority-tagged", want: lateral, frames: within(frames.TypeTag, 0, out)},
		{id: "raw-recorder", as: Pinned, text: "the recorder, a foreign ethertype", want: lateral, frames: raw(g.bridgeMAC, macA, frames.TypeLocal)},
	}
}

// toAll is what is said to everybody.
func (g ground) toAll() []path {
	chatter := hit("L3", "chatter")
	asked := chatter
	if g.site.DHCP {
		asked = want{admitted: true}
	}
	// Nobody's message: it has the addresses and ports of one.
	dhcp := func(src netip.Addr, sport, dport uint16) func([]byte, uint16) [][]byte {
		return to(broadcast, macA, src, allHosts, frames.ProtoUDP, func(tag []byte, _ uint16) []byte { return frames.UDP(sport, dport, tag) })
	}
	return []path{
		{id: "broadcast", as: Pinned, text: "all, by broadcast", want: chatter, frames: to(broadcast, macA, g.a(), allHosts, frames.ProtoUDP, datagram(portDiscard))},
		{id: "multicast", as: Pinned, text: "all, by multicast", want: chatter, frames: to(ssdpMAC, macA, g.a(), ssdpGroup, frames.ProtoUDP, datagram(portDiscard))},
		{id: "broadcast-raw", as: Pinned, text: "all, a foreign ethertype", want: hit("L1", "chatter"), frames: raw(broadcast, macA, frames.TypeLocal)},
		{id: "dhcp-ask", as: Pinned, text: "all, asking for an address", want: asked, frames: dhcp(nobodyYet, 68, 67)},
		{id: "dhcp-offer", as: Pinned, text: "all, offering addresses", want: chatter, frames: dhcp(g.a(), 67, 68)},
	}
}

// unpinned is a device that nobody listed, at a port that is another's.
func (g ground) unpinned() []path {
	unknown := hit("L1", "unknown-device")
	src := g.side.unlisted()
	four := func(dst netip.Addr, proto byte, p payload) func([]byte, uint16) [][]byte {
		return to(g.bridgeMAC, macUnpinned, src, dst, proto, p)
	}
	return []path{
		{id: "unpinned-udp4", as: Unpinned, text: "UDP to the outside", want: unknown, frames: four(g.out.target4, frames.ProtoUDP, datagram(portHTTPS))},
		{id: "unpinned-tcp4", as: Unpinned, text: "TCP to the outside", want: unknown, frames: four(g.out.target4, frames.ProtoTCP, connection(src, g.out.target4, portHTTPS))},
		{id: "unpinned-dns4", as: Unpinned, text: "DNS to a server outside", want: unknown, frames: four(g.out.target4, frames.ProtoUDP, noQuestion)},
		{id: "unpinned-recorder", as: Unpinned, text: "the recorder, a port that is not for cameras", want: unknown, frames: four(g.recorder(), frames.ProtoUDP, datagram(g.servicePort))},
		{id: "unpinned-lateral", as: Unpinned, text: "another camera, IPv4", want: unknown, frames: to(macB, macUnpinned, src, g.b(), frames.ProtoUDP, datagram(portDiscard))},
		{id: "unpinned-arp", as: Unpinned, text: "all, ARP", want: unknown, frames: arp(broadcast, macUnpinned, frames.ARPAsk, src, g.recorder())},
	}
}

// spoofing uses what is another's.
func (g ground) spoofing() []path {
	spoof := hit("L1", "spoof")
	four := func(mac net.HardwareAddr, src netip.Addr) func([]byte, uint16) [][]byte {
		return to(g.bridgeMAC, mac, src, g.out.target4, frames.ProtoUDP, datagram(portHTTPS))
	}
	list := []path{
		{id: "spoof-address", as: Spoofing, text: "the outside, with another camera's address", want: spoof, frames: four(macA, g.b())},
		{id: "spoof-mac", as: Spoofing, text: "the outside, with a pinned address and another MAC", want: spoof, frames: four(macUnpinned, g.a())},
		{id: "spoof-both", as: Spoofing, text: "the outside, as another camera that hangs elsewhere", want: spoof, frames: four(macB, g.b())},
		{id: "spoof-recorder", as: Spoofing, text: "the outside, with the recorder's address", want: spoof, frames: four(macA, g.recorder())},
		{id: "spoof-service", as: Spoofing, text: "the recorder's DNS, with another camera's address", want: spoof, frames: to(g.bridgeMAC, macA, g.b(), g.recorder(), frames.ProtoUDP, noQuestion)},
		{id: "arp-camera", as: Spoofing, text: "all, ARP that claims another camera's address", want: spoof, frames: arp(broadcast, macA, frames.ARPAnswer, g.b(), g.b())},
		{id: "arp-recorder", as: Spoofing, text: "all, ARP that claims the recorder's address", want: spoof, frames: arp(broadcast, macA, frames.ARPAnswer, g.recorder(), g.recorder())},
		{id: "arp-moves", as: Spoofing, text: "the recorder, ARP that moves another camera", want: spoof, frames: arp(g.bridgeMAC, macA, frames.ARPAnswer, g.b(), g.recorder())},
	}
	if b := g.source6(0xb); g.six {
		six := to6(g.bridgeMAC, macB, b, g.out.target6, frames.ProtoUDP, datagram6(b, g.out.target6, portHTTPS))
		list = append(list, path{id: "spoof-mac6", as: Spoofing, text: "the outside, with another camera's MAC, IPv6", want: spoof, frames: six})
	}
	return list
}
