package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sync/errgroup"
)

// outside is the rest of the world: it owns every address, answers so that a
// leak would succeed, and counts what comes.
type outside struct {
	host    *host
	arrived *tap
}

// Ports that the outside answers on.
var (
	outsideTCP = []uint16{22, 80, 443, 554, 8080, 8883}
	outsideUDP = []uint16{123, 32100}
)

func (l *Lab) buildOutside() error {
	h, err := l.join("outside", uplinkPort, net.HardwareAddr{2, 3, 0, 0, 0, 2}, net.HardwareAddr{2, 3, 0, 0, 0, 1})
	if err != nil {
		return err
	}
	l.outside = &outside{host: h}
	near := &netlink.Handle{} // this process's own namespace
	uplink, err := near.LinkByName(uplinkPort)
	if err != nil {
		return fmt.Errorf("find the uplink: %w", err)
	}
	if err := near.LinkSetUp(uplink); err != nil {
		return fmt.Errorf("set the uplink up: %w", err)
	}
	if err := errors.Join(
		address(near, uplink, uplinkIP.Addr(), uplinkIP.Bits()),
		address(near, uplink, uplinkIP6.Addr(), uplinkIP6.Bits()),
		route(near, uplink, everything(uplinkIP.Addr()), outsideIP.Addr()),
		route(near, uplink, everything(uplinkIP6.Addr()), outsideIP6.Addr()),
		address(h.handle, h.link, outsideIP.Addr(), outsideIP.Bits()),
		address(h.handle, h.link, outsideIP6.Addr(), outsideIP6.Bits()),
		route(h.handle, h.link, cameraNet, uplinkIP.Addr()),
		route(h.handle, h.link, cameraNet6, uplinkIP6.Addr()),
		answerForAll(h.handle),
	); err != nil {
		return fmt.Errorf("join the outside: %w", err)
	}
	if l.outside.arrived, err = newTap(h.Namespace, arrivedFilter(), isNotControl); err != nil {
		return err
	}
	l.closers = append(l.closers, l.outside.arrived)
	return l.serveOutside()
}

// isNotControl is false for the canary's control packet: to its own address,
// from no address of the camera side.
func isNotControl(p packet) bool {
	return p.dst != controlIP || cameraNet.Contains(p.src)
}

// serveOutside starts the services. Their goroutines end when Close closes the sockets.
func (l *Lab) serveOutside() error {
	s := &services{g: &errgroup.Group{}}
	l.closers = append(l.closers, s)
	err := l.outside.host.Do(func() error {
		for _, port := range outsideTCP {
			ln, err := net.ListenTCP("tcp", &net.TCPAddr{Port: int(port)})
			if err != nil {
				return fmt.Errorf("serve outside: %w", err)
			}
			s.add(ln, func() { welcome(ln) })
		}
		for _, port := range outsideUDP {
			for _, network := range []string{"udp4", "udp6"} {
				pc, err := net.ListenUDP(network, &net.UDPAddr{Port: int(port)})
				if err != nil {
					return fmt.Errorf("serve outside: %w", err)
				}
				s.add(pc, func() { echo(pc, network == "udp4") })
			}
		}
		return s.addDNS()
	})
	return err
}

// services are sockets and the goroutines on them.
type services struct {
	open []io.Closer
	g    *errgroup.Group
}

func (s *services) add(c io.Closer, serve func()) {
	s.open = append(s.open, c)
	s.g.Go(func() error { serve(); return nil })
}

// Close ends the goroutines.
func (s *services) Close() error {
	for _, c := range s.open {
		c.Close()
	}
	return s.g.Wait()
}

// welcome accepts connections, so that a handshake which got out completes, and
// says a line.
func welcome(ln *net.TCPListener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nthe outside\n")
		c.Close()
	}
}

// echo sends datagrams back from the address that they came to.
func echo(pc *net.UDPConn, four bool) {
	defer func() { _ = pc.Close() }()
	b := make([]byte, 1500)
	if four {
		p := ipv4.NewPacketConn(pc)
		if p.SetControlMessage(ipv4.FlagDst, true) != nil {
			return
		}
		for {
			n, cm, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(b[:n], &ipv4.ControlMessage{Src: cm.Dst}, from)
		}
	}
	p := ipv6.NewPacketConn(pc)
	if p.SetControlMessage(ipv6.FlagDst, true) != nil {
		return
	}
	for {
		n, cm, from, err := p.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = p.WriteTo(b[:n], &ipv6.ControlMessage{Src: cm.Dst}, from)
	}
}

// addDNS serves the names of the world, over UDP and TCP and both families.
func (s *services) addDNS() error {
	pc, err := net.ListenUDP("udp", &net.UDPAddr{Port: 53})
	if err != nil {
		return fmt.Errorf("serve names outside: %w", err)
	}
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{Port: 53})
	if err != nil {
		_ = pc.Close() // nothing was sent on it
		return fmt.Errorf("serve names outside: %w", err)
	}
	for _, server := range []*dns.Server{{PacketConn: pc}, {Listener: ln}} {
		server.Handler = dns.HandlerFunc(answerName)
		up := make(chan struct{})
		server.NotifyStartedFunc = func() { close(up) }
		s.add(dnsCloser{server}, func() { _ = server.ActivateAndServe() })
		<-up
	}
	return nil
}

type dnsCloser struct{ *dns.Server }

func (d dnsCloser) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return d.ShutdownContext(ctx)
}

func answerName(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	if len(q.Question) == 1 {
		name := q.Question[0].Name
		h := dns.RR_Header{Name: name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 60}
		four, six := worldAddresses(name)
		switch h.Rrtype {
		case dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: four.AsSlice()})
		case dns.TypeAAAA:
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: six.AsSlice()})
		}
	}
	_ = w.WriteMsg(m)
}

// worldAddresses are where a name lives in this world: in the documentation networks.
func worldAddresses(name string) (four, six netip.Addr) {
	f := fnv.New32a()
	_, _ = io.WriteString(f, strings.ToLower(strings.TrimSuffix(name, ".")))
	last := byte(1 + f.Sum32()%250)
	return netip.AddrFrom4([4]byte{198, 51, 100, last}), netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 8, 15: last})
}
