package journal_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/said"
)

const protoTCP = 6

// request is a hit that carries the beginning of a request.
func request(to, host string, seconds int) *nflog.Hit {
	h := hit("10.20.1.11", to, 80, seconds)
	h.Protocol = protoTCP
	h.Body = []byte("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	return h
}

func hosts(names []said.Name) (all []string) {
	for _, n := range names {
		all = append(all, n.Name)
	}
	return all
}

// chosen lists what the filter language chooses.
func chosen(t *testing.T, j *journal.Journal, text string) []journal.Attempt {
	t.Helper()
	return list(t, j, journal.Filter{Where: where(text)})
}

func TestWhatPacketsSayStaysWithTheAttempt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{})
	const to = "198.51.100.7"
	syn := hit("10.20.1.11", to, 80, 0)
	syn.Protocol = protoTCP
	j.Add(syn)
	j.Add(request(to, "a.example", 1))
	j.Add(request(to, "b.example", 2))
	j.Add(request(to, "a.example", 3))
	j.Add(request("198.51.100.8", "elsewhere.example", 3))
	rows := chosen(t, j, "address:"+to)
	if len(rows) != 1 || rows[0].Count != 4 || rows[0].SaidMore {
		t.Fatalf("rows %+v", rows)
	}
	want := []said.Name{{By: said.HTTP, Name: "a.example", Detail: "GET / HTTP/1.1"}, {By: said.HTTP, Name: "b.example", Detail: "GET / HTTP/1.1"}}
	if diff := cmp.Diff(want, rows[0].Said); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	must(t, j.Close())

	j = open(t, path, journal.Options{})
	defer j.Close()
	j.Add(request(to, "c.example", 9))
	for _, text := range []string{"said:c.example", "said:a.example", "b.example"} {
		rows = chosen(t, j, text)
		if len(rows) != 1 || !cmp.Equal(hosts(rows[0].Said), []string{"a.example", "b.example", "c.example"}) {
			t.Errorf("%s after a restart: %+v", text, rows)
		}
	}
	if rows = chosen(t, j, "said:- address:"+to); len(rows) != 0 {
		t.Errorf("an attempt that says names is found by having none: %+v", rows)
	}
}

func TestNamesOfAnAttemptAreBounded(t *testing.T) {
	for name, long := range map[string]int{"many": 10, "long": 200} {
		t.Run(name, func(t *testing.T) {
			j := fresh(t, journal.Options{})
			for i := range 60 {
				j.Add(request("198.51.100.7", fmt.Sprintf("n%d.%s", i, strings.Repeat("x", long)), i))
			}
			rows := list(t, j, journal.Filter{})
			if len(rows) != 1 || rows[0].Count != 60 || !rows[0].SaidMore {
				t.Fatalf("rows %+v", rows)
			}
			sum := 0
			for _, n := range rows[0].Said {
				sum += len(n.Name) + len(n.Detail)
			}
			if len(rows[0].Said) > 16 || sum > 1024 || rows[0].Said[0].Name != "n0."+strings.Repeat("x", long) {
				t.Errorf("%d names of %d bytes, the first %q", len(rows[0].Said), sum, rows[0].Said[0].Name)
			}
		})
	}
}

// A flood is not looked into packet by packet, and one device's does not keep
// another's names from being read.
func TestAFloodIsReadNowAndThen(t *testing.T) {
	j := fresh(t, journal.Options{})
	for i := range 1000 {
		j.Add(request(fmt.Sprintf("198.51.100.%d", i%20), fmt.Sprintf("n%d.example", i%20), i/100))
	}
	j.Add(request("203.0.113.1", "late.example", 11))
	other := request("203.0.113.1", "other.example", 11)
	other.Src, other.SrcMAC = netip.MustParseAddr("10.20.1.12"), nflog.MAC{2, 0, 0, 0, 1, 12}
	j.Add(other)
	if rows := chosen(t, j, "said:other.example"); len(rows) != 1 {
		t.Errorf("another device's name: %+v", rows)
	}
	if rows := chosen(t, j, "said:late.example"); len(rows) != 0 {
		t.Errorf("the thousandth packet was read as well: %+v", rows)
	}
	j.Add(request("203.0.113.1", "late.example", 12))
	if rows := chosen(t, j, "said:late.example"); len(rows) != 1 {
		t.Errorf("a name that is said again later: %+v", rows)
	}
}

func TestScanKeepsNoNames(t *testing.T) {
	j := fresh(t, journal.Options{})
	for i := range 200 {
		j.Add(request(fmt.Sprintf("198.51.100.%d", i), "a.example", i/10))
		must(t, j.Flush())
	}
	rows := chosen(t, j, "is:scan")
	if len(rows) != 1 || rows[0].Said != nil || rows[0].Country != "" {
		t.Errorf("rows %+v", rows)
	}
}

func TestWhoseAnAddressWasStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	known := map[netip.Addr]journal.Place{}
	o := journal.Options{Locate: func(a netip.Addr) journal.Place { return known[a] }}
	j := open(t, path, o)
	to := netip.MustParseAddr("198.51.100.7")
	j.Add(hit("10.20.1.11", to.String(), 443, 0))
	if rows := chosen(t, j, "country:-"); len(rows) != 1 || rows[0].Network != "" {
		t.Fatalf("nobody knows yet: %+v", rows)
	}
	known[to] = journal.Place{Country: "KR", Network: "AS64500 Example Cloud"}
	j.Add(hit("10.20.1.11", to.String(), 443, 1))
	if rows := chosen(t, j, "country:KR network:as64500"); len(rows) != 1 || rows[0].Network != "AS64500 Example Cloud" {
		t.Errorf("known from the second hit on: %+v", list(t, j, journal.Filter{}))
	}
	must(t, j.Close())

	known[to] = journal.Place{Country: "US", Network: "AS64501 Other Cloud"}
	j = open(t, path, o)
	defer j.Close()
	j.Add(hit("10.20.1.11", to.String(), 443, 2))
	j.Add(hit("10.20.1.12", to.String(), 443, 2))
	for country, device := range map[string]string{"KR": "dev-gate", "US": "dev-yard"} {
		if rows := chosen(t, j, "country:"+country); len(rows) != 1 || rows[0].Device != device {
			t.Errorf("%s, after the address was sold: %+v", country, rows)
		}
	}
}

// An address that the sinkhole gave has no place: its name counts.
func TestNamedAddressesHaveNoPlace(t *testing.T) {
	j := fresh(t, journal.Options{Locate: func(netip.Addr) journal.Place { return journal.Place{Country: "US"} }})
	a, err := j.AddressOf(context.Background(), netip.MustParseAddr("10.20.1.11"), "dev.cloud.example")
	must(t, err)
	j.Add(hit("10.20.1.11", a.String(), 443, 0))
	if rows := list(t, j, journal.Filter{}); len(rows) != 1 || rows[0].Country != "" || rows[0].Host != "dev.cloud.example" {
		t.Errorf("rows %+v", rows)
	}
}
