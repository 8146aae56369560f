package firewall_test

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Frames are built by hand: a camera's own stack would refuse to send most of them.

func ether(dst, src net.HardwareAddr, kind uint16, payload []byte) []byte {
	f := append(append([]byte{}, dst...), src...)
	return append(binary.BigEndian.AppendUint16(f, kind), payload...)
}

func tagged(vid uint16, frame []byte) []byte {
	f := append([]byte{}, frame[:12]...)
	f = append(f, 0x81, 0x00, byte(vid>>8), byte(vid))
	return append(f, frame[12:]...)
}

func ip4(src, dst string, proto byte, payload []byte) []byte {
	h := make([]byte, 20, 20+len(payload))
	h[0], h[8], h[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(h[12:], s[:])
	copy(h[16:], d[:])
	binary.BigEndian.PutUint16(h[10:], ^sum(0, h))
	return append(h, payload...)
}

func ip6(src, dst string, next byte, payload []byte) []byte {
	h := make([]byte, 40, 40+len(payload))
	h[0], h[6], h[7] = 0x60, next, 255
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(h[8:], s[:])
	copy(h[24:], d[:])
	return append(h, payload...)
}

// fragment4 carries a part of a UDP datagram; offset is in units of 8 bytes.
func fragment4(src, dst string, id, offset uint16, more bool, part []byte) []byte {
	p := ip4(src, dst, 17, part)
	binary.BigEndian.PutUint16(p[4:], id)
	if more {
		offset |= 0x2000
	}
	binary.BigEndian.PutUint16(p[6:], offset)
	binary.BigEndian.PutUint16(p[10:], 0)
	binary.BigEndian.PutUint16(p[10:], ^sum(0, p[:20]))
	return p
}

// fragment6 carries a part of a UDP datagram behind a header of destination options.
func fragment6(src, dst string, id uint32, offset uint16, more bool, part []byte) []byte {
	options := []byte{44, 0, 1, 4, 0, 0, 0, 0} // next: fragment; padding
	h := append(options, 17, 0, 0, 0)
	offset <<= 3
	if more {
		offset |= 1
	}
	binary.BigEndian.PutUint16(h[10:], offset)
	h = binary.BigEndian.AppendUint32(h, id)
	return ip6(src, dst, 60, append(h, part...))
}

// sum is the Internet checksum's folded sum (RFC 1071).
func sum(start uint32, b []byte) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		start += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		start += uint32(b[len(b)-1]) << 8
	}
	for start>>16 != 0 {
		start = start&0xffff + start>>16
	}
	return uint16(start)
}

// udp has no checksum, which IPv4 permits.
func udp(sport, dport uint16, text string) []byte {
	h := make([]byte, 8, 8+len(text))
	binary.BigEndian.PutUint16(h, sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(text)))
	return append(h, text...)
}

// udp6 has one, which IPv6 demands.
func udp6(src, dst string, sport, dport uint16, text string) []byte {
	p := udp(sport, dport, text)
	binary.BigEndian.PutUint16(p[6:], ^pseudo(src, dst, 17, p))
	return p
}

func pseudo(src, dst string, proto byte, p []byte) uint16 {
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	start := uint32(sum(0, s[:])) + uint32(sum(0, d[:])) + uint32(len(p)) + uint32(proto)
	return sum(start, p)
}

// syn is a TCP SYN that carries the tag as data; routers do not check more of it.
func syn(sport, dport uint16, text string) []byte {
	h := make([]byte, 20, 20+len(text))
	binary.BigEndian.PutUint16(h, sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	h[12], h[13] = 0x50, 0x02
	return append(h, text...)
}

func echo(text string) []byte {
	p := append([]byte{8, 0, 0, 0, 0, 1, 0, 1}, text...)
	binary.BigEndian.PutUint16(p[2:], ^sum(0, p))
	return p
}

func echo6(src, dst, text string) []byte {
	p := append([]byte{128, 0, 0, 0, 0, 1, 0, 1}, text...)
	binary.BigEndian.PutUint16(p[2:], ^pseudo(src, dst, 58, p))
	return p
}

// routerAdvert makes its sender a default router (RFC 4861, 4.2); the tag is an unknown option.
func routerAdvert(src, dst, text string) []byte {
	p := []byte{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	p = append(append(p, 253, 1), text...) // two bytes and a tag's six
	binary.BigEndian.PutUint16(p[2:], ^pseudo(src, dst, 58, p))
	return p
}
