package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// keeper is the part of the recorder that keeps the pledge, with real databases
// and a real volume. Its store does not run: nothing is deleted.
func keeper(t *testing.T, site *configs.Site) (*app, *bytes.Buffer) {
	t.Helper()
	return keeperOf(t, site, opened(t, site))
}

// keeperOf is a keeper with what accrued before; the test closes what it has then.
func keeperOf(t *testing.T, site *configs.Site, p *people) (*app, *bytes.Buffer) {
	t.Helper()
	logged := &bytes.Buffer{}
	a := &app{appOptions: appOptions{Log: slog.New(slog.NewTextHandler(logged, nil))}, site: site}
	if err := os.MkdirAll(site.Storage.Volumes[0].Path, 0o700); err != nil {
		t.Fatal(err)
	}
	a.people = p
	var err error
	if a.store, err = storage.OpenStore(storageOptionsOf(site)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.waits.Wait()
		if err := a.store.Close(); err != nil {
			t.Error(err)
		}
		if err := a.people.close(); err != nil {
			t.Error(err)
		}
	})
	return a, logged
}

// breakAudit has every entry refused by the database until mended.
func (p *people) breakAudit(t *testing.T, state string) (mend func()) {
	t.Helper()
	if err := p.db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("audit")) }); err != nil {
		t.Fatal(err)
	}
	return func() {
		key, err := proof.OpenKey(state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Open(audit.Options{DB: p.db, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
}

// entries gives what the audit has of an action.
func (p *people) entries(t *testing.T, action string) []audit.Entry {
	t.Helper()
	page, err := p.audit.Query(t.Context(), audit.Filter{Action: action})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func TestWhatCannotBeWrittenDownShortensNothing(t *testing.T) {
	dir := t.TempDir()
	single := []string{"two_persons: true", "two_persons: false"}
	site := parsed(t, dir, single...)
	a, logged := keeper(t, site)
	a.people.withAdmin(t)
	if got := a.keepPledge(t.Context(), site); got.Keep != 90*24*time.Hour {
		t.Fatalf("at first %+v", got)
	}
	mend := a.people.breakAudit(t, site.Storage.State)
	a.site = parsed(t, dir, append(single, "keep: 90d", "keep: 10d")...)
	if got := a.keepPledge(t.Context(), a.site); got.Keep != 90*24*time.Hour || got.of("gate") != 120*24*time.Hour {
		t.Errorf("meanwhile %+v", got)
	}
	a.retryPledge()
	if checks := a.releaseHealth(); len(checks) != 1 || !strings.Contains(checks[0].Detail, "change of the site file") {
		t.Errorf("health %+v", checks)
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged:\n%s", n, logged)
	}
	mend()
	a.retryPledge()
	if held := a.people.pledge.now(); held.Keep != 10*24*time.Hour || held.Revision != a.site.Revision {
		t.Errorf("in the end %+v", held)
	}
	if checks := a.releaseHealth(); len(checks) != 0 {
		t.Errorf("health %+v", checks)
	}
	a.retryPledge()
	if all := a.people.entries(t, "site.change"); len(all) != 1 || !strings.Contains(all[0].Detail, "90 days to 10 days") {
		t.Errorf("entries %+v", all)
	}
}

func TestAReleaseThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir)
	a, _ := keeper(t, site)
	a.people.withAdmin(t)
	a.keepPledge(t.Context(), site)
	shorter := parsed(t, dir, "keep: 90d", "keep: 10d")
	a.site = shorter
	if got := a.people.pledge.now().both(promiseOf(shorter)); got.Keep != 90*24*time.Hour {
		t.Fatalf("meanwhile %+v", got)
	}
	mend := a.people.breakAudit(t, site.Storage.State)
	a.grant(shorter)
	if held := a.people.pledge.now(); held.Keep != 90*24*time.Hour {
		t.Errorf("meanwhile %+v", held)
	}
	mend()
	a.retryPledge()
	if held := a.people.pledge.now(); held.Keep != 10*24*time.Hour {
		t.Errorf("in the end %+v", held)
	}
	if all := a.people.entries(t, "site.released"); len(all) != 1 {
		t.Errorf("entries %+v", all)
	}
}

func TestEachChangeOfArmingIsWrittenOnce(t *testing.T) {
	site := parsed(t, t.TempDir())
	p := opened(t, site)
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	c := armingAccount{write: p.audit.Append}
	mend := p.breakAudit(t, site.Storage.State)
	for _, state := range []firewall.State{firewall.Enforced, firewall.Disarmed, firewall.Disarmed, firewall.Enforced} {
		if err := c.look(firewall.Status{State: state}); err == nil {
			t.Fatal("the database takes entries")
		}
	}
	mend()
	for range 2 {
		if err := c.look(firewall.Status{State: firewall.Enforced}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range p.entries(t, "firewall.") {
		got = append(got, e.Action)
	}
	if want := []string{"firewall.arm", "firewall.disarm", "firewall.arm"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What others change in the kernel is told once, and again at ten times as many.
func TestChangesByOthersAreAudited(t *testing.T) {
	site := parsed(t, t.TempDir())
	p := opened(t, site)
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	start := time.Now().Add(-time.Minute)
	c := armingAccount{write: p.audit.Append, since: start, last: "firewall.arm"}
	drift := func(id uint64, done firewall.DriftDone, count int, first, last time.Time) firewall.Drift {
		return firewall.Drift{ID: id, Layer: "L4", Found: "a foreign rule stands before ours in FORWARD: -A FORWARD -j ACCEPT", Done: done, Count: count, First: first, Last: last}
	}
	before, now := start.Add(-time.Hour), time.Now()
	for _, list := range [][]firewall.Drift{
		{drift(1, firewall.DriftRepaired, 3, before, before)},
		{drift(2, firewall.DriftStands, 1, now, now)}, // what becomes of it is not known yet
		{drift(2, firewall.DriftRepaired, 1, now, now)},
		{drift(2, firewall.DriftRepaired, 9, now, now)},
		{drift(2, firewall.DriftRepaired, 10, now, now)},
		{drift(3, firewall.DriftStands, 1, start, now), drift(2, firewall.DriftRepaired, 11, now, now)},
	} {
		for range 2 {
			if err := c.look(firewall.Status{State: firewall.Enforced, Drift: list}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	for _, e := range p.entries(t, "firewall.") {
		_, became, _ := strings.Cut(e.Detail, "-j ACCEPT; ")
		got = append(got, e.Action+": "+became)
	}
	slices.Sort(got)
	want := []string{
		"firewall.drift: repaired", "firewall.drift: repaired; 10 times since " + now.UTC().Format(time.RFC3339), "firewall.drift: stands",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestANewStateDirectoryIsNoWayAroundThePledge(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir)
	volume := site.Storage.Volumes[0].Path
	if err := os.MkdirAll(volume, 0o700); err != nil {
		t.Fatal(err)
	}
	p := opened(t, site)
	p.withAdmin(t)
	key, err := proof.OpenKey(site.Storage.State)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(audit.Options{DB: p.db, Key: key, Mirrors: func() []string { return []string{volume} }})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := errors.Join(l.Run(ended), p.close()); err != nil {
		t.Fatal(err)
	}
	moved := parsed(t, dir, "DIR/state", dir+"/other", "two_persons: true", "two_persons: false", "keep: 90d", "keep: 1d", "keep: 120d", "keep: 1d")
	a, _ := keeper(t, moved)
	if got := a.firstRetention(); got.Keep != 0 {
		t.Errorf("at first %+v", got)
	}
	if got := a.keepPledge(t.Context(), moved); got.Keep != 0 || got.of("gate") != 0 || !got.TwoPersons {
		t.Errorf("without an admin %+v", got)
	}
	a.retryPledge()
	if a.release.id != "" {
		t.Error("it asks before there is an admin")
	}
	a.people.withAdmin(t)
	a.retryPledge()
	if a.release.id == "" {
		t.Error("it does not ask the admin")
	}
	a.grant(moved)
	if held := a.people.pledge.now(); held.Keep != 24*time.Hour || held.Unknown {
		t.Errorf("confirmed %+v", held)
	}
}

func TestACommandMakesNoStateDirectory(t *testing.T) {
	site := parsed(t, t.TempDir())
	if _, _, err := keepUsers(t.Context(), site); !errors.Is(err, errNoState) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(site.Storage.State); err == nil {
		t.Error("it made the state directory")
	}
}

func TestHeadsGoOnlyToVolumesThatAreThere(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir, "reserve: 1MiB}]", "reserve: 1MiB}, {path: "+dir+"/away, reserve: 1MiB}]")
	a, _ := keeper(t, site)
	if got := a.attached(); len(got) != 2 {
		t.Fatalf("attached: %q", got)
	}
	// The second is not mounted at the next start: its mount point is there, and empty.
	away := site.Storage.Volumes[1].Path
	if err := errors.Join(a.store.Close(), os.RemoveAll(away), os.Mkdir(away, 0o700)); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.store, err = storage.OpenStore(storageOptionsOf(site)); err != nil {
		t.Fatal(err)
	}
	if got := a.attached(); !slices.Equal(got, []string{site.Storage.Volumes[0].Path}) {
		t.Errorf("attached: %q", got)
	}
}

func TestWhyAReleaseIsOver(t *testing.T) {
	refused := overText(&auth.Error{Kind: auth.Denied, Message: "no second admin confirmed it"})
	if !strings.Contains(refused, "withdrawn") {
		t.Errorf("refused: %q", refused)
	}
	if broken := overText(errors.New("disk on fire")); !strings.Contains(broken, "disk on fire") {
		t.Errorf("broken: %q", broken)
	}
}

func TestAConfirmedReserveHoldsAtOnce(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir)
	a, _ := keeper(t, site)
	admin := a.people.withAdmin(t)
	a.keep(a.keepPledge(t.Context(), site))
	reserve := func() int64 { return a.store.Status().Volumes[0].Reserve }
	small := reserve()
	larger := parsed(t, dir, "reserve: 1MiB", "reserve: 3MiB")
	a.site = larger
	a.change.Lock()
	a.keep(a.keepPledge(t.Context(), larger))
	a.change.Unlock()
	if got := reserve(); got != small || small != 1<<20 {
		t.Fatalf("the reserve is %d before anybody confirmed, and was %d", got, small)
	}
	list, err := a.people.accounts.Confirmations(admin)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v waits, %v", list, err)
	}
	if _, err := a.people.accounts.Confirm(admin, list[0].ID); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); reserve() != 3<<20; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the reserve is %d", reserve())
		}
	}
	// And less is taken without asking.
	a.site = parsed(t, dir, "reserve: 1MiB", "reserve: 2MiB")
	a.change.Lock()
	a.keep(a.keepPledge(t.Context(), a.site))
	a.change.Unlock()
	if got := reserve(); got != 2<<20 {
		t.Errorf("a smaller reserve is %d", got)
	}
}

func TestARequestThatCannotBeFiledIsInHealth(t *testing.T) {
	dir := t.TempDir()
	site := parsed(t, dir)
	a, logged := keeper(t, site)
	a.people.withAdmin(t)
	a.keepPledge(t.Context(), site)
	ended, end := context.WithCancel(t.Context())
	a.site = parsed(t, dir, "keep: 90d", "keep: 10d")
	a.keepPledge(ended, a.site)
	end()
	a.waits.Wait()
	// As at the next start: the file is known, and the request has to be filed anew.
	a.forget()
	mend := a.people.breakAudit(t, site.Storage.State)
	a.keepPledge(t.Context(), a.site)
	for range 3 {
		a.retryPledge()
	}
	if checks := a.releaseHealth(); len(checks) != 1 || checks[0].State != ui.HealthBad || !strings.Contains(checks[0].Detail, "the request for a second admin") {
		t.Errorf("health %+v", checks)
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged:\n%s", n, logged)
	}
	mend()
	a.retryPledge()
	if checks := a.releaseHealth(); len(checks) != 1 || !strings.HasPrefix(checks[0].Detail, "waits for a second admin") {
		t.Errorf("health %+v", checks)
	}
	a.forget() // ends the waiting
}
