package nflog

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// MaxPayload is how much of a packet is kept as evidence, in bytes: enough for
// the longest DNS question in IPv6 and for the server name of most TLS hellos.
const MaxPayload = 320

// EtherTypes that are looked into; every other one is kept by its number.
const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherVLAN  = 0x8100 // 802.1Q
	etherQinQ  = 0x88a8 // 802.1ad
	etherIPv6  = 0x86dd
	maxTags    = 4  // VLAN tags taken off before giving up
	maxHeaders = 16 // IPv6 extension headers walked before giving up
)

// Protocol numbers that decide what stands behind the IP header (IANA).
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoTCP      = 6
	protoDCCP     = 33
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoICMPv6   = 58
	protoDestOpts = 60
	protoSCTP     = 132
	protoMobility = 135
	protoUDPLite  = 136
	protoHIP      = 139
	protoShim6    = 140
)

// ErrMalformed says that a packet ends, or contradicts itself, before its
// addresses or ports. It is normal in hits: cameras may send anything, and only
// the first MaxPayload bytes are kept.
var ErrMalformed = errors.New("malformed packet")

// ParsePacket fills h from the beginning of a packet whose frame had the given
// EtherType. What was read before an error stands in h; Payload and Body alias packet.
func ParsePacket(etherType uint16, packet []byte, h *Hit) error {
	for range maxTags {
		if etherType != etherVLAN && etherType != etherQinQ {
			break
		}
		if len(packet) < 4 {
			h.EtherType = etherType
			return ErrMalformed
		}
		if h.VLAN == 0 {
			h.VLAN = binary.BigEndian.Uint16(packet) & 0x0fff
		}
		etherType = binary.BigEndian.Uint16(packet[2:])
		packet = packet[4:]
	}
	h.EtherType = etherType
	h.Length = len(packet)
	h.Payload, h.Body = packet[:min(len(packet), MaxPayload)], nil
	switch etherType {
	case etherIPv4:
		return parseIPv4(h.Payload, h)
	case etherIPv6:
		return parseIPv6(h.Payload, h)
	case etherARP:
		return parseARP(h.Payload, h)
	}
	return nil
}

// parseIPv4 reads an RFC 791 header and what stands behind it.
func parseIPv4(p []byte, h *Hit) error {
	if len(p) < 20 || p[0]>>4 != 4 {
		return ErrMalformed
	}
	h.Family = 4
	h.Protocol = p[9]
	h.Src = netip.AddrFrom4([4]byte(p[12:16]))
	h.Dst = netip.AddrFrom4([4]byte(p[16:20]))
	if n := int(binary.BigEndian.Uint16(p[2:])); n >= 20 {
		h.Length = n // p may be cut at MaxPayload, or padded to a frame's 60 bytes
	}
	header := int(p[0]&0x0f) * 4
	if header < 20 || header > len(p) {
		return ErrMalformed
	}
	if binary.BigEndian.Uint16(p[6:])&0x1fff != 0 {
		return nil // a later fragment carries no ports
	}
	return parseTransport(p[header:], h)
}

// parseIPv6 reads an RFC 8200 header, walks its extension headers and reads
// what stands behind them.
func parseIPv6(p []byte, h *Hit) error {
	if len(p) < 40 || p[0]>>4 != 6 {
		return ErrMalformed
	}
	h.Family = 6
	h.Src = netip.AddrFrom16([16]byte(p[8:24]))
	h.Dst = netip.AddrFrom16([16]byte(p[24:40]))
	if n := int(binary.BigEndian.Uint16(p[4:])); n > 0 { // 0: a jumbogram, or it lies
		h.Length = n + 40
	}
	next, rest := p[6], p[40:]
	for range maxHeaders {
		h.Protocol = next
		size := 0
		switch next {
		case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
			if len(rest) < 8 {
				return ErrMalformed
			}
			size = (int(rest[1]) + 1) * 8
		case protoAH: // RFC 4302: in words of four bytes, less two
			if len(rest) < 8 {
				return ErrMalformed
			}
			size = (int(rest[1]) + 2) * 4
		case protoFragment:
			if len(rest) < 8 {
				return ErrMalformed
			}
			size = 8
			if binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0 {
				h.Protocol = rest[0]
				return nil // a later fragment carries no ports
			}
		default:
			return parseTransport(rest, h)
		}
		if size > len(rest) {
			return ErrMalformed
		}
		next, rest = rest[0], rest[size:]
	}
	return ErrMalformed
}

// parseTransport reads ports, or the ICMP type and code, and finds the body. p is
// the end of h.Payload.
func parseTransport(p []byte, h *Hit) error {
	switch h.Protocol {
	case protoTCP, protoUDP, protoSCTP, protoDCCP, protoUDPLite:
		if len(p) < 4 {
			return ErrMalformed
		}
		h.SrcPort = binary.BigEndian.Uint16(p)
		h.DstPort = binary.BigEndian.Uint16(p[2:])
		h.Body = body(p, h)
	case protoICMP, protoICMPv6:
		if len(p) < 2 {
			return ErrMalformed
		}
		h.DstPort = binary.BigEndian.Uint16(p)
	}
	return nil
}

// udpHeader is the length of UDP's header, and tcpHeader the least of TCP's, in bytes.
const (
	udpHeader = 8
	tcpHeader = 20
)

// body gives what TCP or UDP carry, as far as it is kept: not what stands behind
// the packet's own length, such as a frame's padding.
func body(p []byte, h *Hit) []byte {
	from := udpHeader
	if h.Protocol == protoTCP {
		if len(p) < tcpHeader {
			return nil
		}
		from = max(int(p[12]>>4)*4, tcpHeader) // RFC 9293, data offset
	}
	end := min(len(p), h.Length-(len(h.Payload)-len(p)))
	if from >= end || h.Protocol != protoTCP && h.Protocol != protoUDP {
		return nil
	}
	return p[from:end]
}

// parseARP reads who asks for whom (RFC 826, Ethernet and IPv4 only).
func parseARP(p []byte, h *Hit) error {
	if len(p) < 28 || binary.BigEndian.Uint16(p[2:]) != etherIPv4 || p[4] != 6 || p[5] != 4 {
		return ErrMalformed
	}
	h.Src = netip.AddrFrom4([4]byte(p[14:18]))
	h.Dst = netip.AddrFrom4([4]byte(p[24:28]))
	return nil
}
