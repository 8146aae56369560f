package clouds

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEveryRowIsSourced(t *testing.T) {
	table, err := parse(builtin)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	each := func(l Label) {
		rows++
		u, err := url.Parse(l.Source)
		if err != nil || u.Scheme != "https" || u.Host == "" || len(u.Path) < 2 {
			t.Errorf("%s: source %q is no address of a page", l.Match, l.Source)
		}
		if u.Host == "github.com" && (!strings.Contains(u.Path, "/blob/") || !strings.HasPrefix(u.Fragment, "L")) {
			t.Errorf("%s: source %q names no version and line", l.Match, l.Source)
		}
		if at, err := time.Parse(time.DateOnly, l.Seen); err != nil || at.Year() < 2026 {
			t.Errorf("%s: %q is no day", l.Match, l.Seen)
		}
		for _, s := range []string{l.Service, l.Owner} {
			if s != strings.TrimSpace(s) || len(s) > 64 || strings.Contains(strings.ToLower(s), "chin") {
				t.Errorf("%s: %q does not fit, or names a country", l.Match, s)
			}
		}
	}
	for _, all := range []map[string]Label{table.names, table.ports} {
		for _, l := range all {
			each(l)
		}
	}
	for _, l := range table.addresses {
		each(l)
	}
	for name := range table.names {
		if _, parent, _ := strings.Cut(name, "."); parent != "" {
			if l, ok := table.named(parent); ok && l.Service == table.names[name].Service {
				t.Errorf("%s says nothing that %s does not", name, l.Match)
			}
		}
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
	t.Logf("%d names, %d ports, %d addresses", len(table.names), len(table.ports), len(table.addresses))
}

func TestWhatADestinationIs(t *testing.T) {
	table := New()
	for _, c := range []struct {
		name     string
		names    []string
		to       string
		protocol uint8
		port     uint16
		service  string
		by       By
	}{
		{"a name below one", []string{"dev.hik-connect.com"}, "198.18.0.5", 6, 443, "Hik-Connect", ByName},
		{"the name itself", []string{"Hik-Connect.com"}, "198.18.0.5", 6, 443, "Hik-Connect", ByName},
		{"not what only ends like it", []string{"nothik-connect.com"}, "198.18.0.5", 6, 443, "", ""},
		{"nor what it is below of", []string{"com"}, "198.18.0.5", 6, 443, "", ""},
		{"the nearest", []string{"p2p1.p2p.reolink.com"}, "198.18.0.5", 17, 9999, "Reolink P2P", ByName},
		{"a name that was said", []string{"", "log.example", "caps.xmcsrv.net"}, "203.0.113.9", 6, 80, "Xiongmai cloud (XMEye)", ByName},
		{"a name before a port", []string{"www.easy4ipcloud.com"}, "198.18.0.5", 17, 32100, "Dahua P2P, Easy4IPCloud", ByName},
		{"an address", nil, "114.114.114.114", 17, 53, "114DNS, hard-wired in firmware of Xiongmai and Yoosee", ByAddress},
		{"a port", []string{"unknown.example"}, "203.0.113.9", 17, 32100, "PPPP P2P cloud (CS2 and others)", ByPort},
		{"of the other protocol", nil, "203.0.113.9", 6, 32100, "", ""},
		{"of neither", nil, "203.0.113.9", 1, 32100, "", ""},
	} {
		l, ok := table.Of(c.names, netip.MustParseAddr(c.to), c.protocol, c.port)
		if ok != (c.service != "") || l.Service != c.service || l.By != c.by {
			t.Errorf("%s: %+v", c.name, l)
		}
	}
}

func TestRowsThatAreNone(t *testing.T) {
	const rest = "\tService\tOwner\thttps://example.com/x\t2026-01-01"
	for _, bad := range []string{"a.example", "a.example\tb\tc\td", "udp/0" + rest, "sctp/5" + rest, "tcp/x" + rest, "local" + rest, "A.example" + rest, "a.example" + rest + "\na.example" + rest, "\t\t\t\t"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// lists hold names that others collected; they are not part of the project.
const lists = "../../../shared/corpus/lists"

// How much of somebody else's list the table knows is told, not asked for: names are
// taken from sources, not from lists.
func TestCoverageOfOthersLists(t *testing.T) {
	f, err := os.Open(filepath.Join(lists, "camera_cloud_endpoints_seed.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("the lists are not here")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := New()
	known := 0
	var unknown []string
	for _, r := range rows[1:] {
		var protocol uint8
		var port uint64
		if name, n, is := strings.Cut(r[2], "/"); is {
			protocol = map[string]uint8{"tcp": protoTCP, "udp": protoUDP}[name]
			if port, err = strconv.ParseUint(n, 10, 16); err != nil {
				t.Fatal(err)
			}
		}
		to, _ := netip.ParseAddr(r[1])
		if _, ok := table.Of([]string{r[1]}, to, protocol, uint16(port)); ok {
			known++
		} else {
			unknown = append(unknown, r[1])
		}
	}
	t.Logf("%d of %d are known, not %s", known, len(rows)-1, strings.Join(unknown, ", "))
	if known*2 < len(rows)-1 {
		t.Errorf("less than half is known")
	}
}
