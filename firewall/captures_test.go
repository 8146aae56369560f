package firewall_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// corpus holds captures of real devices; it is not part of the project.
const corpus = "../../shared/corpus"

// capture is what a device sent, as camera A sends it again, and what of it must be listed.
type capture struct {
	frames [][]byte          // Ethernet, of that device alone: what others sent it, nobody sends here
	sent   map[string]uint64 // IPv4 packets, by destination as whither spells it
	far    map[string]int    // connections and datagrams to each destination beyond the site
	asked  map[string]uint64 // names that it asked a server for, and how often
	said   []string          // names in what it said to others
}

// captured is a capture of these frames.
func captured(list [][]byte) capture {
	c := capture{sent: map[string]uint64{}, far: map[string]int{}, asked: map[string]uint64{}}
	for _, f := range list {
		f = asCamera(f)
		c.frames = append(c.frames, f)
		p, ok := whither(f)
		if !ok {
			continue
		}
		c.sent[p.String()]++
		if beyond(p.to.Addr()) && p.opens {
			c.far[p.String()]++
		}
	}
	return c
}

// packet is where an IPv4 packet goes.
type packet struct {
	proto string
	to    netip.AddrPort
	opens bool // a connection; each datagram does
}

func (p packet) String() string { return p.proto + " " + p.to.String() }

// whither reads that of a frame, apart from the reader that is tested with it. It
// knows no fragments, of which no capture has any.
func whither(frame []byte) (p packet, ok bool) {
	if len(frame) < 34 || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IP {
		return p, false
	}
	h := frame[14:]
	size, port := int(h[0]&15)*4, uint16(0)
	if len(h) < size+8 {
		return p, false
	}
	switch h[9] {
	case unix.IPPROTO_ICMP:
		p.proto, port = "icmp", binary.BigEndian.Uint16(h[size:])
	case unix.IPPROTO_IGMP:
		p.proto = "igmp"
	case unix.IPPROTO_TCP:
		p.proto, port = "tcp", binary.BigEndian.Uint16(h[size+2:])
		p.opens = h[size+13]&(frames.FlagSYN|frames.FlagACK) == frames.FlagSYN
	case unix.IPPROTO_UDP:
		p.proto, port, p.opens = "udp", binary.BigEndian.Uint16(h[size+2:]), true
	default:
		p.proto = fmt.Sprint("protocol ", h[9])
	}
	p.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[16:20])), port)
	return p, true
}

// beyond reports whether an address is on the internet.
func beyond(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }

// small is a capture that is always there.
func small() capture {
	from := func(dst string, proto byte, payload []byte) []byte {
		return ether(bridgeMAC, mustMAC("00:11:22:33:44:55"), unix.ETH_P_IP, ip4("192.168.1.64", dst, proto, payload))
	}
	ntp := "\x23" + strings.Repeat("\x00", 47)
	c := captured([][]byte{
		from("192.168.1.1", 17, udp(5000, 53, askFor("relay.maker.example"))),
		from("8.8.8.8", 17, udp(5001, 53, askFor("p2p.maker.example"))),
		from("198.51.100.123", 17, udp(123, 123, ntp)),
		from("203.0.113.77", 6, syn(40000, 443, "")),
		from("224.0.0.251", 17, udp(5353, 5353, askFor("cam.local"))),
		from("203.0.113.78", 17, udp(40001, 32100, "hello")),
		from("203.0.113.78", 17, udp(40001, 32100, "hello again")),
	})
	c.asked = map[string]uint64{"relay.maker.example": 1, "p2p.maker.example": 1}
	c.said = []string{"cam.local"}
	return c
}

// askFor is the question for a name's IPv4 address.
func askFor(name string) string {
	var q strings.Builder
	q.WriteString("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00")
	for label := range strings.SplitSeq(name, ".") {
		q.WriteByte(byte(len(label)))
		q.WriteString(label)
	}
	q.WriteString("\x00\x00\x01\x00\x01")
	return q.String()
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
		MACs map[string]int    `json:"macs"`
		DNS  map[string]uint64 `json:"dns_queries"`
		SNI  map[string]int    `json:"tls_sni"`
		Host map[string]int    `json:"http_host"`
		Far  map[string]int    `json:"non_lan_destinations"`
	}
	must(t, json.Unmarshal(text, &expected))
	for file, want := range expected {
		device := ""
		for mac, n := range want.MACs { // who speaks most is the one that the capture is of
			if device == "" || n > want.MACs[device] {
				device = mac
			}
		}
		c := captured(framesOf(t, filepath.Join(corpus, file), device))
		if diff := cmp.Diff(want.Far, c.far); diff != "" {
			t.Errorf("%s is not the capture that was expected (-expected +read):\n%s", file, diff)
		}
		c.said = slices.Collect(maps.Keys(want.SNI))
		for host := range want.Host {
			if c.says("\r\nHost: " + host) { // else it was said to the device
				c.said = append(c.said, host)
			}
		}
		for name, n := range want.DNS {
			if local, ok := strings.CutPrefix(name, "mdns:"); ok {
				c.said = append(c.said, local) // told to all, asked of nobody: chatter
			} else {
				c.asked[strings.ToLower(name)] = n
			}
		}
		list[file] = c
	}
	list["flows/xm_besder_phone_home.http"] = requests(t, filepath.Join(corpus, "flows/xm_besder_phone_home.http"))
	return list
}

// says reports whether a text is in what the device sent.
func (c capture) says(text string) bool {
	return slices.ContainsFunc(c.frames, func(f []byte) bool { return bytes.Contains(f, []byte(text)) })
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
		if len(b) < 16+n {
			t.Fatalf("%s ends early", file)
		}
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
func requests(t *testing.T, file string) capture {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var (
		sent [][]byte
		said []string
	)
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
				said = append(said, name)
			}
		}
		sent = append(sent, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, fmt.Sprintf("203.0.113.%d", 100+i), 6,
			segment(40000, 8086, 0x18, strings.Join(lines, "\r\n")))))
	}
	c := captured(sent)
	if c.said = said; len(said) == 0 {
		t.Errorf("%s names no host", file)
	}
	return c
}

// asCamera makes a captured frame one of camera A's: its MAC and address, the
// recorder for its gateway and its name server. All else is as it was. Thus a
// capture is of a pinned device whatever network it was taken in, and the frame goes
// where a camera's goes that has its lease from the recorder; with the addresses of
// the capture each packet would be that of an unknown device, and show less.
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
