package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/internal/oui"
	"github.com/stockade-nvr/stockade/ui"
)

// Sightings lists what was seen and is not pinned.
func (e enrolment) Sightings(context.Context) (ui.SightingsView, error) {
	site := e.app.current()
	v := ui.SightingsView{
		Revision: site.Revision, Editable: e.app.Config != "", Makers: e.makers().Len() > 0,
		Sightings: []ui.SightingView{}, Unlisted: []ui.UnlistedView{},
	}
	if file, err := os.ReadFile(e.app.Config); err == nil { // what a change must be of
		v.Revision = configs.Revision(file)
	}
	taken := map[string]bool{}
	for _, d := range site.Devices {
		taken[d.ID] = true
	}
	for _, s := range e.app.book.List() {
		v.Sightings = append(v.Sightings, e.view(s, taken))
	}
	for _, u := range e.app.book.Unlisted() {
		v.Unlisted = append(v.Unlisted, ui.UnlistedView{Port: u.Port, Count: u.Count, Last: u.Last})
	}
	return v, nil
}

// view is a sighting as the page shows it.
func (e enrolment) view(s sightings.Sighting, taken map[string]bool) ui.SightingView {
	v := ui.SightingView{
		MAC: s.MAC.String(), Local: oui.Local(s.MAC), First: s.First, Last: s.Last, Count: s.Count,
		FingerprintView: fingerprintView(s.Fingerprint), Device: s.Device, More: s.More,
		Addresses: []ui.SightedAddress{}, Tried: []ui.TriedView{}, Means: []ui.MeaningView{},
	}
	v.Maker, _ = e.makers().Maker(s.MAC)
	if s.Port != bridge {
		v.Port = s.Port
	}
	if ip := s.Candidate(); ip.IsValid() {
		v.IP = ip.String()
	}
	if s.Device == "" {
		v.ID = suggestID(s.MAC, taken)
	}
	for _, a := range s.Addresses {
		v.Addresses = append(v.Addresses, ui.SightedAddress{IP: a.IP.String(), First: a.First, Last: a.Last, Via: string(a.Via)})
	}
	for _, t := range s.Tried {
		v.Tried = append(v.Tried, triedView(t))
	}
	for _, m := range s.Meanings {
		x := ui.MeaningView{Code: string(m.Code), Device: m.Device}
		if !m.MAC.IsZero() {
			x.MAC = m.MAC.String()
		}
		if m.IP.IsValid() {
			x.IP = m.IP.String()
		}
		v.Means = append(v.Means, x)
	}
	return v
}

func fingerprintView(p sightings.Fingerprint) ui.FingerprintView {
	return ui.FingerprintView{Name: p.Name, Class: p.Class, Parameters: p.Parameters, ClientID: p.ClientID}
}

// triedView is a destination; an ICMP's "port" is its type and code, which says nothing here.
func triedView(t sightings.Try) ui.TriedView {
	v := ui.TriedView{Address: t.Address.String(), Protocol: protocolWord(t.Protocol), Count: t.Count, Last: t.Last}
	if t.Protocol == protocolTCP || t.Protocol == protocolUDP {
		v.Port, v.Service = int(t.Port), serviceOf(t.Protocol, t.Port)
	}
	return v
}

// protocolWord names the protocols that devices use; others are "IP".
func protocolWord(protocol uint8) string {
	switch protocol {
	case protocolICMP:
		return "ICMP"
	case protocolTCP:
		return "TCP"
	case protocolUDP:
		return "UDP"
	}
	return "IP"
}

// sighted adds to a pinned device what became of it.
func (a *app) sighted(v *ui.DeviceView, d configs.Device) {
	mac := nflog.MAC(d.MAC)
	v.MACMaker, _ = a.enrol.makers().Maker(mac)
	v.MACLocal = oui.Local(mac)
	v.Bound = d.Port
	p := a.book.Pinned(mac)
	v.Blocked = p.Count
	if p.Port != bridge {
		v.Port = p.Port
	}
	if !p.Last.IsZero() {
		v.BlockedLast = &p.Last
	}
	if !p.Seen.IsZero() {
		v.Seen = &p.Seen
	}
	if told := fingerprintView(p.Fingerprint); told != (ui.FingerprintView{}) {
		v.DHCP = &told
	}
}

// findingViews are findings as the page and commands show them.
func findingViews(found []sightings.Finding, now time.Time) []ui.FindingView {
	all := make([]ui.FindingView, 0, len(found))
	for _, f := range found {
		v := ui.FindingView{
			Kind: string(f.Kind), Level: levelWord(f.Level()), Current: f.Current(now), Device: f.Device, Port: f.Port, Other: f.Other,
			First: f.First, Last: f.Last, Count: f.Count, Text: f.Text(), Fix: f.Fix(),
		}
		if !f.MAC.IsZero() {
			v.MAC = f.MAC.String()
		}
		if f.Address.IsValid() {
			v.Address = f.Address.String()
		}
		all = append(all, v)
	}
	return all
}

func levelWord(l sightings.Level) string {
	switch l {
	case sightings.NotEnforced:
		return "not-enforced"
	case sightings.Warning:
		return "warning"
	case sightings.Note:
	}
	return "note"
}

// networkHealth says where containment ends by what was found of late.
func (a *app) networkHealth() []ui.HealthCheck {
	c := ui.HealthCheck{Name: "camera network", State: ui.HealthOK}
	var text, fixes []string
	for _, f := range a.found() {
		if !f.Current(time.Now()) || f.Level() == sightings.Note {
			continue
		}
		if f.Level() == sightings.NotEnforced {
			c.State = ui.HealthBad
		} else if c.State == ui.HealthOK {
			c.State = ui.HealthWarn
		}
		text = append(text, f.Text())
		if !slices.Contains(fixes, f.Fix()) {
			fixes = append(fixes, f.Fix())
		}
	}
	const most = 4
	c.Detail, c.Fix = strings.Join(text[:min(len(text), most)], "; "), strings.Join(fixes[:min(len(fixes), most)], "; ")
	return []ui.HealthCheck{c}
}
