package firewall_test

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// Frames that no honest stack sends.

// ip4odd is an IPv4 packet with options and a header that is changed before its checksum is made.
func ip4odd(src, dst string, proto byte, options, payload []byte, change func(header []byte)) []byte {
	return frames.IPv4With(ip(src), ip(dst), proto, options, payload, change)
}

// Options of IPv4.
const (
	looseRoute  = frames.LooseRoute
	strictRoute = frames.StrictRoute
	recordRoute = frames.RecordRoute
)

// route is a source route, loose or strict, by way of one more address.
func route(kind byte, by string) []byte { return frames.SourceRoute(kind, ip(by)) }

// icmp is an ICMP message of any type, with a good checksum.
func icmp(kind, code byte, rest [4]byte, text string) []byte {
	return frames.ICMP(kind, code, rest, []byte(text))
}

// icmp6 is the same for IPv6.
func icmp6(src, dst string, kind byte, rest [4]byte, text string) []byte {
	return frames.ICMPv6(ip(src), ip(dst), kind, rest, []byte(text))
}

// about is what an ICMP error quotes: a packet of the flow that the recorder
// opened, or of any other, with a tag behind it.
func about(src, dst string, sport, dport uint16, tag string) string {
	return string(ip4(src, dst, 17, udp(sport, dport, tag)))
}

// ahead puts an extension header before what follows (RFC 8200, 4): next is
// what follows, body its content from the third byte on, a multiple of 8 less 2.
func ahead(next byte, body, payload []byte) []byte {
	h := append([]byte{next, byte((len(body)+2)/8 - 1)}, body...)
	return append(h, payload...)
}

// Extension headers of IPv6.
const (
	hopByHop     = 0
	routingV6    = 43
	fragmentV6   = 44
	destOptions  = 60
	noNextHeader = 59
)

// padding is the body of a header of options that has none.
func padding() []byte { return []byte{1, 4, 0, 0, 0, 0} }

// routingTo is the body of a routing header with one address still to visit.
func routingTo(kind byte, by string) []byte {
	a := netip.MustParseAddr(by).As16()
	return append([]byte{kind, 1, 0, 0, 0, 0}, a[:]...)
}

// arpPacket is a packet of RFC 826.
func arpPacket(operation byte, senderMAC net.HardwareAddr, sender string, targetMAC net.HardwareAddr, target, text string) []byte {
	return frames.ARP(operation, senderMAC, ip(sender), targetMAC, ip(target), []byte(text))
}

// Operations of ARP.
const (
	arpAsk    = frames.ARPAsk
	arpAnswer = frames.ARPAnswer
)

// tagMAC makes a tag a sender's MAC, so that the answer carries it home.
func tagMAC(tag string) net.HardwareAddr { return net.HardwareAddr(tag) }

// stacked puts a VLAN tag of a given kind before a frame's type.
func stacked(kind uint16, vid uint16, frame []byte) []byte { return frames.Tagged(kind, vid, frame) }

// Kinds of VLAN tags.
const (
	customerTag = unix.ETH_P_8021Q
	serviceTag  = unix.ETH_P_8021AD
)

// question is a DNS question whose name is all payload: 250 bytes of it.
func question(tag string) string {
	q := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for _, label := range []string{tag + "-label-with-what-leaks", filler(63), filler(63), filler(63)} {
		q = append(append(q, byte(len(label))), label...)
	}
	return string(append(q, 0, 0, 16, 0, 1))
}

func filler(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

// clockQuestion is an NTP question whose time stamps are somebody's message.
func clockQuestion(tag string) string {
	return string(append([]byte{0x23, 0, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, (tag + filler(26))[:32]...))
}

// dhcp is a message of a client or, with operation 2, of a server that hands out a gateway and a name server.
func dhcp(operation byte, tag string) string {
	m := make([]byte, 240)
	m[0], m[1], m[2] = operation, 1, 6
	copy(m[28:], camAMAC)
	copy(m[44:], tag) // the server's name
	copy(m[236:], []byte{99, 130, 83, 99})
	kind := byte(1)
	if operation == 2 {
		kind = 2
		gw := net.ParseIP(camAIP).To4()
		m = append(append(m, 3, 4), gw...)
		m = append(append(m, 6, 4), gw...)
		m = append(append(m, 121, 5, 0), gw...)
	}
	return string(append(m, 53, 1, kind, 255))
}

// summed gives a TCP segment its checksum.
func summed(src, dst string, p []byte) []byte { return frames.Summed(ip(src), ip(dst), p) }
