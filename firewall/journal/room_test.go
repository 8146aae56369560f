package journal_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// A scan of yesterday does not hide what a device does today: its rows make
// room, and what they had counted is counted still.
func TestAnOldScanMakesRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := noon.Add(time.Minute)
	o := journal.Options{MaxPerDevice: 100, Now: func() time.Time { return now }}
	j := open(t, path, o)
	for port := range 300 { // so slowly that each has a row of its own
		j.Add(hit("10.20.1.11", "198.51.100.7", uint16(port), 6*port))
		if port%10 == 9 {
			must(t, j.Flush())
		}
	}
	j.Add(hit("10.20.1.12", "198.51.100.7", 443, 0))
	must(t, j.Close())
	now = noon.Add(24 * time.Hour)
	j = open(t, path, o)
	defer j.Close()
	const today = 24 * 3600
	for port := range 20 {
		j.Add(hit("10.20.1.11", "203.0.113.9", uint16(port), today))
	}
	all := list(t, j, journal.Filter{Device: "dev-gate"})
	var sum, own, rest uint64
	for _, a := range all {
		sum += a.Count
		switch {
		case a.Overflow:
			rest = a.Count
			if a.Folded != 220 { // the scan's rows beyond the 100, and those that made room
				t.Errorf("the rest stands for %d attempts", a.Folded)
			}
			slots, told, err := j.Timeline(a.ID)
			for _, s := range slots {
				told += s.Count
			}
			if err != nil || told != rest {
				t.Errorf("the timeline of the rest has %d of %d, %v", told, rest, err)
			}
		case a.Destination == netip.MustParseAddr("203.0.113.9"):
			own++
		}
	}
	if len(all) != 101 || own != 20 || sum != 320 || rest != 220 {
		t.Errorf("%d rows, %d of today, %d hits in all, %d in the row for the rest", len(all), own, sum, rest)
	}
	if other := list(t, j, journal.Filter{Device: "dev-yard"}); len(other) != 1 {
		t.Errorf("the other device has %d attempts", len(other))
	}
	if s := j.Totals(); s.Attempts != 102 {
		t.Errorf("account %+v", s)
	}
}

// What somebody sends in a device's name fills a share of its own.
func TestForgersDoNotFillTheDevicesShare(t *testing.T) {
	j := fresh(t, journal.Options{MaxPerDevice: 50, Now: func() time.Time { return noon }})
	for port := range 500 {
		h := hit("10.20.1.11", "198.51.100.7", uint16(port), 0)
		h.Prefix.Reason, h.SrcMAC = nflog.Spoof, nflog.MAC{2, 0, 0, 0, 0, 0x66}
		j.Add(h)
	}
	for port := range 20 {
		j.Add(hit("10.20.1.11", "203.0.113.9", uint16(port), 1))
	}
	own, forged := 0, uint64(0)
	for _, a := range list(t, j, journal.Filter{Device: "dev-gate"}) {
		if a.Reason == nflog.Egress && !a.Overflow {
			own++
		}
		if a.Reason == nflog.Spoof {
			forged += max(a.Folded, 1)
		}
	}
	if own != 20 {
		t.Errorf("%d attempts of its own, want 20", own)
	}
	if forged != 500 {
		t.Errorf("the rows of forged ones stand for %d, want 500", forged)
	}
}

// C8: junk names of yesterday make room for those of today, for good, and no
// address ever means two names.
func TestUnusedNamesMakeRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := noon
	o := journal.Options{MaxNames: 20, Now: func() time.Time { return now }}
	j := open(t, path, o)
	first := map[string]netip.Addr{}
	for n := range 20 {
		now = noon.Add(time.Duration(n) * time.Second)
		first[fmt.Sprintf("%d.junk.example", n)] = addressOf(t, j, fmt.Sprintf("%d.junk.example", n))
	}
	if host, _ := j.HostOf(addressOf(t, j, "fresh.example")); host != journal.SharedHost {
		t.Errorf("with all names in use a new one is %q", host)
	}
	now = noon.Add(2 * time.Hour)
	kept := addressOf(t, j, "0.junk.example") // still in use, though the oldest
	for n := range 10 {
		host := fmt.Sprintf("%d.cloud.example", n)
		if got, _ := j.HostOf(addressOf(t, j, host)); got != host {
			t.Errorf("%s is %q", host, got)
		}
	}
	check := func() {
		t.Helper()
		if n := j.Totals().Names; n != 30 {
			t.Errorf("%d names", n)
		}
		if host, _ := j.HostOf(kept); host != "0.junk.example" {
			t.Errorf("the name in use is %q", host)
		}
		for host, address := range first {
			if got, _ := j.HostOf(address); got != host {
				t.Errorf("%s means %s now, and was given to %s", address, got, host)
			}
			if again := addressOf(t, j, host); again != address {
				t.Errorf("%s has %s now, and had %s", host, again, address)
			}
		}
	}
	check()
	must(t, j.Close())
	j = open(t, path, o)
	defer j.Close()
	check()
}

// Questions that were not asked for an hour make room, also in the file.
func TestUnaskedQuestionsMakeRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := noon
	o := journal.Options{Now: func() time.Time { return now }}
	j := open(t, path, o)
	for n := range 2000 {
		j.Asked(gate, fmt.Sprintf("%d.junk.example", n), uint16(n))
	}
	stars := 0
	for _, q := range j.Questions("dev-gate", 10_000) {
		if q.Name == "*" {
			stars++
			if q.Type != 0 || q.Count != 2000-1024 {
				t.Errorf("row for the rest %+v", q)
			}
		}
	}
	if n := len(j.Questions("dev-gate", 10_000)); n != 1025 || stars != 1 {
		t.Errorf("%d rows, %d for the rest", n, stars)
	}
	must(t, j.Flush())
	now = noon.Add(2 * time.Hour)
	for n := range 30 {
		j.Asked(gate, fmt.Sprintf("%d.cloud.example", n), 1)
	}
	must(t, j.Close())
	j = open(t, path, o)
	defer j.Close()
	found := 0
	all := j.Questions("dev-gate", 10_000)
	for _, q := range all {
		if q.Last.Equal(now) && q.Name != "*" {
			found++
		}
	}
	if found != 30 || len(all) > 1025 {
		t.Errorf("%d questions of today, %d rows", found, len(all))
	}
}

// A flood of names day after day costs a device its own share of addresses.
func TestAFloodOfNamesTakesNoMoreThanItsShare(t *testing.T) {
	now := noon
	j := fresh(t, journal.Options{MaxNames: 20, Now: func() time.Time { return now }})
	given := map[netip.Addr]string{}
	for n := range 300 {
		host := fmt.Sprintf("%d.flood.example", n)
		a := addressOf(t, j, host)
		if got, _ := j.HostOf(a); got == journal.SharedHost {
			continue
		}
		if other, ok := given[a]; ok {
			t.Fatalf("%s was given to %s and to %s", a, other, host)
		}
		given[a] = host
		now = now.Add(10 * time.Minute)
	}
	if len(given) != 80 || j.Totals().Names != 80 { // 20 in use, three times as many retired
		t.Errorf("%d names got addresses, %d are known", len(given), j.Totals().Names)
	}
	other, err := j.AddressOf(t.Context(), netip.MustParseAddr("10.20.1.12"), "quiet.example")
	must(t, err)
	if host, _ := j.HostOf(other); host != "quiet.example" {
		t.Errorf("another device's name is %q", host)
	}
}
