package firewall_test

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/frames"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// tags is shared by all tests of the process: a tag names one packet for good.
var tags atomic.Uint32

// A tag is six bytes that a sniffer finds again in a frame: "#" and a number to
// base 36, of which there are more than all tests together send packets.
const (
	tagBytes = 6
	tagBase  = 36
)

func newTag() string { return tagOf(tags.Add(1)) }

func tagOf(n uint32) string {
	digits := strconv.FormatUint(uint64(n), tagBase)
	return "#" + strings.Repeat("0", tagBytes-1-len(digits)) + digits
}

// tagNumber is a number that no other tag has.
func tagNumber(tag string) uint32 {
	n, err := strconv.ParseUint(tag[1:], tagBase, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}

// tagIn finds the first tag in a frame, or "".
func tagIn(frame []byte) string {
	for {
		i := bytes.IndexByte(frame, '#')
		if i < 0 || len(frame) < i+tagBytes {
			return ""
		}
		if digits(frame[i+1 : i+tagBytes]) {
			return string(frame[i : i+tagBytes])
		}
		frame = frame[i+1:]
	}
}

func digits(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// sightings counts tags seen at one place.
type sightings struct {
	mu sync.Mutex
	by map[string]int
}

func newSightings() *sightings { return &sightings{by: map[string]int{}} }

func (s *sightings) scan(frame []byte) {
	tag := tagIn(frame)
	if tag != "" {
		s.add(tag)
	}
}

func (s *sightings) add(tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[tag]++
}

func (s *sightings) forget(tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, tag)
}

func (s *sightings) count(tag string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[tag]
}

// soon reports whether a tag is seen within a moment.
func (s *sightings) soon(tag string) bool {
	for range 100 {
		if s.count(tag) > 0 {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
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
	if _, err := unix.Write(w.fd, frames.Padded(frame)); err != nil {
		t.Fatalf("send %d bytes on %s: %v", len(frame), w.name, err)
	}
	w.sent.Add(1)
}

// camerasMTU lets cameras send longer frames than the uplink takes.
const camerasMTU = 9000

// plugged says how a namespace is connected: by a veth whose near end is in the
// recorder's namespace or, where there is a switch, in the switch's.
type plugged struct {
	near, name string
	mac        net.HardwareAddr
	ip         string // with its prefix length
	gw         string // its gateway, which has gwMAC
	gwMAC      net.HardwareAddr
	mtu        int
	at         *ns.Namespace // where the near end is, nil for the recorder's
}

// plug makes a veth between the recorder, or a switch, and a new namespace.
func (l *lab) plug(p plugged) *wire {
	t := l.t
	space, err := ns.New(p.name)
	must(t, err)
	t.Cleanup(func() { space.Close() })
	w := &wire{space: space, name: p.name, saw: newSightings()}
	must(t, within(p.at, func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: p.near, MTU: p.mtu}, PeerName: "eth0",
			PeerNamespace: space.FD(), PeerHardwareAddr: p.mac, PeerMTU: uint32(p.mtu),
		})
	}))
	must(t, space.Do(func() error {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", []byte("1"), 0o644); err != nil {
			return err // its own noise is no part of any test
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, addr(p.ip)); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		gw := net.ParseIP(p.gw)
		if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: gw, HardwareAddr: p.gwMAC}); err != nil {
			return err
		}
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw}); err != nil {
			return err
		}
		w.fd, err = sniffer(link.Attrs().Index)
		return err
	}))
	done, stop := make(chan struct{}), make(chan struct{})
	go w.sniff(stop, done)
	t.Cleanup(func() { close(stop); <-done; unix.Close(w.fd) })
	return w
}

// within runs f in a namespace, or here.
func within(space *ns.Namespace, f func() error) error {
	if space == nil {
		return f()
	}
	return space.Do(f)
}

// nearBy gives a wire the socket at the recorder's end.
func (l *lab) nearBy(w *wire, port string) {
	link, err := netlink.LinkByName(port)
	must(l.t, err)
	w.near, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	must(l.t, err)
	l.t.Cleanup(func() { unix.Close(w.near) })
	must(l.t, unix.Bind(w.near, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}))
}

// sniffer opens a raw socket that sees all of an interface.
func sniffer(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
		return 0, err
	}
	tick := unix.NsecToTimeval(int64(20 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick); err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index})
}

// sniff counts what comes in on the wire; what the wire itself sent is not counted.
func (w *wire) sniff(stop, done chan struct{}) {
	defer close(done)
	buf := make([]byte, camerasMTU+64)
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
		if n > 21 && buf[12] == 0x08 && buf[13] == 0x06 && buf[21] == arpAnswer {
			w.saw.add(arpSeen)
		}
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// sent counts what all wires sent.
func (l *lab) sent() int64 {
	n := int64(0)
	for _, w := range []*wire{l.camA, l.camB, l.rogue, l.out} {
		n += w.sent.Load()
	}
	return n
}
