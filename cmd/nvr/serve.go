package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/cert"
)

// openFaces opens what run needs of people: nothing in the demo. What cannot be
// opened keeps everybody out, but it does not keep the recorder from recording
// and containing: awaitPeople says so, and tries again.
func (a *app) openFaces() {
	if a.Demo {
		return
	}
	if !a.site.Listen.HTTP.Addr().IsLoopback() {
		a.cert = cert.New(cert.Options{Dir: filepath.Join(a.site.Storage.State, "tls"), Log: a.Log, Identity: identityOf(a.site)})
	}
	if p, err := a.openPeople(); err == nil {
		a.meet(p)
	}
}

// errCommand says that a command on the box has the state database open. It is
// normal for a while: no other daemon runs, that was looked at before.
var errCommand = errors.New("a command of nvr has it open: it is opened when that has ended")

// openPeople opens what accrues about people.
func (a *app) openPeople() (*people, error) {
	p, err := openPeople(peopleOptions{
		Site: a.current, Mirrors: a.attached, Make: true, Log: a.Log, Damaged: a.damaged,
	})
	if errors.Is(err, errDaemon) {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(a.current().Storage.State, stateName), errCommand)
	}
	if err != nil {
		return nil, err
	}
	// Before anybody is served: who was let go while nothing ran stays out.
	if err := p.accounts.Remap(siteFile(), mappingOf(a.current())); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// changeFaces shows people the recorder as another site says: the names that it
// answers for are read at each request. Open connections go on. What cannot be had of
// it yet is tried again, and health says so; it is no reason not to record by that site.
func (a *app) changeFaces(old, site *configs.Site) {
	a.changeSignOn(old, site)
	if a.cert == nil || reflect.DeepEqual(identityOf(old), identityOf(site)) {
		return
	}
	if err := a.cert.Set(identityOf(site)); err != nil {
		a.Log.Error("the certificate before stays in force until the new one can be had", "error", err)
	}
}

// meet takes people in. While the program runs the caller holds change.
func (a *app) meet(p *people) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.people = p
	close(a.arrived)
}

// folk gives people; nil while they cannot be opened.
func (a *app) folk() *people {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.people
}

// identityOf is who the recorder is to browsers.
func identityOf(s *configs.Site) cert.Identity {
	return cert.Identity{
		Site: s.Name, Names: s.Listen.Names,
		CertificateFile: s.TLS.CertificateFile, KeyFile: s.TLS.KeyFile,
	}
}

func (a *app) closePeople() error {
	if a.people == nil {
		return nil
	}
	return a.people.close()
}

// How often it is said that nobody is let in, and tried whether they can be.
const (
	complainEvery = 10 * time.Minute
	retryPeople   = 5 * time.Second
)

// passing tells whether an error of opening people may be over by itself: what
// the system says may, such as a full disk, and a command on the box ends. What is damaged stays so until
// somebody restores it, and who does that must not find us writing into it.
func passing(err error) bool {
	return errors.Is(err, errCommand) || errors.As(err, new(*fs.PathError)) || errors.As(err, new(syscall.Errno))
}

// awaitPeople returns nil once there are people. Until then it says, time and
// again, that the recorder serves nobody. Its only error is the end of ctx.
func (a *app) awaitPeople(ctx context.Context) error {
	if a.folk() != nil {
		return nil
	}
	said, told := "", time.Time{}
	for last := error(nil); ; {
		if last == nil || passing(last) {
			p, err := a.openPeople()
			if last = err; err == nil {
				a.welcome(ctx, p)
				return nil
			}
		}
		if last.Error() != said || time.Since(told) > complainEvery {
			a.Log.Error("accounts cannot be opened: recording and containment go on, but nobody is served; what passes, such as a full disk, is tried again; for anything else end nvr, put the state directory back from a backup, or move away what the error names and begin anew", "error", last)
			said, told = last.Error(), time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPeople):
		}
	}
}

// welcome takes people in who come while the program runs: what they were
// promised is in force from now on.
func (a *app) welcome(ctx context.Context, p *people) {
	a.change.Lock()
	defer a.change.Unlock()
	a.meet(p)
	a.server = ui.New(a.uiOptions())
	a.keep(a.keepPledge(ctx, a.current()))
	a.Log.Info("accounts are open")
}

// servePeople serves the page, and what there is because of people: the socket
// for commands on the box, the certificate, and the account of arming. Each
// starts again after an error: none of them may end recording.
func (a *app) servePeople(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if a.Demo { // it was handed its listener, and ends without it
		a.Log.Info("listening", "address", "http://"+a.Listener.Addr().String())
		return a.server.Serve(ctx, a.Listener)
	}
	if a.awaitPeople(ctx) != nil {
		return nil //nolint:nilerr // asked to end before anybody came
	}
	g.Go(func() error { return a.again(ctx, taskPage, a.servePage) })
	if a.current().Listen.Tunnel.IsValid() {
		g.Go(func() error { return a.again(ctx, taskTunnel, a.serveTunnel) })
	}
	g.Go(func() error { return a.again(ctx, taskSocket, a.serveLocal) })
	g.Go(func() error { return a.again(ctx, taskArming, a.noteArming) })
	g.Go(func() error { return a.again(ctx, taskSignOn, a.loadSignOn) })
	if a.cert != nil {
		g.Go(func() error { return a.again(ctx, taskCertificate, a.cert.Run) })
	}
	if err := a.greet(); err != nil {
		a.Log.Error("look for an admin", "error", err)
	}
	return g.Wait()
}

// servePage serves the page. Its address may not be up yet, or somebody else's
// for a while; its certificate may be half-way through a renewal. Commands on
// the box reach the socket meanwhile.
func (a *app) servePage(ctx context.Context) error {
	listen := a.current().Listen
	if a.cert != nil {
		if err := a.cert.Ready(); err != nil {
			return fmt.Errorf("the page has no certificate: %w", err)
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", listen.HTTP.String())
	if err != nil {
		return err // says what and where
	}
	a.Log.Info("listening", "address", address(listen))
	return a.server.Serve(ctx, ln)
}

// serveLocal serves commands on the box.
func (a *app) serveLocal(ctx context.Context) error {
	local, err := listenLocal(ctx, a.current().Storage.State)
	if err != nil {
		return err
	}
	return a.server.Serve(ctx, local)
}

// greet says, as long as there is no admin, how to become the first. The code
// is a secret: it goes to whoever reads what the program prints, not to the log.
func (a *app) greet() error {
	accounts := a.folk().accounts
	needed, err := accounts.NeedsSetup()
	if err != nil || !needed {
		return err
	}
	code, err := accounts.SetupCode()
	if err != nil {
		return fmt.Errorf("make the setup code: %w", err)
	}
	where := address(a.current().Listen)
	a.Log.Warn("there is no admin yet: the code to become the first is on standard error", "open", where)
	_, err = fmt.Fprintf(os.Stderr, "\n"+
		"  ============================================================\n"+
		"   There is no admin yet. Open  %s\n"+
		"   and give the code            %s\n"+
		"   It changes each time nvr starts, and ends with the first admin.\n"+
		"  ============================================================\n\n", where, code)
	return err
}

// note writes down what happened to the recorder itself: it has happened all the
// same when that cannot be written, and the caller tries again.
func (a *app) note(e audit.Entry) error {
	p := a.folk()
	if p == nil {
		return nil
	}
	if e.Outcome == "" {
		e.Outcome = "ok"
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return p.audit.Append(e)
}
