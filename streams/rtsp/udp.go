package rtsp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
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
		c, err := s.config.peer().ListenPacket(context.Background(), net.JoinHostPort(local.String(), strconv.Itoa(port)))
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

// localAddr is our address in the RTSP connection.
func (s *Session) localAddr() (netip.Addr, error) {
	c := s.local.Load()
	if c == nil {
		return netip.Addr{}, errors.New("not connected")
	}
	return *c, nil
}
