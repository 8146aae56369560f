package netfilter_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

func verify(t testing.TB, k *netfilter.Kernel) netfilter.Report {
	t.Helper()
	r, err := k.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// C9, C10: while nothing happens a read-back runs no command, however many
// devices there are; after a change it prints everything again and finds it.
func TestAReadBackOfNothingNewRunsNoCommand(t *testing.T) {
	for _, devices := range []int{10, 1300} {
		t.Run(fmt.Sprint(devices), func(t *testing.T) {
			ports(t)
			k := kernel(t, "nft")
			apply(t, k, site(t, devices))
			verify(t, k) // what Apply did last is printed once more
			before := k.Commands()
			for range 3 {
				if r := verify(t, k); len(r.Findings) > 0 {
					t.Fatalf("found %v", r.Findings)
				}
			}
			if n := k.Commands() - before; n != 0 {
				t.Errorf("%d commands to read back what did not change", n)
			}
			for _, change := range []string{
				"iptables -t raw -F NVR-RAW-SPOOF", "ip6tables -D OUTPUT 1", "ebtables-nft -t nat -F", "nft flush table inet nvr",
				"nft flush set bridge nvr nvr-listed", "nft add element bridge nvr nvr-listed { 10.20.99.99 }",
				"ipset del nvr-cams 10.20.1.1", "ipset add nvr-cams 10.20.99.99", "ipset flush nvr-pairs-10.20.0.0",
			} {
				shell(t, change)
				if len(findings(t, k)) == 0 {
					t.Errorf("%s: nothing found", change)
				}
				if err := k.Repair(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// C11: counters read by netlink are those that the commands print, in each family.
func TestCountersWithoutACommand(t *testing.T) {
	ports(t)
	k := kernel(t, "nft")
	apply(t, k, site(t, 2))
	verify(t, k)
	shell(t, "ip link set p1x up")
	rs := site(t, 2)
	stranger, pinned, bridge := net.HardwareAddr{2, 0, 0, 0, 9, 9}, rs.Neighbours[0], rs.Link.MAC
	ping := append([]byte{0x60, 0, 0, 0, 0, 8, unix.IPPROTO_ICMPV6, 64}, make([]byte, 40)...)
	ping[8], ping[23], ping[24], ping[39] = 0xfd, 1, 0xfd, 2
	for range 5 {
		plug(t, "p1x").send(t,
			frame(bridge, stranger, unix.ETH_P_IP, datagram("10.20.200.1", "203.0.113.5", 9, 9, 8)),
			frame(bridge, pinned.MAC, unix.ETH_P_IP, datagram(pinned.IP.String(), "203.0.113.5", 9, 9, 8)),
			frame(bridge, pinned.MAC, unix.ETH_P_IP, fragment(datagram(pinned.IP.String(), "203.0.113.5", 9, 9, 8))),
			frame(bridge, pinned.MAC, unix.ETH_P_IPV6, ping),
			frame(bridge, pinned.MAC, 0x88b5, []byte("foreign ethertype")),
		)
	}
	quick, sent := netfilter.Report{}, map[string]uint64{"pin-unknown": 5, "raw-egress": 5, "frag-egress": 5, "raw6-egress": 5, "br-lateral": 5}
	before := k.Commands()
	for deadline := time.Now().Add(8 * time.Second); ; { // the kernel may take a busy machine's time over them
		quick = verify(t, k)
		rest := maps.Clone(sent)
		maps.DeleteFunc(rest, func(id string, n uint64) bool { return quick.Dropped[id] >= n })
		if len(rest) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not counted: %v of %v", rest, quick.Dropped)
		}
	}
	if n := k.Commands() - before; n != 0 {
		t.Fatalf("%d commands: the test compares nothing", n)
	}
	k.Forget()
	whole := verify(t, k)
	for id, n := range whole.Dropped {
		// The box itself talks, of IPv6 above all: what was not sent here only grows.
		if q := quick.Dropped[id]; n < q || sent[id] > 0 && n != q {
			t.Errorf("%s: %d by netlink, %d printed", id, q, n)
		}
	}
}

// fragment makes a packet the first of several.
func fragment(p []byte) []byte {
	p[6] |= 0x20
	sum := uint32(binary.BigEndian.Uint16(p[10:])) - 0x2000
	if int32(sum) < 0 {
		sum += 0xffff
	}
	binary.BigEndian.PutUint16(p[10:], uint16(sum))
	return p
}
