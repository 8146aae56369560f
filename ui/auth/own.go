package auth

import (
	"crypto/subtle"
	"errors"
	"slices"
	"time"
)

// provedFor is how long credentials that were proved stand for a password that
// the account does not have.
const provedFor = 10 * time.Minute

// own gives the session of a principal who works on their own account, as it is
// now. It must need nothing, or one of what may be needed.
func (t *tx) own(p Principal, may ...Need) (*live, error) {
	if p.known() && !p.person() {
		return nil, denied("only a person signed in can do that", "sign in with a browser")
	}
	l, err := t.sessionOf(p)
	if err != nil {
		return nil, err
	}
	for _, need := range l.needs() {
		if !slices.Contains(may, need) {
			return nil, denied("the sign-in is not complete", "give what is still needed")
		}
	}
	return l, nil
}

// reauthenticate has a person prove the password again before a change that
// would outlast a session left open. A session that has just proved what it can,
// to meet a need, need not.
func (a *Accounts) reauthenticate(p Principal, password string, may ...Need) (l *live, err error) {
	if err := a.view(func(t *tx) error { l, err = t.own(p, may...); return err }); err != nil {
		return nil, err
	}
	if len(l.needs()) > 0 {
		return l, nil
	}
	if l.acc.Password == "" {
		if a.now().Sub(l.record.Proved) > provedFor {
			return nil, denied("the sign-in is too long ago for that", "sign out, sign in and do it within 10 minutes")
		}
		return l, nil
	}
	who := countedFactor("again" + l.acc.User.ID)
	try, wait := a.lockout.begin(who, p.from, sourceKey(p.from), a.now())
	if wait > 0 {
		return nil, locked(wait)
	}
	right, _, err := a.hashes.check(l.acc.Password, password, true)
	if err != nil {
		try.abandon(a.now())
		return nil, err
	}
	if !right {
		e := p.event("password.prove", userObject(l.acc.User.Name))
		a.refused(e, try)
		return nil, denied("the password is wrong", "try again")
	}
	try.succeed(a.now())
	return l, nil
}

// SetPreferences sets what a user chooses for themselves. What is so already is
// not written: an entry that says nothing would be kept for good.
func (a *Accounts) SetPreferences(p Principal, w Preferences) (u User, err error) {
	if w, err = w.checked(); err != nil {
		return User{}, err
	}
	err = a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		if is := l.acc.User; is.Display == w.Display && is.Language == w.Language && is.Theme == w.Theme {
			u = l.acc.public()
			return nil
		}
		e := p.event("user.preferences", userObject(l.acc.User.Name))
		e.Before = l.acc.public()
		l.acc.User.Display, l.acc.User.Language, l.acc.User.Theme = w.Display, w.Language, w.Theme
		u = l.acc.public()
		e.After = u
		return errors.Join(t.putAccount(l.acc), t.audit(e))
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// ChangePassword sets a new password, ends all other sessions and all tokens of the
// user and gives this session a new cookie. A session that needs a password, having come in by
// a one-time code, says no old one.
func (a *Accounts) ChangePassword(p Principal, old, password string) (newCookie string, err error) {
	l, err := a.reauthenticate(p, old, NeedPassword)
	if err != nil {
		return "", err
	}
	if !l.acc.local() {
		return "", denied("your account signs in at "+l.acc.User.Source, "change the password there")
	}
	if password, err = checkPassword(password, l.acc.User); err != nil {
		return "", err
	}
	if o, ok := normalPassword(old); ok && l.acc.Password != "" && subtle.ConstantTimeCompare([]byte(o), []byte(password)) == 1 {
		return "", invalid("the password is the old one", "choose a new one")
	}
	stored, err := a.hashes.hash(password)
	if err != nil {
		return "", err
	}
	proved := l.acc.Password
	err = a.update(func(t *tx) error {
		l, err := t.own(p, NeedPassword)
		if err != nil {
			return err
		}
		if l.acc.Password != proved {
			return conflict("the password was changed meanwhile", "sign in with the new one")
		}
		e := p.event("password.change", userObject(l.acc.User.Name))
		l.acc.Password = stored
		if l.record.ByCode {
			l.record.ByCode = false
			l.record.Method = "code+password"
		}
		if newCookie, err = t.rotate(l); err != nil {
			return err
		}
		if len(l.needs()) == 0 {
			l.acc.User.LastSignIn = t.now
		}
		return errors.Join(
			t.endSessions(l.acc.User.ID, l.record.ID), t.endTokens(l.acc.User.ID), t.putAccount(l.acc), t.audit(e),
		)
	})
	if err != nil {
		return "", err
	}
	return newCookie, nil
}

// Sessions lists the principal's own sessions, latest first.
func (a *Accounts) Sessions(p Principal) (list []Session, err error) {
	err = a.view(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		list, err = t.listSessions(l.acc, l.record.ID)
		return err
	})
	return list, err
}

// EndSession ends one of the principal's own sessions, the one that asks included.
func (a *Accounts) EndSession(p Principal, id string) error {
	return a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		return errors.Join(
			t.endSession(l.acc, id),
			t.audit(p.event("session.end", "session:"+bounded(id, maxID))),
		)
	})
}
