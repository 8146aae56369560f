package sightings

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Bounds of a listener: what a flood brings beyond them is not read, and costs
// the kernel's filter and no more.
const (
	listenBuffer  = 256 << 10 // bytes
	framesASecond = 1000
	maxFrame      = 1514
	maxElsewhere  = 64 // interfaces that are no camera ports
)

// listeners are the packet sockets of a Book. Used by one goroutine.
type listeners struct {
	book *Book
	log  *slog.Logger
	open map[int]*listener // by the interface's index
	// told are interfaces of which it was said that they cannot be listened to.
	told map[string]bool
	wg   sync.WaitGroup
}

// listener is one packet socket, non-blocking in the runtime's poller.
type listener struct {
	file     *os.File
	name     string
	index    int
	port     bool // a camera port, not another interface
	protocol uint16
	gone     chan struct{} // closed when reading has ended
}

// filter lets ARP pass, and of a camera port what DHCP clients and servers say; nothing that
// carries a VLAN tag, for that is dropped on the camera side and is another
// network elsewhere. It runs in the kernel before a frame is copied.
func filter(port bool) ([]bpf.RawInstruction, error) {
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 4},
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherARP, SkipTrue: 1},
		bpf.Jump{Skip: 1},
		bpf.RetConstant{Val: maxFrame},
		bpf.RetConstant{Val: 0},
	}
	if port {
		program = []bpf.Instruction{
			bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 16},
			bpf.LoadAbsolute{Off: 12, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherARP, SkipTrue: 13},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: etherIPv4, SkipTrue: 13},
			bpf.LoadAbsolute{Off: etherHeader + 9, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoUDP, SkipTrue: 11},
			bpf.LoadAbsolute{Off: etherHeader + 6, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 9}, // a later fragment
			bpf.LoadMemShift{Off: etherHeader},
			bpf.LoadIndirect{Off: etherHeader, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: portClient, SkipTrue: 3},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: portServer, SkipTrue: 5},
			bpf.LoadIndirect{Off: etherHeader + 2, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: portClient, SkipTrue: 2, SkipFalse: 3},
			bpf.LoadIndirect{Off: etherHeader + 2, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: portServer, SkipTrue: 1},
			bpf.RetConstant{Val: maxFrame},
			bpf.RetConstant{Val: 0},
		}
	}
	return bpf.Assemble(program)
}

// listen opens a socket on an interface. The filter is set before the socket is
// bound: not one frame of a stream comes in between. On a member of a bridge it
// is for every protocol: frames are the bridge's before a socket for one of them
// sees any. Elsewhere it is for ARP, and costs other packets nothing.
func listen(link netlink.Link, port bool) (*listener, error) {
	program, err := filter(port)
	if err != nil {
		return nil, fmt.Errorf("assemble the filter: %w", err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	code := make([]unix.SockFilter, len(program))
	for i, p := range program {
		code[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	name, index := link.Attrs().Name, link.Attrs().Index
	err = errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, listenBuffer),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: toNetwork(protocolOf(link, port)), Ifindex: index}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", name, err), unix.Close(fd))
	}
	return &listener{
		file: os.NewFile(uintptr(fd), "packets of "+name), name: name, index: index, port: port, protocol: protocolOf(link, port), gone: make(chan struct{}),
	}, nil
}

// protocolOf is what a socket on an interface is for.
func protocolOf(link netlink.Link, port bool) uint16 {
	if port || link.Attrs().MasterIndex != 0 {
		return unix.ETH_P_ALL
	}
	return unix.ETH_P_ARP
}

// toNetwork gives a protocol's number as a packet socket's address has it.
func toNetwork(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// read takes frames until the socket is closed or its interface is gone.
func (l *listener) read(ctx context.Context, b *Book) error {
	buf := make([]byte, maxFrame)
	second, n := time.Now(), 0
	for {
		size, err := l.file.Read(buf)
		switch {
		case ctx.Err() != nil || errors.Is(err, os.ErrClosed):
			return nil
		case errors.Is(err, unix.ENETDOWN): // set down for a moment: it goes on when it is up
			if !pause(ctx, time.Second) {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("listen on %s: %w", l.name, err)
		}
		if n++; n > framesASecond {
			if !pause(ctx, time.Until(second.Add(time.Second))) {
				return nil
			}
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, n = now, 0
		}
		f, err := parseFrame(buf[:size])
		switch {
		case err != nil: // devices may send anything
		case l.port:
			b.frame(l.name, f, b.o.Now())
		default:
			b.elsewhere(f.src, f.claims, l.name, b.o.Now())
		}
	}
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
