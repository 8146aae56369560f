package frames

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Types of frames (linux/if_ether.h).
const (
	TypeIPv4       = 0x0800
	TypeARP        = 0x0806
	TypeIPv6       = 0x86dd
	TypeTag        = 0x8100 // 802.1Q
	TypeServiceTag = 0x88a8 // 802.1ad
	TypeLocal      = 0x88b5 // for local experiments (IEEE 802)
)

// leastFrame is the length of the shortest frame of Ethernet, without its checksum.
const leastFrame = 60

// Ether is a frame.
func Ether(dst, src net.HardwareAddr, kind uint16, payload []byte) []byte {
	f := append(append(make([]byte, 0, 14+len(payload)), dst...), src...)
	return append(binary.BigEndian.AppendUint16(f, kind), payload...)
}

// Padded gives a frame the least length of Ethernet.
func Padded(frame []byte) []byte {
	if len(frame) >= leastFrame {
		return frame
	}
	return append(append(make([]byte, 0, leastFrame), frame...), make([]byte, leastFrame-len(frame))...)
}

// Tagged puts a VLAN tag of a kind before a frame's type.
func Tagged(kind, vid uint16, frame []byte) []byte {
	f := append(make([]byte, 0, len(frame)+4), frame[:12]...)
	f = binary.BigEndian.AppendUint16(f, kind)
	f = binary.BigEndian.AppendUint16(f, vid)
	return append(f, frame[12:]...)
}

// Operations of ARP.
const (
	ARPAsk    = 1
	ARPAnswer = 2
)

// ARP is a packet of RFC 826, with text behind it.
func ARP(operation byte, senderMAC net.HardwareAddr, sender netip.Addr, targetMAC net.HardwareAddr, target netip.Addr, text []byte) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, operation}
	p = append(append(p, senderMAC...), sender.AsSlice()...)
	p = append(append(p, targetMAC...), target.AsSlice()...)
	return append(p, text...)
}
