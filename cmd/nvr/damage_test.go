package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stockade-nvr/stockade/configs"
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
