package firewall_test

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/sinkhole"
)

// Ports of the flow that the recorder opened to camera A, as for RTP over UDP.
const (
	flowPort = 7070 // the recorder's
	rtpPort  = 6970 // the camera's
)

// listen opens the recorder's sockets: what the sinkhole binds, another
// program's name and time servers on every address, services that are not for
// cameras, and what multicast groups reach.
func (l *lab) listen() {
	t := l.t
	l.open("udp4", "0.0.0.0:53", l.resolver)
	l.open("udp4", "0.0.0.0:123", l.resolver)
	for _, port := range []int{sinkhole.DefaultDNSPort, sinkhole.DefaultNTPPort} {
		l.sinkhole = append(l.sinkhole, l.open("udp4", fmt.Sprintf("%s:%d", recorderIP, port), l.home))
	}
	l.open("udp4", fmt.Sprintf("0.0.0.0:%d", openPort))
	l.open("udp6", fmt.Sprintf("[::]:%d", openPort))
	l.flow = l.open("udp4", fmt.Sprintf("0.0.0.0:%d", flowPort))
	br, err := net.InterfaceByName("br-cam")
	must(t, err)
	for port, group := range map[int]net.IP{
		1900: net.IPv4(239, 255, 255, 250), 5353: net.IPv4(224, 0, 0, 251), 5355: net.IPv4(224, 0, 0, 252),
	} {
		c := l.open("udp4", fmt.Sprintf("0.0.0.0:%d", port))
		must(t, ipv4.NewPacketConn(c).JoinGroup(br, &net.UDPAddr{IP: group}))
	}
	l.listener, err = net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", openPort))
	must(t, err)
	t.Cleanup(func() { l.listener.Close() })
	go func() {
		for {
			c, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.accepted.Add(1)
			c.Close()
		}
	}()
}

// open binds a UDP socket and counts what it receives.
func (l *lab) open(network, address string, also ...*sightings) *net.UDPConn {
	pc, err := net.ListenPacket(network, address)
	must(l.t, err)
	c := pc.(*net.UDPConn)
	l.t.Cleanup(func() { c.Close() })
	camera := netip.AddrPortFrom(netip.MustParseAddr(camAIP), rtpPort)
	go func() {
		buf := make([]byte, camerasMTU)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			into := append([]*sightings{l.service}, also...)
			if from == camera && c == l.flow {
				into = []*sightings{l.answers} // as it should be
			}
			for _, s := range into {
				s.scan(buf[:n])
			}
			if from.Port() == 5000 { // who asks from here wants an answer
				_, _ = c.WriteToUDPAddrPort(buf[:n], from)
			}
		}
	}()
	return c
}

// listenAll opens a raw socket for every protocol: they see whatever passed all
// rules and reached the recorder's own transport protocols, whoever listens.
func (l *lab) listenAll() {
	var polled []unix.PollFd
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		for protocol := 1; protocol <= 255; protocol++ {
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK, protocol)
			must(l.t, err)
			must(l.t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
			polled = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, camerasMTU)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if n, err := unix.Poll(polled, 20); n <= 0 || err != nil {
				continue
			}
			for _, p := range polled {
				if p.Revents == 0 {
					continue
				}
				for {
					n, _, err := unix.Recvfrom(int(p.Fd), buf, 0)
					if err != nil {
						break
					}
					l.stack.scan(buf[:n])
				}
			}
		}
	}()
	l.t.Cleanup(func() {
		close(stop)
		<-done
		for _, p := range polled {
			unix.Close(int(p.Fd))
		}
	})
}

// punch opens the recorder's flow to camera A, or keeps it open.
func (l *lab) punch() {
	// An error is L5's business, and shows in what becomes of the answer.
	_, _ = l.flow.WriteToUDPAddrPort([]byte("punch"), netip.AddrPortFrom(netip.MustParseAddr(camAIP), rtpPort))
}
