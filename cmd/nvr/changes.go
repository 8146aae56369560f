package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// maxChanges bounds what one entry of the audit lists of a change.
const maxChanges = 50

// changeOf is what the audit says when another site file comes into force than
// that of the revision before; nil when it is the same, or the first. Passwords
// and keys lie in files of their own: nothing secret is in a site file.
func changeOf(before string, old, site *configs.Site) *audit.Entry {
	if before == "" || before == site.Revision {
		return nil
	}
	detail := "changed while nvr did not run"
	if old != nil {
		detail = strings.Join(changes(old, site), "; ")
	}
	return &audit.Entry{
		Actor: siteFile().Name(), Via: "box", Action: "site.change", Object: "site",
		Before: revisionText(before), After: revisionText(site.Revision), Outcome: "ok", Detail: detail,
	}
}

func revisionText(revision string) json.RawMessage {
	b, err := json.Marshal(map[string]string{"revision": revision})
	if err != nil {
		return nil // but a map of strings always marshals
	}
	return b
}

// changes names in words what differs between two site files.
func changes(old, site *configs.Site) []string {
	var all []string
	differs := func(what string, was, is any) {
		if !reflect.DeepEqual(was, is) {
			all = append(all, what+" changed")
		}
	}
	if old.Name != site.Name {
		all = append(all, fmt.Sprintf("site name: %q to %q", old.Name, site.Name))
	}
	if old.Zone.String() != site.Zone.String() {
		all = append(all, fmt.Sprintf("zone: %s to %s", old.Zone, site.Zone))
	}
	differs("language", old.Language, site.Language)
	differs("listen", old.Listen, site.Listen)
	differs("tls", old.TLS, site.TLS)
	differs("time servers", old.TimeServers, site.TimeServers)
	differs("volumes", old.Storage.Volumes, site.Storage.Volumes)
	if old.Storage.Keep != site.Storage.Keep {
		all = append(all, fmt.Sprintf("retention: %s to %s", keepText(old.Storage.Keep), keepText(site.Storage.Keep)))
	}
	if old.Observe != site.Observe {
		all = append(all, fmt.Sprintf("containment observe: %t to %t", old.Observe, site.Observe))
	}
	differs("camera network", old.CameraNetwork, site.CameraNetwork)
	all = append(all, accountChanges(old.Accounts, site.Accounts)...)
	all = append(all, differences("device", byID(old.Devices, func(d configs.Device) string { return d.ID }), byID(site.Devices, func(d configs.Device) string { return d.ID }))...)
	all = append(all, differences("camera", byID(old.Cameras, func(c configs.Camera) string { return c.ID }), byID(site.Cameras, func(c configs.Camera) string { return c.ID }))...)
	if n := len(all); n > maxChanges {
		all = append(all[:maxChanges], fmt.Sprintf("and %d more", n-maxChanges))
	}
	if len(all) == 0 {
		all = []string{"nothing but its wording"}
	}
	return all
}

func accountChanges(old, site configs.Accounts) (all []string) {
	if !slices.Equal(old.SecondFactor, site.SecondFactor) {
		all = append(all, fmt.Sprintf("second factor: %v to %v", old.SecondFactor, site.SecondFactor))
	}
	if old.TwoPersons != site.TwoPersons {
		all = append(all, fmt.Sprintf("two persons: %t to %t", old.TwoPersons, site.TwoPersons))
	}
	if old.Idle != site.Idle || old.Session != site.Session || old.ConfirmWithin != site.ConfirmWithin {
		all = append(all, "times of accounts changed")
	}
	name := func(p configs.Provider) string { return p.ID }
	return append(all, differences("sign-on provider", byID(old.SSO, name), byID(site.SSO, name))...)
}

func byID[T any](list []T, id func(T) string) map[string]T {
	all := make(map[string]T, len(list))
	for _, v := range list {
		all[id(v)] = v
	}
	return all
}

// differences names what was added, removed and changed.
func differences[T any](what string, old, is map[string]T) (all []string) {
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, ok := is[id]; !ok {
			all = append(all, what+" "+id+" removed")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(is)) {
		was, ok := old[id]
		switch {
		case !ok:
			all = append(all, what+" "+id+" added")
		case !reflect.DeepEqual(was, is[id]):
			all = append(all, what+" "+id+" changed")
		}
	}
	return all
}
