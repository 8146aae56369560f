package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestPledgeNamesWhatWouldBeTakenAway(t *testing.T) {
	const day = 24 * time.Hour
	keep := func(keep time.Duration, cameras map[string]time.Duration) promise {
		return promise{TwoPersons: true, Keep: keep, Cameras: cameras}
	}
	for name, c := range map[string]struct {
		held, next promise
		want       []string
		gate       time.Duration // in force for the camera gate meanwhile
	}{
		"the same":                  {keep(30*day, nil), keep(30*day, nil), nil, 30 * day},
		"longer":                    {keep(30*day, nil), keep(60*day, nil), nil, 60 * day},
		"for ever":                  {keep(30*day, nil), keep(0, nil), nil, 0},
		"shorter":                   {keep(30*day, nil), keep(10*day, nil), []string{"retention: 30 days to 10 days"}, 30 * day},
		"no longer for ever":        {keep(0, nil), keep(900*day, nil), []string{"retention: until space is needed to 900 days"}, 0},
		"a camera's own":            {keep(30*day, map[string]time.Duration{"gate": 90 * day}), keep(30*day, map[string]time.Duration{"gate": 60 * day}), []string{"retention of gate: 90 days to 60 days"}, 90 * day},
		"a camera that leaves":      {keep(30*day, map[string]time.Duration{"gate": 90 * day}), keep(30*day, nil), []string{"retention of gate: 90 days to 30 days"}, 90 * day},
		"a camera gets less":        {keep(30*day, nil), keep(30*day, map[string]time.Duration{"gate": 36 * time.Hour}), []string{"retention of gate: 30 days to 36h"}, 30 * day},
		"the general one under it":  {keep(30*day, map[string]time.Duration{"gate": 90 * day}), keep(60*day, map[string]time.Duration{"gate": 90 * day}), nil, 90 * day},
		"two persons are given up":  {keep(30*day, nil), promise{Keep: 30 * day}, []string{"two persons: no longer needed"}, 30 * day},
		"other cameras are no less": {keep(30*day, map[string]time.Duration{"yard": day}), keep(30*day, map[string]time.Duration{"yard": 2 * day}), nil, 30 * day},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.held.lowers(c.next); !slices.Equal(got, c.want) {
				t.Errorf("lowers %q, want %q", got, c.want)
			}
			both := c.held.both(c.next)
			if got := both.of("gate"); got != c.gate || !both.TwoPersons {
				t.Errorf("meanwhile %v", both)
			}
			if left := append(c.held.lowers(both), c.next.lowers(both)...); len(left) > 0 {
				t.Errorf("meanwhile less than promised: %q", left)
			}
		})
	}
}

func TestPledgeHoldsTheReserveOfVolumes(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir)
	a, _ := keeper(t, site)
	a.people.withAdmin(t)
	a.keepPledge(t.Context(), site)
	const mib = 1 << 20
	a.site = parsed(t, dir, "reserve: 1MiB", "reserve: 2GiB")
	if so := a.firstStorage(); so.Volumes[0].Reserve != mib {
		t.Errorf("opened with a reserve of %d", so.Volumes[0].Reserve)
	}
	next := promiseOf(a.site)
	held := a.people.pledge.now()
	if what := held.lowers(next); len(what) != 1 || !strings.HasPrefix(what[0], "reserve of ") {
		t.Errorf("lowers %q", what)
	}
	if both := held.both(next); len(held.lowers(both)) > 0 {
		t.Errorf("meanwhile %+v", both)
	}
	away := promise{TwoPersons: true, Keep: held.Keep, Cameras: held.Cameras}
	if what := held.lowers(away); len(what) != 1 || !strings.HasSuffix(what[0], "no longer used") {
		t.Errorf("lowers %q", what)
	}
	smaller := promiseOf(parsed(t, dir, "reserve: 1MiB", "reserve: 1KiB"))
	if what := held.lowers(smaller); len(what) != 0 {
		t.Errorf("lowers %q", what)
	}
	a.grant(a.site)
	if so := a.firstStorage(); so.Volumes[0].Reserve != 2048*mib {
		t.Errorf("confirmed, and opened with a reserve of %d", so.Volumes[0].Reserve)
	}
}

// Another name of the same disk in the site file is no way around its reserve.
func TestPledgeHoldsTheReserveUnderAnotherName(t *testing.T) {
	for name, rename := range map[string]func(t *testing.T, volume string) string{
		"a stroke more": func(_ *testing.T, volume string) string { return volume + "/" },
		"by a link": func(t *testing.T, volume string) string {
			link := volume + "-link"
			if err := os.Symlink(volume, link); err != nil {
				t.Fatal(err)
			}
			return link
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			site := parsed(t, dir)
			a, _ := keeper(t, site)
			a.people.withAdmin(t)
			a.keepPledge(t.Context(), site)
			volume := site.Storage.Volumes[0].Path
			a.site = parsed(t, dir, "DIR/video", rename(t, volume), "reserve: 1MiB", "reserve: 2GiB")
			if a.site.Storage.Volumes[0].Reserve != 2<<30 || a.site.Storage.Volumes[0].Path == volume {
				t.Fatalf("the test tests nothing: %+v", a.site.Storage.Volumes)
			}
			if so := a.firstStorage(); so.Volumes[0].Reserve != 1<<20 {
				t.Errorf("opened with a reserve of %d", so.Volumes[0].Reserve)
			}
			for range 2 { // asked once, and after what was kept of it
				for of, reserve := range a.keepPledge(t.Context(), a.site).Reserves {
					if reserve != 1<<20 {
						t.Errorf("meanwhile %s has a reserve of %d", of, reserve)
					}
				}
			}
			a.grant(a.site)
			if so := a.firstStorage(); so.Volumes[0].Reserve != 2<<30 {
				t.Errorf("confirmed, and opened with a reserve of %d", so.Volumes[0].Reserve)
			}
		})
	}
}

func TestPledgeOutlivesTheProgram(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.db")
	want := promise{Revision: "abc", TwoPersons: true, Keep: time.Hour, Cameras: map[string]time.Duration{"gate": 0}}
	for round := range 2 {
		db, err := bbolt.Open(name, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := readPledge(db)
		if err != nil {
			t.Fatal(err)
		}
		if round == 1 && len(want.lowers(p.now())) > 0 || round == 1 && (p.now().Revision != "abc" || p.site().Values["site.name"] != "x") {
			t.Errorf("read %+v", p.now())
		}
		if err := p.hold(want, siteText{Revision: "abc", Values: map[string]string{"site.name": "x"}}, func(*bbolt.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
