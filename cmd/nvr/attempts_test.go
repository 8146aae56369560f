package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
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
		return map[byte]journal.Owner{11: {Device: "dev-gate"}, 12: {Device: "dev-yard"}, 13: {Device: "dev-sold", Cameras: []string{"sold"}}}[ip.As4()[3]]
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

// all follows the list to its end: on a busy machine a page may be a short one.
func (t attempts) all(f ui.AttemptFilter) (all ui.AttemptPage, err error) {
	for {
		page, err := t.Page(context.Background(), f)
		all.Attempts = append(all.Attempts, page.Attempts...)
		if f.Cursor = page.Next; err != nil || page.Next == "" {
			return all, err
		}
	}
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
			page, err := of.all(c.filter)
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
	page, err := of.all(ui.AttemptFilter{})
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
	of.add(13, "198.18.0.7", 8883, nflog.Egress)
	if err := of.app.journal.Flush(); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]int{
		"camera:gate": 2, `camera:"North gate"`: 2, "camera:gate -port:80": 1, "-camera:gate": 2, "camera:gate camera:yard": 3,
		"address:198.18.0.6 since:1h": 1, "reason:chatter": 1, "is:new": 4, "camera:sold": 1, "": 4,
		"camera:gate device:dev-yard": 0, "camera:gate camera:sold": 3, "camera:gate device:other": 0, "camera:gate device:dev-gate": 2,
		"camera:gate -device:dev-gate": 0, "-camera:gate -camera:yard": 1,
	} {
		if page, err := of.all(ui.AttemptFilter{Where: where}); err != nil || len(page.Attempts) != want {
			t.Errorf("%q finds %d, want %d: %v", where, len(page.Attempts), want, err)
		}
	}
	_, err := of.Page(t.Context(), ui.AttemptFilter{Where: "camera:gate prot:tcp"})
	var p *ui.Problem
	if !errors.As(err, &p) || p.Status != 400 || !strings.Contains(p.Message, "column 13") || !strings.Contains(p.Fix, "protocol") {
		t.Errorf("%+v", err)
	}
	groups, err := of.Group(t.Context(), ui.AttemptFilter{}, "camera")
	for cursor := groups.Next; err == nil && cursor != ""; { // on a busy machine it ends early
		var more ui.AttemptGroups
		more, err = of.Group(t.Context(), ui.AttemptFilter{Cursor: cursor}, "camera")
		groups.Groups, cursor = append(groups.Groups, more.Groups...), more.Next
	}
	if err != nil || len(groups.Groups) != 3 || groups.Groups[0].Name != "North gate" || groups.Groups[0].Attempts != 2 {
		t.Errorf("%+v, %v", groups, err)
	}
	a, err := of.all(ui.AttemptFilter{Where: "port:80"})
	if err != nil || len(a.Attempts) != 1 {
		t.Fatal(a, err)
	}
	one, err := of.Get(t.Context(), a.Attempts[0].ID)
	if err != nil || len(one.Times) != 1 || one.Times[0].Count != 1 || one.Times[0].Width != 60 {
		t.Errorf("%+v, %v", one, err)
	}
}

// A filter that begins with a minus looks like flags: the error says what to write,
// and that is a filter.
func TestAFilterThatBeginsWithAMinus(t *testing.T) {
	for says, args := range map[string][]string{
		"nvr attempts -- '-port:123'": {"attempts", "-port:123"},
		"column 7":                    {"attempts", "--", "-port:http"},
	} {
		c := newCommand(nil)
		c.SetArgs(args)
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
		if err := c.Execute(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// The recorder answers in parts: the verb follows them, to its limit or to the
// end, and adds groups up.
func TestTheVerbFollowsTheParts(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("limit")+" from "+r.URL.Query().Get("cursor"))
		answers := map[string]string{
			"":  `{"attempts":[{"id":"1"},{"id":"2"}],"groups":[{"value":"a","count":5,"attempts":1},{"value":"b","count":3,"attempts":1}],"next":"x","searched":"2026-11-20T00:00:00Z"}`,
			"x": `{"attempts":[],"groups":[],"next":"y","searched":"2026-11-10T00:00:00Z"}`,
			"y": `{"attempts":[{"id":"3"}],"groups":[{"value":"b","count":4,"attempts":2}]}`,
		}
		io.WriteString(w, answers[r.URL.Query().Get("cursor")])
	}))
	defer server.Close()
	api, err := newClient(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	progress := func(searched *time.Time) {
		if told++; searched == nil {
			t.Error("it is not told how far it looked")
		}
	}
	page, err := allAttempts(t.Context(), api, url.Values{"limit": {"5"}}, 5, progress)
	if err != nil || len(page.Attempts) != 3 || page.Next != "" || told != 2 || !slices.Equal(asked, []string{"5 from ", "3 from x", "3 from y"}) {
		t.Errorf("%+v, %v; told %d times; asked %q", page, err, told, asked)
	}
	if page, err = allAttempts(t.Context(), api, url.Values{"limit": {"2"}}, 2, progress); err != nil || len(page.Attempts) != 2 || page.Next != "x" {
		t.Errorf("to its limit: %+v, %v", page, err)
	}
	groups, err := allGroups(t.Context(), api, url.Values{"by": {"camera"}}, progress)
	if err != nil || len(groups.Groups) != 2 || groups.Groups[0].Value != "b" || groups.Groups[0].Count != 7 || groups.Groups[0].Attempts != 3 {
		t.Errorf("%+v, %v", groups, err)
	}
}
