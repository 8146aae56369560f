package sinkhole

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// wire sends answers to devices that have no address yet, as frames to their MAC.
// By an ordinary socket such an answer would have to go to everybody: other
// cameras would learn of it, it would need a rule in L5, and the kernel would
// deliver a copy to the box itself, which the rules take for a camera's forgery.
type wire struct {
	fd    int
	index int
}

// openWire opens a packet socket that hears nothing.
func openWire(device string) (*wire, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, fmt.Errorf("send DHCP answers on %s: %w", device, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("send DHCP answers on %s: %w", device, err)
	}
	return &wire{fd, i.Index}, nil
}

func (w *wire) close() { _ = unix.Close(w.fd) }

// send sends an answer to the device's MAC; to all where the device says that it
// hears nothing else (RFC 2131 §4.1).
func (w *wire) send(r *dhcpReply) {
	to := unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16([]byte{0x08, 0x00}), Ifindex: w.index, Halen: 6}
	copy(to.Addr[:], r.message.ClientHWAddr)
	if r.message.IsBroadcast() {
		copy(to.Addr[:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	_ = unix.Sendto(w.fd, datagram(r), 0, &to) // the device asks again
}

// Lengths of headers, RFC 791 and RFC 768.
const (
	ipHeader  = 20
	udpHeader = 8
)

// datagram is an answer as an IPv4 packet.
func datagram(r *dhcpReply) []byte {
	message := r.message.ToBytes()
	b := make([]byte, ipHeader+udpHeader, ipHeader+udpHeader+len(message))
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[2:], uint16(ipHeader+udpHeader+len(message)))
	copy(b[12:], r.from.AsSlice())
	copy(b[16:], r.to.AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(b[:ipHeader], 0))
	u := b[ipHeader:]
	binary.BigEndian.PutUint16(u, dhcpPort)
	binary.BigEndian.PutUint16(u[2:], dhcpClient)
	length := uint16(udpHeader + len(message))
	binary.BigEndian.PutUint16(u[4:], length)
	b = append(b, message...)
	pseudo := binary.BigEndian.AppendUint16(append(append([]byte{}, b[12:20]...), 0, unix.IPPROTO_UDP), length)
	binary.BigEndian.PutUint16(b[ipHeader+6:], checksum(b[ipHeader:], sum(pseudo, 0)))
	return b
}

// sum adds 16-bit words, RFC 1071.
func sum(b []byte, to uint32) uint32 {
	for ; len(b) > 1; b = b[2:] {
		to += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		to += uint32(b[0]) << 8
	}
	return to
}

// checksum is RFC 1071's; it is never the zero that says that there is none.
func checksum(b []byte, with uint32) uint16 {
	s := sum(b, with)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	if s == 0xffff {
		return 0xffff
	}
	return ^uint16(s)
}
