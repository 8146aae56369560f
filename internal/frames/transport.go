package frames

import (
	"encoding/binary"
	"net/netip"
)

// UDP has no checksum, which IPv4 permits.
func UDP(sport, dport uint16, text []byte) []byte {
	h := make([]byte, 8, 8+len(text))
	binary.BigEndian.PutUint16(h, sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(text)))
	return append(h, text...)
}

// UDP6 has one, which IPv6 demands.
func UDP6(src, dst netip.Addr, sport, dport uint16, text []byte) []byte {
	p := UDP(sport, dport, text)
	binary.BigEndian.PutUint16(p[6:], ^Pseudo(src, dst, ProtoUDP, p))
	return p
}

// Pseudo is the sum of a payload with the header that its checksum covers (RFC 8200, 8.1).
func Pseudo(src, dst netip.Addr, proto byte, p []byte) uint16 {
	start := uint32(Sum(0, src.AsSlice())) + uint32(Sum(0, dst.AsSlice())) + uint32(len(p)) + uint32(proto)
	return Sum(start, p)
}

// Flags of TCP.
const (
	FlagRST = 0x04
	FlagSYN = 0x02
	FlagACK = 0x10
)

// TCP is a segment that carries text, without a checksum: routers do not look at it.
func TCP(sport, dport uint16, sequence uint32, flags byte, text []byte) []byte {
	h := make([]byte, 20, 20+len(text))
	binary.BigEndian.PutUint16(h, sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	binary.BigEndian.PutUint32(h[4:], sequence)
	h[12], h[13] = 0x50, flags
	binary.BigEndian.PutUint16(h[14:], 1024)
	return append(h, text...)
}

// Summed gives a TCP segment its checksum.
func Summed(src, dst netip.Addr, p []byte) []byte {
	binary.BigEndian.PutUint16(p[16:], 0)
	binary.BigEndian.PutUint16(p[16:], ^Pseudo(src, dst, ProtoTCP, p))
	return p
}

// ICMP is a message of any type, with a good checksum.
func ICMP(kind, code byte, rest [4]byte, text []byte) []byte {
	p := append(append([]byte{kind, code, 0, 0}, rest[:]...), text...)
	binary.BigEndian.PutUint16(p[2:], ^Sum(0, p))
	return p
}

// ICMPv6 is the same for IPv6.
func ICMPv6(src, dst netip.Addr, kind byte, rest [4]byte, text []byte) []byte {
	p := append(append([]byte{kind, 0, 0, 0}, rest[:]...), text...)
	binary.BigEndian.PutUint16(p[2:], ^Pseudo(src, dst, ProtoICMPv6, p))
	return p
}

// Types of ICMP.
const (
	Echo         = 8
	Echo6        = 128
	RouterAdvert = 134
)

// RouterAdvertisement names its sender a router for so many seconds (RFC 4861,
// 4.2); text stands in an option that nobody knows, and is 6 bytes more than a
// multiple of 8.
func RouterAdvertisement(src, dst netip.Addr, lifetime uint16, text []byte) []byte {
	body := []byte{0, 0, 0, 0, 0, 0, 0, 0, 253, byte((len(text) + 2) / 8)}
	rest := [4]byte{64, 0, byte(lifetime >> 8), byte(lifetime)}
	return ICMPv6(src, dst, RouterAdvert, rest, append(body, text...))
}
