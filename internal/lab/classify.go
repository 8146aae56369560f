package lab

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// classify says what kind of packet the bytes after the link-layer header are.
// Housekeeping of the link itself (ARP, neighbour discovery, router
// solicitations, group membership, asking all for an address) is reported as own: every stack does that
// whatever its device wants, and it never leaves the link.
func classify(ethertype uint16, b []byte) (p packet, own bool) {
	switch ethertype {
	case unix.ETH_P_ARP:
		return p, true
	case unix.ETH_P_IP:
		return classify4(b)
	case unix.ETH_P_IPV6:
		return classify6(b)
	default:
		p.Kind = Kind{Protocol: "0x" + strconv.FormatUint(uint64(ethertype), 16)}
		return p, false
	}
}

// classify4 reads an IPv4 header (RFC 791 section 3.1).
func classify4(b []byte) (p packet, own bool) {
	p.Family = 4
	if len(b) < 20 {
		p.Protocol = "short"
		return p, false
	}
	p.src, p.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	rest := b[min(len(b), int(b[0]&0xf)*4):]
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		rest = nil // a later fragment has no ports
	}
	p.transport(b[9], rest)
	if b[9] == unix.IPPROTO_UDP && p.Port == dhcpServer && p.dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return p, true
	}
	return p, b[9] == unix.IPPROTO_IGMP
}

// classify6 reads an IPv6 header (RFC 8200 section 3), through a hop-by-hop header.
func classify6(b []byte) (p packet, own bool) {
	p.Family = 6
	if len(b) < 40 {
		p.Protocol = "short"
		return p, false
	}
	p.src, p.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next, rest := b[6], b[40:]
	if next == unix.IPPROTO_HOPOPTS && len(rest) >= 8 {
		next, rest = rest[0], rest[min(len(rest), 8+8*int(rest[1])):]
	}
	p.transport(next, rest)
	if next != unix.IPPROTO_ICMPV6 {
		return p, false
	}
	switch p.Port { // RFC 4861, RFC 2710, RFC 3810
	case 130, 131, 132, 133, 134, 135, 136, 143:
		return p, true
	}
	return p, false
}

// transport reads the first bytes of the transport header.
func (p *packet) transport(protocol byte, b []byte) {
	p.Port = -1
	switch protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		p.Protocol = map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[protocol]
		if len(b) >= 4 {
			p.Port = int(binary.BigEndian.Uint16(b[2:]))
		}
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		p.Protocol = map[byte]string{unix.IPPROTO_ICMP: "icmp", unix.IPPROTO_ICMPV6: "icmpv6"}[protocol]
		if len(b) >= 1 {
			p.Port = int(b[0])
		}
	default:
		p.Protocol, p.Port = strconv.Itoa(int(protocol)), 0
	}
}
