package lab

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// Kind is what packets are counted by.
type Kind struct {
	Family   int    // 4, 6, or 0 for frames that carry no IP
	Protocol string // tcp, udp, icmp, icmpv6, or a number
	Port     int    // destination port; for ICMP the type
}

// String is like udp4/53.
func (k Kind) String() string { return fmt.Sprintf("%s%d/%d", k.Protocol, k.Family, k.Port) }

// Count is how often one kind of packet was seen.
type Count struct {
	Kind
	Packets uint64
}

// packet is what the taps look at.
type packet struct {
	Kind
	src, dst netip.Addr
}

// tap counts the frames of a namespace's eth0 with a packet socket: it sees what
// really leaves or arrives, below everything that a program could get wrong.
type tap struct {
	file *os.File
	keep func(packet) bool // nil: everything
	done chan struct{}

	mu      sync.Mutex
	counts  map[Kind]uint64
	total   uint64
	control uint64 // seen but not counted
}

// newTap starts counting. The filter runs in the kernel: a device's video never
// comes up here.
func newTap(space *ns.Namespace, filter []bpf.Instruction, keep ...func(packet) bool) (*tap, error) {
	t := &tap{counts: map[Kind]uint64{}, done: make(chan struct{})}
	if len(keep) > 0 {
		t.keep = keep[0]
	}
	err := space.Do(func() error {
		ifc, err := net.InterfaceByName(farPort)
		if err != nil {
			return err
		}
		// Protocol 0 until the filter is in: nothing unfiltered gets into the queue.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		t.file = os.NewFile(uintptr(fd), "tap of "+space.Name)
		if err := attach(fd, filter); err != nil {
			return err
		}
		// Best effort: a lost count is told by the kernel's statistics.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifc.Index})
	})
	if err != nil {
		if t.file != nil {
			t.file.Close()
		}
		return nil, fmt.Errorf("tap %s: %w", space.Name, err)
	}
	go t.read()
	return t, nil
}

func attach(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("assemble the filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// sentFilter passes what a device sends itself, but for what goes to the
// recorder's camera-side address: pictures, and questions that it may ask.
func sentFilter() []bpf.Instruction {
	ip := recorderIP.As4()
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 5},
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 2},
		bpf.LoadAbsolute{Off: 16, Size: 4}, // SOCK_DGRAM: offsets begin at the IP header
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(ip[:]), SkipTrue: 1},
		bpf.RetConstant{Val: 128},
		bpf.RetConstant{Val: 0},
	}
}

// arrivedFilter passes what comes in.
func arrivedFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
		bpf.RetConstant{Val: 128},
		bpf.RetConstant{Val: 0},
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// read counts until the tap is closed.
func (t *tap) read() {
	defer close(t.done)
	raw, err := t.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 128)
	for {
		var n int
		var from unix.Sockaddr
		var recvErr error
		err := raw.Read(func(fd uintptr) bool {
			n, from, recvErr = unix.Recvfrom(int(fd), buf, 0)
			return !errors.Is(recvErr, syscall.EAGAIN)
		})
		if err != nil {
			return // closed
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if recvErr != nil || !ok {
			continue // the interface went down; what is sent after it is up again counts
		}
		t.see(htons(ll.Protocol), buf[:n])
	}
}

func (t *tap) see(ethertype uint16, b []byte) {
	p, own := classify(ethertype, b)
	if own {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keep != nil && !t.keep(p) {
		t.control++
		return
	}
	t.counts[p.Kind]++
	t.total++
}

// sum gives the total and the counts, by kind.
func (t *tap) sum() (uint64, []Count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Count, 0, len(t.counts))
	for k, n := range t.counts {
		list = append(list, Count{k, n})
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return t.total, list
}

// Close stops counting.
func (t *tap) Close() error {
	err := t.file.Close()
	<-t.done
	return err
}
