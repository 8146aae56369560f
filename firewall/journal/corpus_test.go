package journal_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
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

func TestRealCamerasDestinationsAppear(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(corpus, "pcap/EXPECTED.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("THE CORPUS IS NOT HERE: firewall.TestRealCamerasAreListedAndHeld has a capture of its own")
		return
	}
	must(t, err)
	var expected map[string]struct {
		Packets int            `json:"packets"`
		Far     map[string]int `json:"non_lan_destinations"`
	}
	must(t, json.Unmarshal(text, &expected))
	for file, want := range expected {
		t.Run(file, func(t *testing.T) {
			j := fresh(t, journal.Options{})
			packets := 0
			eachFrame(t, filepath.Join(corpus, file), func(at time.Time, frame []byte) {
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
