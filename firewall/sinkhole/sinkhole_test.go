package sinkhole_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) { ns.Main(m) }

// memory is what the sinkhole needs of a journal, without a disk.
type memory struct {
	mu    sync.Mutex
	hosts []string
	asked []string
	err   error
	wait  chan struct{} // AddressOf blocks on it when it is set
}

func (m *memory) AddressOf(ctx context.Context, _ netip.Addr, host string) (netip.Addr, error) {
	if m.wait != nil {
		select {
		case <-m.wait:
		case <-ctx.Done():
			return netip.Addr{}, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return netip.Addr{}, m.err
	}
	for i, h := range m.hosts {
		if h == host {
			return netip.AddrFrom4([4]byte{198, 18, 0, byte(i + 1)}), nil
		}
	}
	m.hosts = append(m.hosts, host)
	return netip.AddrFrom4([4]byte{198, 18, 0, byte(len(m.hosts))}), nil
}

func (m *memory) HostOf(a netip.Addr) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := a.As4()
	if b[0] != 198 || b[1] != 18 || int(b[3]) > len(m.hosts) || b[3] == 0 {
		return "", false
	}
	return m.hosts[b[3]-1], true
}

func (m *memory) Asked(asker netip.Addr, name string, qtype uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, fmt.Sprintf("%s %s %d", asker, name, qtype))
}

// run runs a sinkhole until the test ends.
func run(t *testing.T, o sinkhole.Options) *sinkhole.Sinkhole {
	t.Helper()
	s := sinkhole.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sinkhole ended: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return s
}

var dnsAt = fmt.Sprintf("127.0.0.1:%d", sinkhole.DefaultDNSPort)

var loopback = netip.MustParseAddr("127.0.0.1")

func ask(t *testing.T, network, server string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 5 * time.Second}
	r, _, err := c.Exchange(m, server)
	if err != nil {
		t.Fatalf("ask %s by %s: %v", server, network, err)
	}
	return r
}

func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	return m.SetQuestion(name, qtype)
}

func TestDNSAnswersWithoutAsking(t *testing.T) {
	names := &memory{}
	s := run(t, sinkhole.Options{Listen: []netip.Addr{loopback}, DNS: true, Names: names})
	edns := question("edns.example.", dns.TypeA)
	edns.SetEdns0(4096, true)
	newer := question("edns.example.", dns.TypeA)
	newer.SetEdns0(4096, false)
	newer.IsEdns0().SetVersion(1)
	notify := question("example.", dns.TypeSOA)
	notify.Opcode = dns.OpcodeNotify
	chaos := question("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	two := question("a.example.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	for _, network := range []string{"udp", "tcp"} {
		for _, c := range []struct {
			name   string
			m      *dns.Msg
			rcode  int
			answer string
		}{
			{"A", question("P2P.Vendor.example.", dns.TypeA), dns.RcodeSuccess, "P2P.Vendor.example.\t60\tIN\tA\t198.18.0.1"},
			{"A again", question("p2p.vendor.example.", dns.TypeA), dns.RcodeSuccess, "p2p.vendor.example.\t60\tIN\tA\t198.18.0.1"},
			{"AAAA has no data", question("p2p.vendor.example.", dns.TypeAAAA), dns.RcodeSuccess, ""},
			{"HTTPS has no data", question("p2p.vendor.example.", dns.TypeHTTPS), dns.RcodeSuccess, ""},
			{"TXT has no data", question("p2p.vendor.example.", dns.TypeTXT), dns.RcodeSuccess, ""},
			{"PTR of ours", question("1.0.18.198.in-addr.arpa.", dns.TypePTR), dns.RcodeSuccess, "1.0.18.198.in-addr.arpa.\t60\tIN\tPTR\tp2p.vendor.example."},
			{"PTR of nobody's", question("200.0.18.198.in-addr.arpa.", dns.TypePTR), dns.RcodeNameError, ""},
			{"PTR of another", question("8.8.8.8.in-addr.arpa.", dns.TypePTR), dns.RcodeNameError, ""},
			{"no host name", question(`a\000b.example.`, dns.TypeA), dns.RcodeNameError, ""},
			{"the root", question(".", dns.TypeA), dns.RcodeNameError, ""},
			{"EDNS", edns, dns.RcodeSuccess, "edns.example.\t60\tIN\tA\t198.18.0.2"},
			{"a later EDNS", newer, dns.RcodeBadVers, ""},
			{"zone transfer", question("example.", dns.TypeAXFR), dns.RcodeRefused, ""},
			{"notify", notify, dns.RcodeNotImplemented, ""},
			{"another class", chaos, dns.RcodeRefused, ""},
			{"two questions", two, dns.RcodeFormatError, ""},
		} {
			t.Run(network+" "+c.name, func(t *testing.T) {
				r := ask(t, network, dnsAt, c.m)
				got := ""
				for _, rr := range r.Answer {
					got += rr.String()
				}
				if r.Rcode != c.rcode || got != c.answer || !r.Response {
					t.Errorf("answered %s %q", dns.RcodeToString[r.Rcode], got)
				}
				if (c.m.IsEdns0() != nil) != (r.IsEdns0() != nil) {
					t.Error("EDNS was not answered as asked")
				}
			})
		}
	}
	names.mu.Lock()
	defer names.mu.Unlock()
	if want := "127.0.0.1 p2p.vendor.example 28"; !strings.Contains(strings.Join(names.asked, "\n"), want) {
		t.Errorf("asked is %q", names.asked)
	}
	if st := s.Stats(); st.Questions != 30 || st.Malformed != 2 {
		t.Errorf("counted %+v", st)
	}
}

func TestNoAddressIsGivenThatIsNotRemembered(t *testing.T) {
	run(t, sinkhole.Options{Listen: []netip.Addr{loopback}, DNS: true, Names: &memory{err: errors.New("no space left")}})
	if r := ask(t, "udp", dnsAt, question("a.example.", dns.TypeA)); r.Rcode != dns.RcodeServerFailure || len(r.Answer) > 0 {
		t.Errorf("answered %s", r)
	}
}

func TestTooManyQuestionsAreDroppedAndCounted(t *testing.T) {
	names := &memory{wait: make(chan struct{})}
	s := run(t, sinkhole.Options{Listen: []netip.Addr{loopback}, DNS: true, Names: names})
	c, err := net.Dial("udp", dnsAt)
	must(t, err)
	defer c.Close()
	raw, err := question("a.example.", dns.TypeA).Pack()
	must(t, err)
	for deadline := time.Now().Add(30 * time.Second); s.Stats().Refused == 0; {
		_, err := c.Write(raw)
		must(t, err)
		if time.Now().After(deadline) {
			t.Fatal("all were taken")
		}
	}
	close(names.wait)
	again := dns.Client{Timeout: 100 * time.Millisecond}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if r, _, err := again.Exchange(question("b.example.", dns.TypeA), dnsAt); err == nil && len(r.Answer) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is answered afterwards")
		}
	}
}

func TestTooManyConnectionsAreClosedAndCounted(t *testing.T) {
	s := run(t, sinkhole.Options{Listen: []netip.Addr{loopback}, DNS: true, Names: &memory{}})
	var held []net.Conn
	for range 4 {
		c, err := net.Dial("tcp", dnsAt)
		must(t, err)
		defer c.Close()
		held = append(held, c)
		co := dns.Conn{Conn: c}
		must(t, co.WriteMsg(question("a.example.", dns.TypeA)))
		_, err = co.ReadMsg()
		must(t, err)
	}
	c, err := net.Dial("tcp", dnsAt)
	must(t, err)
	defer c.Close()
	if err := ended(c); err != nil || s.Stats().Refused != 1 {
		t.Errorf("a fifth connection: %v, counted %+v", err, s.Stats())
	}
	// A length beyond what a question may have ends a connection.
	_, err = held[0].Write([]byte{0xff, 0xff})
	must(t, err)
	if err := ended(held[0]); err != nil {
		t.Errorf("the long message was taken: %v", err)
	}
}

// ended waits until the other side closes a connection; an error says that it did not.
func ended(c net.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	switch n, err := c.Read(make([]byte, 1)); {
	case n > 0:
		return errors.New("it was answered")
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return nil
	default:
		return err
	}
}

func TestEndsAndSaysWhatCannotBeBound(t *testing.T) {
	run(t, sinkhole.Options{Listen: []netip.Addr{loopback}, DNS: true, NTP: true, Names: &memory{}})
	for name, o := range map[string]sinkhole.Options{
		"listen for DNS":             {Listen: []netip.Addr{netip.MustParseAddr("127.0.0.2"), loopback}, DNS: true},
		"listen for NTP":             {Listen: []netip.Addr{loopback}, NTP: true},
		"bind to interface no-such0": {Listen: []netip.Addr{loopback}, NTP: true, Device: "no-such0", NTPPort: 1123},
	} {
		s := sinkhole.New(o)
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if st := s.Status(); st.Bound || !strings.Contains(st.Reason, name) {
			t.Errorf("%s: status %+v", name, st)
		}
	}
}

// TestRedirectedQuestions asks servers on the internet, as cameras with
// hard-wired ones do: the answers come from the addresses that were asked.
func TestRedirectedQuestions(t *testing.T) {
	camera, err := ns.New("camera")
	must(t, err)
	defer camera.Close()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam"}}
	must(t, netlink.LinkAdd(bridge))
	defer netlink.LinkDel(bridge)
	port := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "cam1", MasterIndex: bridge.Index}, PeerName: "eth0", PeerNamespace: camera.FD(),
	}
	must(t, netlink.LinkAdd(port))
	addr, _ := netlink.ParseAddr("10.20.0.1/16")
	must(t, netlink.AddrAdd(bridge, addr))
	must(t, netlink.LinkSetUp(port))
	must(t, netlink.LinkSetUp(bridge))
	must(t, camera.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		a, _ := netlink.ParseAddr("10.20.1.11/16")
		return errors.Join(netlink.AddrAdd(link, a), netlink.LinkSetUp(link),
			netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IPv4(10, 20, 0, 1)}))
	}))
	names := &memory{}
	s := run(t, sinkhole.Options{
		Listen: []netip.Addr{netip.MustParseAddr("10.20.0.1")}, Device: "br-cam", DNS: true, NTP: true, Names: names,
		Clock: func() sinkhole.ClockState { return sinkhole.ClockState{Synchronised: true} },
	})
	dial := func(network, to string) (c net.Conn, err error) {
		err = camera.Do(func() error {
			c, err = net.DialTimeout(network, to, 30*time.Second)
			return err
		})
		return c, err
	}
	exchange := func(network string, patience time.Duration) error {
		c, err := dial(network, "8.8.8.8:53")
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		co := dns.Conn{Conn: c}
		if err := co.WriteMsg(question("cloud.example.", dns.TypeA)); err != nil {
			return err
		}
		r, err := co.ReadMsg() // a connected socket takes nothing that comes from another address
		if err == nil && len(r.Answer) != 1 {
			err = fmt.Errorf("answered %s", r)
		}
		return err
	}
	if err := exchange("udp", time.Second); err == nil {
		t.Fatal("answered without a redirect: the test proves nothing")
	}
	for rule, port := range map[string]int{
		"udp --dport 53": sinkhole.DefaultDNSPort, "tcp --dport 53": sinkhole.DefaultDNSPort, "udp --dport 123": sinkhole.DefaultNTPPort,
	} {
		args := append([]string{"-w", "5", "-t", "nat", "-A", "PREROUTING", "-i", "br-cam", "-p"}, strings.Fields(rule)...)
		if out, err := exec.Command("iptables", append(args, "-j", "REDIRECT", "--to-ports", strconv.Itoa(port))...).CombinedOutput(); err != nil {
			t.Fatalf("iptables: %v: %s", err, out)
		}
	}
	defer exec.Command("iptables", "-w", "5", "-t", "nat", "-F", "PREROUTING").Run()
	for _, network := range []string{"udp", "tcp"} {
		if err := exchange(network, 30*time.Second); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
	c, err := dial("udp", "203.0.113.123:123")
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = c.Write(append([]byte{0x23}, make([]byte, 47)...))
	must(t, err)
	reply := make([]byte, 100)
	if n, err := c.Read(reply); err != nil || n != 48 || reply[0] != 0x24 {
		t.Errorf("NTP: %d bytes %x, %v", n, reply[:n], err)
	}
	names.mu.Lock()
	defer names.mu.Unlock()
	if len(names.asked) == 0 || names.asked[0] != "10.20.1.11 cloud.example 1" {
		t.Errorf("asked is %q", names.asked)
	}
	if st := s.Stats(); st.Times != 1 {
		t.Errorf("counted %+v", st)
	}
}

// A socket bound to an interface hears nothing once that one was made anew by
// the same name: the sinkhole binds again, and says when it is not bound.
func TestBindsAgainWhenTheInterfaceIsMadeAnew(t *testing.T) {
	camera, err := ns.New("camera")
	must(t, err)
	defer camera.Close()
	plug := func() netlink.Link {
		t.Helper()
		port := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cam2"}, PeerName: "eth0", PeerNamespace: camera.FD()}
		must(t, netlink.LinkAdd(port))
		addr, _ := netlink.ParseAddr("10.30.0.1/16")
		must(t, netlink.AddrAdd(port, addr))
		must(t, netlink.LinkSetUp(port))
		must(t, camera.Do(func() error {
			link, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			a, _ := netlink.ParseAddr("10.30.1.11/16")
			return errors.Join(netlink.AddrAdd(link, a), netlink.LinkSetUp(link))
		}))
		return port
	}
	port := plug()
	s := run(t, sinkhole.Options{Listen: []netip.Addr{netip.MustParseAddr("10.30.0.1")}, Device: "cam2", DNS: true, Names: &memory{}})
	answered := func() bool {
		var r *dns.Msg
		_ = camera.Do(func() error { // an error is no answer
			var err error
			c := dns.Client{Timeout: 200 * time.Millisecond}
			r, _, err = c.Exchange(question("a.example.", dns.TypeA), fmt.Sprintf("10.30.0.1:%d", sinkhole.DefaultDNSPort))
			return err
		})
		return r != nil && len(r.Answer) == 1
	}
	await(t, "an answer", answered)
	must(t, netlink.LinkDel(port))
	await(t, "being said to be unbound", func() bool { st := s.Status(); return !st.Bound && st.Reason != "" })
	port = plug()
	defer netlink.LinkDel(port)
	await(t, "an answer on the new interface", answered)
	if st := s.Status(); !st.Bound || st.Reason != "" {
		t.Errorf("status %+v", st)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
