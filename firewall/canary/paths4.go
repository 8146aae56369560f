package canary

import (
	"net"
	"net/netip"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// Ports that probes are sent to. Nobody serves on 9 (discard).
const (
	portDiscard = 9
	portSSH     = 22
	portDNS     = 53
	portNTP     = 123
	portHTTPS   = 443
	portDoT     = 853
)

func frame4(eth, mac net.HardwareAddr, src, dst netip.Addr, proto byte, payload []byte) []byte {
	return frames.Ether(eth, mac, frames.TypeIPv4, frames.IPv4(src, dst, proto, payload))
}

// pinned4 is a path of the first canary, as itself, by the recorder as its gateway.
func (g ground) pinned4(id, text string, w want, dst netip.Addr, proto byte, p payload) path {
	return path{id: id, as: Pinned, text: text, want: w, frames: to(g.bridgeMAC, macA, g.a(), dst, proto, p)}
}

func datagram(port uint16) payload {
	return func(tag []byte, sport uint16) []byte { return frames.UDP(sport, port, tag) }
}

// connection opens one; its checksum is good, or nobody would answer it.
func connection(src, dst netip.Addr, port uint16) payload {
	return func(tag []byte, sport uint16) []byte {
		return frames.Summed(src, dst, frames.TCP(sport, port, firstNumber, frames.FlagSYN, tag))
	}
}

// firstNumber is the sequence number that a connection is opened with.
const firstNumber = 1

func ping(tag []byte, sport uint16) []byte {
	return frames.ICMP(frames.Echo, 0, [4]byte{byte(sport >> 8), byte(sport), 0, 1}, tag)
}

func bare(tag []byte, _ uint16) []byte { return append(make([]byte, 4), tag...) }

// firstHalf is how much of a datagram its first fragment has; each half has the tag.
const firstHalf = 16

func (g ground) toOutside4() []path {
	egress := hit("L3", "egress")
	half := func(last bool) func([]byte, uint16) [][]byte {
		return one(func(tag []byte, sport uint16) []byte {
			part, offset := append(frames.UDP(sport, portDiscard, tag), tag...)[:firstHalf], uint16(0)
			if last {
				part, offset = tag, firstHalf/8
			}
			return frames.Ether(g.bridgeMAC, macA, frames.TypeIPv4, frames.Fragment4(g.a(), g.out.target4, sport, offset, !last, part))
		})
	}
	route := one(func(tag []byte, sport uint16) []byte {
		by := frames.SourceRoute(frames.LooseRoute, g.out.target4)
		return frames.Ether(g.bridgeMAC, macA, frames.TypeIPv4, frames.IPv4With(g.a(), g.recorder(), frames.ProtoUDP, by, frames.UDP(sport, portDiscard, tag), nil))
	})
	list := []path{
		g.pinned4("udp4", "UDP to the outside", egress, g.out.target4, frames.ProtoUDP, datagram(portHTTPS)),
		g.pinned4("tcp4", "TCP to the outside", egress, g.out.target4, frames.ProtoTCP, connection(g.a(), g.out.target4, portHTTPS)),
		g.pinned4("icmp4", "ping to the outside", egress, g.out.target4, frames.ProtoICMP, ping),
		g.pinned4("gre4", "another protocol to the outside", egress, g.out.target4, frames.ProtoGRE, bare),
		{id: "fragment4-first", as: Pinned, text: "first fragment to the outside", want: egress, frames: half(false)},
		{id: "fragment4-last", as: Pinned, text: "last fragment to the outside", want: egress, frames: half(true)},
		{id: "source-route", as: Pinned, text: "a source route to the outside", want: hit("L4", "input"), frames: route},
	}
	if g.out.far4.IsValid() {
		list = append(list, g.pinned4("uplink4", "UDP by the default route", egress, g.out.far4, frames.ProtoUDP, datagram(portHTTPS)))
	}
	return list
}

// toServices asks servers outside: where the recorder serves, its own answers.
func (g ground) toServices() []path {
	home := func(served bool) want {
		if served {
			return want{answered: true}
		}
		return hit("L3", "egress")
	}
	return []path{
		g.pinned4("dns4", "DNS to a server outside", home(g.site.DNS), g.out.target4, frames.ProtoUDP, noQuestion),
		g.pinned4("dns4-tcp", "DNS over TCP to a server outside", home(g.site.DNS), g.out.target4, frames.ProtoTCP, connection(g.a(), g.out.target4, portDNS)),
		g.pinned4("ntp4", "NTP to a server outside", home(g.site.NTP), g.out.target4, frames.ProtoUDP, clockQuestion),
		g.pinned4("dot4", "DNS over TLS to a server outside", hit("L3", "egress"), g.out.target4, frames.ProtoTCP, connection(g.a(), g.out.target4, portDoT)),
	}
}

// noQuestion is a DNS message whose header announces no question, so that no name
// is asked for and none is remembered; a server answers it as malformed.
func noQuestion(tag []byte, sport uint16) []byte {
	header := []byte{tag[6], tag[7], 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	return frames.UDP(sport, portDNS, append(header, tag...))
}

// clockQuestion has the tag where a server repeats it: the client's transmit time.
func clockQuestion(tag []byte, sport uint16) []byte {
	q := make([]byte, 40, 48)
	q[0] = 0x23 // version 4, client
	return frames.UDP(sport, portNTP, append(q, tag...))
}

func (g ground) toRecorder4() []path {
	input, egress := hit("L4", "input"), hit("L3", "egress")
	list := []path{
		g.pinned4("recorder-udp", "the recorder, a port that is not for cameras", input, g.recorder(), frames.ProtoUDP, datagram(g.servicePort)),
		g.pinned4("recorder-ssh", "the recorder, SSH", input, g.recorder(), frames.ProtoTCP, connection(g.a(), g.recorder(), portSSH)),
		g.pinned4("recorder-ping", "the recorder, ping", input, g.recorder(), frames.ProtoICMP, ping),
		g.pinned4("recorder-sink", "the recorder's address on the canary's own network", egress, g.out.own4.Addr(), frames.ProtoUDP, datagram(g.servicePort)),
	}
	if g.other4.IsValid() {
		list = append(list, g.pinned4("recorder-other", "the recorder's other address", egress, g.other4, frames.ProtoUDP, datagram(g.servicePort)))
	}
	return list
}
