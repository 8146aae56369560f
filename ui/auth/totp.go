package auth

import (
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"
)

// What every generator of codes understands: SHA-1, six digits, 30 seconds.
const (
	totpPeriod      = 30 // seconds
	totpDigits      = 6
	totpSecretBytes = 20
	totpSlack       = 1 // steps that a clock may be off
)

// acceptTOTP gives the step whose code it is, of those after last that a clock
// that is a little off may be in; false when it is none of theirs.
func acceptTOTP(secret, code string, last int64, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != totpDigits || strings.Trim(code, "0123456789") != "" {
		return 0, false
	}
	current := now.Unix() / totpPeriod
	for s := max(current-totpSlack, last+1, 0); s <= current+totpSlack; s++ {
		want, err := hotp.GenerateCode(secret, uint64(s))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return s, true
		}
	}
	return 0, false
}

// TOTP proves a code, and with it the second factor of the cookie's session. The
// session gets a new cookie.
func (a *Accounts) TOTP(cookie, code string, from Source) (newCookie string, p Principal, err error) {
	hash, ok := parseCookie(cookie)
	if !ok {
		return "", Principal{}, signedOut()
	}
	var l *live
	if err := a.view(func(t *tx) error { l, err = t.session(hash); return err }); err != nil {
		return "", Principal{}, err
	}
	if !slices.Contains(l.needs(), NeedTOTP) {
		return "", Principal{}, conflict("no code is asked for", "go on")
	}
	who := countedFactor(l.acc.User.ID)
	try, wait := a.lockout.begin(who, from, l.acc.knows(from, a.now()), a.now())
	if wait > 0 {
		return "", Principal{}, locked(wait)
	}
	right := false
	err = a.update(func(t *tx) error {
		l, err := t.session(hash)
		if err != nil {
			return err
		}
		var step int64
		if step, right = acceptTOTP(l.acc.TOTP, code, l.acc.TOTPStep, t.now); !right {
			return nil
		}
		l.acc.TOTPStep = step
		newCookie, p, err = t.secondFactor(l, "totp", from)
		return err
	})
	switch {
	case err != nil:
		try.abandon(a.now())
		return "", Principal{}, err
	case !right:
		e := l.principal(from).event("sign-in", userObject(l.acc.User.Name))
		e.Detail = "wrong or used code"
		a.refused(e, try)
		return "", Principal{}, denied("the code is wrong or was used", "wait for the next code, and see that the telephone's clock is right")
	}
	try.succeed(a.now())
	return newCookie, p, nil
}

// secondFactor raises a session that has now proved its second factor.
func (t *tx) secondFactor(l *live, method string, from Source) (cookie string, p Principal, err error) {
	l.record.Second = true
	l.record.Method += "+" + method
	if cookie, err = t.rotate(l); err != nil {
		return "", Principal{}, err
	}
	l.acc.User.LastSignIn = t.now
	if err := t.putAccount(l.acc); err != nil {
		return "", Principal{}, err
	}
	p = l.principal(from)
	p.CSRF = csrfOf(cookie)
	e := p.event("sign-in", userObject(l.acc.User.Name))
	e.Detail = describe(p)
	return cookie, p, t.audit(e)
}

// BeginTOTP makes a new secret for a generator of codes; uri is the same for a
// QR code. Nothing changes before ConfirmTOTP, within 15 minutes. A session that
// is to enrol has just proved its password and needs none here.
func (a *Accounts) BeginTOTP(p Principal, password string) (secret, uri string, err error) {
	l, err := a.reauthenticate(p, password, NeedEnrol)
	if err != nil {
		return "", "", err
	}
	if l.acc.TOTP != "" {
		return "", "", conflict("there is a generator of codes already", "remove it first")
	}
	secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random(totpSecretBytes))
	a.ceremonies.put(ceremony{
		id: totpCeremony(p.Session), owner: ownerUser(l.acc.User.ID), session: p.Session,
		expires: a.now().Add(totpEnrolLife), secret: secret,
	})
	issuer := l.policy.SiteName
	if issuer == "" {
		issuer = "Stockade"
	}
	query := url.Values{
		"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"},
		"digits": {strconv.Itoa(totpDigits)}, "period": {strconv.Itoa(totpPeriod)},
	}
	// Generators read the query as they read the path: a plus sign is a plus sign.
	uri = fmt.Sprintf("otpauth://totp/%s:%s?%s", url.PathEscape(issuer), url.PathEscape(l.acc.User.Name),
		strings.ReplaceAll(query.Encode(), "+", "%20"))
	return secret, uri, nil
}

// ConfirmTOTP keeps the secret of BeginTOTP once a code of it is shown. newCookie
// is set when that was what the session still needed.
func (a *Accounts) ConfirmTOTP(p Principal, code string) (newCookie string, err error) {
	c, ok := a.ceremonies.look(totpCeremony(p.Session), a.now())
	if !ok || c.owner != ownerUser(p.User.ID) {
		return "", invalid("no new generator of codes was begun here, or too long ago", "begin again")
	}
	wrong := false
	err = a.update(func(t *tx) error {
		l, err := t.own(p, NeedEnrol)
		if err != nil {
			return err
		}
		if l.acc.TOTP != "" {
			return conflict("there is a generator of codes already", "remove it first")
		}
		step, right := acceptTOTP(c.secret, code, 0, t.now)
		if wrong = !right; wrong {
			return denied("the code is wrong", "wait for the next code, and see that the telephone's clock is right")
		}
		before := l.acc.public()
		l.acc.TOTP, l.acc.TOTPStep = c.secret, step
		newCookie, err = t.enrolled(l, p, "totp", before)
		return err
	})
	if wrong {
		e := p.event("totp.add", userObject(p.User.Name))
		e.Detail = "wrong code"
		a.refusedRandom("totp.add"+p.User.ID, e, p.from)
	}
	if err != nil {
		return "", err
	}
	a.ceremonies.take(totpCeremony(p.Session), a.now())
	return newCookie, nil
}

// enrolled keeps a new second factor of the session's account, which the session
// has proved by making it.
func (t *tx) enrolled(l *live, p Principal, method string, before User) (cookie string, err error) {
	needed := slices.Contains(p.Need, NeedEnrol)
	l.record.Second = true
	if needed {
		l.record.Method += "+" + method
		if cookie, err = t.rotate(l); err != nil {
			return "", err
		}
		l.acc.User.LastSignIn = t.now
	} else if err := t.put(bucketSessions, l.hash[:], l.record); err != nil {
		return "", err
	}
	e := p.event(method+".add", userObject(l.acc.User.Name))
	e.Before, e.After = before, l.acc.public()
	return cookie, errors.Join(t.putAccount(l.acc), t.audit(e))
}

// RemoveTOTP removes the generator of codes. If the role must have a second
// factor, there has to be a passkey.
func (a *Accounts) RemoveTOTP(p Principal, password string) error {
	if _, err := a.reauthenticate(p, password); err != nil {
		return err
	}
	return a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		if l.acc.TOTP == "" {
			return notFound("generator of codes")
		}
		if len(l.acc.Keys) == 0 {
			if err := l.mayDropFactor(); err != nil {
				return err
			}
		}
		e := p.event("totp.remove", userObject(l.acc.User.Name))
		e.Before = l.acc.public()
		l.acc.TOTP, l.acc.TOTPStep = "", 0
		e.After = l.acc.public()
		return errors.Join(t.putAccount(l.acc), t.audit(e))
	})
}

// mayDropFactor says whether the last second factor may go.
func (l *live) mayDropFactor() error {
	if l.policy.SecondFactor[l.acc.User.Role] {
		return conflict("your role must have a second factor", "set up the other one first")
	}
	return nil
}
