package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/clouds"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/ui"
)

// journalled is a recorder of two cameras with a journal, and nothing else.
func journalled(t *testing.T, o journal.Options) attempts {
	t.Helper()
	o.Identify = func(_ nflog.MAC, ip netip.Addr) journal.Owner {
		return map[byte]journal.Owner{11: {Device: "dev-gate"}, 12: {Device: "dev-yard"}, 13: {Device: "dev-sold"}}[ip.As4()[3]]
	}
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return attempts{&app{journal: j, site: &configs.Site{
		Devices: []configs.Device{{ID: "dev-gate"}, {ID: "dev-yard"}, {ID: "dev-quiet"}},
		Cameras: []configs.Camera{{ID: "gate", Name: "North gate", Device: "dev-gate"}, {ID: "yard", Name: "Yard", Device: "dev-yard"}},
	}}, clouds.New()}
}

func (t attempts) add(from byte, to string, port uint16, reason nflog.Reason) {
	t.app.journal.Add(&nflog.Hit{
		Time: time.Now(), Family: 4, Protocol: 17, Length: 60, SrcMAC: nflog.MAC{2, 0, 0, 0, 0, from}, DstMAC: nflog.MAC{2, 1},
		Src: netip.AddrFrom4([4]byte{10, 20, 1, from}), Dst: netip.MustParseAddr(to), DstPort: port,
		Prefix: nflog.Prefix{Layer: "L3", Reason: reason, Rule: "raw", Revision: "g1"},
	})
}

func TestAttemptsAreThoseAskedFor(t *testing.T) {
	of := journalled(t, journal.Options{})
	of.add(11, "198.18.0.5", 443, nflog.Egress)
	of.add(11, "239.255.255.250", 1900, nflog.Input) // chatter, though the rule says input
	of.add(11, "224.0.0.251", 5353, nflog.Chatter)
	of.add(12, "10.20.0.1", 80, nflog.Input)
	of.add(13, "198.18.0.6", 8883, nflog.Egress)
	of.add(99, "198.18.0.7", 53, nflog.UnknownDevice)
	if err := of.app.journal.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter ui.AttemptFilter
		ports  []int
		status int
	}{
		"all but chatter":        {filter: ui.AttemptFilter{}, ports: []int{53, 80, 443, 8883}},
		"chatter too":            {filter: ui.AttemptFilter{Chatter: true}, ports: []int{53, 80, 443, 1900, 5353, 8883}},
		"chatter by its reason":  {filter: ui.AttemptFilter{Reason: "chatter"}, ports: []int{1900, 5353}},
		"a reason":               {filter: ui.AttemptFilter{Reason: "input", Chatter: true}, ports: []int{80}},
		"a camera":               {filter: ui.AttemptFilter{Camera: "gate"}, ports: []int{443}},
		"a device":               {filter: ui.AttemptFilter{Device: "dev-yard"}, ports: []int{80}},
		"a device without any":   {filter: ui.AttemptFilter{Device: "dev-quiet"}},
		"a device that was sold": {filter: ui.AttemptFilter{Device: "dev-sold"}, ports: []int{8883}},
		"nobody's":               {filter: ui.AttemptFilter{Device: "-"}, ports: []int{53}},
		"an unknown camera":      {filter: ui.AttemptFilter{Camera: "gat"}, status: 404},
		"an unknown device":      {filter: ui.AttemptFilter{Device: "dev-gat"}, status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := of.Page(context.Background(), c.filter)
			var p *ui.Problem
			if errors.As(err, &p) != (c.status != 0) || p != nil && (p.Status != c.status || p.Fix == "") {
				t.Fatal(err)
			}
			var ports []int
			for _, a := range page.Attempts {
				ports = append(ports, a.Port)
				if want := c.filter.Reason; want != "" && a.Reason != want {
					t.Errorf("%+v is of another reason", a)
				}
			}
			if slices.Sort(ports); !slices.Equal(ports, c.ports) {
				t.Errorf("ports %v, want %v", ports, c.ports)
			}
		})
	}
}

func TestAnOverflowRowHasNoAddresses(t *testing.T) {
	of := journalled(t, journal.Options{MaxPerDevice: 2})
	for port := range 20 {
		of.add(11, "198.18.0.5", uint16(1000+port), nflog.Egress)
	}
	if err := of.app.journal.Flush(); err != nil {
		t.Fatal(err)
	}
	page, err := of.Page(context.Background(), ui.AttemptFilter{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(page.Attempts, func(a ui.AttemptView) bool { return a.Overflow })
	if i < 0 {
		t.Fatalf("no overflow row in %+v", page.Attempts)
	}
	a := page.Attempts[i]
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "00:00") || a.Address != "" || a.Count != 18 || !a.Scan || a.New || a.Camera != "North gate" {
		t.Errorf("%s", text)
	}
}

// The filter language as people write it: cameras by id or name, errors with the
// place and the fix, groups and sign-offs.
func TestAttemptsByTheFilterLanguage(t *testing.T) {
	of := journalled(t, journal.Options{})
	of.add(11, "198.18.0.5", 443, nflog.Egress)
	of.add(11, "198.18.0.5", 80, nflog.Egress)
	of.add(12, "198.18.0.6", 443, nflog.Egress)
	of.add(13, "224.0.0.251", 5353, nflog.Chatter)
	if err := of.app.journal.Flush(); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]int{
		"camera:gate": 2, `camera:"North gate"`: 2, "camera:gate -port:80": 1, "-camera:gate": 1, "camera:gate camera:yard": 3,
		"address:198.18.0.6 since:1h": 1, "reason:chatter": 1, "is:new": 3, "camera:sold": 0, "": 3,
	} {
		if page, err := of.Page(t.Context(), ui.AttemptFilter{Where: where}); err != nil || len(page.Attempts) != want {
			t.Errorf("%q finds %d, want %d: %v", where, len(page.Attempts), want, err)
		}
	}
	_, err := of.Page(t.Context(), ui.AttemptFilter{Where: "camera:gate prot:tcp"})
	var p *ui.Problem
	if !errors.As(err, &p) || p.Status != 400 || !strings.Contains(p.Message, "column 13") || !strings.Contains(p.Fix, "protocol") {
		t.Errorf("%+v", err)
	}
	groups, err := of.Group(t.Context(), ui.AttemptFilter{}, "camera")
	if err != nil || len(groups.Groups) != 2 || groups.Groups[0].Name != "North gate" || groups.Groups[0].Attempts != 2 {
		t.Errorf("%+v, %v", groups, err)
	}
	a, err := of.Page(t.Context(), ui.AttemptFilter{Where: "port:80"})
	if err != nil {
		t.Fatal(err)
	}
	one, err := of.Get(t.Context(), a.Attempts[0].ID)
	if err != nil || len(one.Times) != 1 || one.Times[0].Count != 1 || one.Times[0].Width != 60 {
		t.Errorf("%+v, %v", one, err)
	}
}
