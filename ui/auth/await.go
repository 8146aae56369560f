package auth

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
)

// RequestConfirmation asks for a second admin, for something that is done
// elsewhere: removing a hold, disarming. Whether the principal may ask is the
// caller's to know. kind must not begin with "user.". What is confirmed is fetched
// with AwaitConfirmation, before it expires.
func (a *Accounts) RequestConfirmation(p Principal, kind, object, detail string) (id string, err error) {
	if strings.HasPrefix(kind, kindPrefix) || kind == "" {
		return "", fmt.Errorf("request confirmation: kind %q is not the caller's", kind)
	}
	if p.Token != "" || len(p.Need) > 0 {
		return "", denied("only a person signed in can ask for that", "sign in with a browser")
	}
	err = a.update(func(t *tx) error {
		if !p.Local {
			if _, err := t.own(p); err != nil {
				return err
			}
		}
		id, err = t.file(p, bounded(kind, maxID), object, detail, nil)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// AwaitConfirmation waits until it is confirmed, and then gives nil, once: what is
// confirmed is done once. Denied when it was withdrawn or not confirmed in time.
func (a *Accounts) AwaitConfirmation(ctx context.Context, id string) error {
	every := time.NewTicker(followEvery)
	defer every.Stop()
	for {
		changed := a.changes.wait() // before reading, or a change between is missed
		var confirmed bool
		err := a.view(func(t *tx) error {
			r, err := t.confirmation(id)
			confirmed = err == nil && r.Confirmed
			return err
		})
		switch {
		case isKind(err, NotFound):
			return denied("no second admin confirmed it", "ask again")
		case err != nil:
			return err
		case confirmed:
			return a.takeConfirmed(id)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-every.C:
		}
	}
}

// takeConfirmed uses a confirmation up.
func (a *Accounts) takeConfirmed(id string) error {
	err := a.update(func(t *tx) error {
		r, err := t.confirmation(id)
		if err != nil || !r.Confirmed {
			return cmp.Or[error](err, notFound("confirmation"))
		}
		return t.remove(bucketConfirmations, []byte(id))
	})
	if isKind(err, NotFound) {
		return denied("it has been used", "ask again")
	}
	return err
}
