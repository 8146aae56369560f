package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// kindRelease is the kind of confirmation that releases the pledge.
const kindRelease = "site.shorten"

// release waits for the admin who lets a site file take away what was pledged.
type release struct {
	mu     sync.Mutex // guards what follows
	wanted promise    // what waits; Revision is empty when nothing does
	what   []string   // in words
	id     string     // of the confirmation
	over   string     // why it waits no longer, though nobody confirmed it

	unwritten map[string]error // what could not be written to state.db, by what it is
	retry     func()           // tries it again; the caller holds app.change
}

// keepPledge takes of a site file what may be taken at once, writes down that it
// did, and gives what is in force from now on. What would take away
// something that was pledged waits for an admin: whoever edits the file on the
// box is one person. What cannot be written down shortens nothing either: the
// longer retention stays, and retryPledge tries again. The caller holds change.
func (a *app) keepPledge(ctx context.Context, site *configs.Site) promise {
	next := promiseOf(site)
	if a.people == nil {
		return a.unpledged(next)
	}
	held := a.people.pledge.now()
	first, err := a.people.accounts.NeedsSetup()
	a.unwritten("accounts", err)
	what := held.lowers(next)
	take := next
	if held.TwoPersons && (!first || held.Unknown) && len(what) > 0 {
		take = held.both(next)
	} else {
		what = nil
	}
	text := textOf(site)
	entry := changeOf(held.Revision, a.people.pledge.site(), text)
	if entry != nil && what != nil {
		entry.Detail = "waits for a second admin: " + strings.Join(what, "; ") + ". The file: " + entry.Detail
	}
	err = a.hold(take, text, entry)
	a.retryLater(err != nil, func() { a.keep(a.keepPledge(ctx, a.current())) })
	switch {
	case err != nil:
		return held.both(next)
	case what == nil:
		a.forget()
	case first:
		a.awaitAdmin(ctx, site, what)
	default:
		a.ask(ctx, site, what)
	}
	return take
}

// awaitAdmin asks as soon as there is somebody to confirm.
func (a *app) awaitAdmin(ctx context.Context, site *configs.Site, what []string) {
	a.retryLater(true, func() {
		if first, err := a.people.accounts.NeedsSetup(); err == nil && !first {
			a.retryLater(false, nil)
			a.ask(ctx, site, what)
		}
	})
}

// firstRetention is what is in force until the program runs: nothing that was
// pledged is given up before somebody can be asked.
func (a *app) firstRetention() storage.Retention {
	next := promiseOf(a.site)
	if a.people == nil {
		return a.unpledged(next).retention()
	}
	if held := a.people.pledge.now(); held.TwoPersons {
		next = held.both(next)
	}
	return next.retention()
}

// keep puts in force what a promise lets storage delete.
func (a *app) keep(p promise) {
	a.store.SetRetention(p.retention())
	for volume, reserve := range p.Reserves {
		a.store.SetReserve(volume, reserve)
	}
}

// firstStorage is how volumes are opened: with the smaller reserve, as long as a
// larger one waits for an admin.
func (a *app) firstStorage() storage.Options {
	so := storageOptionsOf(a.current())
	so.Log, so.Retention = a.Log, a.firstRetention()
	if a.people == nil {
		return so
	}
	if held := a.people.pledge.now(); held.TwoPersons {
		reserves := held.both(promiseOf(a.current())).Reserves
		for i, v := range so.Volumes {
			so.Volumes[i].Reserve = reserves[filepath.Clean(v.Path)]
		}
	}
	return so
}

// unpledged is what is in force where the pledge cannot be read. Where the site
// asks for two persons nothing is deleted for its age then: it might be pledged.
func (a *app) unpledged(next promise) promise {
	if a.Demo || !next.TwoPersons {
		return next
	}
	return promise{Revision: next.Revision, TwoPersons: true}
}

// hold puts a pledge in force together with its entry, if there is one: both or
// neither. site is what the pledge was taken from.
func (a *app) hold(p promise, site siteText, e *audit.Entry) error {
	err := a.people.pledge.hold(p, site, func(tx *bbolt.Tx) error {
		if e == nil {
			return nil
		}
		return a.people.audit.AppendTx(tx, *e)
	})
	a.unwritten("a change of the site file", err)
	return err
}

// unwritten notes, and logs when it is new, that something about people could
// not be written or read; nil: it could.
func (a *app) unwritten(what string, err error) {
	a.release.mu.Lock()
	defer a.release.mu.Unlock()
	before := a.release.unwritten[what]
	switch {
	case err == nil:
		delete(a.release.unwritten, what)
		return
	case before == nil || before.Error() != err.Error():
		a.Log.Error("state database", "what", what, "error", err)
	}
	if a.release.unwritten == nil {
		a.release.unwritten = map[string]error{}
	}
	a.release.unwritten[what] = err
}

// retryLater has retryPledge do what could not be done; no need: nothing is left.
func (a *app) retryLater(need bool, again func()) {
	if !need {
		again = nil
	}
	a.release.mu.Lock()
	defer a.release.mu.Unlock()
	a.release.retry = again
}

// retryPledge tries again what could not be written.
func (a *app) retryPledge() {
	a.change.Lock()
	defer a.change.Unlock()
	a.release.mu.Lock()
	again := a.release.retry
	a.release.mu.Unlock()
	if again != nil {
		again()
	}
}

// siteFile is who asks for what the site file changed.
func siteFile() auth.Principal { return auth.LocalPrincipal("site-file") }

// ask files the confirmation, once for each revision of the site file.
func (a *app) ask(ctx context.Context, site *configs.Site, what []string) {
	wanted := promiseOf(site)
	a.release.mu.Lock()
	same := a.release.wanted.Revision == wanted.Revision
	a.release.mu.Unlock()
	if same {
		return
	}
	a.forget()
	id, err := a.people.accounts.RequestConfirmation(siteFile(), kindRelease, "site:"+wanted.Revision, strings.Join(what, "; "))
	a.unwritten("the request for a second admin", err)
	a.retryLater(err != nil, func() { a.ask(ctx, site, what) })
	if err != nil {
		return
	}
	a.release.mu.Lock()
	a.release.wanted, a.release.what, a.release.id, a.release.over = wanted, what, id, ""
	a.release.mu.Unlock()
	a.Log.Warn("part of the site file waits for an admin's confirmation", "revision", wanted.Revision, "waits", strings.Join(what, "; "))
	a.waits.Go(func() { a.await(ctx, id, site) })
}

// await does what was confirmed.
func (a *app) await(ctx context.Context, id string, site *configs.Site) {
	err := a.people.accounts.AwaitConfirmation(ctx, id)
	a.change.Lock()
	defer a.change.Unlock()
	a.release.mu.Lock()
	current := a.release.id == id
	if current && err != nil {
		a.release.over = overText(err)
	}
	a.release.mu.Unlock()
	switch {
	case !current || ctx.Err() != nil:
		return
	case err != nil:
		if refused := (&auth.Error{}); !errors.As(err, &refused) {
			a.Log.Error("wait for a second admin", "error", err)
		}
		return
	}
	a.grant(site)
}

// overText says why a confirmation is over: one that is gone was refused, withdrawn,
// or not given in time.
func overText(err error) string {
	if refused := (&auth.Error{}); errors.As(err, &refused) {
		return "no admin confirmed it: it was refused, withdrawn, or not confirmed in time"
	}
	return "it was not confirmed: " + err.Error()
}

// grant puts in force what an admin confirmed. What cannot be written down yet is
// tried again, without asking twice. The caller holds change.
func (a *app) grant(site *configs.Site) {
	wanted := promiseOf(site)
	err := a.hold(wanted, textOf(site), &audit.Entry{
		Actor: siteFile().Name(), Via: "box", Action: "site.released", Object: "site:" + wanted.Revision,
		Outcome: "ok", Detail: strings.Join(a.people.pledge.now().lowers(wanted), "; "),
	})
	a.retryLater(err != nil, func() { a.grant(site) })
	if err != nil {
		return
	}
	a.keep(wanted)
	a.forget()
	a.Log.Info("what waited for an admin's confirmation is in force", "revision", wanted.Revision)
}

// forget withdraws what waits, and what an earlier run left waiting.
func (a *app) forget() {
	a.release.mu.Lock()
	a.release.wanted, a.release.what, a.release.id, a.release.over = promise{}, nil, "", ""
	a.release.mu.Unlock()
	list, err := a.people.accounts.Confirmations(siteFile())
	if err != nil {
		a.Log.Error("list confirmations", "error", err)
	}
	for _, c := range list {
		if c.Kind != kindRelease {
			continue
		}
		if err := a.people.accounts.Withdraw(siteFile(), c.ID); err != nil {
			a.Log.Error("withdraw a confirmation", "error", err)
		}
	}
}

// askAgain asks anew for what nobody confirmed. The caller holds change.
func (a *app) askAgain(ctx context.Context) {
	a.release.mu.Lock()
	over := a.release.over
	a.release.mu.Unlock()
	if over != "" {
		a.forget()
		a.keep(a.keepPledge(ctx, a.current()))
	}
}

// releaseHealth says what waits.
func (a *app) releaseHealth() []ui.HealthCheck {
	a.release.mu.Lock()
	defer a.release.mu.Unlock()
	checks := a.release.unwrittenHealth()
	if a.release.wanted.Revision == "" {
		return checks
	}
	c := ui.HealthCheck{
		Name: "two persons", State: ui.HealthWarn,
		Detail: "waits for a second admin's confirmation: " + strings.Join(a.release.what, "; "),
		Fix:    "an admin confirms it on the page; until then the longer retention is in force",
	}
	if a.release.over != "" {
		c.Detail = a.release.over + ": " + strings.Join(a.release.what, "; ")
		c.Fix = "undo it in the site file, or kill -HUP nvr to ask anew; until then the longer retention is in force"
	}
	return append(checks, c)
}

// unwrittenHealth says what is not in the audit though it is so. The caller holds mu.
func (r *release) unwrittenHealth() (checks []ui.HealthCheck) {
	for _, what := range slices.Sorted(maps.Keys(r.unwritten)) {
		checks = append(checks, ui.HealthCheck{
			Name: "state database", State: ui.HealthBad,
			Detail: fmt.Sprintf("%s: %v", what, r.unwritten[what]),
			Fix:    "make room on the disk of storage.state, or replace it: it is tried again by itself; until then the longer retention is in force",
		})
	}
	return checks
}
