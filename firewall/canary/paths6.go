package canary

import (
	"net"
	"net/netip"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// linkLocalA is the first canary's, as a host makes it of its MAC.
var linkLocalA = netip.MustParseAddr("fe80::4ca:9aff:fe00:a")

// to6 is a frame with an IPv6 packet.
func to6(eth, mac net.HardwareAddr, src, dst netip.Addr, next byte, p payload) func([]byte, uint16) [][]byte {
	return one(func(tag []byte, sport uint16) []byte {
		return frames.Ether(eth, mac, frames.TypeIPv6, frames.IPv6(src, dst, next, p(tag, sport)))
	})
}

func datagram6(src, dst netip.Addr, port uint16) payload {
	return func(tag []byte, sport uint16) []byte { return frames.UDP6(src, dst, sport, port, tag) }
}

func ping6(src, dst netip.Addr) payload {
	return func(tag []byte, sport uint16) []byte {
		return frames.ICMPv6(src, dst, frames.Echo6, [4]byte{byte(sport >> 8), byte(sport), 0, 1}, tag)
	}
}

// overIPv6 is what has no business on the camera side at all (C6).
func (g ground) overIPv6() []path {
	a, b, c, target := g.source6(0xa), g.source6(0xb), g.source6(0xc), g.out.target6
	out := func(id, text string, dst netip.Addr, next byte, p payload) path {
		return path{id: id, as: Pinned, text: text, want: hit("L3", "egress"), frames: to6(g.bridgeMAC, macA, a, dst, next, p)}
	}
	fragment := one(func(tag []byte, sport uint16) []byte {
		whole := append(frames.UDP6(a, target, sport, portDiscard, tag), tag...)
		return frames.Ether(g.bridgeMAC, macA, frames.TypeIPv6, frames.Fragment6(a, target, uint32(sport), 0, true, whole[:firstHalf]))
	})
	// For no time at all: where nothing stops it, the recorder takes nobody for a router.
	router := func(tag []byte, _ uint16) []byte {
		return frames.RouterAdvertisement(linkLocalA, allNodes, 0, append(make([]byte, 6), tag...))
	}
	list := []path{
		out("udp6", "UDP to the outside, IPv6", target, frames.ProtoUDP, datagram6(a, target, portHTTPS)),
		out("tcp6", "TCP to the outside, IPv6", target, frames.ProtoTCP, connection(a, target, portHTTPS)),
		out("icmp6", "ping to the outside, IPv6", target, frames.ProtoICMPv6, ping6(a, target)),
		out("dns6", "DNS to a server outside, IPv6", target, frames.ProtoUDP, datagram6(a, target, portDNS)),
		out("gre6", "another protocol to the outside, IPv6", target, frames.ProtoGRE, bare),
		out("recorder6-sink", "the recorder's address on the canary's own network, IPv6", g.out.own6.Addr(), frames.ProtoUDP, datagram6(a, g.out.own6.Addr(), g.servicePort)),
		{id: "fragment6", as: Pinned, text: "fragment to the outside, IPv6", want: hit("L3", "egress"), frames: fragment},
		{id: "lateral6", as: Pinned, text: "another camera, IPv6", want: hit("L1", "lateral"), frames: to6(macB, macA, a, b, frames.ProtoUDP, datagram6(a, b, portDiscard))},
		{id: "multicast6", as: Pinned, text: "all, by multicast, IPv6", want: hit("L3", "chatter"), frames: to6(allNodesAt, macA, a, allNodes, frames.ProtoUDP, datagram6(a, allNodes, portDiscard))},
		{id: "router6", as: Pinned, text: "all, as a router, IPv6", want: hit("L3", "chatter"), frames: to6(allNodesAt, macA, linkLocalA, allNodes, frames.ProtoICMPv6, router)},
		{id: "unpinned-udp6", as: Unpinned, text: "UDP to the outside, IPv6", want: hit("L1", "unknown-device"), frames: to6(g.bridgeMAC, macUnpinned, c, target, frames.ProtoUDP, datagram6(c, target, portHTTPS))},
	}
	if g.link6.IsValid() {
		list = append(list, g.toLinkLocal()...)
	}
	if g.out.far6.IsValid() {
		list = append(list, out("uplink6", "UDP by the default route, IPv6", g.out.far6, frames.ProtoUDP, datagram6(a, g.out.far6, portHTTPS)))
	}
	if g.other6.IsValid() {
		list = append(list, out("recorder6-other", "the recorder's other address, IPv6", g.other6, frames.ProtoUDP, datagram6(a, g.other6, g.servicePort)))
	}
	return list
}

// toLinkLocal is for the address that the bridge has of its own.
func (g ground) toLinkLocal() []path {
	input := hit("L3", "input")
	return []path{
		{id: "recorder6", as: Pinned, text: "the recorder, a port that is not for cameras, IPv6", want: input, frames: to6(g.bridgeMAC, macA, linkLocalA, g.link6, frames.ProtoUDP, datagram6(linkLocalA, g.link6, g.servicePort))},
		{id: "recorder6-ping", as: Pinned, text: "the recorder, ping, IPv6", want: input, frames: to6(g.bridgeMAC, macA, linkLocalA, g.link6, frames.ProtoICMPv6, ping6(linkLocalA, g.link6))},
	}
}

// fromElsewhere is what a host behind an uplink and the box itself could send.
func (g ground) fromElsewhere() []path {
	in := func(id, text string, w want, src, dst netip.Addr) path {
		return path{id: id, as: Outside, text: text, want: w, from: bySink, frames: to(g.sinkMAC, macBehind, src, dst, frames.ProtoUDP, datagram(portDiscard))}
	}
	box := func(id, text, reason string, dst netip.Addr) path {
		return path{
			id: id, as: Box, text: text, want: hit("L5", reason),
			src: netip.AddrPortFrom(g.recorder(), 0), dst: netip.AddrPortFrom(dst, portDiscard),
		}
	}
	return []path{
		in("in-camera", "a camera", hit("L3", "output"), g.out.target4, g.a()),
		in("in-recorder", "the recorder's camera-side address", hit("L3", "output"), g.out.target4, g.recorder()),
		in("in-spoof", "the recorder, as a camera", hit("L3", "spoof"), g.a(), g.out.own4.Addr()),
		box("box-source", "the outside, with the recorder's camera-side address", "output", g.out.target4),
		box("box-unpinned", "a device that is not pinned", "output", g.side.nobody()),
		box("box-broadcast", "all cameras, by broadcast", "chatter", allHosts),
	}
}
