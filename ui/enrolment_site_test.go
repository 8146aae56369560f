package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// fakeEnrolment is a site file that only has devices, and what is beside them.
type fakeEnrolment struct {
	mu        sync.Mutex // guards what follows
	devices   []ui.DeviceView
	sightings []ui.SightingView
	unlisted  []ui.UnlistedView
	revision  int
	stubborn  bool // the file changes just before it is written
}

func newFakeEnrolment() *fakeEnrolment {
	return &fakeEnrolment{devices: []ui.DeviceView{{ID: "dev-gate", IP: "10.20.1.11", MAC: "02:00:00:00:00:11", Cameras: []string{"gate"}}}}
}

func (f *fakeEnrolment) list() []ui.DeviceView {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.devices)
}

func (f *fakeEnrolment) at() string { return fmt.Sprintf("rev%d", f.revision) }

// Sightings gives those whose MAC is not pinned since.
func (f *fakeEnrolment) Sightings(context.Context) (ui.SightingsView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := ui.SightingsView{Revision: f.at(), Editable: true, Makers: true, Sightings: []ui.SightingView{}, Unlisted: slices.Clone(f.unlisted)}
	if v.Unlisted == nil {
		v.Unlisted = []ui.UnlistedView{}
	}
	for _, s := range f.sightings {
		if s.Device != "" || !slices.ContainsFunc(f.devices, func(d ui.DeviceView) bool { return d.MAC == s.MAC }) {
			v.Sightings = append(v.Sightings, s)
		}
	}
	return v, nil
}

func (f *fakeEnrolment) check(revision string) error {
	if revision != f.at() {
		return &ui.Problem{Status: http.StatusConflict, Message: "the site file has changed meanwhile: it is at revision " + f.at(), Fix: "look at the list again"}
	}
	return nil
}

// Pin adds devices.
func (f *fakeEnrolment) Pin(_ context.Context, revision string, devices []ui.NewDevice) (*ui.SiteChange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check(revision); err != nil {
		return nil, err
	}
	c := &ui.SiteChange{}
	for _, d := range devices {
		if slices.ContainsFunc(f.devices, func(x ui.DeviceView) bool { return x.ID == d.ID || x.IP == d.IP }) {
			return nil, &ui.Problem{Status: http.StatusBadRequest, Message: "id " + d.ID + " or its address stands there already", Fix: "each may stand once"}
		}
		c.Devices = append(c.Devices, d.ID)
	}
	c.After = devices
	c.Commit = f.commit(revision, func() {
		for _, d := range devices {
			f.devices = append(f.devices, ui.DeviceView{ID: d.ID, IP: d.IP, MAC: d.MAC, Cameras: []string{}, MACLocal: true})
		}
	})
	return c, nil
}

// Unpin removes one.
func (f *fakeEnrolment) Unpin(_ context.Context, revision, id string) (*ui.SiteChange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.devices, func(d ui.DeviceView) bool { return d.ID == id })
	switch {
	case i < 0:
		return nil, ui.ErrNotFound
	case len(f.devices[i].Cameras) > 0:
		return nil, &ui.Problem{Status: http.StatusConflict, Message: "camera gate is a view of this device", Fix: "remove its cameras first"}
	}
	if err := f.check(revision); err != nil {
		return nil, err
	}
	d := f.devices[i]
	return &ui.SiteChange{
		Devices: []string{id}, Before: []ui.NewDevice{{ID: d.ID, IP: d.IP, MAC: d.MAC}},
		Commit: f.commit(revision, func() { f.devices = slices.Delete(slices.Clone(f.devices), i, i+1) }),
	}, nil
}

func (f *fakeEnrolment) commit(revision string, change func()) func(context.Context) (ui.SiteChanged, error) {
	return func(context.Context) (ui.SiteChanged, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.stubborn {
			f.revision++
		}
		if err := f.check(revision); err != nil {
			return ui.SiteChanged{}, err
		}
		change()
		f.revision++
		return ui.SiteChanged{Revision: f.at(), InForce: true}, nil
	}
}

// strangers puts devices on the camera network that are not pinned: one of each kind.
func (f *fakeEnrolment) strangers() {
	now := time.Now().UTC()
	seen := func(mac, maker, port, id, ip string, age time.Duration) ui.SightingView {
		v := ui.SightingView{
			MAC: mac, Maker: maker, Local: maker == "", Port: port, First: now.Add(-age), Last: now.Add(-age / 40), Count: 1234, ID: id, IP: ip,
			Addresses: []ui.SightedAddress{}, Tried: []ui.TriedView{}, Means: []ui.MeaningView{},
		}
		if ip != "" {
			v.Addresses = append(v.Addresses, ui.SightedAddress{IP: ip, First: v.First, Last: v.Last, Via: "arp"})
		}
		return v
	}
	dock := seen("10:dc:b6:ab:c2:03", "Example Optics Co., Ltd.", "enp3s0", "dev-abc203", "10.20.1.31", 3*time.Hour)
	dock.FingerprintView = ui.FingerprintView{Name: "IPCAM", Class: "udhcp 1.24", Parameters: "1,3,6,12,15,28,42,121", ClientID: "0110dcb6abc203"}
	dock.Tried = []ui.TriedView{{Address: "203.0.113.80", Protocol: "TCP", Port: 443, Service: "HTTPS", Count: 214, Last: now}, {Address: "8.8.8.8", Protocol: "UDP", Port: 53, Service: "DNS", Count: 90, Last: now}}
	plain := seen("02:00:00:00:00:98", "", "enp3s0", "dev-000098", "10.20.1.98", 20*time.Minute)
	taker := seen("02:00:00:00:00:99", "", "enp2s0", "dev-000099", "", 5*time.Minute)
	taker.Addresses = []ui.SightedAddress{{IP: "10.20.1.11", First: taker.First, Last: taker.Last, Via: "ip"}, {IP: "10.20.1.99", First: taker.First, Last: taker.Last, Via: "arp"}}
	taker.Means = []ui.MeaningView{{Code: "takes-address", Device: "dev-gate", MAC: "02:00:00:00:00:11", IP: "10.20.1.11"}, {Code: "many-addresses"}}
	taker.Name = hostile
	moved := seen("02:00:00:00:00:11", "", "enp2s0", "", "", time.Minute)
	moved.Device, moved.Addresses = "dev-gate", []ui.SightedAddress{{IP: "10.20.7.7", First: now, Last: now, Via: "dhcp"}}
	moved.Means = []ui.MeaningView{{Code: "moved", Device: "dev-gate", IP: "10.20.7.7"}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sightings = []ui.SightingView{dock, plain, taker, moved}
	f.unlisted = []ui.UnlistedView{{Port: "enp2s0", Count: 4950, Last: now}}
	seenAt, last := now.Add(-9*time.Second), now.Add(-2*time.Minute)
	d := &f.devices[0]
	d.Maker, d.Model, d.Country, d.Port, d.Seen, d.Blocked, d.BlockedLast, d.MACLocal = "Example Optics", "EO-4 Turret", "KR", "enp2s0", &seenAt, 18452, &last, true
	d.DHCP = &ui.FingerprintView{Class: "udhcp 1.36.1", Parameters: "1,3,6,42"}
	f.devices = append(f.devices, ui.DeviceView{ID: "dev-spare", IP: "10.20.1.40", MAC: "00:0c:43:12:34:56", Cameras: []string{}, MACMaker: "Sample Radio Inc."})
}
