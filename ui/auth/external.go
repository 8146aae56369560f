package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxSubject = 255 // bytes, as OpenID Connect has it

// External is who a sign-on provider says somebody is, mapped to what the site
// gives them.
type External struct {
	Provider string // id of the provider in the site file
	Issuer   string // who that is
	Subject  string // the provider's lasting id of the person
	Group    string // the provider's, which gives them the Grant
	Name     string
	Display  string
	Grant
	MultiFactor bool // the provider says that it asked for a second factor
}

// SignInExternal signs in whom a provider vouches for. The user is made at the
// first sign-in and changed at each, as the provider says: it is found by
// provider and subject only, so that no name that somebody has there takes over
// a user of that name here. A role that must have a second factor has to prove
// one here, unless the provider says that it did. With two persons, who would
// become an admin by it is Pending.
func (a *Accounts) SignInExternal(x External, from Source) (cookie string, p Principal, err error) {
	if needs, err := a.NeedsSetup(); err != nil || needs {
		if err == nil {
			err = denied("the recorder is not set up", "make the first admin, with the code that the recorder printed")
		}
		return "", Principal{}, err
	}
	if x.Grant, err = x.checked(); err != nil {
		return "", Principal{}, err
	}
	if !word(x.Provider) || x.Provider == "" || x.Provider == SourceLocal || x.Provider == "box" {
		return "", Principal{}, fmt.Errorf("sign in external: %q is no provider's id", bounded(x.Provider, maxID))
	}
	if x.Subject == "" || len(x.Subject) > maxSubject || strings.ContainsRune(x.Subject, 0) {
		return "", Principal{}, denied("the provider says nothing that could be told apart", "ask the provider's admin for a subject claim")
	}
	mayRaise := !a.policy().TwoPersons
	why := ""
	err = a.update(func(t *tx) error {
		acc, err := t.external(x, mayRaise, from, "")
		if err != nil {
			return err
		}
		if acc.User.Disabled {
			why = "disabled"
			return nil
		}
		acc.Vouched = t.now
		record := sessionRecord{Method: "sso:" + x.Provider, External: true, Second: x.MultiFactor}
		cookie, p, err = t.signIn(acc, record, from, "sign-in")
		return err
	})
	if err == errRaises { //nolint:errorlint // it is given bare, by ourselves
		return "", Principal{}, a.pendExternal(x, from)
	}
	if isKind(err, Denied) {
		a.refuseExternal(x, err.Error(), from)
	}
	if err != nil {
		return "", Principal{}, err
	}
	if why != "" {
		a.refuseExternal(x, why, from)
		return "", Principal{}, denied("this account may not sign in", "ask an admin")
	}
	return cookie, p, nil
}

// errRaises says that an account would become an admin by what a provider says.
var errRaises = &Error{Kind: Pending, Message: "this makes an admin", Fix: "ask another admin to confirm it"}

// principal names the provider as who acts.
func (x External) principal(from Source) Principal {
	return Principal{User: User{Name: "sso:" + x.Provider}, from: from}
}

// external makes or changes the account of whom a provider vouches for.
// errRaises when that would make an admin and may not. What the site file has ceased to
// give meanwhile is denied.
func (t *tx) external(x External, mayRaise bool, from Source, detail string) (*account, error) {
	if m := t.a.mapping.Load(); m != nil {
		grant, why := m.gives(x.Provider, x.Issuer, x.Group)
		if why == "" && !sameGrant(grant, x.Grant) {
			why = "the site file gives the group something else now"
		}
		if why != "" {
			return nil, denied(why, "sign in again at the provider, or let an admin look at accounts.sso in the site file")
		}
	}
	id := t.bucket(bucketSubjects).Get(pair(x.Provider, x.Subject))
	if id == nil {
		return t.newExternal(x, mayRaise, from, detail)
	}
	acc, err := t.mustAccount(string(id))
	if err != nil || acc.User.Disabled {
		return acc, err
	}
	before := acc.public()
	acc.User.Grant, acc.Issuer, acc.Group = x.Grant, x.Issuer, x.Group
	if x.Display != "" {
		acc.User.Display = display(x.Display)
	}
	if acc.User.makesAdmin(before) && !mayRaise {
		return nil, errRaises
	}
	if sameGrant(before.Grant, acc.User.Grant) && before.Display == acc.User.Display {
		return acc, t.putAccount(acc)
	}
	if before.Role != acc.User.Role {
		if err := t.endSessions(acc.User.ID, ""); err != nil {
			return nil, err
		}
	}
	if err := t.putAccount(acc); err != nil {
		return nil, err
	}
	e := x.principal(from).event("user.change", userObject(acc.User.Name))
	e.Before, e.After, e.Detail = before, acc.public(), detail
	return acc, t.audit(e)
}

func (t *tx) newExternal(x External, mayRaise bool, from Source, detail string) (*account, error) {
	if x.Role == Admin && !mayRaise {
		return nil, errRaises
	}
	acc := &account{Subject: x.Subject, Issuer: x.Issuer, Group: x.Group, User: User{Source: x.Provider, Grant: x.Grant, Display: display(x.Display)}}
	names := t.bucket(bucketNames)
	acc.User.Name = externalName(x.Name, "")
	if names.Get([]byte(nameKey(acc.User.Name))) != nil {
		acc.User.Name = externalName(x.Name, "@"+x.Provider)
	}
	if err := t.create(acc); err != nil {
		return nil, err
	}
	e := x.principal(from).event("user.add", userObject(acc.User.Name))
	e.After, e.Detail = acc.public(), detail
	return acc, t.audit(e)
}

// externalName makes a name of ours of what a provider calls somebody.
func externalName(name, suffix string) string {
	name = norm.NFC.String(bounded(name, 4*maxName))
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("._-@+", r) {
			return r
		}
		return '-'
	}, name)
	name = strings.TrimLeftFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for utf8.RuneCountInString(name)+len(suffix) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "" {
		name = "user"
	}
	return name + suffix
}

func display(text string) string {
	return strings.TrimSpace(norm.NFC.String(bounded(text, maxDisplay)))
}

// pendExternal files a provider's new admin for confirmation, once.
func (a *Accounts) pendExternal(x External, from Source) error {
	var id string
	object := "external:" + x.Provider + "/" + bounded(x.Subject, maxID)
	err := a.update(func(t *tx) error {
		list, err := t.confirmations()
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Kind == kindExternal && r.Pending.External.Subject == x.Subject &&
				r.Pending.External.Provider == x.Provider && t.now.Before(r.Expires) {
				id = r.ID
				return nil
			}
		}
		id, err = t.file(x.principal(from), kindExternal, object,
			fmt.Sprintf("make an admin of %s, as %s says", bounded(x.Name, maxName), x.Provider), &pending{External: &x})
		return err
	})
	if err != nil {
		return err
	}
	return pendingError(id, a.policy())
}
