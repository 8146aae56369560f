package main

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/spf13/cobra"
	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// parsed reads the site file of tests with its directories below dir.
func parsed(t *testing.T, dir string, changes ...string) *configs.Site {
	t.Helper()
	file := strings.NewReplacer(append(changes, "DIR", dir)...).Replace(peopleSite)
	s, err := configs.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened opens what accrues about people by a site file; the test closes it.
func opened(t *testing.T, s *configs.Site) *people {
	t.Helper()
	p, err := openPeople(peopleOptions{
		Site: func() *configs.Site { return s }, Mirrors: func() []string { return nil }, Make: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withAdmin makes the first admin.
func (p *people) withAdmin(t *testing.T) auth.Principal {
	t.Helper()
	code, err := p.accounts.SetupCode()
	if err != nil {
		t.Fatal(err)
	}
	admin := auth.NewUser{Name: "kim", Grant: auth.Grant{Role: auth.Admin}}
	_, kim, err := p.accounts.Setup(code, admin, "a long enough password", auth.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return kim
}

func TestNothingOnTheInputGetsAroundTwoPersons(t *testing.T) {
	dir := t.TempDir()
	asked := parsed(t, dir)
	p := opened(t, asked)
	p.withAdmin(t)
	if err := p.pledge.hold(promiseOf(asked), textOf(asked), func(*bbolt.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	for name, site := range map[string]*configs.Site{
		"the file asks for two": asked,
		"only the pledge does":  parsed(t, dir, "two_persons: true", "two_persons: false"),
	} {
		for what, in := range map[string]io.Reader{
			"nothing":       strings.NewReader(""),
			"one person":    strings.NewReader("kim\na long enough password\n\n"),
			"half a person": strings.NewReader("kim\na long enough password\n\npark\n"),
			"a hang-up":     iotest.ErrReader(syscall.EIO),
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				c := &cobra.Command{}
				c.SetContext(t.Context())
				if names, err := (secondPerson{site, newPrompt(in, &bytes.Buffer{})}).confirm(c, "maintenance"); err == nil {
					t.Errorf("confirmed by %q", names)
				}
			})
		}
	}
}
