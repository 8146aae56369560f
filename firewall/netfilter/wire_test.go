package netfilter_test

import (
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// wire puts frames on an interface as a camera behind it would.
type wire int

func plug(t testing.TB, name string) wire {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	return wire(fd)
}

func (w wire) send(t testing.TB, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		if _, err := unix.Write(int(w), f); err != nil {
			t.Fatal(err)
		}
	}
}

// frame is an Ethernet frame.
func frame(to, from net.HardwareAddr, kind uint16, payload []byte) []byte {
	f := append(append([]byte{}, to...), from...)
	return append(binary.BigEndian.AppendUint16(f, kind), payload...)
}

// datagram is an IPv4 packet with a UDP datagram in it.
func datagram(from, to string, fromPort, toPort uint16, size int) []byte {
	p := make([]byte, 28+size)
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], net.ParseIP(from).To4())
	copy(p[16:], net.ParseIP(to).To4())
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum+sum>>16))
	binary.BigEndian.PutUint16(p[20:], fromPort)
	binary.BigEndian.PutUint16(p[22:], toPort)
	binary.BigEndian.PutUint16(p[24:], uint16(8+size))
	return p // a checksum of zero is none
}
