package main

import (
	"context"
	"errors"
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
	over   bool       // nobody confirmed it in time
}

// keepPledge takes of a site file what may be taken at once, writes down that it
// did, and gives the retention that is in force from now on. What would take away
// something that was pledged waits for an admin: whoever edits the file on the
// box is one person. old is the site before; nil: it was changed while nothing ran.
func (a *app) keepPledge(ctx context.Context, old, site *configs.Site) promise {
	next := promiseOf(site)
	if a.people == nil {
		return a.unpledged(next)
	}
	held := a.people.pledge.now()
	first, err := a.people.accounts.NeedsSetup()
	if err != nil {
		a.Log.Error("read accounts", "error", err)
	}
	what := held.lowers(next)
	if !held.TwoPersons || first || len(what) == 0 {
		a.forget()
		a.hold(next, changeOf(held.Revision, old, site))
		return next
	}
	both := held.both(next)
	a.hold(both, changeOf(held.Revision, old, site))
	a.ask(ctx, next, what)
	return both
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

// unpledged is what is in force where the pledge cannot be read. Where the site
// asks for two persons nothing is deleted for its age then: it might be pledged.
func (a *app) unpledged(next promise) promise {
	if a.Demo || !next.TwoPersons {
		return next
	}
	return promise{Revision: next.Revision, TwoPersons: true}
}

// hold puts a pledge in force together with its entry, if there is one.
func (a *app) hold(p promise, e *audit.Entry) {
	err := a.people.pledge.hold(p, func(tx *bbolt.Tx) error {
		if e == nil {
			return nil
		}
		return a.people.audit.AppendTx(tx, *e)
	})
	if err != nil {
		a.Log.Error("keep the pledge", "error", err)
	}
}

// siteFile is who asks for what the site file changed.
func siteFile() auth.Principal { return auth.LocalPrincipal("site-file") }

// ask files the confirmation, once for each revision of the site file.
func (a *app) ask(ctx context.Context, wanted promise, what []string) {
	a.release.mu.Lock()
	same := a.release.wanted.Revision == wanted.Revision
	a.release.mu.Unlock()
	if same {
		return
	}
	a.forget()
	id, err := a.people.accounts.RequestConfirmation(siteFile(), kindRelease, "site:"+wanted.Revision, strings.Join(what, "; "))
	if err != nil {
		a.Log.Error("ask for a second admin", "error", err)
		return
	}
	a.release.mu.Lock()
	a.release.wanted, a.release.what, a.release.id, a.release.over = wanted, what, id, false
	a.release.mu.Unlock()
	a.Log.Warn("part of the site file waits for an admin's confirmation", "revision", wanted.Revision, "waits", strings.Join(what, "; "))
	a.waits.Go(func() { a.await(ctx, id, wanted) })
}

// await does what was confirmed.
func (a *app) await(ctx context.Context, id string, wanted promise) {
	err := a.people.accounts.AwaitConfirmation(ctx, id)
	a.change.Lock()
	defer a.change.Unlock()
	a.release.mu.Lock()
	current := a.release.id == id
	if current && err != nil {
		a.release.over = true
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
	a.hold(wanted, &audit.Entry{
		Actor: siteFile().Name(), Via: "box", Action: "site.released", Object: "site:" + wanted.Revision,
		Outcome: "ok", Detail: strings.Join(a.people.pledge.now().lowers(wanted), "; "),
	})
	a.store.SetRetention(wanted.retention())
	a.forget()
	a.Log.Info("what waited for an admin's confirmation is in force", "revision", wanted.Revision)
}

// forget withdraws what waits, and what an earlier run left waiting.
func (a *app) forget() {
	a.release.mu.Lock()
	a.release.wanted, a.release.what, a.release.id, a.release.over = promise{}, nil, "", false
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

// askAgain asks anew for what nobody confirmed in time. The caller holds change.
func (a *app) askAgain(ctx context.Context) {
	a.release.mu.Lock()
	over := a.release.over
	a.release.mu.Unlock()
	if over {
		a.forget()
		a.store.SetRetention(a.keepPledge(ctx, nil, a.current()).retention())
	}
}

// releaseHealth says what waits.
func (a *app) releaseHealth() []ui.HealthCheck {
	a.release.mu.Lock()
	defer a.release.mu.Unlock()
	if a.release.wanted.Revision == "" {
		return nil
	}
	c := ui.HealthCheck{
		Name: "two persons", State: ui.HealthWarn,
		Detail: "waits for a second admin's confirmation: " + strings.Join(a.release.what, "; "),
		Fix:    "an admin confirms it on the page; until then the longer retention is in force",
	}
	if a.release.over {
		c.Detail = "no admin confirmed in time: " + strings.Join(a.release.what, "; ")
		c.Fix = "undo it in the site file, or kill -HUP nvr to ask anew; until then the longer retention is in force"
	}
	return []ui.HealthCheck{c}
}
