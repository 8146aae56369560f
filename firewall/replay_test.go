package firewall_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/internal/frames"
)

// corpus holds captures of real devices; it is not part of the project.
const corpus = "../../shared/corpus"

// capture is what a device sent, and what of it must be listed.
type capture struct {
	frames [][]byte // Ethernet, of that device alone
	far    []string // "udp 203.0.113.5:123": each destination beyond the site
	asked  []string // names that it asked a server for
	said   []string // names in what it said to others
}

// small is a capture that is always there.
func small() capture {
	from := func(dst string, proto byte, payload []byte) []byte {
		return ether(bridgeMAC, mustMAC("00:11:22:33:44:55"), unix.ETH_P_IP, ip4("192.168.1.64", dst, proto, payload))
	}
	question := func(name string) string {
		var q strings.Builder
		q.WriteString("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		for label := range strings.SplitSeq(name, ".") {
			q.WriteByte(byte(len(label)))
			q.WriteString(label)
		}
		q.WriteString("\x00\x00\x01\x00\x01")
		return q.String()
	}
	ntp := "\x23" + strings.Repeat("\x00", 47)
	return capture{
		frames: [][]byte{
			from("192.168.1.1", 17, udp(5000, 53, question("relay.maker.example"))),
			from("8.8.8.8", 17, udp(5001, 53, question("p2p.maker.example"))),
			from("198.51.100.123", 17, udp(123, 123, ntp)),
			from("203.0.113.77", 6, syn(40000, 443, "")),
			from("224.0.0.251", 17, udp(5353, 5353, question("cam.local"))),
			from("203.0.113.78", 17, udp(40001, 32100, "hello")),
		},
		far:   []string{"udp 8.8.8.8:53", "udp 198.51.100.123:123", "tcp 203.0.113.77:443", "udp 203.0.113.78:32100"},
		asked: []string{"relay.maker.example", "p2p.maker.example"}, said: []string{"cam.local"},
	}
}

// captures are the small one and, where the corpus is beside the project, all of it.
func captures(t *testing.T) map[string]capture {
	t.Helper()
	list := map[string]capture{"a small one": small()}
	text, err := os.ReadFile(filepath.Join(corpus, "pcap/EXPECTED.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("THE CORPUS IS NOT HERE: only a capture that the test makes is replayed")
		return list
	}
	must(t, err)
	var expected map[string]struct {
		MACs map[string]int `json:"macs"`
		DNS  map[string]int `json:"dns_queries"`
		SNI  map[string]int `json:"tls_sni"`
		Far  map[string]int `json:"non_lan_destinations"`
	}
	must(t, json.Unmarshal(text, &expected))
	for file, want := range expected {
		device := ""
		for mac, n := range want.MACs { // who speaks most is the one that the capture is of
			if device == "" || n > want.MACs[device] {
				device = mac
			}
		}
		c := capture{frames: framesOf(t, filepath.Join(corpus, file), device), far: slices.Collect(maps.Keys(want.Far)), said: slices.Collect(maps.Keys(want.SNI))}
		for name := range want.DNS {
			if local, ok := strings.CutPrefix(name, "mdns:"); ok {
				c.said = append(c.said, local)
			} else {
				c.asked = append(c.asked, name)
			}
		}
		list[file] = c
	}
	list["flows/xm_besder_phone_home.http"] = requests(t, filepath.Join(corpus, "flows/xm_besder_phone_home.http"))
	return list
}

// framesOf reads the frames of one device from a classic pcap file.
func framesOf(t *testing.T, file, mac string) (list [][]byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) > 4 && order.Uint32(b) != 0xa1b2c3d4 {
		order = binary.BigEndian
	}
	for b = b[min(24, len(b)):]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if f := b[16 : 16+n]; n > 14 && slices.Equal(f[6:12], mustMAC(mac)) {
			list = append(list, f)
		}
		b = b[16+n:]
	}
	if len(list) == 0 {
		t.Fatalf("%s has no frame of %s", file, mac)
	}
	return list
}

// requests are HTTP requests of a device that was caught, each as a segment of its own.
func requests(t *testing.T, file string) (c capture) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	for i, part := range strings.Split(string(text), "---\n") {
		var lines []string
		for line := range strings.Lines(part) {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
		for _, line := range lines {
			if host, ok := strings.CutPrefix(line, "Host:"); ok {
				name, _, _ := strings.Cut(strings.TrimSpace(host), ":") // the port is in the request line
				c.said = append(c.said, name)
			}
		}
		dst := fmt.Sprintf("203.0.113.%d", 100+i)
		c.frames = append(c.frames, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, dst, 6,
			segment(40000, 8086, 0x18, strings.Join(lines, "\r\n")))))
		c.far = append(c.far, "tcp "+dst+":8086")
	}
	return c
}

// asCamera makes a captured frame one of camera A's: its MAC and address, the
// recorder for its gateway and its name server. All else is as it was.
func asCamera(captured []byte) []byte {
	f := slices.Clone(captured)
	copy(f[6:], camAMAC)
	if f[0]&1 == 0 {
		copy(f, bridgeMAC)
	}
	a, us := netip.MustParseAddr(camAIP).As4(), netip.MustParseAddr(recorderIP).As4()
	switch kind := binary.BigEndian.Uint16(f[12:]); {
	case kind == unix.ETH_P_ARP && len(f) >= 42:
		copy(f[22:], camAMAC)
		copy(f[28:], a[:])
	case kind == unix.ETH_P_IP && len(f) >= 34:
		h := f[14:]
		size := int(h[0]&15) * 4
		if size < 20 || len(h) < size+8 {
			return f
		}
		if netip.AddrFrom4([4]byte(h[12:16])).IsGlobalUnicast() {
			copy(h[12:], a[:])
		}
		dst := netip.AddrFrom4([4]byte(h[16:20]))
		if dst.IsPrivate() && binary.BigEndian.Uint16(h[size+2:]) == 53 {
			copy(h[16:], us[:])
		}
		mend(h, size)
	}
	return f
}

// mend makes the checksums of an IPv4 packet right again.
func mend(h []byte, size int) {
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^frames.Sum(0, h[:size]))
	if binary.BigEndian.Uint16(h[6:])&0x3fff != 0 {
		return // a fragment has no checksum of its own
	}
	whole := h[size:min(int(binary.BigEndian.Uint16(h[2:])), len(h))]
	switch {
	case h[9] == 17 && len(whole) >= 8:
		whole[6], whole[7] = 0, 0 // none, which UDP may have
	case h[9] == 6 && len(whole) >= 20:
		whole[16], whole[17] = 0, 0
		frames.Summed(netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20])), whole)
	}
}

// absent tells what of a capture the journal does not have, and what it has that
// was not in the capture.
func absent(t *testing.T, j *journal.Journal, c capture) (missing []string) {
	t.Helper()
	far, said, asked := map[string]bool{}, map[string]bool{}, map[string]bool{}
	page, err := j.Query(journal.Filter{Chatter: journal.WithChatter, Limit: 1000})
	must(t, err)
	for _, a := range page.Attempts {
		if d := a.Destination; a.Device == "dev-a" && a.Family == 4 && d.IsGlobalUnicast() && !d.IsPrivate() && d != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && !sinkholes.Contains(d) {
			if a.ProtocolName == "icmp" {
				continue // the camera's kernel says that nobody listens there for the answers that it got here
			}
			far[fmt.Sprintf("%s %s", a.ProtocolName, netip.AddrPortFrom(d, a.DestinationPort))] = true
		}
		for _, s := range a.Said {
			said[strings.ToLower(s.Name)] = true
		}
	}
	for _, q := range j.Questions("dev-a", 1000) {
		asked[strings.ToLower(q.Name)] = true
	}
	for _, x := range []struct {
		want []string
		has  map[string]bool
	}{{c.far, far}, {c.said, said}, {c.asked, asked}} {
		for _, w := range x.want {
			if !x.has[strings.ToLower(w)] {
				missing = append(missing, w)
			}
		}
	}
	for d := range far {
		if !slices.Contains(c.far, d) {
			missing = append(missing, "nobody sent "+d)
		}
	}
	return missing
}

// sinkholes are the addresses that names are given.
var sinkholes = netip.MustParsePrefix("198.18.0.0/15")

// countOutside counts packets that arrive outside, but for those of the lab itself:
// they have a tag, or are the box's own neighbour discovery.
func (l *lab) countOutside() func() int {
	var n atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	fd := -1
	must(l.t, l.out.space.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err == nil {
			fd, err = sniffer(i.Index)
		}
		return err
	}))
	go func() {
		defer close(done)
		buf := make([]byte, camerasMTU+64)
		for {
			select {
			case <-stop:
				return
			default:
			}
			size, from, err := unix.Recvfrom(fd, buf, 0)
			if ll, ok := from.(*unix.SockaddrLinklayer); err != nil || ok && ll.Pkttype == unix.PACKET_OUTGOING || size < 14 || buf[12] == 0x08 && buf[13] == 0x06 {
				continue
			}
			if buf[12] == 0x86 && buf[13] == 0xdd && buf[38] == 0xff || tagIn(buf[:size]) != "" && n.Load() > 0 {
				continue // the very first is the control packet
			}
			n.Add(1)
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done; unix.Close(fd) })
	return func() int { return int(n.Load()) }
}

// C7, C8, C11: what real cameras sent to their makers is replayed from a camera's port.
// Every destination and every name is in the journal, nothing arrives outside.
func TestRealCamerasAreListedAndHeld(t *testing.T) {
	list := captures(t)
	l := newLab(t)
	l.proveLeaks(t)
	for _, c := range l.sinkhole {
		must(t, c.Close())
	}
	outside := l.countOutside()
	l.camA.send(t, as4(bridgeMAC, camAMAC, camAIP, farIP, datagram(80))(newTag()))
	l.await("a packet outside, before anything is enforced: else the count proves nothing", func() bool { return outside() > 0 })
	for name, c := range list {
		t.Run(name, func(t *testing.T) { l.replay(t, c, outside) })
	}
}

func (l *lab) replay(t *testing.T, c capture, outside func() int) {
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"), journal.Options{
		Identify: func(_ nflog.MAC, from netip.Addr) (o journal.Owner) {
			if from == ip(camAIP) {
				o.Device = "dev-a"
			}
			return o
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 4)
	run := func(f func(context.Context) error) { go func() { done <- f(ctx) }() }
	run(j.Run)
	hits := nflog.New(nflog.Options{Group: ruleset.LogGroup, Handle: j.Add})
	asked := nflog.New(nflog.Options{Group: ruleset.AskedGroup, Handle: j.Add})
	run(hits.Run)
	run(asked.Run)
	sink := sinkhole.New(sinkhole.Options{Log: logger(t), Device: "br-cam", Listen: []netip.Addr{ip(recorderIP)}, DNS: true, NTP: true, Names: j})
	run(sink.Run)
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			must(t, <-done)
		}
		must(t, j.Close())
	})
	<-hits.Ready()
	<-asked.Ready()
	<-sink.Ready()
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t), Hits: func() (uint64, uint64) { s := hits.Stats(); return s.Read, s.Lost }})
	must(t, f.Set(t.Context(), l.policy()))
	foreign(t, "conntrack -F 2>&1") // each capture has its own flows
	l.await("a question of the camera's", func() bool {
		l.camA.send(t, asCamera(small().frames[0]))
		time.Sleep(5 * time.Millisecond)
		return len(j.Questions("dev-a", 1)) > 0
	})
	before := outside()
	for _, frame := range c.frames {
		l.camA.send(t, asCamera(frame))
		time.Sleep(4 * time.Millisecond) // so much of a device is looked into
	}
	missing := []string{"everything"}
	for deadline := time.Now().Add(15 * time.Second); len(missing) > 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		must(t, j.Flush())
		missing = absent(t, j, c)
	}
	if len(missing) > 0 {
		t.Errorf("not listed: %q", missing)
	}
	l.settle()
	if n := outside() - before; n > 0 {
		t.Errorf("%d packets outside", n)
	}
}
