package pinned

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// buffer holds more than a second of a large stream while the process is busy.
const buffer = 1 << 20

// onlyFrom lets the kernel drop every packet that another address sent, before
// it takes room in the socket's buffer (C13), and makes that buffer large. It
// comes before the socket is bound, so that no packet is there before it.
func onlyFrom(raw syscall.RawConn, peer netip.Addr) error {
	program, err := bpf.Assemble(sourceFilter(peer))
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, r := range program {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
		// Best effort; without CAP_NET_ADMIN the system's limit applies.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("limit the socket to %s: %w", peer, err)
	}
	return nil
}

// sourceFilter accepts IP packets with the given source address.
func sourceFilter(peer netip.Addr) []bpf.Instruction {
	// The filter of a UDP socket sees the packet from the UDP header on; this
	// offset counts from the IP header (SKF_NET_OFF).
	const network = 0xfff00000
	offset, address := uint32(12), peer.AsSlice()
	if peer.Is6() {
		offset = 8
	}
	words := len(address) / 4
	var program []bpf.Instruction
	for i := range words {
		want := uint32(address[4*i])<<24 | uint32(address[4*i+1])<<16 | uint32(address[4*i+2])<<8 | uint32(address[4*i+3])
		program = append(program,
			bpf.LoadAbsolute{Off: network + offset + uint32(4*i), Size: 4},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: want, SkipFalse: uint8(2*(words-1-i) + 1)})
	}
	return append(program, bpf.RetConstant{Val: 0xffff}, bpf.RetConstant{Val: 0})
}
