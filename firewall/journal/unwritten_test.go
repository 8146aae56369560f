package journal

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// TestWhatIsNotYetWrittenIsListed settles without writing, as the journal does
// three times out of four: what subscribers were told is in the list, in its
// place, on pages of any size, and looks the same once it is written.
func TestWhatIsNotYetWrittenIsListed(t *testing.T) {
	device := func(_ nflog.MAC, ip netip.Addr) Owner {
		if ip.As4()[3]%2 == 0 {
			return Owner{}
		}
		return Owner{Device: "dev-odd"}
	}
	j := openTest(t, Options{Identify: device})
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	add := func(n int, second time.Duration) {
		j.Add(&nflog.Hit{
			Time: noon.Add(second * time.Second), Family: 4, Protocol: 6, DstPort: uint16(1000 + n),
			Src: netip.AddrFrom4([4]byte{10, 20, 1, byte(n % 2)}), Dst: netip.MustParseAddr("198.18.0.5"), SrcMAC: nflog.MAC{2},
			Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw-egress", Revision: "g1"}, Payload: fmt.Appendf(nil, "packet %d", n),
		})
	}
	for n := range 10 {
		add(n, time.Duration(n))
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	// Some of the old go on, at times between the others' too, and new ones come.
	add(0, 20)
	add(3, 21)
	for n := range 5 {
		add(10+n, time.Duration(15+2*n))
	}
	j.turn(false)
	if n := len(j.dirty); n != 7 {
		t.Fatalf("%d rows wait to be written, want 7", n)
	}

	filters := map[string]Filter{
		"all": {}, "a device": {Device: "dev-odd"}, "nobody": {Device: "-"}, "since": {Since: noon.Add(9 * time.Second)}, "text": {Where: where("1003")},
	}
	before := map[string][]string{}
	for name, f := range filters {
		before[name] = pages(t, j, f, 100)
		for limit := 1; limit < 6; limit++ {
			if got := pages(t, j, f, limit); !slices.Equal(got, before[name]) {
				t.Errorf("%s by %d: %v\nwant %v", name, limit, got, before[name])
			}
		}
	}
	if len(before["all"]) != 15 || len(before["text"]) != 1 || len(before["a device"])+len(before["nobody"]) != 15 {
		t.Error(before)
	}
	page, err := j.Query(Filter{Where: where("1014")})
	if err != nil || len(page.Attempts) != 1 {
		t.Fatal(page, err)
	}
	if a, err := j.Get(page.Attempts[0].ID); err != nil || a.Count != 1 {
		t.Error(a, err)
	}
	if packet, err := j.Evidence(page.Attempts[0].ID); err != nil || string(packet) != "packet 14" {
		t.Errorf("%q %v", packet, err)
	}

	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, f := range filters {
		if got := pages(t, j, f, 3); !slices.Equal(got, before[name]) {
			t.Errorf("%s once written: %v\nwant %v", name, got, before[name])
		}
	}
}

// pages lists ports, times and counts through pages of a size.
func pages(t *testing.T, j *Journal, f Filter, limit int) (all []string) {
	t.Helper()
	f.Limit = limit
	for _, a := range j.all(t, f) {
		all = append(all, fmt.Sprint(a.DestinationPort, " at ", a.Last.Second(), " ×", a.Count))
	}
	return all
}
