package firewall_test

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Frames that no honest stack sends.

// ip4odd is an IPv4 packet with options and a header that is changed before its checksum is made.
func ip4odd(src, dst string, proto byte, options, payload []byte, change func(header []byte)) []byte {
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	plain := ip4(src, dst, proto, nil)
	h := append(plain[:20:20], options...)
	h[0] = 0x40 | byte(len(h)/4)
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	if change != nil {
		change(h)
	}
	binary.BigEndian.PutUint16(h[10:], 0)
	binary.BigEndian.PutUint16(h[10:], ^sum(0, h))
	return append(h, payload...)
}

// Options of IPv4 (RFC 791, 3.1).
const (
	looseRoute  = 131
	strictRoute = 137
	recordRoute = 7
)

// route is a source route, loose or strict, by way of one more address.
func route(kind byte, by string) []byte {
	a := netip.MustParseAddr(by).As4()
	return append([]byte{1, kind, 7, 4}, a[:]...) // a byte of padding first
}

// icmp is an ICMP message of any type, with a good checksum.
func icmp(kind, code byte, rest [4]byte, text string) []byte {
	p := append(append([]byte{kind, code, 0, 0}, rest[:]...), text...)
	binary.BigEndian.PutUint16(p[2:], ^sum(0, p))
	return p
}

// icmp6 is the same for IPv6.
func icmp6(src, dst string, kind byte, rest [4]byte, text string) []byte {
	p := append(append([]byte{kind, 0, 0, 0}, rest[:]...), text...)
	binary.BigEndian.PutUint16(p[2:], ^pseudo(src, dst, 58, p))
	return p
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
	p := []byte{0, 1, 8, 0, 6, 4, 0, operation}
	p = append(append(p, senderMAC...), net.ParseIP(sender).To4()...)
	p = append(append(p, targetMAC...), net.ParseIP(target).To4()...)
	return append(p, text...)
}

// Operations of ARP.
const (
	arpAsk    = 1
	arpAnswer = 2
)

// tagMAC makes a tag a sender's MAC, so that the answer carries it home.
func tagMAC(tag string) net.HardwareAddr { return net.HardwareAddr(tag) }

// stacked puts a VLAN tag of a given kind before a frame's type.
func stacked(kind uint16, vid uint16, frame []byte) []byte {
	f := append([]byte{}, frame[:12]...)
	f = append(f, byte(kind>>8), byte(kind), byte(vid>>8), byte(vid))
	return append(f, frame[12:]...)
}

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
func summed(src, dst string, p []byte) []byte {
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	start := uint32(sum(0, s[:])) + uint32(sum(0, d[:])) + uint32(len(p)) + 6
	binary.BigEndian.PutUint16(p[16:], 0)
	binary.BigEndian.PutUint16(p[16:], ^sum(start, p))
	return p
}
