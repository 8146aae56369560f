package journal_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/internal/frames"
)

// corpus holds captures of real cameras; it is not part of the project.
const corpus = "../../../shared/corpus"

// eachFrame reads a classic pcap file of Ethernet frames.
func eachFrame(t *testing.T, file string, use func(at time.Time, frame []byte)) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) < 24 {
		t.Fatalf("%s is no capture", file)
	}
	if order.Uint32(b) != 0xa1b2c3d4 {
		order = binary.BigEndian
	}
	if order.Uint32(b) != 0xa1b2c3d4 || order.Uint32(b[20:]) != 1 {
		t.Fatalf("%s is no capture of Ethernet frames", file)
	}
	for b = b[24:]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if len(b) < 16+n {
			t.Fatalf("%s ends early", file)
		}
		use(time.Unix(int64(order.Uint32(b)), int64(order.Uint32(b[4:]))*1000), b[16:16+n])
		b = b[16+n:]
	}
}

// expectation is what is in a capture.
type expectation struct {
	Packets int            `json:"packets"`
	Far     map[string]int `json:"non_lan_destinations"`
}

// captures gives where captures are and what is in each: the corpus or, where it is
// not, a directory with one that the test makes.
func captures(t *testing.T) (dir string, list map[string]expectation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpus, "pcap/EXPECTED.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("THE CORPUS IS NOT HERE: only a capture that the test makes is read")
		dir = t.TempDir()
		return dir, map[string]expectation{"own.pcap": ownCapture(t, filepath.Join(dir, "own.pcap"))}
	}
	must(t, err)
	must(t, json.Unmarshal(text, &list))
	return corpus, list
}

// ownCapture writes what a camera sends that finds nobody.
func ownCapture(t *testing.T, file string) expectation {
	t.Helper()
	us, them := net.HardwareAddr{2, 0, 0, 0, 0, 0x11}, net.HardwareAddr{2, 0, 0, 0, 0, 1}
	to := func(dst string, proto byte, payload []byte) []byte {
		return frames.Ether(them, us, 0x0800, frames.IPv4(netip.MustParseAddr("192.168.1.64"), netip.MustParseAddr(dst), proto, payload))
	}
	syn := frames.TCP(40000, 443, 1, frames.FlagSYN, nil)
	hello := frames.UDP(40001, 32100, []byte("hello"))
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0)
	list := [][]byte{
		to("203.0.113.77", 6, syn), to("203.0.113.77", 6, syn), to("203.0.113.78", 17, hello),
		to("192.168.1.9", 17, hello), to("239.255.255.250", 17, frames.UDP(40002, 1900, []byte("M-SEARCH * HTTP/1.1\r\n\r\n"))),
		frames.Ether(them, us, 0x888e, []byte{1, 1, 0, 0}),
	}
	for i, f := range list {
		for _, v := range []int{1_700_000_000 + i, 0, len(f), len(f)} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, f...)
	}
	must(t, os.WriteFile(file, b, 0o600))
	return expectation{len(list), map[string]int{"tcp 203.0.113.77:443": 2, "udp 203.0.113.78:32100": 1}}
}

func TestRealCamerasDestinationsAppear(t *testing.T) {
	dir, expected := captures(t)
	if len(expected) == 0 {
		t.Fatal("no capture is expected to be here")
	}
	for file, want := range expected {
		t.Run(file, func(t *testing.T) {
			j := fresh(t, journal.Options{})
			packets := 0
			eachFrame(t, filepath.Join(dir, file), func(at time.Time, frame []byte) {
				packets++
				h := nflog.Hit{
					Time: at, Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress},
					SrcMAC: nflog.MAC(frame[6:12]), DstMAC: nflog.MAC(frame[:6]),
				}
				rest := frame[14:]
				if err := nflog.ParsePacket(binary.BigEndian.Uint16(frame[12:]), rest[:min(len(rest), nflog.MaxPayload)], &h); err != nil {
					t.Errorf("packet %d: %v", packets, err)
				}
				j.Add(&h)
			})
			if packets != want.Packets {
				t.Errorf("%d packets, expected %d", packets, want.Packets)
			}
			far := map[string]bool{}
			var sum uint64
			for _, a := range list(t, j, journal.Filter{Chatter: journal.WithChatter}) {
				sum += a.Count
				if d := a.Destination; a.Family != 0 && leavesTheSite(d) {
					far[fmt.Sprintf("%s %s", a.ProtocolName, netip.AddrPortFrom(d, a.DestinationPort))] = true
				}
			}
			if sum != uint64(packets) {
				t.Errorf("attempts add up to %d of %d packets", sum, packets)
			}
			expect := map[string]bool{}
			for d := range want.Far {
				expect[d] = true
			}
			if diff := cmp.Diff(expect, far); diff != "" {
				t.Errorf("destinations (-expected +told):\n%s", diff)
			}
		})
	}
}

// leavesTheSite reports whether an address is out on the internet.
func leavesTheSite(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
