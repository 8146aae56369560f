package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of confirmation that are carried out here. Those of others must not
// begin with "user.".
const (
	kindPrefix     = "user."
	kindAddUser    = "user.add"
	kindChangeUser = "user.change"
	kindExternal   = "user.external"
)

// Bounds of what waits.
const (
	maxConfirmations = 100
	maxOwnPending    = 10 // of one who asks
	maxDetail        = 500
)

// Confirmation is something that waits for a second admin.
type Confirmation struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Object  string    `json:"object"`
	Detail  string    `json:"detail"`
	By      string    `json:"by"` // name of who asked
	ByID    string    `json:"by_id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// confirmationRecord is a confirmation as the database has it.
type confirmationRecord struct {
	Confirmation
	Session string   `json:"session,omitempty"` // of who asked
	Local   bool     `json:"local,omitempty"`
	Pending *pending `json:"pending,omitempty"`

	Confirmed bool   `json:"confirmed,omitempty"`
	Second    string `json:"second,omitempty"` // name of who confirmed
}

// asker is as whom it is carried out.
func (r *confirmationRecord) asker() Principal {
	return Principal{User: User{ID: r.ByID, Name: r.By}, Session: r.Session, Local: r.Local}
}

// pending is what is carried out when it is confirmed.
type pending struct {
	User     string    `json:"user,omitempty"` // id
	New      *NewUser  `json:"new,omitempty"`
	External *External `json:"external,omitempty"`
	// Elsewhere is for another package to carry out, see AskSecond.
	Elsewhere json.RawMessage `json:"elsewhere,omitempty"`
}

// pend files something for confirmation and gives the error that says so; nil
// when it may be done at once.
func (a *Accounts) pend(p Principal, kind, object, detail string, what pending) error {
	if !a.policy().TwoPersons {
		return nil
	}
	var id string
	err := a.update(func(t *tx) error {
		if err := t.admin(p); err != nil {
			return err
		}
		other, err := t.otherAdmin(p.User.ID)
		if err != nil {
			return err
		}
		if !other {
			return conflict("there is no other admin to confirm it",
				"switch two_persons off in the site file, on the box, make a second admin, and switch it on again")
		}
		id, err = t.file(p, kind, object, detail, &what)
		return err
	})
	if err != nil {
		return err
	}
	return pendingError(id, a.policy())
}

func pendingError(id string, policy Policy) *Error {
	return &Error{
		Kind: Pending, Message: "this needs a second admin", Confirmation: id,
		Fix: fmt.Sprintf("ask another admin to confirm it within %s", policy.ConfirmWithin),
	}
}

// file puts a confirmation down and audits it.
func (t *tx) file(p Principal, kind, object, detail string, what *pending) (id string, err error) {
	if err := t.sweepConfirmations(); err != nil {
		return "", err
	}
	list, err := t.confirmations()
	if err != nil {
		return "", err
	}
	own := 0
	for _, r := range list {
		if r.By == p.Name() {
			own++
		}
	}
	if own >= maxOwnPending || len(list) >= maxConfirmations {
		return "", conflict("too much waits for confirmation already", "withdraw some of it, or have it confirmed")
	}
	r := confirmationRecord{
		Confirmation: Confirmation{
			ID: newID(), Kind: kind, Object: bounded(object, maxDetail), Detail: bounded(detail, maxDetail),
			By: p.Name(), ByID: p.User.ID, Created: t.now, Expires: t.now.Add(t.a.policy().ConfirmWithin),
		},
		Session: p.Session, Local: p.Local, Pending: what,
	}
	e := p.event("confirmation.request", r.Object)
	e.After, e.Detail = r.Confirmation, r.Detail
	return r.ID, errors.Join(t.put(bucketConfirmations, []byte(r.ID), r), t.audit(e))
}

// confirmations lists all that is kept, oldest first.
func (t *tx) confirmations() ([]confirmationRecord, error) {
	var list []confirmationRecord
	err := t.bucket(bucketConfirmations).ForEach(func(k, v []byte) error {
		var r confirmationRecord
		if err := json.Unmarshal(v, &r); err != nil {
			return fmt.Errorf("read confirmation %s: %w", k, err)
		}
		list = append(list, r)
		return nil
	})
	slices.SortFunc(list, func(x, y confirmationRecord) int {
		return cmp.Or(x.Created.Compare(y.Created), strings.Compare(x.ID, y.ID))
	})
	return list, err
}

// sweepConfirmations removes what nobody confirmed in time, audited.
func (t *tx) sweepConfirmations() error {
	list, err := t.confirmations()
	if err != nil {
		return err
	}
	for _, r := range list {
		if !t.now.Before(r.Expires) {
			e := r.asker().event("confirmation.expire", r.Object)
			e.Before, e.Detail, e.Outcome = r.Confirmation, r.Detail, outcomeRefused
			if err := errors.Join(t.remove(bucketConfirmations, []byte(r.ID)), t.audit(e)); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirmation reads one that can still be confirmed.
func (t *tx) confirmation(id string) (*confirmationRecord, error) {
	r := new(confirmationRecord)
	ok, err := t.get(bucketConfirmations, []byte(id), r)
	if err == nil && (!ok || !t.now.Before(r.Expires)) {
		err = notFound("confirmation, or its time is over")
	}
	return r, err
}

// Confirmations lists what waits for a second admin, oldest first, for an admin
// or auditor.
func (a *Accounts) Confirmations(p Principal) (out []Confirmation, err error) {
	err = a.view(func(t *tx) error {
		if err := t.reader(p); err != nil {
			return err
		}
		list, err := t.confirmations()
		out = []Confirmation{}
		for _, r := range list {
			if !r.Confirmed && t.now.Before(r.Expires) {
				out = append(out, r.Confirmation)
			}
		}
		return err
	})
	return out, err
}

// Confirm confirms as the second admin, with a session of their own: neither a
// program nor whoever is on the box can, nor the one who asked. What makes a user
// is done at once, and code is set when there is one to be given to the new user;
// of everything else the waiter is woken.
func (a *Accounts) Confirm(p Principal, id string) (code string, err error) {
	own := false
	err = a.update(func(t *tx) error {
		if !p.person() {
			return denied("only an admin who is signed in can confirm", "sign in with a browser")
		}
		if err := t.admin(p); err != nil {
			return err
		}
		r, err := t.confirmation(id)
		if err != nil {
			return err
		}
		if own = r.ByID == p.User.ID; own {
			return denied("whoever asked cannot confirm", "ask another admin")
		}
		if r.Confirmed {
			return conflict("it is confirmed already", "read the list again")
		}
		e := p.event("confirmation.confirm", r.Object)
		e.After, e.Detail = r.Confirmation, r.Detail
		if err := t.audit(e); err != nil {
			return err
		}
		code, err = t.carryOut(r, p)
		return err
	})
	if own {
		e := p.event("confirmation.confirm", "confirmation:"+bounded(id, maxID))
		e.Detail = "asked for it"
		a.refused(e, nil)
	}
	if err != nil {
		return "", err
	}
	return code, nil
}

// carryOut does what was confirmed by the second, as the one who asked.
func (t *tx) carryOut(r *confirmationRecord, second Principal) (code string, err error) {
	if r.Pending != nil && r.Pending.Elsewhere != nil {
		if err := t.stillAdmin(r.asker()); err != nil {
			return "", err
		}
	}
	if r.Pending == nil || r.Pending.Elsewhere != nil {
		r.Confirmed, r.Second = true, second.Name()
		return "", t.put(bucketConfirmations, []byte(r.ID), r)
	}
	if err := t.remove(bucketConfirmations, []byte(r.ID)); err != nil {
		return "", err
	}
	detail := "confirmed by " + second.Name()
	if r.Kind == kindExternal {
		_, err := t.external(*r.Pending.External, true, Source{}, detail)
		return "", err
	}
	if err := t.stillAdmin(r.asker()); err != nil {
		return "", err
	}
	if r.Kind == kindChangeUser {
		if err := t.sameCredentials(r); err != nil {
			return "", err
		}
		_, err := t.changeUser(r.asker(), r.Pending.User, *r.Pending.New, true, detail)
		return "", err
	}
	acc, err := r.Pending.New.account()
	if err != nil {
		return "", err
	}
	_, code, err = t.addUser(r.asker(), acc, second.Name(), detail)
	return code, err
}

// stillAdmin checks that whoever asked could still ask.
func (t *tx) stillAdmin(asker Principal) error {
	if asker.Local {
		return nil
	}
	acc, err := t.account(asker.User.ID)
	if err == nil && (acc == nil || acc.User.Disabled || acc.User.Role != Admin) {
		err = conflict("whoever asked for it is no admin any more", "withdraw it")
	}
	return err
}

// Withdraw takes back what waits: any admin can, and whoever asked.
func (a *Accounts) Withdraw(p Principal, id string) error {
	return a.update(func(t *tx) error {
		if !p.known() {
			return signedOut()
		}
		r, err := t.confirmation(id)
		if err != nil {
			return err
		}
		if p.Token != "" || r.By != p.Name() || r.ByID != p.User.ID {
			if err := t.admin(p); err != nil {
				return err
			}
		}
		e := p.event("confirmation.withdraw", r.Object)
		e.Before, e.Detail = r.Confirmation, r.Detail
		return errors.Join(t.remove(bucketConfirmations, []byte(id)), t.audit(e))
	})
}
