package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

var gate = netip.MustParseAddr("10.20.1.11")

func addressOf(t testing.TB, j *journal.Journal, host string) netip.Addr {
	t.Helper()
	a, err := j.AddressOf(t.Context(), gate, host)
	must(t, err)
	return a
}

func TestEachNameHasItsOwnAddressForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{})
	pool := netip.MustParsePrefix("198.18.0.0/15")
	addrs := map[netip.Addr]string{}
	for n := range 50 {
		host := fmt.Sprintf("p2p%d.vendor.example", n)
		a := addressOf(t, j, host)
		if !pool.Contains(a) || addrs[a] != "" {
			t.Fatalf("%s got %s, which is %q's", host, a, addrs[a])
		}
		addrs[a] = host
		if again := addressOf(t, j, strings.ToUpper(host)+"."); again != a {
			t.Errorf("%s got %s and %s", host, a, again)
		}
	}
	// C8: durable before the answer. The copy is what a power cut would leave.
	copied := filepath.Join(t.TempDir(), "journal.db")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(copied, b, 0o600))
	must(t, j.Close())
	j = open(t, copied, journal.Options{})
	defer j.Close()
	for a, host := range addrs {
		if got, ok := j.HostOf(a); !ok || got != host {
			t.Errorf("%s is %q, was %q", a, got, host)
		}
	}
	if a := addressOf(t, j, "new.example"); addrs[a] != "" {
		t.Errorf("a new name got %s, which is %s's", a, addrs[a])
	}
}

func TestAttemptsCarryTheNameTheyWereMadeTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := noon
	o := journal.Options{Now: func() time.Time { return now }}
	j := open(t, path, o)
	a := addressOf(t, j, "mqtt.vendor.example")
	j.Add(hit("10.20.1.11", a.String(), 8883, 1))
	if all := list(t, j, journal.Filter{Where: where("vendor")}); len(all) != 1 || all[0].Host != "mqtt.vendor.example" {
		t.Fatalf("got %+v", all)
	}
	must(t, j.Close())
	j = open(t, path, o)
	defer j.Close()
	j.Add(hit("10.20.1.11", a.String(), 8883, 2))
	if all := list(t, j, journal.Filter{}); len(all) != 1 || all[0].Host != "mqtt.vendor.example" || all[0].Count != 2 {
		t.Errorf("after the restart: %+v", all)
	}
}

func TestManyAskersOfOneNameAgree(t *testing.T) {
	j := fresh(t, journal.Options{})
	got := make([]netip.Addr, 50)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			a, err := j.AddressOf(context.Background(), gate, "time.example")
			if err != nil {
				t.Error(err)
			}
			got[i] = a
		})
	}
	wg.Wait()
	for _, a := range got {
		if a != got[0] || !a.IsValid() {
			t.Errorf("addresses %v", got)
			break
		}
	}
}

func TestTooManyNamesShareOneAddress(t *testing.T) {
	j := fresh(t, journal.Options{MaxNames: 20})
	seen := map[netip.Addr]int{}
	for n := range 50 {
		seen[addressOf(t, j, fmt.Sprintf("%d.tunnel.example", n))]++
	}
	if len(seen) != 21 || j.Totals().Names != 20 {
		t.Errorf("%d addresses, %d names", len(seen), j.Totals().Names)
	}
	for a, n := range seen {
		host, ok := j.HostOf(a)
		if !ok || (n > 1) != (host == journal.SharedHost) {
			t.Errorf("%s was given %d times and is %q", a, n, host)
		}
	}
	other, err := j.AddressOf(t.Context(), netip.MustParseAddr("10.20.1.12"), "quiet.example")
	must(t, err)
	if host, _ := j.HostOf(other); host != "quiet.example" {
		t.Errorf("the other device's name is %q", host)
	}
}

func TestHostNames(t *testing.T) {
	j := fresh(t, journal.Options{})
	for _, bad := range []string{
		"", ".", "a..b", ".a", "a b", `a\000b`, "ä.example", strings.Repeat("a", 64) + ".example",
		strings.Repeat("abcdefg.", 32) + "example", "a/b", "<script>",
	} {
		if a, err := j.AddressOf(t.Context(), gate, bad); !errors.Is(err, journal.ErrHost) {
			t.Errorf("%q got %s, %v", bad, a, err)
		}
	}
	for _, good := range []string{"a", "_srv._tcp.example", "xn--bcher-kva.example", "192.0.2.1"} {
		if _, err := j.AddressOf(t.Context(), gate, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if _, ok := j.HostOf(netip.MustParseAddr("198.51.100.7")); ok {
		t.Error("an address outside the pool has a name")
	}
}

func TestQuestionsAreRememberedAndBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := noon
	o := journal.Options{Now: func() time.Time { return now }}
	j := open(t, path, o)
	for n := range 3 {
		now = noon.Add(time.Duration(n) * time.Second)
		j.Asked(gate, "P2P.vendor.example", 1)
	}
	now = now.Add(time.Second)
	j.Asked(gate, "p2p.vendor.example", 28)
	must(t, j.Close())
	j = open(t, path, o)
	defer j.Close()
	q := j.Questions("dev-gate", 0)
	if len(q) != 2 || q[0].Type != 28 || q[1].Count != 3 || q[1].Name != "p2p.vendor.example" ||
		!q[1].First.Equal(noon) || !q[1].Last.Equal(noon.Add(2*time.Second)) {
		t.Fatalf("questions %+v", q)
	}
	for n := range 5000 {
		j.Asked(gate, fmt.Sprintf("%d.%s\xff", n, strings.Repeat("x", 300)), 16)
	}
	q = j.Questions("dev-gate", 10_000)
	var sum uint64
	for _, one := range q {
		sum += one.Count
	}
	if len(q) > 1026 || sum != 5004 {
		t.Errorf("%d rows, %d questions", len(q), sum)
	}
	must(t, j.Flush())
}
