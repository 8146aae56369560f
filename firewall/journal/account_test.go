package journal_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) { ns.Main(m) }

// plug puts a camera at a port of br-cam in a namespace of its own and gives a
// function that opens UDP sockets there.
func plug(t testing.TB, bridge netlink.Link, port, ip string) func(to string) net.Conn {
	t.Helper()
	camera, err := ns.New(port)
	must(t, err)
	t.Cleanup(func() { camera.Close() })
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port, MasterIndex: bridge.Attrs().Index}, PeerName: "eth0", PeerNamespace: camera.FD(),
	}
	must(t, netlink.LinkAdd(veth))
	t.Cleanup(func() { netlink.LinkDel(veth) })
	must(t, netlink.LinkSetUp(veth))
	must(t, camera.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(ip + "/16")
		if err != nil {
			return err
		}
		return errors.Join(netlink.AddrAdd(link, a), netlink.LinkSetUp(link),
			netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IPv4(10, 20, 0, 1)}))
	}))
	return func(to string) (c net.Conn) {
		must(t, camera.Do(func() (err error) {
			c, err = net.Dial("udp", to)
			return err
		}))
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// droppedByKernel reads the counters of the rules that drop, both families.
func droppedByKernel(t testing.TB) (sum uint64) {
	t.Helper()
	for _, tool := range []string{"iptables", "ip6tables"} {
		out, err := exec.Command(tool, "-w", "5", "-t", "raw", "-L", "PREROUTING", "-nvx").Output()
		must(t, err)
		for line := range strings.SplitSeq(string(out), "\n") {
			if f := strings.Fields(line); len(f) > 3 && f[2] == "DROP" {
				n, err := strconv.ParseUint(f[0], 10, 64)
				must(t, err)
				sum += n
			}
		}
	}
	return sum
}

// cameraSide makes a bridge for cameras.
func cameraSide(t testing.TB) netlink.Link {
	t.Helper()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam"}}
	must(t, netlink.LinkAdd(bridge))
	t.Cleanup(func() { netlink.LinkDel(bridge) })
	a, _ := netlink.ParseAddr("10.20.0.1/16")
	must(t, netlink.AddrAdd(bridge, a))
	must(t, netlink.LinkSetUp(bridge))
	return bridge
}

// dropAll logs and drops all that cameras send, until the test ends.
func dropAll(t testing.TB) {
	t.Helper()
	const rules = `*raw
-A PREROUTING -i br-cam -j NFLOG --nflog-group 100 --nflog-size 320 --nflog-prefix S1|L3|egress|raw-egress|g1
-A PREROUTING -i br-cam -j DROP
COMMIT
`
	for _, tool := range []string{"iptables-restore", "ip6tables-restore"} { // both rules at once: what is logged is dropped
		load := exec.Command(tool, "-w", "5", "--noflush")
		load.Stdin = strings.NewReader(rules)
		if out, err := load.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", tool, err, out)
		}
	}

	t.Cleanup(func() {
		for _, tool := range []string{"iptables", "ip6tables"} {
			if out, err := exec.Command(tool, "-w", "5", "-t", "raw", "-F", "PREROUTING").CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", tool, err, out)
			}
		}
	})
}

// TestAFloodHidesNobody is C11 from the wire to the list: one camera floods,
// another makes 20 attempts; all 20 appear and the account adds up to the packet.
func TestAFloodHidesNobody(t *testing.T) {
	bridge := cameraSide(t)
	floods := plug(t, bridge, "cam1", "10.20.1.11")
	quiet := plug(t, bridge, "cam2", "10.20.1.12")
	j := running(t, journal.Options{Identify: identify})
	reader := nflog.New(nflog.Options{Group: 100, Handle: j.Add})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	defer func() {
		cancel()
		must(t, <-done)
	}()
	<-reader.Ready() // before the rules: what is dropped without a reader is in no account but the kernel's
	dropAll(t)
	const packets = 100_000
	flatOut := os.Getenv("STOCKADE_FLAT_OUT") != "" // to measure, on a machine that does nothing else
	flood := floods("198.51.100.7:32100")
	var attempts []net.Conn
	begin := time.Now()
	for n := range packets {
		_, err := flood.Write([]byte("0123456789abcdef"))
		must(t, err)
		if !flatOut && n%100 == 0 {
			time.Sleep(time.Millisecond) // about 50,000 a second: the race detector slows the reader tenfold
		}
		if n%(packets/20) == 0 {
			attempts = append(attempts, quiet("203.0.113.7:"+strconv.Itoa(1000+len(attempts))))
			for _, c := range attempts { // again and again, as one that gets no answer does
				_, err := c.Write([]byte("x"))
				must(t, err)
			}
		}
	}
	t.Logf("%d packets in %s, %.0f a second", packets, time.Since(begin), packets/time.Since(begin).Seconds())
	var hits, lost, dropped uint64
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, err := attempts[0].Write([]byte("y")) // makes a lost tail visible
		must(t, err)
		time.Sleep(150 * time.Millisecond)
		s := reader.Stats()
		hits, lost, dropped = j.Totals().Hits, s.Lost, droppedByKernel(t)
		if hits == s.Read && hits+lost == dropped {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("kernel dropped %d, journal has %d, lost %d", dropped, hits, lost)
		}
	}
	t.Logf("kernel dropped %d, journal has %d, lost %d", dropped, hits, lost)
	if dropped < packets+210 {
		t.Errorf("the kernel dropped %d only", dropped)
	}
	if n := len(list(t, j, journal.Filter{Device: "dev-yard"})); n != 20 {
		t.Errorf("%d of the quiet camera's 20 attempts appear", n)
	}
	var sum uint64
	for _, one := range list(t, j, journal.Filter{Chatter: journal.WithChatter}) {
		sum += one.Count
		if one.Source == netip.MustParseAddr("10.20.1.12") && one.Device != "dev-yard" {
			t.Errorf("attempt is told to be %q's", one.Device)
		}
	}
	if now := j.Totals().Hits; sum < hits || sum > now {
		t.Errorf("the list adds up to %d, of %d to %d hits", sum, hits, now)
	}
}

// What is folded twice, into a row for invented sources and with that one into the
// row "other", is written by one settle.
func TestEverNewSourcesAndDestinationsAddUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{})
	const packets = 2000
	for n := range packets {
		h := hit("10.20.1.11", "198.51.100.7", 443, 0)
		h.Prefix.Reason, h.SrcMAC = nflog.Spoof, nflog.MAC{2, 0, 0, 1, byte(n >> 8), byte(n)}
		h.Dst = netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)})
		j.Add(h)
	}
	must(t, j.Close())
	j = open(t, path, journal.Options{})
	defer j.Close()
	var sum uint64
	for _, a := range list(t, j, journal.Filter{}) {
		sum += a.Count
	}
	if sum != packets {
		t.Errorf("after a restart the list adds up to %d of %d", sum, packets)
	}
}

// BenchmarkBlockedPacketToUpdate measures from a camera's packet to the update of
// which a page is told: lone packets, at any moment of the journal's rhythm.
func BenchmarkBlockedPacketToUpdate(b *testing.B) {
	camera := plug(b, cameraSide(b), "cam1", "10.20.1.11")
	j := running(b, journal.Options{Identify: identify})
	reader := nflog.New(nflog.Options{Group: 100, Handle: j.Add})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	defer func() {
		cancel()
		must(b, <-done)
	}()
	<-reader.Ready()
	dropAll(b)
	updates := j.Subscribe(ctx, 0)
	var took []time.Duration
	for b.Loop() {
		port := 1024 + len(took)*7%60_000
		c := camera("198.51.100.7:" + strconv.Itoa(port))
		time.Sleep(time.Duration(len(took)*37%250) * time.Millisecond)
		begin := time.Now()
		_, err := c.Write([]byte("x"))
		must(b, err)
		for u := range updates {
			if int(u.DestinationPort) == port && !u.Scan || u.Scan && u.Last.After(begin) {
				break
			}
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
}
