package lab

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// phoner makes a device talk to the world with ordinary sockets of its own
// namespace: what leaves it is what its network stack makes of that, SYN
// repetitions included. Nothing it does needs an answer, and no failure stops it:
// it is the product's job that all of it fails.
type phoner struct {
	host  *host
	peer  netip.Addr // another camera
	names []string

	pending sync.WaitGroup
	slots   chan struct{} // bounds attempts under way; a step that finds none free is left out

	mu       sync.Mutex
	answered map[string]netip.Addr // by name
	turn     int
}

// Where cheap cameras turn without asking anybody.
var (
	resolvers   = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("114.114.114.114")}
	wiredHost   = netip.MustParseAddr("198.51.100.77")
	wiredHost6  = netip.MustParseAddr("2001:db8:8::77")
	foreignTime = netip.MustParseAddr("198.51.100.123")
	ssdpGroup   = netip.MustParseAddr("239.255.255.250")
)

const (
	attemptTime  = 2500 * time.Millisecond // the SYN and its first repetition
	attemptsOpen = 16
	roundTime    = 4 * time.Second // for all of a device's steps
)

func phonedNames() []string {
	return []string{"p2p.cam-cloud.example", "mqtt.cam-cloud.example", "ntp.cam-cloud.example", "update.vendor.example"}
}

// step is one thing that a device tries.
type step func(context.Context)

// run goes through the steps for ever, one each interval.
func (p *phoner) run(ctx context.Context, steps []step) error {
	p.slots = make(chan struct{}, attemptsOpen)
	p.answered = map[string]netip.Addr{}
	tick := time.NewTicker(roundTime / time.Duration(len(steps)))
	defer tick.Stop()
	defer p.pending.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if i%len(steps) == 0 {
			p.mu.Lock()
			p.turn++
			p.mu.Unlock()
		}
		select {
		case p.slots <- struct{}{}:
			p.pending.Go(func() {
				defer func() { <-p.slots }()
				ctx, cancel := context.WithTimeout(ctx, attemptTime)
				defer cancel()
				steps[i%len(steps)](ctx)
			})
		default:
		}
	}
}

// cameraSteps is a camera that phones home: about 20 packets a round where all of
// it is swallowed.
func (p *phoner) cameraSteps() []step {
	return []step{
		p.ask(recorderIP, 0),
		p.ask(resolvers[0], 0),
		p.connectName(0, 443),
		p.ask(recorderIP, 1),
		p.connectName(1, 8883),
		p.ask(resolvers[1], 1),
		p.send(wiredHost, 32100, []byte{0xf1, 0, 0, 0}),
		p.connect(wiredHost, 443),
		p.send(foreignTime, 123, ntpQuestion()),
		p.ping(resolvers[0]),
		p.connect(wiredHost6, 443),
		p.send(wiredHost6, 32100, []byte{0xf1, 0, 0, 0}),
		p.ping(wiredHost6),
		p.send(ssdpGroup, 1900, []byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n")),
		p.connect(p.peer, 554),
		p.ask(recorderIP, 2),
		p.connectName(2, 443),
		p.connect(recorderIP, 80),
	}
}

// rogueSteps is a stranger that tries the box and its neighbours.
func (p *phoner) rogueSteps() []step {
	return []step{
		p.ask(resolvers[0], 3),
		p.connect(wiredHost, 443),
		p.connect(recorderIP, 554),
		p.connect(p.peer, 554),
		p.connect(recorderIP, 8080),
		p.ping(wiredHost),
		p.send(wiredHost6, 32100, []byte{1}),
	}
}

// name is one of the names, another one in each round.
func (p *phoner) name(i int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names[(i+p.turn)%len(p.names)]
}

// ask sends a DNS question and keeps the answer for connectName.
func (p *phoner) ask(server netip.Addr, i int) step {
	return func(ctx context.Context) {
		name := p.name(i)
		q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
		c, err := p.dial(ctx, "udp", server, 53)
		if err != nil {
			return
		}
		conn := &dns.Conn{Conn: c}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if conn.WriteMsg(q) != nil {
			return
		}
		m, err := conn.ReadMsg()
		if err != nil {
			return
		}
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok {
				if ip, ok := netip.AddrFromSlice(a.A.To4()); ok {
					p.mu.Lock()
					p.answered[name] = ip
					p.mu.Unlock()
				}
			}
		}
	}
}

// connectName connects to where a name was said to be, or to the hard-wired host.
func (p *phoner) connectName(i int, port uint16) step {
	return func(ctx context.Context) {
		name := p.name(i)
		p.mu.Lock()
		ip, ok := p.answered[name]
		p.mu.Unlock()
		if !ok {
			ip = wiredHost
		}
		p.connect(ip, port)(ctx)
	}
}

// connect opens a TCP connection and closes it.
func (p *phoner) connect(ip netip.Addr, port uint16) step {
	return func(ctx context.Context) {
		if c, err := p.dial(ctx, "tcp", ip, port); err == nil {
			c.Close()
		}
	}
}

// send sends a datagram.
func (p *phoner) send(ip netip.Addr, port uint16, payload []byte) step {
	return func(ctx context.Context) {
		if c, err := p.dial(ctx, "udp", ip, port); err == nil {
			_, _ = c.Write(payload)
			c.Close()
		}
	}
}

// dial opens a socket in the device's namespace.
func (p *phoner) dial(ctx context.Context, network string, ip netip.Addr, port uint16) (c net.Conn, err error) {
	var d net.Dialer
	err = p.host.Do(func() error {
		c, err = d.DialContext(ctx, network, net.JoinHostPort(ip.String(), strconv.Itoa(int(port))))
		return err
	})
	return c, err
}

// ping sends an echo request (RFC 792, RFC 4443 section 4.1).
func (p *phoner) ping(ip netip.Addr) step {
	return func(context.Context) {
		network, local := "ip4:icmp", "0.0.0.0"
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 0x5354, Seq: 1, Data: []byte("are you there")}}
		if ip.Is6() {
			network, local, m.Type = "ip6:ipv6-icmp", "::", ipv6.ICMPTypeEchoRequest
		}
		b, err := m.Marshal(nil) // the kernel adds ICMPv6's checksum
		if err != nil {
			return
		}
		_ = p.host.Do(func() error {
			var lc net.ListenConfig
			c, err := lc.ListenPacket(context.Background(), network, local)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.WriteTo(b, &net.IPAddr{IP: ip.AsSlice()})
			return err
		})
	}
}

// ntpQuestion is a client's packet (RFC 5905 section 7.3): version 4, mode 3.
func ntpQuestion() []byte {
	b := make([]byte, 48)
	b[0] = 4<<3 | 3
	return b
}
