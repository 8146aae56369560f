package firewall_test

import (
	"net"
	"net/netip"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// Frames are built by hand: a camera's own stack would refuse to send most of
// them. These are internal/frames with addresses as the table of paths has them.

func ether(dst, src net.HardwareAddr, kind uint16, payload []byte) []byte {
	return frames.Ether(dst, src, kind, payload)
}

func tagged(vid uint16, frame []byte) []byte { return frames.Tagged(frames.TypeTag, vid, frame) }

func ip4(src, dst string, proto byte, payload []byte) []byte {
	return frames.IPv4(ip(src), ip(dst), proto, payload)
}

func ip6(src, dst string, next byte, payload []byte) []byte {
	return frames.IPv6(ip(src), ip(dst), next, payload)
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// fragment4 carries a part of a UDP datagram; offset is in units of 8 bytes.
func fragment4(src, dst string, id, offset uint16, more bool, part []byte) []byte {
	return frames.Fragment4(ip(src), ip(dst), id, offset, more, part)
}

// fragment6 carries a part of a UDP datagram behind a header of destination options.
func fragment6(src, dst string, id uint32, offset uint16, more bool, part []byte) []byte {
	return frames.Fragment6(ip(src), ip(dst), id, offset, more, part)
}

func udp(sport, dport uint16, text string) []byte { return frames.UDP(sport, dport, []byte(text)) }

func udp6(src, dst string, sport, dport uint16, text string) []byte {
	return frames.UDP6(ip(src), ip(dst), sport, dport, []byte(text))
}

// syn is a TCP SYN that carries the tag as data; routers do not check more of it.
func syn(sport, dport uint16, text string) []byte {
	return frames.TCP(sport, dport, 0, frames.FlagSYN, []byte(text))
}

func echo(text string) []byte { return icmp(frames.Echo, 0, [4]byte{0, 1, 0, 1}, text) }

func echo6(src, dst, text string) []byte {
	return icmp6(src, dst, frames.Echo6, [4]byte{0, 1, 0, 1}, text)
}

// routerAdvert makes its sender a default router.
func routerAdvert(src, dst, text string) []byte {
	return frames.RouterAdvertisement(ip(src), ip(dst), 1800, []byte(text))
}
