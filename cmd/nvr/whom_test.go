package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/ui"
)

// An attempt tells whom it was for, in the API's JSON and in the table.
func TestAttemptsTellWhomTheyWereFor(t *testing.T) {
	a := journalled(t, journal.Options{Locate: func(netip.Addr) journal.Place {
		return journal.Place{Country: "KR", Network: "AS64500 Example Cloud"}
	}})
	a.add(11, "203.0.113.9", 32100, nflog.Egress)
	hit := &nflog.Hit{
		Time: time.Now(), Family: 4, Protocol: 6, Length: 200, SrcMAC: nflog.MAC{2, 0, 0, 0, 0, 12}, DstMAC: nflog.MAC{2, 1},
		Src: netip.MustParseAddr("10.20.1.12"), Dst: netip.MustParseAddr("198.51.100.7"), DstPort: 8086,
		Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw", Revision: "g1"},
		Body:   []byte("POST http://pub-cfg.secu100.net:8086/ HTTP/1.1\r\nHost: pub-cfg.secu100.net:8086\r\n\r\n"),
	}
	a.app.journal.Add(hit)
	if err := a.app.journal.Flush(); err != nil {
		t.Fatal(err)
	}
	page, err := a.Page(t.Context(), ui.AttemptFilter{})
	if err != nil || len(page.Attempts) != 2 {
		t.Fatalf("%+v, %v", page.Attempts, err)
	}
	for _, v := range page.Attempts {
		want := ui.CloudView{Service: "Xiongmai cloud (XMEye)", By: "name", Match: "secu100.net"}
		if v.Port == 32100 {
			want = ui.CloudView{Service: "PPPP P2P cloud (CS2 and others)", By: "port", Match: "udp/32100"}
		}
		if c := v.Cloud; c == nil || c.Service != want.Service || c.By != want.By || c.Match != want.Match || c.Source == "" || c.Seen == "" {
			t.Errorf("port %d is %+v, want %+v", v.Port, c, want)
		}
		if v.Country != "KR" || v.Network != "AS64500 Example Cloud" {
			t.Errorf("port %d is in %q of %q", v.Port, v.Country, v.Network)
		}
		if v.Port == 8086 && (len(v.Said) != 1 || v.Said[0].By != "http" || v.Said[0].Name != "pub-cfg.secu100.net") {
			t.Errorf("it said %+v", v.Said)
		}
	}
	body, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	if err := printAttempts(bytes.NewReader(body), w); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http:pub-cfg.secu100.net", "AS64500 Example Cloud", "Xiongmai cloud (XMEye)", "PPPP P2P cloud (CS2 and others) (by its port)"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not have %q:\n%s", want, table.String())
		}
	}
}
