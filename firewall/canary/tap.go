package canary

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where things come out, in words.
const (
	atService = "a socket of the recorder"
	atAnswer  = "an answer of the recorder"
	atSink    = "the canary's own network"
	atBridge  = "" // no place to come out: it came in
)

// taps are the sockets of a round: what frames are sent by, and what sees where
// they come out. Used by one goroutine.
type taps struct {
	a, b, sink int // ends of the pairs: to send, and what arrives there
	leaving    int // whatever leaves by any interface of the box
	entering   int // what of the canary's comes in by the bridge
	portB      int // the second canary's port, to send a control packet out of it
	service    net.PacketConn
	serviceFD  int // its descriptor, for polling
	names      map[int]string
	ours       map[int]bool // interfaces at which nothing leaves
	buf        []byte
}

// open opens all sockets.
func open(bridge string, six bool) (*taps, error) {
	t := &taps{a: -1, b: -1, sink: -1, leaving: -1, entering: -1, portB: -1, names: map[int]string{}, ours: map[int]bool{}, buf: make([]byte, 2048)}
	for _, s := range []struct {
		fd     *int
		name   string
		kind   int
		filter []bpf.Instruction
	}{
		{&t.a, innerA, unix.SOCK_RAW, nil},
		{&t.b, innerB, unix.SOCK_RAW, nil},
		{&t.sink, sinkAt, unix.SOCK_RAW, nil},
		{&t.portB, PortB, unix.SOCK_RAW, refused()},
		{&t.entering, bridge, unix.SOCK_RAW, fromCanary()},
		{&t.leaving, "", unix.SOCK_DGRAM, leaves()},
	} {
		fd, err := packetSocket(s.name, s.kind, s.filter)
		if err != nil {
			t.close()
			return nil, err
		}
		*s.fd = fd
	}
	for _, name := range []string{"lo", bridge, innerA, innerB, sinkAt, PortA} { // what leaves for the first canary arrives at its end
		if i, err := net.InterfaceByName(name); err == nil {
			t.ours[i.Index] = true
		}
	}
	if err := t.listen(bridge, six); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// listen opens a socket that only what comes in by the bridge reaches.
func (t *taps) listen(bridge string, six bool) (err error) {
	network := "udp4"
	if six {
		network = "udp" // both families
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var bound error
		err := c.Control(func(fd uintptr) { bound, t.serviceFD = unix.BindToDevice(int(fd), bridge), int(fd) })
		return errors.Join(err, bound)
	}}
	if t.service, err = lc.ListenPacket(context.Background(), network, ":0"); err != nil {
		return fmt.Errorf("open a socket on %s: %w", bridge, err)
	}
	return nil
}

func (t *taps) close() {
	for _, fd := range []int{t.a, t.b, t.sink, t.leaving, t.entering, t.portB} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if t.service != nil {
		_ = t.service.Close()
	}
}

// packetSocket opens one on an interface, or on all. The filter is set before it is bound.
func packetSocket(name string, kind int, filter []bpf.Instruction) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket (it takes CAP_NET_RAW): %w", err)
	}
	at := &unix.SockaddrLinklayer{Protocol: toNetwork(unix.ETH_P_ALL)}
	if name != "" {
		var i *net.Interface
		if i, err = net.InterfaceByName(name); err == nil {
			at.Ifindex = i.Index
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		}
	}
	if err == nil && filter != nil {
		err = attach(fd, filter)
	}
	if err == nil {
		err = unix.Bind(fd, at)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("listen on %s: %w", name, err), unix.Close(fd))
	}
	return fd, nil
}

func attach(fd int, filter []bpf.Instruction) error {
	program, err := bpf.Assemble(filter)
	if err != nil {
		return fmt.Errorf("assemble a filter: %w", err)
	}
	code := make([]unix.SockFilter, len(program))
	for i, p := range program {
		code[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}); err != nil {
		return fmt.Errorf("set a filter: %w", err)
	}
	return nil
}

// toNetwork gives a protocol's number as a packet socket's address has it.
func toNetwork(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// sighting is a frame that was read somewhere.
type sighting struct {
	at    string
	frame []byte
}

// wait reads what is there, and waits for more for so many milliseconds.
func (t *taps) wait(milliseconds int, see func(sighting)) {
	places := []struct {
		fd int
		at string
	}{{t.a, innerA}, {t.b, innerB}, {t.sink, sinkAt}, {t.leaving, "by its interface"}, {t.entering, atBridge}, {t.serviceFD, atService}}
	list := make([]unix.PollFd, len(places))
	for i, p := range places {
		list[i] = unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
	}
	if n, err := unix.Poll(list, milliseconds); n <= 0 || err != nil {
		return // interrupted, or nothing came
	}
	for i, p := range places {
		for list[i].Revents != 0 {
			n, from, err := unix.Recvfrom(p.fd, t.buf, unix.MSG_DONTWAIT)
			if err != nil {
				break // no more; what else it may be shows as a control that nobody saw
			}
			s := sighting{at: p.at, frame: t.buf[:min(n, snap)]}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && p.fd == t.leaving {
				if t.ours[ll.Ifindex] {
					continue
				}
				s.at = t.name(ll.Ifindex)
			}
			see(s)
		}
	}
}

// name is the name of an interface that something left by.
func (t *taps) name(index int) string {
	if n, ok := t.names[index]; ok {
		return n
	}
	n := fmt.Sprintf("interface %d", index)
	if i, err := net.InterfaceByIndex(index); err == nil {
		n = i.Name
	}
	t.names[index] = n
	return n
}
