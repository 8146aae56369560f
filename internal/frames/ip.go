package frames

import (
	"encoding/binary"
	"net/netip"
)

// Numbers of protocols (IANA).
const (
	ProtoICMP     = 1
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoICMPv6   = 58
	ProtoOptions  = 60 // destination options of IPv6
)

// Sum is the Internet checksum's folded sum (RFC 1071), begun with start.
func Sum(start uint32, b []byte) uint16 {
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

// IPv4 is a packet with a header of 20 bytes.
func IPv4(src, dst netip.Addr, proto byte, payload []byte) []byte {
	return IPv4With(src, dst, proto, nil, payload, nil)
}

// IPv4With is an IPv4 packet with options, which are padded with zeros, and a
// header that is changed before its checksum is made.
func IPv4With(src, dst netip.Addr, proto byte, options, payload []byte, change func(header []byte)) []byte {
	h := make([]byte, 20, 20+len(options)+3+len(payload))
	h = append(h, options...)
	for len(h)%4 != 0 {
		h = append(h, 0)
	}
	h[0], h[8], h[9] = 0x40|byte(len(h)/4), 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	copy(h[12:16], src.AsSlice())
	copy(h[16:20], dst.AsSlice())
	if change != nil {
		change(h)
	}
	binary.BigEndian.PutUint16(h[10:], 0)
	binary.BigEndian.PutUint16(h[10:], ^Sum(0, h))
	return append(h, payload...)
}

// Fragment4 carries a part of a UDP datagram; offset is in units of 8 bytes.
func Fragment4(src, dst netip.Addr, id, offset uint16, more bool, part []byte) []byte {
	if more {
		offset |= 0x2000
	}
	return IPv4With(src, dst, ProtoUDP, nil, part, func(h []byte) {
		binary.BigEndian.PutUint16(h[4:], id)
		binary.BigEndian.PutUint16(h[6:], offset)
	})
}

// Options of IPv4 (RFC 791, 3.1).
const (
	LooseRoute  = 131
	StrictRoute = 137
	RecordRoute = 7
)

// SourceRoute is an option, loose or strict, by way of one more address.
func SourceRoute(kind byte, by netip.Addr) []byte {
	return append([]byte{1, kind, 7, 4}, by.AsSlice()...) // a byte of padding first
}

// IPv6 is a packet; next is the number of what it carries.
func IPv6(src, dst netip.Addr, next byte, payload []byte) []byte {
	h := make([]byte, 40, 40+len(payload))
	h[0], h[6], h[7] = 0x60, next, 255
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	copy(h[8:24], src.AsSlice())
	copy(h[24:40], dst.AsSlice())
	return append(h, payload...)
}

// Fragment6 carries a part of a UDP datagram behind a header of destination
// options; offset is in units of 8 bytes.
func Fragment6(src, dst netip.Addr, id uint32, offset uint16, more bool, part []byte) []byte {
	h := []byte{ProtoFragment, 0, 1, 4, 0, 0, 0, 0, ProtoUDP, 0, 0, 0} // options: padding
	offset <<= 3
	if more {
		offset |= 1
	}
	binary.BigEndian.PutUint16(h[10:], offset)
	h = binary.BigEndian.AppendUint32(h, id)
	return IPv6(src, dst, ProtoOptions, append(h, part...))
}
