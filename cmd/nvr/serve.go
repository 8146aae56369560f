package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/cert"
)

// openPeople opens what run needs of people: nothing in the demo. A database that
// cannot be read keeps everybody out, but it does not keep the recorder from
// recording and containing: faceless says so.
func (a *app) openPeople() error {
	if a.Demo {
		return nil
	}
	var err error
	a.people, err = openPeople(peopleOptions{
		Site: a.current, Mirrors: a.attached, Make: true, Log: a.Log,
	})
	if errors.Is(err, errDaemon) {
		return fmt.Errorf("%w already, with this state directory: end that one first", err)
	}
	if err != nil {
		a.faceless = err
		return nil //nolint:nilerr // recording goes on; complain says it
	}
	if listen := a.site.Listen; !listen.HTTP.Addr().IsLoopback() {
		a.cert, err = cert.Open(cert.Options{
			Dir: filepath.Join(a.site.Storage.State, "tls"), Log: a.Log,
			Identity: cert.Identity{
				Site: a.site.Name, Names: listen.Names,
				CertificateFile: a.site.TLS.CertificateFile, KeyFile: a.site.TLS.KeyFile,
			},
		})
	}
	if err != nil {
		a.faceless = errors.Join(err, a.closePeople())
		a.people = nil
	}
	return nil
}

func (a *app) closePeople() error {
	if a.people == nil {
		return nil
	}
	return a.people.close()
}

// complainEvery is how often it is said that nobody is let in.
const complainEvery = 10 * time.Minute

// complain says, until ctx ends, that the recorder serves nobody.
func (a *app) complain(ctx context.Context) error {
	tick := time.NewTicker(complainEvery)
	defer tick.Stop()
	for {
		a.Log.Error("accounts cannot be opened: recording and containment go on, but nobody is served; put the state directory back from a backup, or move away what the error names and begin anew", "error", a.faceless)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// servePeople serves the page, and what there is because of people: the socket
// for commands on the box, the certificate, and the account of arming.
func (a *app) servePeople(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if a.faceless != nil {
		a.Listener.Close() // refused is clearer than never answered
		return a.complain(ctx)
	}
	g.Go(func() error { return a.server.Serve(ctx, a.Listener) })
	if a.people == nil {
		a.Log.Info("listening", "address", "http://"+a.Listener.Addr().String())
		return g.Wait()
	}
	a.Log.Info("listening", "address", address(a.current().Listen))
	g.Go(func() error { return a.serveLocal(ctx) })
	g.Go(func() error { return a.noteArming(ctx) })
	if a.cert != nil {
		g.Go(func() error { return a.cert.Run(ctx) })
	}
	if err := a.greet(); err != nil {
		a.Log.Error("look for an admin", "error", err)
	}
	return g.Wait()
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
	needed, err := a.people.accounts.NeedsSetup()
	if err != nil || !needed {
		return err
	}
	code, err := a.people.accounts.SetupCode()
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
	if a.people == nil {
		return nil
	}
	if e.Outcome == "" {
		e.Outcome = "ok"
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return a.people.audit.Append(e)
}
