package nflog_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// envNoRights makes the test binary try to read a group, and tell what happened.
const envNoRights = "NFLOG_TEST_NO_RIGHTS"

func TestMain(m *testing.M) {
	if os.Getenv(envNoRights) != "" {
		r := nflog.New(nflog.Options{Group: 99, Handle: func(*nflog.Hit) {}})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		fmt.Println(r.Run(ctx))
		return
	}
	ns.Main(m)
}

var (
	cameraMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0x11}
	bridgeMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0x01}
)

// lab is a camera behind port nvr-p1 of br-cam in the test's own namespace.
type lab struct {
	t      testing.TB
	camera *ns.Namespace
}

func newLab(t testing.TB) *lab {
	t.Helper()
	camera, err := ns.New("camera")
	must(t, err)
	t.Cleanup(func() { camera.Close() })
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam", HardwareAddr: bridgeMAC}}
	must(t, netlink.LinkAdd(bridge))
	t.Cleanup(func() { netlink.LinkDel(bridge) })
	port := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "nvr-p1", MasterIndex: bridge.Index},
		PeerName:  "eth0", PeerNamespace: camera.FD(), PeerHardwareAddr: cameraMAC,
	}
	must(t, netlink.LinkAdd(port))
	t.Cleanup(func() { netlink.LinkDel(port) })
	address(t, "br-cam", "10.20.0.1/16", "fd20::1/64")
	must(t, netlink.LinkSetUp(port))
	must(t, netlink.LinkSetUp(bridge))
	must(t, camera.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		address(t, "eth0", "10.20.1.11/16", "fd20::11/64")
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		for _, gw := range []string{"10.20.0.1", "fd20::1"} {
			if err := netlink.NeighSet(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(gw), HardwareAddr: bridgeMAC,
			}); err != nil {
				return err
			}
			if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(gw)}); err != nil {
				return err
			}
		}
		return nil
	}))
	l := &lab{t: t, camera: camera}
	for _, tool := range []string{"iptables", "ip6tables"} {
		l.run(tool, "-w", "5", "-t", "raw", "-F")
	}
	return l
}

// address gives an interface of the calling thread's namespace its addresses;
// IPv6 ones are usable at once.
func address(t testing.TB, link string, addrs ...string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	must(t, err)
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		must(t, err)
		addr.Flags = unix.IFA_F_NODAD
		if addr.IP.To4() != nil {
			addr.Flags = 0
		}
		must(t, netlink.AddrAdd(l, addr))
	}
}

func (l *lab) run(name string, args ...string) string {
	l.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// logAndDrop makes everything that a camera sends be logged to the group and dropped.
func (l *lab) logAndDrop(group int) {
	l.t.Helper()
	for _, tool := range []string{"iptables", "ip6tables"} {
		l.run(tool, "-w", "5", "-t", "raw", "-A", "PREROUTING", "-i", "br-cam", "-j", "NFLOG",
			"--nflog-group", strconv.Itoa(group), "--nflog-size", "320", "--nflog-prefix", "S1|L3|egress|raw-egress|g1-abc")
		l.run(tool, "-w", "5", "-t", "raw", "-A", "PREROUTING", "-i", "br-cam", "-j", "DROP")
	}
}

// dropped reads the kernel's own counters of the rules that drop.
func (l *lab) dropped() uint64 {
	l.t.Helper()
	var sum uint64
	for _, tool := range []string{"iptables", "ip6tables"} {
		for line := range strings.SplitSeq(l.run(tool, "-w", "5", "-t", "raw", "-L", "PREROUTING", "-nvx"), "\n") {
			if f := strings.Fields(line); len(f) > 3 && f[2] == "DROP" {
				n, err := strconv.ParseUint(f[0], 10, 64)
				must(l.t, err)
				sum += n
			}
		}
	}
	return sum
}

// dial opens a UDP socket of the camera's.
func (l *lab) dial(to string) net.Conn {
	l.t.Helper()
	var c net.Conn
	must(l.t, l.camera.Do(func() (err error) {
		c, err = net.Dial("udp", to)
		return err
	}))
	l.t.Cleanup(func() { c.Close() })
	return c
}

// frames opens a raw socket of the camera's and sends whole frames through it.
func (l *lab) frames(frames ...[]byte) {
	l.t.Helper()
	must(l.t, l.camera.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// reading runs a reader until the test ends.
func (l *lab) reading(o nflog.Options) *nflog.Reader {
	l.t.Helper()
	r := nflog.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("reader ended: %v", err)
		}
	})
	select {
	case <-r.Ready():
	case err := <-done:
		done <- nil
		l.t.Fatalf("reader did not start: %v", err)
	}
	return r
}

// hits gathers what a reader hands over.
type hits struct {
	mu  sync.Mutex
	all []nflog.Hit
}

func (h *hits) add(hit *nflog.Hit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := *hit
	c.Payload = append([]byte(nil), hit.Payload...)
	h.all = append(h.all, c)
}

// find waits for a hit that matches.
func (h *hits) find(t testing.TB, what string, match func(nflog.Hit) bool) nflog.Hit {
	t.Helper()
	var found nflog.Hit
	await(t, what, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, hit := range h.all {
			if match(hit) {
				found = hit
				return true
			}
		}
		return false
	})
	return found
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
