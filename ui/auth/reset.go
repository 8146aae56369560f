package auth

import (
	"errors"
	"fmt"
)

// ResetUser takes a user's password, codes, passkeys, sessions and tokens away
// and gives a one-time code in their place; none for a user who signs in at a
// provider. The last admin who can sign in cannot be reset, and nobody can reset
// themselves: the code would make of a session left open an account taken over. With
// two persons no other admin can be either: who resets them could confirm as them.
func (a *Accounts) ResetUser(p Principal, id string) (code string, err error) {
	err = a.update(func(t *tx) error {
		acc, err := t.asAdmin(p, id)
		if err != nil {
			return err
		}
		if acc.mainstay() {
			if err := t.mayLose(id); err != nil {
				return err
			}
		}
		if id == p.User.ID && !p.Local {
			return denied("you cannot reset yourself", "change your password and second factor under My account")
		}
		if acc.User.Role == Admin && t.a.policy().TwoPersons && !p.Local {
			return denied("with two persons, an admin cannot be reset by another",
				fmt.Sprintf("run on the box: nvr user reset %s", acc.User.Name))
		}
		code, err = t.reset(p, acc, "user.reset")
		return err
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// RecoverUser is ResetUser for whoever is on the box: it works for the last
// admin too, and it enables a user who is disabled.
func (a *Accounts) RecoverUser(p Principal, name string) (code string, err error) {
	if !p.Local {
		return "", denied("recovery is done on the box", "run there: nvr user reset NAME")
	}
	var factor counted
	err = a.update(func(t *tx) error {
		acc, err := t.named(name)
		if err == nil && acc == nil {
			err = notFound("user")
		}
		if err != nil {
			return err
		}
		acc.User.Disabled = false
		factor = countedFactor(acc.User.ID)
		if err := errors.Join(t.dropFailures(countedName(name)), t.dropFailures(factor)); err != nil {
			return err
		}
		code, err = t.reset(p, acc, "user.recover")
		return err
	})
	if err != nil {
		return "", err
	}
	a.lockout.forget(countedName(name))
	a.lockout.forget(factor)
	return code, nil
}

// reset takes an account's credentials away and gives a code in their place.
func (t *tx) reset(by Principal, acc *account, action string) (code string, err error) {
	e := by.event(action, userObject(acc.User.Name))
	e.Before = acc.public()
	if err := t.dropKeys(acc); err != nil {
		return "", err
	}
	if code = acc.setCode(by.Name(), t.now); !acc.local() {
		code, acc.Code, acc.CodeBy = "", nil, ""
	}
	e.After = acc.public()
	return code, errors.Join(
		t.endSessions(acc.User.ID, ""), t.endTokens(acc.User.ID), t.putAccount(acc), t.audit(e),
	)
}
