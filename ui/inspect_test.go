package ui_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// fakeInspections are devices that say what a test has them say.
type fakeInspections struct {
	mu    sync.Mutex // guards what follows
	says  []ui.InspectionView
	asked []string
	fails error
}

// List gives what was said, of the one device that there is.
func (f *fakeInspections) List(device string) ([]ui.InspectionView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if device != "" && device != "dev-gate" {
		return nil, ui.ErrNotFound
	}
	return slices.Clone(f.says), nil
}

// Inspect asks.
func (f *fakeInspections) Inspect(_ context.Context, device string) (ui.InspectionView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails != nil {
		return ui.InspectionView{}, f.fails
	}
	f.asked = append(f.asked, device)
	f.says = []ui.InspectionView{inspected()}
	return f.says[0], nil
}

// inShort says in a list of devices what was said.
func (f *fakeInspections) inShort(devices []ui.DeviceView) []ui.DeviceView {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range devices {
		for _, v := range f.says {
			if v.Device == devices[i].ID {
				devices[i].Inspected = &ui.InspectedView{At: v.At, Outcome: v.Outcome, Findings: len(v.Findings), Level: v.Findings[0].Level}
			}
		}
	}
	return devices
}

// inspected is a device that contradicts the site file, and lies in its words.
func inspected() ui.InspectionView {
	claims := func(pairs ...string) (all []ui.ClaimView) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, ui.ClaimView{Source: pairs[i], Value: pairs[i+1]})
		}
		return all
	}
	return ui.InspectionView{
		Device: "dev-gate", At: time.Now().UTC().Add(-2 * time.Minute), Outcome: "answered", Address: "10.20.1.11:80", Signed: true,
		Facts: []ui.FactView{
			{Name: "maker", Claims: claims("site-file", "Example Optics", "onvif", "EXAMPLE-OPTICS")},
			{Name: "model", Differs: true, Claims: claims("site-file", "EO-4 Turret", "onvif", hostile)},
			{Name: "firmware", Claims: claims("onvif", "V5.7.3 build 220112")},
			{Name: "interface", Claims: claims("onvif", "eth0 02:00:00:00:00:11 10.20.1.11/16")},
			{Name: "interface", Claims: claims("onvif", `wlan0 02:00:00:01:00:11 SSID "yard-guest"`)},
			{Name: "gateway", Claims: claims("onvif", "10.20.0.254")},
		},
		Findings: []ui.DeviceFindingView{
			{Code: "radio", Level: "not-enforced", About: "wlan0", With: "yard-guest", Text: `it has a radio that is on: wlan0, in the network "yard-guest"`, Fix: "switch it off"},
			{Code: "foreign", Level: "warning", About: hostile, With: "GetServices", Text: "names " + hostile, Fix: "correct it"},
			{Code: "model", Level: "warning", About: hostile, With: "EO-4 Turret", Text: "another model", Fix: "look at it"},
			{Code: "gateway", Level: "note", About: "10.20.0.254", With: "10.20.0.1", Text: "its gateway", Fix: "set it"},
			{Code: "of-a-later-version", Level: "note", Text: "something that this page has no words for", Fix: "read the text"},
		},
		Untold: []ui.UntoldView{{Operation: "GetDNS", Why: "it answers: Optional Action Not Implemented"}},
	}
}

// TestAskingADeviceIsAnAdminsAndWrittenDown: an auditor reads what was learnt and
// makes no device do anything.
func TestAskingADeviceIsAnAdminsAndWrittenDown(t *testing.T) {
	site := smallSite().withAccounts(t)
	admin, auditor := site.signIn(t, "admin"), site.signIn(t, "auditor")
	for _, c := range []struct {
		who    *visitor
		device string
		status int
	}{{auditor, "dev-gate", http.StatusForbidden}, {admin, "dev-other", http.StatusNotFound}} {
		if status, _, text := site.ask(t, c.who, "POST", "/api/v1/devices/"+c.device+"/inspect", "{}"); status != c.status || !problem(text) {
			t.Errorf("%s: %d %s", c.device, status, text)
		}
	}
	if len(site.asked.asked) != 0 || len(site.audited(t, "device.inspect")) != 0 {
		t.Error("asked", site.asked.asked, site.audited(t, "device.inspect"))
	}
	status, _, text := site.ask(t, admin, "POST", "/api/v1/devices/dev-gate/inspect", "{}")
	var said ui.InspectionView
	decode(t, status, text, &said)
	if e := site.audited(t, "device.inspect"); len(e) != 1 || e[0].Object != "device:dev-gate" || e[0].Actor != "admin" || said.Outcome != "answered" {
		t.Errorf("%+v, %+v", e, said)
	}
	var all struct{ Inspections []ui.InspectionView }
	status, _, text = site.ask(t, auditor, "GET", "/api/v1/inspect?device=dev-gate", "")
	decode(t, status, text, &all)
	if len(all.Inspections) != 1 || strings.Contains(text, "<img") {
		t.Error(text)
	}
	if status, _, text = site.ask(t, auditor, "GET", "/api/v1/inspect?device=dev-other", ""); status != http.StatusNotFound || len(site.asked.asked) != 1 {
		t.Error(status, text, site.asked.asked)
	}
	site.asked.fails = &ui.Problem{Status: http.StatusConflict, Message: "containment is not enforced", Fix: "see the panel"}
	if status, _, text = site.ask(t, admin, "POST", "/api/v1/devices/dev-gate/inspect", "{}"); status != http.StatusConflict || !problem(text) {
		t.Error(status, text)
	}
	var refused []audit.Entry
	for _, e := range site.audited(t, "device.inspect") {
		if e.Outcome == "refused" {
			refused = append(refused, e)
		}
	}
	if len(refused) != 1 || refused[0].Detail != "not done: containment is not enforced" {
		t.Errorf("what was not asked is audited as %+v", refused)
	}
}
