package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// secondPerson finds out whether two admins must stand behind a disarming, asks
// for them, and gives their names; none when they need not.
type secondPerson struct {
	site *configs.Site
	ask  *prompt
}

// askSiteWithin bounds how long a daemon that hangs delays a disarming.
const askSiteWithin = 10 * time.Second

// confirm asks the daemon, and works on the database while nothing runs. As long
// as nothing says that two persons are needed, neither the site file nor the
// daemon nor the pledge, no fault of daemon or database keeps an operator from
// disarming. Once something said so every error is final, an end of input too.
func (s secondPerson) confirm(c *cobra.Command, reason string) ([]string, error) {
	names, needed, err := s.confirmed(c.Context(), reason)
	if refused := (rejection{}); err == nil || needed || errors.As(err, &refused) || c.Context().Err() != nil {
		return names, err
	}
	fmt.Fprintf(s.ask.out, "This is not in the audit: %v\n", err)
	return nil, nil
}

// confirmed says also whether two persons were found to be needed.
func (s secondPerson) confirmed(ctx context.Context, reason string) (names []string, needed bool, err error) {
	p, err := openPeople(peopleOptions{
		Site: func() *configs.Site { return s.site }, Mirrors: func() []string { return volumeRoots(s.site) }, Log: newLogger(false),
	})
	if errors.Is(err, errDaemon) {
		return s.confirmByDaemon(ctx, reason)
	}
	if err != nil { // before the first start there is nobody who could confirm
		return nil, s.site.Accounts.TwoPersons && !errors.Is(err, errNoState), err
	}
	names, needed, err = s.confirmStored(ctx, p, reason)
	return names, needed, errors.Join(err, p.close())
}

func (s secondPerson) confirmByDaemon(ctx context.Context, reason string) (names []string, needed bool, err error) {
	needed = s.site.Accounts.TwoPersons // until the daemon says
	api, err := newClient("unix:" + filepath.Join(s.site.Storage.State, socketName))
	if err != nil {
		return nil, needed, err
	}
	var view ui.SiteView
	soon, cancel := context.WithTimeout(ctx, askSiteWithin)
	defer cancel()
	if err := api.call(soon, http.MethodGet, "site", nil, &view); err != nil || !view.TwoPersons {
		return nil, needed, err
	}
	admins, err := s.ask.twoAdmins(ctx)
	if err != nil {
		return nil, true, err
	}
	var told struct{ Admins []string }
	err = api.call(ctx, http.MethodPost, "confirmations/disarm", map[string]any{"admins": admins, "reason": reason}, &told)
	return told.Admins, true, err
}

func (s secondPerson) confirmStored(ctx context.Context, p *people, reason string) (names []string, needed bool, err error) {
	needed = s.site.Accounts.TwoPersons || p.pledge.twoPersons()
	first, err := p.accounts.NeedsSetup()
	if err != nil {
		return nil, needed, err
	}
	needed = needed && !first
	as := auth.LocalPrincipal(operator())
	if needed {
		admins, err := s.ask.twoAdmins(ctx)
		if err != nil {
			return nil, needed, err
		}
		if names, err = ui.TwoAdmins(p.accounts, admins, auth.Source{Agent: "nvr firewall disarm", Local: true}); err != nil {
			return nil, needed, rejection{problem: &ui.Problem{Message: err.Error(), Fix: "nothing was changed"}}
		}
	}
	return names, needed, p.audit.Append(audit.Entry{
		Actor: as.Name(), Via: as.Via(), Action: "firewall.disarm-confirmed", Object: strings.Join(names, " and "),
		Outcome: "ok", Detail: reason,
	})
}

// prompt asks at a terminal.
type prompt struct {
	in   *bufio.Reader
	file *os.File // the terminal, nil when the input is none
	out  io.Writer
}

func newPrompt(in io.Reader, out io.Writer) *prompt {
	p := &prompt{in: bufio.NewReader(in), out: out}
	if f, ok := in.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			p.file = f
		}
	}
	return p
}

// siteName asks for the site's name, so that nobody opens the wrong box (C1).
func (p *prompt) siteName(ctx context.Context, want string) error {
	fmt.Fprintln(p.out, "This opens the camera network: cameras will reach other devices and, where the box routes, the Internet.")
	name, err := p.line(ctx, "Write the site's name to go on: ", false)
	if errors.Is(err, io.EOF) {
		err = errors.New("nothing was typed, and nothing was changed: run it at a terminal, or give the name on standard input")
	}
	if err != nil {
		return fmt.Errorf("read the site's name: %w", err)
	}
	// An empty answer is a slip of the hand, whatever the site is called.
	if name = strings.TrimSpace(name); name == "" || name != want {
		return fmt.Errorf("%q is not this site's name: nothing was changed", name)
	}
	return nil
}

// twoAdmins asks for name, password and code of two.
func (p *prompt) twoAdmins(ctx context.Context) ([]ui.Credentials, error) {
	fmt.Fprintln(p.out, "Two admins have to stand behind this.")
	var all []ui.Credentials
	for _, which := range []string{"First", "Second"} {
		var c ui.Credentials
		for _, q := range []struct {
			text   string
			into   *string
			secret bool
		}{
			{which + " admin's name: ", &c.Name, false},
			{"Password: ", &c.Password, true},
			{"Code of the second factor (empty if there is none): ", &c.Code, true},
		} {
			answer, err := p.line(ctx, q.text, q.secret)
			if err != nil {
				return nil, fmt.Errorf("read what two admins have to say: %w", err)
			}
			*q.into = answer
		}
		all = append(all, c)
	}
	return all, nil
}

// line asks for one line; a secret one is not shown.
func (p *prompt) line(ctx context.Context, question string, secret bool) (string, error) {
	fmt.Fprint(p.out, question)
	if secret && p.file != nil {
		show, err := p.hide()
		if err != nil {
			return "", err
		}
		defer func() {
			show()
			fmt.Fprintln(p.out)
		}()
	}
	answer := make(chan string, 1)
	failed := make(chan error, 1)
	go func() {
		s, err := p.in.ReadString('\n')
		if err != nil && s == "" {
			failed <- err
			return
		}
		answer <- strings.TrimRight(s, "\r\n")
	}()
	select {
	case s := <-answer:
		return s, nil
	case err := <-failed:
		return "", err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// hide has the terminal show nothing of what is typed, until show is called.
func (p *prompt) hide() (show func(), err error) {
	fd := int(p.file.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	quiet := *old
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old) }, nil // a terminal that went away needs nothing shown
}
