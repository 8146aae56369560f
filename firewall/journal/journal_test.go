package journal_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// noon is when the tests' hits begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// identify knows two devices by their addresses.
func identify(mac nflog.MAC, ip netip.Addr) journal.Owner {
	switch ip {
	case netip.MustParseAddr("10.20.1.11"):
		return journal.Owner{Device: "dev-gate", Cameras: []string{"gate-north"}}
	case netip.MustParseAddr("10.20.1.12"):
		return journal.Owner{Device: "dev-yard", Cameras: []string{"yard"}}
	}
	return journal.Owner{}
}

// hit makes a UDP hit at noon plus the given seconds.
func hit(from, to string, port uint16, seconds int) *nflog.Hit {
	src := netip.MustParseAddr(from)
	b := src.As4()
	return &nflog.Hit{
		Time:   noon.Add(time.Duration(seconds) * time.Second),
		Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw-egress", Revision: "g1"},
		Port:   "cam1", SrcMAC: nflog.MAC{2, 0, 0, 0, b[2], b[3]}, DstMAC: nflog.MAC{2, 0, 0, 0, 0, 1},
		EtherType: 0x0800, Family: 4, Protocol: 17, Src: src, Dst: netip.MustParseAddr(to),
		SrcPort: 50000, DstPort: port, Length: 100, Payload: fmt.Appendf(nil, "packet at %d", seconds),
	}
}

func open(t testing.TB, path string, o journal.Options) *journal.Journal {
	t.Helper()
	if o.Identify == nil {
		o.Identify = identify
	}
	j, err := journal.Open(path, o)
	must(t, err)
	return j
}

// fresh opens a new journal for the length of the test.
func fresh(t testing.TB, o journal.Options) *journal.Journal {
	t.Helper()
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), o)
	t.Cleanup(func() { must(t, j.Close()) })
	return j
}

// list flushes and gives all that matches, through pages of the given size.
func list(t testing.TB, j *journal.Journal, f journal.Filter) []journal.Attempt {
	t.Helper()
	must(t, j.Flush())
	var all []journal.Attempt
	for {
		p, err := j.Query(f)
		must(t, err)
		all = append(all, p.Attempts...)
		if p.Next == "" {
			return all
		}
		f.Cursor = p.Next
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHitsBecomeAttempts(t *testing.T) {
	j := fresh(t, journal.Options{})
	j.Add(hit("10.20.1.11", "198.51.100.7", 32100, 5))
	j.Add(hit("10.20.1.11", "198.51.100.7", 32100, 1))
	later := hit("10.20.1.11", "198.51.100.7", 32100, 9)
	later.SrcPort, later.Prefix.Layer, later.Prefix.Rule, later.Prefix.Revision = 50001, "L4", "fwd", "g2"
	j.Add(later)
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 2))
	j.Add(hit("10.20.1.12", "198.51.100.7", 32100, 3))
	all := list(t, j, journal.Filter{})
	if len(all) != 3 {
		t.Fatalf("%d attempts: %+v", len(all), all)
	}
	a := all[0]
	if a.Count != 3 || a.Bytes != 300 || !a.First.Equal(noon.Add(time.Second)) || !a.Last.Equal(noon.Add(9*time.Second)) {
		t.Errorf("counted %d packets, %d bytes from %s to %s", a.Count, a.Bytes, a.First, a.Last)
	}
	if a.Device != "dev-gate" || len(a.Cameras) != 1 || a.Cameras[0] != "gate-north" || a.ProtocolName != "udp" {
		t.Errorf("told as %+v", a)
	}
	if a.Layer != "L4" || a.Rule != "fwd" || a.Revision != "g2" {
		t.Errorf("layer, rule, revision are not the last hit's: %+v", a)
	}
	evidence, err := j.Evidence(a.ID)
	if err != nil || string(evidence) != "packet at 5" {
		t.Errorf("evidence %q, %v: not of the first packet that was read", evidence, err)
	}
	if one, err := j.Get(a.ID); err != nil || one.Count != 3 || one.ID != a.ID {
		t.Errorf("got %+v, %v", one, err)
	}
	if _, err := j.Get(strings.Repeat("0", 32)); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("an attempt that is none: %v", err)
	}
	if _, err := j.Evidence("00"); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("evidence of nothing: %v", err)
	}
	if s := j.Totals(); s.Hits != 5 || s.Folded != 0 || s.Attempts != 3 {
		t.Errorf("account %+v", s)
	}
}

func TestChatterIsKeptApart(t *testing.T) {
	j := fresh(t, journal.Options{})
	j.Add(hit("10.20.1.11", "239.255.255.250", 1900, 1))
	j.Add(hit("10.20.1.11", "255.255.255.255", 9999, 1))
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 1))
	spoofed := hit("10.20.9.9", "224.0.0.251", 5353, 1)
	spoofed.Prefix.Reason = nflog.Spoof
	j.Add(spoofed)
	named := hit("10.20.1.11", "198.51.100.9", 443, 1)
	named.Prefix.Reason = nflog.Chatter
	j.Add(named)
	if all := list(t, j, journal.Filter{Reason: nflog.Chatter}); len(all) != 1 {
		t.Errorf("asked for by its reason, chatter gives %+v", all)
	}
	for filter, want := range map[journal.ChatterFilter]int{journal.WithoutChatter: 2, journal.OnlyChatter: 3, journal.WithChatter: 5} {
		if all := list(t, j, journal.Filter{Chatter: filter}); len(all) != want {
			t.Errorf("filter %d gives %d, want %d: %+v", filter, len(all), want, all)
		}
	}
}

func TestNonIPFramesAreToldApart(t *testing.T) {
	j := fresh(t, journal.Options{})
	for _, to := range []byte{1, 2, 2} {
		j.Add(&nflog.Hit{
			Time: noon, Prefix: nflog.Prefix{Layer: "L1b", Reason: nflog.Lateral}, EtherType: 0x88b5,
			SrcMAC: nflog.MAC{2, 0, 0, 0, 0, 11}, DstMAC: nflog.MAC{2, 0, 0, 0, 0, to}, Length: 46,
		})
	}
	all := list(t, j, journal.Filter{Device: "-"})
	if len(all) != 2 || all[0].ProtocolName != "ethertype 0x88b5" || all[0].Count+all[1].Count != 3 {
		t.Errorf("got %+v", all)
	}
}

func TestAttemptsContinueAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{})
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 10))
	first := list(t, j, journal.Filter{})[0]
	if _, err := journal.Open(path, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second opening: %v", err)
	}
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 20)) // written by Close alone
	must(t, j.Close())

	j = open(t, path, journal.Options{})
	defer j.Close()
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 30))
	all := list(t, j, journal.Filter{})
	if len(all) != 1 || all[0].ID != first.ID || all[0].Count != 3 || !all[0].First.Equal(first.First) ||
		!all[0].Last.Equal(noon.Add(30*time.Second)) {
		t.Errorf("after the restart: %+v", all)
	}
	if evidence, err := j.Evidence(first.ID); err != nil || string(evidence) != "packet at 10" {
		t.Errorf("evidence %q, %v", evidence, err)
	}
	if s := j.Totals(); s.Attempts != 1 {
		t.Errorf("account %+v", s)
	}
}

// However large the table, or how fast it goes: what differs from one of the
// scanner's other attempts only in where it goes is one row.
func TestAScanBecomesOneRowAndStarvesNobody(t *testing.T) {
	for _, most := range []int{100, 4096} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			o := journal.Options{MaxPerDevice: most, Now: func() time.Time { return noon }} // all is fresh
			j := open(t, path, o)
			defer func() { must(t, j.Close()) }()
			j.Add(hit("10.20.1.11", "192.0.2.1", 443, -3600)) // long before
			must(t, j.Flush())
			for port := range 5000 {
				j.Add(hit("10.20.1.11", "198.51.100.7", uint16(port), 0))
				if port == 40 {
					must(t, j.Flush()) // the first of it are rows for a moment
				}
				if port%250 == 0 {
					j.Add(hit("10.20.1.12", "198.51.100.7", uint16(port), port))
				}
			}
			check := func(scanned uint64) {
				t.Helper()
				scanner := list(t, j, journal.Filter{Device: "dev-gate"})
				if len(scanner) != 2 {
					t.Fatalf("the scan fills %d rows", len(scanner)-1)
				}
				one, earlier := scanner[0], scanner[1]
				if one.Count != scanned || !one.Scan || one.Overflow || one.Many || one.Folded < 64 || one.Device != "dev-gate" ||
					one.Source != netip.MustParseAddr("10.20.1.11") || one.Destination.IsValid() || earlier.Count != 1 {
					t.Errorf("row of the scan %+v, beside it %+v", one, earlier)
				}
				if packet, err := j.Evidence(one.ID); err != nil || string(packet) != "packet at 0" {
					t.Errorf("evidence of the scan: %q, %v", packet, err)
				}
				if slots, before, err := j.Timeline(one.ID); err != nil || before != 0 || len(slots) != 1 || slots[0].Count != scanned {
					t.Errorf("the scan's timeline: %v, %d, %v", slots, before, err)
				}
				if other := list(t, j, journal.Filter{Device: "dev-yard"}); len(other) != 20 {
					t.Errorf("the other device has %d attempts of 20", len(other))
				}
			}
			check(5000)
			if s := j.Totals(); s.Hits != 5021 || s.Folded != 5000 || s.Attempts != 22 {
				t.Errorf("account %+v", s)
			}
			must(t, j.Close())
			j = open(t, path, o)
			for port := range 200 { // it goes on
				j.Add(hit("10.20.1.11", "198.51.100.8", uint16(port), 30))
			}
			all := list(t, j, journal.Filter{Device: "dev-gate"})
			if len(all) != 2 || all[0].Count != 5200 || !all[0].Scan {
				t.Errorf("after a restart %d rows, %+v", len(all), all[0])
			}
		})
	}
}

// The names that the sinkhole gave an address are bounded by themselves: each of
// them is a row, and so is what one source tries again and again.
func TestNamedDestinationsAreNoScan(t *testing.T) {
	j := fresh(t, journal.Options{})
	for n := range 200 {
		to := addressOf(t, j, fmt.Sprintf("%d.cloud.example", n))
		j.Add(hit("10.20.1.11", to.String(), 443, n/10))
	}
	if all := list(t, j, journal.Filter{Device: "dev-gate"}); len(all) != 200 {
		t.Errorf("%d rows", len(all))
	}
}

// A flood under invented sources is a row for each destination, also the packets
// that came before it was known for one.
func TestInventedSourcesAreOneRow(t *testing.T) {
	j := fresh(t, journal.Options{})
	flood := func(n int) {
		h := hit(fmt.Sprintf("10.%d.%d.%d", 99+n/65536, n/256%256, n%256), "198.51.100.7", 443+uint16(n%2), n/2000)
		h.Prefix.Reason = nflog.UnknownDevice
		j.Add(h)
	}
	for n := range 20_000 {
		if flood(n); n%500 == 0 {
			must(t, j.Flush())
		}
	}
	all := list(t, j, journal.Filter{Device: "-"})
	var sum uint64
	for _, a := range all {
		sum += a.Count
		if !a.Many || a.Scan || a.Source.IsValid() || a.Destination != netip.MustParseAddr("198.51.100.7") {
			t.Errorf("row %+v", a)
		}
	}
	if len(all) != 2 || sum != 20_000 {
		t.Errorf("%d rows, %d packets", len(all), sum)
	}
}

func TestInventedSourcesAreNoScan(t *testing.T) {
	j := fresh(t, journal.Options{MaxPerDevice: 10})
	for n := range 200 {
		h := hit(fmt.Sprintf("10.99.0.%d", n), "198.51.100.7", 443, n)
		h.Prefix.Reason = nflog.UnknownDevice
		j.Add(h)
	}
	all := list(t, j, journal.Filter{Device: "-"})
	if len(all) != 11 {
		t.Fatalf("%d rows", len(all))
	}
	for _, a := range all {
		if a.Scan || a.Overflow && a.Count != 190 {
			t.Errorf("row %+v", a)
		}
	}
}

func TestAFullTableLeavesRoomForEachDevice(t *testing.T) {
	j := fresh(t, journal.Options{MaxInMemory: 200})
	for port := range 1000 {
		j.Add(hit("10.20.1.11", "198.51.100.7", uint16(port), 0))
	}
	for port := range 60 {
		j.Add(hit("10.20.1.12", "198.51.100.7", uint16(port), 0))
	}
	if n := len(list(t, j, journal.Filter{Device: "dev-yard"})); n != 60 {
		t.Errorf("%d of the quiet device's 60 attempts have a row", n)
	}
	if n := j.Totals().InMemory; n > 200+2+60 {
		t.Errorf("%d rows in memory", n)
	}
}

func TestQueryPagesAndFilters(t *testing.T) {
	j := fresh(t, journal.Options{})
	for n := range 95 {
		j.Add(hit("10.20.1.11", fmt.Sprintf("198.51.100.%d", n), 443, 10*n))
		spoof := hit("10.20.1.12", fmt.Sprintf("203.0.113.%d", n), 8883, 10*n)
		spoof.Prefix.Reason = nflog.Spoof
		j.Add(spoof)
	}
	for _, c := range []struct {
		name   string
		filter journal.Filter
		want   int
	}{
		{"all", journal.Filter{Limit: 10}, 190},
		{"pages that end even", journal.Filter{Limit: 19}, 190},
		{"device", journal.Filter{Device: "dev-gate", Limit: 7}, 95},
		{"device that is none", journal.Filter{Device: "dev-gat"}, 0},
		{"reason", journal.Filter{Reason: nflog.Spoof}, 95},
		{"since", journal.Filter{Since: noon.Add(900 * time.Second)}, 10},
		{"port as text", journal.Filter{Where: where("8883")}, 95},
		{"address as text", journal.Filter{Where: where("203.0.113.4")}, 11},
		{"camera as text", journal.Filter{Where: where(" Gate-North ")}, 95},
		{"nothing", journal.Filter{Where: where("no such thing")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := list(t, j, c.filter)
			if len(all) != c.want {
				t.Fatalf("%d attempts, want %d", len(all), c.want)
			}
			seen := map[string]bool{}
			for i, a := range all {
				if seen[a.ID] {
					t.Errorf("%s twice", a.ID)
				}
				seen[a.ID] = true
				if i > 0 && a.Last.After(all[i-1].Last) {
					t.Error("not newest first")
				}
			}
		})
	}
	if _, err := j.Query(journal.Filter{Cursor: "zz"}); !errors.Is(err, journal.ErrCursor) {
		t.Errorf("foreign cursor: %v", err)
	}
}

// A device that asks for more names than its share is told by what it tries at
// the address that the rest have.
func TestAFloodOfNamesIsTold(t *testing.T) {
	j := fresh(t, journal.Options{MaxNames: 5, Now: func() time.Time { return noon }})
	for n := range 10 {
		to := addressOf(t, j, fmt.Sprintf("%d.generated.example", n))
		j.Add(hit("10.20.1.11", to.String(), 443, 0))
	}
	all := list(t, j, journal.Filter{Where: where("is:names")})
	if len(all) != 1 || all[0].Count != 5 || all[0].Host != journal.SharedHost {
		t.Errorf("%+v", all)
	}
	if rest := list(t, j, journal.Filter{Where: where("host:*.generated.example")}); len(rest) != 5 {
		t.Errorf("%d with a name of their own", len(rest))
	}
}

// Whatever the clock does, hits are counted, listed by the last of them, and no
// scan is made up.
func TestClockStepsLoseNoCount(t *testing.T) {
	j := fresh(t, journal.Options{})
	steps := []int{0, 60, 86_400, -7200, -7100, 40_000_000, 30, 31, -86_400 * 365, 90}
	for n, at := range steps {
		for port := range 20 {
			j.Add(hit("10.20.1.11", "198.51.100.7", uint16(1000+port), at))
		}
		if n%2 == 0 {
			must(t, j.Flush())
		}
	}
	all := list(t, j, journal.Filter{})
	if len(all) != 20 {
		t.Fatalf("%d rows", len(all))
	}
	for _, a := range all {
		slots, told, err := j.Timeline(a.ID)
		for _, s := range slots {
			told += s.Count
		}
		if err != nil || a.Count != uint64(len(steps)) || told != a.Count || !a.Last.Equal(noon.Add(40_000_000*time.Second)) || !a.First.Equal(noon.AddDate(-1, 0, 0)) {
			t.Errorf("%d hits, %d in the timeline, %s to %s, %v", a.Count, told, a.First, a.Last, err)
		}
	}
}

// where reads a filter that a test wrote.
func where(text string) *filter.Filter {
	f, err := filter.Parse(text, noon.AddDate(0, 0, 1))
	if err != nil {
		panic(err)
	}
	return f
}
