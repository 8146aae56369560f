package firewall_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) {
	if holder := os.Getenv("STOCKADE_TEST_HOLD"); holder != "" {
		holdForever(holder)
		return
	}
	ns.Main(m)
}

// The lab: this process's namespace is the recorder. Two cameras and a rogue
// hang on ports of their own; the outside is behind the uplink. Everything is
// set for the worst case: forwarding on, no reverse path filter, router
// advertisements welcome.
const (
	recorderIP   = "10.20.0.1"
	otherIP      = "192.0.2.1" // the recorder's on the uplink
	camAIP       = "10.20.1.11"
	camBIP       = "10.20.1.12"
	rogueIP      = "10.20.1.99"
	farIP        = "203.0.113.5" // in the outside
	farIP6       = "2001:db8:113::5"
	camA6        = "fd00:20::11"
	openPort     = 9999 // where a service of the recorder listens that is not for cameras
	camALink     = "fe80::11"
	camBLink     = "fe80::12"
	recorderLink = "fe80::5a:aff:fe14:1" // of the bridge's MAC
)

var (
	bridgeMAC = mustMAC("02:5a:0a:14:00:01")
	camAMAC   = mustMAC("02:00:00:00:00:11")
	camBMAC   = mustMAC("02:00:00:00:00:12")
	rogueMAC  = mustMAC("02:00:00:00:00:99")
	outMAC    = mustMAC("02:00:00:00:0f:02")
	upMAC     = mustMAC("02:00:00:00:0f:01")
	broadcast = mustMAC("ff:ff:ff:ff:ff:ff")
)

func mustMAC(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// tags is shared by all tests of the process: a tag names one packet for good.
var tags atomic.Uint32

// newTag is six bytes that a sniffer finds again in a frame.
func newTag() string { return fmt.Sprintf("#%05d", tags.Add(1)) }

// tagNumber is a number that no other tag has.
func tagNumber(tag string) uint32 {
	n, err := strconv.ParseUint(tag[1:], 10, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}

// sightings counts tags seen at one place.
type sightings struct {
	mu sync.Mutex
	by map[string]int
}

func (s *sightings) scan(frame []byte) {
	for {
		i := bytes.IndexByte(frame, '#')
		if i < 0 || len(frame) < i+6 {
			return
		}
		if digits(frame[i+1 : i+6]) {
			s.mu.Lock()
			s.by[string(frame[i:i+6])]++
			s.mu.Unlock()
			return
		}
		frame = frame[i+1:]
	}
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (s *sightings) count(tag string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[tag]
}

// wire is one end of a veth with a raw socket on it: it sends frames and counts what it sees.
type wire struct {
	space *ns.Namespace
	name  string
	fd    int
	near  int // raw socket at the recorder's end, by which a control frame comes past all rules
	saw   *sightings
	sent  atomic.Int64
}

func (w *wire) send(t *testing.T, frame []byte) {
	t.Helper()
	if len(frame) < 60 {
		frame = append(bytes.Clone(frame), make([]byte, 60-len(frame))...)
	}
	if _, err := unix.Write(w.fd, frame); err != nil {
		t.Fatalf("send on %s: %v", w.name, err)
	}
	w.sent.Add(1)
}

type lab struct {
	t                      *testing.T
	camA, camB, rogue, out *wire
	service                *sightings // what the recorder's own sockets received, all of them
	resolver               *sightings // ... of these, what another program's name and time servers did
	sinkhole               []*net.UDPConn
	listener               net.Listener
	accepted               atomic.Int64
}

// newLab builds the whole, with the bridge up and nothing protected.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, service: &sightings{by: map[string]int{}}, resolver: &sightings{by: map[string]int{}}}
	l.wipe()
	t.Cleanup(l.wipe)
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam", HardwareAddr: bridgeMAC}}))
	l.camA = l.plug("p-a", "cam-a", camAMAC, camAIP)
	l.camB = l.plug("p-b", "cam-b", camBMAC, camBIP)
	l.rogue = l.plug("p-r", "rogue", rogueMAC, rogueIP)
	l.out = l.plug("up0", "outside", outMAC, "192.0.2.2")
	l.worstCase()

	up, err := netlink.LinkByName("up0")
	must(t, err)
	must(t, netlink.LinkSetHardwareAddr(up, upMAC))
	must(t, netlink.AddrAdd(up, addr(otherIP+"/24")))
	must(t, netlink.AddrAdd(up, addr("2001:db8:1::1/64")))
	must(t, netlink.LinkSetUp(up))
	for _, gw := range []string{"192.0.2.2", "2001:db8:1::2"} {
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: up.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(gw), HardwareAddr: outMAC}))
		must(t, netlink.RouteReplace(&netlink.Route{
			LinkIndex: up.Attrs().Index, Gw: net.ParseIP(gw), Priority: 10, // before what a router advertisement brings
		}))
	}
	br, err := netlink.LinkByName("br-cam")
	must(t, err)
	for _, p := range []string{"p-a", "p-b", "p-r"} {
		link, err := netlink.LinkByName(p)
		must(t, err)
		must(t, netlink.LinkSetMaster(link, br))
		must(t, netlink.LinkSetUp(link))
	}
	must(t, netlink.AddrAdd(br, addr(recorderIP+"/16")))
	must(t, netlink.LinkSetUp(br))
	for ip, mac := range map[string]net.HardwareAddr{camAIP: camAMAC, camBIP: camBMAC, rogueIP: rogueMAC} {
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: br.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(ip), HardwareAddr: mac}))
	}
	l.awaitAddress(br, recorderLink)
	l.listen()
	l.awaitLinks()
	l.warmUp()
	return l
}

// awaitLinks waits until the ports forward and cameras get answers: what was
// just set up is not there at once, and a frame lost on the way proves nothing.
func (l *lab) awaitLinks() {
	l.t.Helper()
	l.await("the ports to forward", func() bool {
		out, err := exec.Command("bridge", "link", "show").Output()
		return err == nil && bytes.Count(out, []byte("master br-cam state forwarding")) == 3
	})
	for _, w := range []*wire{l.camA, l.camB} {
		l.await("a question of "+w.name, func() bool {
			tag, ip, mac := newTag(), camAIP, camAMAC
			if w == l.camB {
				ip, mac = camBIP, camBMAC
			}
			w.send(l.t, as4(bridgeMAC, mac, ip, recorderIP, datagram(53))(tag))
			time.Sleep(5 * time.Millisecond)
			return l.service.count(tag) > 0
		})
	}
}

// warmUp sends on every path that a just-made address or port may still swallow.
func (l *lab) warmUp() {
	l.t.Helper()
	for _, name := range []string{"udp", "udp v6", "unknown device", "hairpin to camera B", "recorder's closed port v6", "lateral v4", "outside to camera"} {
		l.await("the path "+name, func() bool {
			tag := newTag()
			for _, p := range probes() {
				if p.name == name {
					p.send(l, tag)
					time.Sleep(5 * time.Millisecond)
					return l.place(p.at).count(tag) > 0
				}
			}
			return false
		})
	}
}

// awaitAddress waits for an address that the kernel makes by itself.
func (l *lab) awaitAddress(link netlink.Link, ip string) {
	l.t.Helper()
	l.await("address "+ip, func() bool {
		all, err := netlink.AddrList(link, netlink.FAMILY_V6)
		must(l.t, err)
		for _, a := range all {
			if a.IP.String() == ip && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return true
			}
		}
		return false
	})
}

// plug makes a veth between the recorder and a new namespace.
func (l *lab) plug(near, name string, mac net.HardwareAddr, ip string) *wire {
	t := l.t
	space, err := ns.New(name)
	must(t, err)
	t.Cleanup(func() { space.Close() })
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: "eth0",
		PeerNamespace: space.FD(), PeerHardwareAddr: mac,
	}))
	w := &wire{space: space, name: name, saw: &sightings{by: map[string]int{}}}
	link, err := netlink.LinkByName(near)
	must(t, err)
	w.near, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(w.near) })
	must(t, unix.Bind(w.near, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}))
	must(t, space.Do(func() error {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", []byte("1"), 0o644); err != nil {
			return err // its own noise is no part of any test
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		gw, gwMAC, bits := net.ParseIP(recorderIP), bridgeMAC, "/16"
		if near == "up0" {
			gw, gwMAC, bits = net.ParseIP(otherIP), upMAC, "/24"
		}
		if err := netlink.AddrAdd(link, addr(ip+bits)); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: gw, HardwareAddr: gwMAC}); err != nil {
			return err
		}
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw}); err != nil {
			return err
		}
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(htons(unix.ETH_P_ALL)))
		if err != nil {
			return err
		}
		if err := unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
			return err
		}
		tick := unix.NsecToTimeval(int64(20 * time.Millisecond))
		if err := unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick); err != nil {
			return err
		}
		return unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: link.Attrs().Index})
	}))
	done, stop := make(chan struct{}), make(chan struct{})
	go w.sniff(stop, done)
	t.Cleanup(func() { close(stop); <-done; unix.Close(w.fd) })
	return w
}

// sniff counts what comes in on the wire; what the wire itself sent is not counted.
func (w *wire) sniff(stop, done chan struct{}) {
	defer close(done)
	buf := make([]byte, 4096)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		if err != nil {
			continue
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		w.saw.scan(buf[:n])
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func addr(s string) *netlink.Addr {
	a, err := netlink.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	a.Flags = unix.IFA_F_NODAD
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// worstCase sets the recorder so that everything that can leak does.
func (l *lab) worstCase() {
	l.sysctl("net/ipv4/ip_forward", "1")
	l.sysctl("net/ipv6/conf/all/forwarding", "1")
	l.sysctl("net/ipv4/conf/all/rp_filter", "0")
	// Another program tracks connections, as most firewalls do: the kernel puts fragments together for it.
	foreign(l.t, "nft -f - <<'end'\ntable inet other {\nchain c { type filter hook postrouting priority 0; ct state established accept; }\n}\nend")
	l.sysctl("net/bridge/bridge-nf-call-iptables", "0")
	l.sysctl("net/bridge/bridge-nf-call-ip6tables", "0")
	for _, i := range []string{"br-cam", "p-a", "p-b", "p-r", "up0"} {
		l.sysctl("net/ipv4/conf/"+i+"/rp_filter", "0")
		l.sysctl("net/ipv4/conf/"+i+"/forwarding", "1")
		l.sysctl("net/ipv6/conf/"+i+"/accept_ra", "2")
		l.sysctl("net/ipv6/conf/"+i+"/accept_dad", "0")
		l.sysctl("net/ipv6/conf/"+i+"/dad_transmits", "0")
	}
}

func (l *lab) sysctl(path, value string) {
	l.t.Helper()
	must(l.t, os.WriteFile("/proc/sys/"+path, []byte(value), 0o644))
}

// listen opens the recorder's sockets: what the sinkhole binds, another
// program's name and time servers on every address, a service that is not for
// cameras, and one that joined a multicast group.
func (l *lab) listen() {
	t := l.t
	open := func(network, address string, also ...*sightings) *net.UDPConn {
		pc, err := net.ListenPacket(network, address)
		must(t, err)
		c := pc.(*net.UDPConn)
		t.Cleanup(func() { c.Close() })
		go func() {
			buf := make([]byte, 2048)
			for {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				l.service.scan(buf[:n])
				for _, s := range also {
					s.scan(buf[:n])
				}
				if from.Port() == 5000 { // who asks from here wants an answer
					_, _ = c.WriteToUDPAddrPort(buf[:n], from)
				}
			}
		}()
		return c
	}
	open("udp4", "0.0.0.0:53", l.resolver)
	open("udp4", "0.0.0.0:123", l.resolver)
	for _, port := range []int{sinkhole.DefaultDNSPort, sinkhole.DefaultNTPPort} {
		l.sinkhole = append(l.sinkhole, open("udp4", fmt.Sprintf("%s:%d", recorderIP, port)))
	}
	open("udp4", fmt.Sprintf("0.0.0.0:%d", openPort))
	open("udp6", fmt.Sprintf("[::]:%d", openPort))
	mc := open("udp4", "0.0.0.0:1900")
	br, err := net.InterfaceByName("br-cam")
	must(t, err)
	must(t, ipv4.NewPacketConn(mc).JoinGroup(br, &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250)}))
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

// wipe empties the recorder's namespace by foreign means, so that no test sees another's rules.
func (l *lab) wipe() {
	for _, c := range []string{
		"nft flush ruleset", "iptables-legacy-restore < /dev/null",
		"for t in raw mangle nat filter; do iptables-legacy -t $t -F; iptables-legacy -t $t -X; ip6tables-legacy -t $t -F; ip6tables-legacy -t $t -X; done",
		"ipset destroy", "conntrack -F",
		"for f in -4 -6; do for p in 1 2 3; do while ip $f rule del pref $p; do :; done; done; done",
		"for f in -4 -6; do while ip $f rule del pref 0 iif br-cam; do :; done; done",
		"for i in up0 p-a p-b p-r br-cam evil0; do ip link del $i; done",
	} {
		_ = exec.Command("sh", "-c", c).Run() // most of it is not there
	}
}

// settle waits until everything sent before it has arrived, wherever it may go:
// at each judge a control packet must arrive that was sent later.
func (l *lab) settle() {
	l.t.Helper()
	for range 2 { // what is forwarded may go through the queues of two processors
		for _, w := range []*wire{l.camA, l.camB, l.rogue, l.out} {
			l.await("a control frame at "+w.name, func() bool {
				control := newTag()
				frame := ether(broadcast, bridgeMAC, 0x88b6, append([]byte(control), make([]byte, 46)...))
				if _, err := unix.Write(w.near, frame); err != nil {
					return false // the port is down for a moment
				}
				return w.saw.soon(control)
			})
		}
		l.await("a control packet at the recorder's sockets", func() bool {
			control := newTag()
			local("127.0.0.1", "127.0.0.1", openPort)(l, control)
			return l.service.soon(control)
		})
	}
	time.Sleep(20 * time.Millisecond) // for what a busy processor still holds; no verdict hangs on it
}

// soon reports whether a tag is seen within a moment.
func (s *sightings) soon(tag string) bool {
	for range 50 {
		if s.count(tag) > 0 {
			return true
		}
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

func (l *lab) await(what string, ok func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func policy() firewall.Policy {
	return firewall.Policy{
		Revision: "test", Ports: []string{"p-a", "p-b", "p-r"},
		Addresses: []netip.Prefix{netip.MustParsePrefix(recorderIP + "/16")},
		DNS:       true, NTP: true,
		Devices: []firewall.Device{
			{ID: "dev-a", IP: netip.MustParseAddr(camAIP), MAC: camAMAC},
			{ID: "dev-b", IP: netip.MustParseAddr(camBIP), MAC: camBMAC},
		},
	}
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// arm makes a Firewall and puts the policy in force.
func (l *lab) arm(p firewall.Policy) *firewall.Firewall {
	l.t.Helper()
	return l.armWith(p, "")
}

func (l *lab) armWith(p firewall.Policy, backend string) *firewall.Firewall {
	l.t.Helper()
	f := firewall.New(firewall.Options{
		StateDir: l.t.TempDir(), Log: logger(l.t), Interval: 200 * time.Millisecond, Backend: backend,
	})
	if err := f.Set(context.Background(), p); err != nil {
		l.t.Fatal(err)
	}
	l.awaitLinks()
	if s := f.Status(); s.State != firewall.Enforced {
		l.t.Fatalf("state %s: %v", s.State, s.Reasons)
	}
	return f
}

// foreign runs a command as another administrator would.
func foreign(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}
