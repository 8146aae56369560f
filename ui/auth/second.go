package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxWhat bounds what is kept for whoever carries a confirmation out, in bytes.
const maxWhat = 8 << 10

// AskSecond asks, for an admin, that a second one confirm what is done elsewhere
// and cannot be undone, where the site asks for two persons: the error, of the
// kind Pending, says so. Nil: it may be done at once. What is kept with it, over
// restarts too, and given back by [Accounts.TakeConfirmed] once it is confirmed.
// kind must not begin with "user.".
func (a *Accounts) AskSecond(p Principal, kind, object, detail string, what any) error {
	kept, err := json.Marshal(what)
	if err != nil || len(kept) > maxWhat || strings.HasPrefix(kind, kindPrefix) || kind == "" {
		return errors.Join(fmt.Errorf("ask for a second admin: kind %q, %d bytes", kind, len(kept)), err)
	}
	return a.pend(p, bounded(kind, maxID), object, detail, pending{Elsewhere: kept})
}

// Confirmed is something that two admins stand behind, to be done now.
type Confirmed struct {
	Kind   string
	What   json.RawMessage // as it was given to AskSecond
	By     Principal       // who asked
	Second string          // name of who confirmed
}

// TakeConfirmed gives what was asked for with AskSecond and has been confirmed,
// once: it is the caller's to carry out. False when there is nothing of that
// kind: somebody else waits for it, or it is carried out already.
func (a *Accounts) TakeConfirmed(id string) (c Confirmed, ok bool, err error) {
	err = a.update(func(t *tx) error {
		r := new(confirmationRecord)
		found, err := t.get(bucketConfirmations, []byte(id), r)
		if err != nil || !found || !r.Confirmed || r.Pending == nil || r.Pending.Elsewhere == nil {
			return err
		}
		c, ok = Confirmed{r.Kind, r.Pending.Elsewhere, r.asker(), r.Second}, true
		return t.remove(bucketConfirmations, []byte(id))
	})
	if err != nil {
		return Confirmed{}, false, err
	}
	return c, ok, nil
}
