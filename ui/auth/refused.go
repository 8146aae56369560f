package auth

import (
	"fmt"
	"sync"
	"time"
)

// What refusals that no lock bounds may write: entries of the audit are kept for good.
const (
	refusalBurst = 200
	refusalEvery = 10 * time.Second // one more each, from then on
)

// refusals bounds what is audited of refusals that lock nobody out: for each source as
// failed sign-ins are, and in total. What is left out is counted.
type refusals struct {
	sources *lockout

	mu   sync.Mutex // guards what follows
	left int
	at   time.Time // when left was right
	lost int       // not audited since the last that was
}

func newRefusals() *refusals { return &refusals{sources: newLockout(), left: refusalBurst} }

// take takes the place of one entry. lost is how many had none since the one before.
func (r *refusals) take(now time.Time) (lost int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || now.Before(r.at) { // the clock went back
		r.at = now
	}
	if n := int(now.Sub(r.at) / refusalEvery); n > 0 {
		r.left = min(r.left+n, refusalBurst)
		r.at = r.at.Add(time.Duration(n) * refusalEvery)
	}
	if r.left == 0 {
		r.lost++
		return 0, false
	}
	r.left--
	lost, r.lost = r.lost, 0
	return lost, true
}

// refused audits something that did not happen. That it cannot be audited does
// not make it happen: it is logged only.
func (a *Accounts) refused(e Event, try *try) {
	e.Outcome = outcomeRefused
	if try != nil {
		if wait := try.waits(a.now()); wait > 0 {
			e.Detail += fmt.Sprintf("; locked for %s", wait)
		}
	}
	err := a.write(func(t *tx) error {
		if try != nil {
			if err := t.saveFailures(try); err != nil {
				return err
			}
		}
		return t.audit(e)
	})
	if err != nil {
		a.opt.Log.Error("refusal cannot be audited", "action", e.Action, "error", err)
	}
}

// refusedRandom is refused for what cannot be guessed: no lock stands in its way,
// or strangers could shut its owner out. Only what is audited of it is bounded.
func (a *Accounts) refusedRandom(what string, e Event, from Source) {
	try, wait := a.refusals.sources.begin(countedFactor(what), from, sourceKey(from), a.now())
	if wait > 0 {
		return
	}
	lost, ok := a.refusals.take(a.now())
	if !ok {
		try.abandon(a.now())
		return
	}
	if lost > 0 {
		e.Detail += fmt.Sprintf("; %d refusals before it are not in the audit: there were too many", lost)
	}
	a.refused(e, try)
}
