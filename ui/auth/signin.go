package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"
)

// NeedsSetup reports whether there is no admin yet: then only Setup works.
func (a *Accounts) NeedsSetup() (needs bool, err error) {
	if a.hasAdmin.Load() {
		return false, nil
	}
	err = a.view(func(t *tx) error {
		has, err := t.anyAccount(func(acc *account) bool { return acc.User.Role == Admin })
		if has {
			a.hasAdmin.Store(true)
		}
		needs = !has
		return err
	})
	return needs, err
}

// SetupCode gives a new one-time code for Setup, for the daemon to print; the
// one before is worth nothing from now on. Conflict when there is an admin.
func (a *Accounts) SetupCode() (string, error) {
	needs, err := a.NeedsSetup()
	if err != nil {
		return "", err
	}
	if !needs {
		return "", conflict("there is an admin already", "sign in, or run on the box: nvr user reset NAME")
	}
	code := newCode()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setupCode, _ = readCode(code)
	return code, nil
}

// Setup makes the first admin and signs them in. Role, rights and cameras of u
// are an admin's, whatever it says.
func (a *Accounts) Setup(code string, u NewUser, password string, from Source) (cookie string, p Principal, err error) {
	if !a.isSetupCode(code) {
		a.refusedRandom("setup", Event{Source: from.address(), Action: "setup", Detail: "wrong code"}, from)
		return "", Principal{}, denied("the code is wrong", "take the newest one that the recorder printed at its start")
	}
	u.Grant, u.Disabled = Grant{Role: Admin}, false
	acc, err := u.account()
	if err != nil {
		return "", Principal{}, err
	}
	if password, err = checkPassword(password, acc.User); err != nil {
		return "", Principal{}, err
	}
	if acc.Password, err = a.hashes.hash(password); err != nil {
		return "", Principal{}, err
	}
	err = a.update(func(t *tx) error {
		has, err := t.anyAccount(func(acc *account) bool { return acc.User.Role == Admin })
		if err != nil {
			return err
		}
		if has {
			return conflict("there is an admin already", "sign in")
		}
		if err := t.create(acc); err != nil {
			return err
		}
		cookie, p, err = t.signIn(acc, sessionRecord{Method: "password"}, from, "setup")
		return err
	})
	if err != nil {
		return "", Principal{}, err
	}
	a.hasAdmin.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setupCode = hashed{}
	return cookie, p, nil
}

func (a *Accounts) isSetupCode(code string) bool {
	hash, ok := readCode(code)
	a.mu.Lock()
	defer a.mu.Unlock()
	return ok && a.setupCode != hashed{} && subtle.ConstantTimeCompare(hash[:], a.setupCode[:]) == 1
}

// SignIn signs a user in by name and password, or by the one-time code in the
// password's place. The session may be partial: see Principal.Need. Whatever is
// wrong, a name that does not exist included, takes as long and reads the same.
func (a *Accounts) SignIn(name, password string, from Source) (cookie string, p Principal, err error) {
	if len(name) > 4*maxName {
		name = ""
	}
	var acc *account
	if err := a.view(func(t *tx) error { acc, err = t.named(name); return err }); err != nil {
		return "", Principal{}, err
	}
	known := acc.knows(from, a.now())
	who := countedName(name)
	try, wait := a.lockout.begin(who, from, known, a.now())
	if wait > 0 {
		return "", Principal{}, locked(wait)
	}
	proof, err := a.prove(acc, password, known != "")
	if err != nil {
		try.abandon(a.now())
		return "", Principal{}, err
	}
	if proof.why == "" {
		err = a.update(func(t *tx) error {
			cookie, p, err = t.signInBy(acc.User.ID, proof, from)
			return err
		})
	}
	switch {
	case err != nil:
		try.abandon(a.now())
		return "", Principal{}, err
	case proof.why != "" || cookie == "":
		e := Event{Actor: bounded(name, 4*maxName), Source: from.address(), Action: "sign-in", Detail: proof.why}
		if acc != nil {
			e.ActorID = acc.User.ID
		}
		a.refused(e, try)
		return "", Principal{}, wrong()
	}
	try.succeed(a.now())
	return cookie, p, nil
}

// proof is what a password or code has proved of an account.
type proof struct {
	why    string // it proved nothing, for this reason
	stored string // the account's hash that the password was right for
	fresh  string // what is to be stored instead
	code   hashed
	byCode bool
}

// prove tries what was typed. It works out one hash, whatever there is to compare.
func (a *Accounts) prove(acc *account, password string, known bool) (proof, error) {
	stored := ""
	if acc != nil {
		stored = acc.Password
	}
	right, fresh, err := a.hashes.check(stored, password, known)
	if err != nil {
		return proof{}, err
	}
	code, isCode := readCode(password)
	switch {
	case acc == nil:
		return proof{why: "no such user"}, nil
	case acc.User.Disabled:
		return proof{why: "disabled"}, nil
	case right:
		return proof{stored: stored, fresh: fresh}, nil
	case isCode && acc.isCode(code, a.now()):
		return proof{code: code, byCode: true}, nil
	default:
		return proof{why: "wrong password"}, nil
	}
}

func (acc *account) isCode(code hashed, now time.Time) bool {
	return len(acc.Code) > 0 && now.Before(acc.CodeUntil) && subtle.ConstantTimeCompare(acc.Code, code[:]) == 1
}

// signInBy opens a session by a proof, if the account is still as it was when
// it was given; no cookie if it is not.
func (t *tx) signInBy(id string, by proof, from Source) (cookie string, p Principal, err error) {
	acc, err := t.account(id)
	if err != nil || acc == nil || acc.User.Disabled {
		return "", Principal{}, err
	}
	record := sessionRecord{Method: "password"}
	switch {
	case by.byCode && acc.isCode(by.code, t.now):
		record = sessionRecord{Method: "code", ByCode: true}
		acc.Code, acc.CodeUntil = nil, time.Time{}
	case !by.byCode && acc.Password == by.stored:
		if by.fresh != "" {
			acc.Password = by.fresh
		}
	default:
		return "", Principal{}, nil
	}
	return t.signIn(acc, record, from, "sign-in")
}

// signIn opens a session, puts the account and audits it.
func (t *tx) signIn(acc *account, record sessionRecord, from Source, action string) (cookie string, p Principal, err error) {
	cookie, l, err := t.open(acc, record, from)
	if err != nil {
		return "", Principal{}, err
	}
	if err := t.putAccount(acc); err != nil {
		return "", Principal{}, err
	}
	p = l.principal(from)
	p.CSRF = csrfOf(cookie)
	e := p.event(action, userObject(acc.User.Name))
	e.Detail = describe(p)
	return cookie, p, t.audit(e)
}

// describe says for the audit how a principal signed in, and what is still needed.
func describe(p Principal) string {
	if len(p.Need) == 0 {
		return "by " + p.Method
	}
	return fmt.Sprintf("by %s, needs %v", p.Method, p.Need)
}

// Authenticate gives the principal of a cookie; SignedOut when it has none. It is use
// of the session, unless the source is unattended.
func (a *Accounts) Authenticate(cookie string, from Source) (Principal, error) {
	hash, ok := parseCookie(cookie)
	if !ok {
		return Principal{}, signedOut()
	}
	var l *live
	err := a.view(func(t *tx) (err error) { l, err = t.session(hash); return err })
	if err != nil {
		return Principal{}, err
	}
	if !from.Unattended {
		a.touch(l)
	}
	p := l.principal(from)
	p.CSRF = csrfOf(cookie)
	return p, nil
}

// touch writes down that a session is used, now and then. That it cannot be
// written keeps nobody out.
func (a *Accounts) touch(l *live) {
	every := min(touchEvery, l.policy.Idle/4)
	if a.now().Sub(l.record.Seen) < every {
		return
	}
	err := a.write(func(t *tx) error {
		again, err := t.session(l.hash)
		if err != nil || t.now.Sub(again.record.Seen) < every {
			return nil //nolint:nilerr // it has ended meanwhile: nothing to write
		}
		again.record.Seen = t.now
		return t.put(bucketSessions, again.hash[:], again.record)
	})
	if err != nil {
		a.opt.Log.Warn("last use of a session cannot be written", "error", err)
	}
}

// SignOut ends the session of a cookie; nothing happens when it has none.
func (a *Accounts) SignOut(cookie string, from Source) error {
	hash, ok := parseCookie(cookie)
	if !ok {
		return nil
	}
	err := a.update(func(t *tx) error {
		l, err := t.session(hash)
		if err != nil {
			return err
		}
		return errors.Join(
			t.drop(stored{hash: l.hash[:], record: *l.record}),
			t.audit(l.principal(from).event("sign-out", userObject(l.acc.User.Name))),
		)
	})
	if isKind(err, SignedOut) {
		return nil
	}
	return err
}

func locked(wait time.Duration) *Error {
	return &Error{
		Kind: Locked, Message: "too many tries", RetryAfter: wait,
		Fix: fmt.Sprintf("try again in %s", wait.Round(time.Second)+time.Second),
	}
}
