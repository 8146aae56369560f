package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// Whatever page of state.db is lost, the recorder is told by an error; a panic
// would end recording.
func TestALostPageOfTheDatabaseIsAnError(t *testing.T) {
	o, whole := populated(t)
	name := filepath.Join(o.Site().Storage.State, stateName)
	page := os.Getpagesize()
	told := 0
	for at := 0; at < len(whole); at += page {
		damaged := bytes.Clone(whole)
		clear(damaged[at:min(at+page, len(damaged))])
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		err := use(t, o)
		if errors.Is(err, errDaemon) {
			t.Fatalf("the page before %d keeps the lock", at)
		}
		if err != nil {
			told++
		}
	}
	if told == 0 {
		t.Error("no page was missed: the test damages nothing")
	}
	// A bit of the audit's name: once a panic.
	at := bytes.Index(whole, []byte("audit/"))
	damaged := bytes.Clone(whole)
	for i := at; i >= 0 && i < len(damaged); {
		damaged[i+5] ^= 0x80
		next := bytes.Index(damaged[i+1:], []byte("audit/"))
		if next < 0 {
			break
		}
		i += 1 + next
	}
	if err := os.WriteFile(name, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := use(t, o); !errors.Is(err, audit.ErrFormat) {
		t.Errorf("a list of another name gives %v", err)
	}
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := use(t, o); err != nil { // also: none of those before holds the lock
		t.Errorf("the whole database: %v", err)
	}
}

// populated makes a state database that holds something of everything.
func populated(t *testing.T) (o peopleOptions, whole []byte) {
	t.Helper()
	site := &configs.Site{Name: "Camp North", Revision: "1"}
	site.Storage.State = t.TempDir()
	o = peopleOptions{
		Site: func() *configs.Site { return site }, Mirrors: func() []string { return nil }, Log: slog.New(slog.DiscardHandler),
	}
	p, err := openPeople(o)
	if err != nil {
		t.Fatal(err)
	}
	as := auth.LocalPrincipal("box")
	for _, name := range []string{"kim", "lee", "park"} {
		if _, _, err := p.accounts.AddUser(as, auth.NewUser{Name: name, Grant: auth.Grant{Role: auth.Admin}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 60 {
		if err := p.audit.Append(audit.Entry{Actor: "nvr", Via: "box", Action: "firewall.arm", Object: "containment", Outcome: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if whole, err = os.ReadFile(filepath.Join(site.Storage.State, stateName)); err != nil {
		t.Fatal(err)
	}
	return o, whole
}

// use does with a database what a running recorder does, and gives the first error.
func use(t *testing.T, o peopleOptions) error {
	p, err := openPeople(o)
	if err != nil {
		return err
	}
	_, first := p.accounts.NeedsSetup()
	_, users := p.accounts.Users(auth.LocalPrincipal("box"))
	_, verified := p.audit.Verify(t.Context())
	appended := p.audit.Append(audit.Entry{Actor: "nvr", Via: "box", Action: "firewall.arm", Object: "containment", Outcome: "ok"})
	return errors.Join(first, users, verified, appended, p.close())
}

// What is damaged while the recorder runs is told where people look.
func TestHealthSaysThatPeopleAreOff(t *testing.T) {
	o, whole := populated(t)
	site := o.Site()
	a := &app{appOptions: appOptions{Log: slog.New(slog.DiscardHandler)}, site: site}
	o.Damaged = a.damaged
	p, err := openPeople(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guarded.Do(p.close); err != nil {
			t.Log("closed with", err)
		}
	})
	if c := a.peopleHealth(); c != nil {
		t.Fatalf("health says %+v before anything is damaged", c)
	}
	f, err := os.OpenFile(filepath.Join(site.Storage.State, stateName), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// All but the two pages that bbolt begins with, as a disk that lost them.
	page := os.Getpagesize()
	if _, err := f.WriteAt(make([]byte, len(whole)-2*page), int64(2*page)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.accounts.Users(auth.LocalPrincipal("box")); !errors.Is(err, guarded.ErrDamaged) {
		t.Fatalf("a read gives %v", err)
	}
	c := a.peopleHealth()
	if len(c) != 1 || c[0].State != ui.HealthBad || !strings.HasPrefix(c[0].Detail, "people: off. ") || !strings.Contains(c[0].Detail, stateName) || c[0].Fix == "" {
		t.Errorf("health says %+v", c)
	}
}
