package rtsp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// udpPorts holds the sockets that a session opened for RTP and RTCP until
// gortsplib asks for them. gortsplib would try ports for ever where none can be
// bound, on all of the recorder's addresses, and for packets from anybody.
type udpPorts struct {
	mu    sync.Mutex // guards conns
	conns map[string]*net.UDPConn
}

const (
	udpPortLow, udpPortHigh = 10000, 65534
	udpTries                = 64
	// udpBuffer holds more than a second of a large stream while the process is busy.
	udpBuffer = 1 << 20
)

// open binds an even port and the next one (RFC 3550 section 11) on the address
// that the camera knows us by.
func (p *udpPorts) open(s *Session) (port int, err error) {
	for range udpTries {
		port = udpPortLow + 2*rand.IntN((udpPortHigh-udpPortLow)/2)
		if err = p.bind(s, port, port+1); err == nil {
			return port, nil
		}
	}
	return 0, find(KindConfig, "check the limit of open files", "bind UDP ports for RTP: %w", err)
}

func (p *udpPorts) bind(s *Session, ports ...int) error {
	local, err := s.localAddr()
	if err != nil {
		return err
	}
	for _, port := range ports {
		c, err := s.listen(net.JoinHostPort(local.String(), strconv.Itoa(port)))
		if err != nil {
			p.close()
			return err
		}
		p.mu.Lock()
		if p.conns == nil {
			p.conns = map[string]*net.UDPConn{}
		}
		p.conns[strconv.Itoa(port)] = c
		p.mu.Unlock()
	}
	return nil
}

// take hands a socket to gortsplib.
func (p *udpPorts) take(address string) (net.PacketConn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.conns[port]
	if !ok {
		return nil, fmt.Errorf("UDP port %s was not opened for this session", port)
	}
	delete(p.conns, port)
	return c, nil
}

// close closes the sockets that nobody took.
func (p *udpPorts) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (s *Session) listenPacket(_, address string) (net.PacketConn, error) { return s.udp.take(address) }

func (s *Session) listen(address string) (*net.UDPConn, error) {
	network := "udp4"
	if s.config.Pinned.Is6() {
		network = "udp6"
	}
	pc, err := s.config.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("ListenPacket gave a %T, not a *net.UDPConn", pc)
	}
	if err := onlyFrom(c, s.config.Pinned); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("limit the socket to the camera's address: %w", err)
	}
	return c, nil
}

// localAddr is our address in the RTSP connection.
func (s *Session) localAddr() (netip.Addr, error) {
	c := s.local.Load()
	if c == nil {
		return netip.Addr{}, errors.New("not connected")
	}
	return *c, nil
}

// onlyFrom lets the kernel drop every packet that another address sent, before
// it takes room in the socket's buffer (C13), and makes that buffer large.
func onlyFrom(c *net.UDPConn, peer netip.Addr) error {
	program, err := bpf.Assemble(sourceFilter(peer))
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, r := range program {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
		// Best effort; without CAP_NET_ADMIN the system's limit applies.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, udpBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer)
		}
	})
	return errors.Join(err, failed)
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
