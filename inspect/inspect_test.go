package inspect_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/inspect"
	"github.com/stockade-nvr/stockade/streams/onvif"
)

func subject() inspect.Subject {
	return inspect.Subject{
		Device: "dev-gate", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0x11},
		Maker: "Example Optics", Model: "EO-4 Turret", MACMaker: "Example Optics Co., Ltd.", Ours: []netip.Addr{netip.MustParseAddr("10.20.0.1")},
	}
}

// honest says what the site file says.
func honest() *onvif.Statement {
	return &onvif.Statement{
		Address: netip.MustParseAddrPort("10.20.1.11:80"), Signed: true, Manufacturer: "EXAMPLE-OPTICS", Model: "EO-4 Turret (rev. 2)",
		Interfaces: []onvif.Interface{{Name: "eth0", MAC: "02-00-00-00-00-11", Enabled: true, Type: 6}, {Name: "lo", Enabled: true}},
		Gateways:   []string{"10.20.0.1"}, DNS: []string{"10.20.0.1"}, NTP: []string{"10.20.0.1"},
		Clock: &onvif.Clock{Offset: 2 * time.Second},
	}
}

// TestFindings changes one thing at a time: each is found, and nothing else.
func TestFindings(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*inspect.Subject, *onvif.Statement)
		want   []string // code, level, a word of the text
	}{
		"nothing": {func(*inspect.Subject, *onvif.Statement) {}, nil},
		"Wi-Fi": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.WirelessCapable = true
			s.Interfaces = append(s.Interfaces, onvif.Interface{Name: "eth1", Enabled: true, Wireless: true, SSID: "guest"})
		}, []string{"radio not-enforced guest"}},
		"Wi-Fi by its name": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Interfaces = append(s.Interfaces, onvif.Interface{Token: "wlan0", Enabled: true})
		}, []string{"radio not-enforced wlan0"}},
		"Wi-Fi that is off": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Interfaces = append(s.Interfaces, onvif.Interface{Name: "wlan0"})
		}, []string{"radio-off note wlan0"}},
		"Wi-Fi that could be": {func(_ *inspect.Subject, s *onvif.Statement) { s.WirelessCapable = true }, []string{"radio-capable note Wi-Fi"}},
		"a modem": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Interfaces = append(s.Interfaces, onvif.Interface{Name: "if2", Enabled: true, Type: 243})
		}, []string{"modem not-enforced if2"}},
		"a second cable": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Interfaces = append(s.Interfaces, onvif.Interface{Name: "eth1", Enabled: true})
		}, []string{"second-interface warning eth1"}},
		"a foreign address": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Foreign = []onvif.Foreign{{Host: "203.0.113.9", In: "GetServices"}}
		}, []string{"foreign warning 203.0.113.9"}},
		"another MAC":    {func(_ *inspect.Subject, s *onvif.Statement) { s.Interfaces[0].MAC = "02:00:00:00:00:12" }, []string{"other-mac warning 02:00:00:00:00:12"}},
		"another maker":  {func(_ *inspect.Subject, s *onvif.Statement) { s.Manufacturer = "Sample Cameras" }, []string{"maker warning Sample"}},
		"another model":  {func(_ *inspect.Subject, s *onvif.Statement) { s.Model = "PV-880" }, []string{"model warning PV-880"}},
		"made by others": {func(s *inspect.Subject, _ *onvif.Statement) { s.MACMaker = "Somebody Technology" }, []string{"mac-maker note Somebody"}},
		"its gateway, names and time": {func(_ *inspect.Subject, s *onvif.Statement) {
			s.Gateways, s.DNS, s.NTP = []string{"10.20.0.254"}, []string{"10.20.0.1", "192.0.2.53"}, []string{"time.vendor.example"}
		}, []string{"gateway note 10.20.0.254", "dns note 192.0.2.53", "ntp note time.vendor.example"}},
		"its clock": {func(_ *inspect.Subject, s *onvif.Statement) { s.Clock.Offset = -3 * time.Minute }, []string{"clock note behind"}},
	} {
		t.Run(name, func(t *testing.T) {
			subject, said := subject(), honest()
			c.change(&subject, said)
			r := inspect.Of(subject, said, nil, at)
			var got []string
			for i, f := range r.Findings {
				word := ""
				if i < len(c.want) {
					if words := strings.Fields(c.want[i]); strings.Contains(f.Text(), words[len(words)-1]) {
						word = words[len(words)-1]
					}
				}
				got = append(got, string(f.Code)+" "+f.Level().String()+" "+word)
				if f.Fix() == "" {
					t.Error(f.Code, "has no fix")
				}
			}
			if !slices.Equal(got, c.want) || r.Outcome != inspect.Answered {
				t.Errorf("%s: found %q, want %q: %+v", r.Outcome, got, c.want, r.Findings)
			}
		})
	}
}

// TestClaimsStandSideBySide: a fact differs where two sources contradict each other.
func TestClaimsStandSideBySide(t *testing.T) {
	said := honest()
	said.Model = "PV-880"
	differs := map[string]bool{}
	for _, f := range inspect.Of(subject(), said, nil, time.Time{}).Facts {
		differs[f.Name] = f.Differs
		if f.Name == "maker" && len(f.Claims) != 3 {
			t.Errorf("maker: %+v", f.Claims)
		}
	}
	if !differs["model"] || differs["maker"] || differs["mac"] {
		t.Error(differs)
	}
	undeclared := subject()
	undeclared.Maker, undeclared.MACMaker = "", "Somebody Technology"
	r := inspect.Of(undeclared, honest(), nil, time.Time{})
	if len(r.Findings) != 1 || r.Findings[0].Code != inspect.MACMaker || r.Facts[0].Name != "maker" || !r.Facts[0].Differs {
		t.Errorf("a maker that only the MAC contradicts: %+v, %+v", r.Findings, r.Facts[0])
	}
}

// TestADeviceThatTellsNothing is said plainly.
func TestADeviceThatTellsNothing(t *testing.T) {
	said := honest()
	said.Signed, said.Untold = false, []onvif.Untold{{Operation: "GetDNS", Why: "not authorised", Refused: true}}
	if r := inspect.Of(subject(), said, nil, time.Time{}); r.Outcome != inspect.Refused || r.Fix == "" {
		t.Errorf("%+v", r)
	}
	for kind, want := range map[onvif.Kind]inspect.Outcome{
		onvif.KindClosed: inspect.Closed, onvif.KindSilent: inspect.Silent, onvif.KindUnreachable: inspect.Unreachable,
		onvif.KindNotONVIF: inspect.NotONVIF, onvif.KindForeign: inspect.Elsewhere,
	} {
		r := inspect.Of(subject(), nil, &onvif.Error{Kind: kind, Err: errors.New("why"), Foreign: []onvif.Foreign{{Host: "203.0.113.9", In: "redirect"}}}, time.Time{})
		if r.Outcome != want || r.Detail == "" || r.Fix == "" || len(r.Findings) != 1 {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	if r := inspect.Of(subject(), nil, context.Canceled, time.Time{}); r.Outcome != inspect.Silent {
		t.Errorf("%+v", r)
	}
}
