package auth

import (
	"errors"
	"time"
)

// Dismiss is told that a provider vouches for somebody, and that this gives them no
// role here any more: their sessions and tokens end, and what is left of the account
// sees nothing. It is audited, as refusals of what strangers can repeat are: not
// without end.
func (a *Accounts) Dismiss(x External, from Source) error {
	e := x.principal(from).event("sign-in", userObject(bounded(x.Name, maxName)))
	e.Detail = "no role at the provider"
	a.refusedRandom("dismiss", e, from)
	return a.update(func(t *tx) error {
		id := t.bucket(bucketSubjects).Get(pair(x.Provider, x.Subject))
		if id == nil {
			return nil
		}
		acc, err := t.mustAccount(string(id))
		if err != nil {
			return err
		}
		nothing, err := Grant{Role: Viewer}.checked()
		if err != nil {
			return err
		}
		before := acc.public()
		acc.User.Grant = nothing
		if err := errors.Join(t.endSessions(acc.User.ID, ""), t.endTokens(acc.User.ID)); err != nil {
			return err
		}
		acc.Vouched = time.Time{}
		if sameGrant(before.Grant, nothing) {
			return t.putAccount(acc)
		}
		e := x.principal(from).event("user.change", userObject(acc.User.Name))
		e.Before, e.After, e.Detail = before, acc.public(), "no role at the provider"
		return errors.Join(t.putAccount(acc), t.audit(e))
	})
}
