package auth

import (
	"errors"
	"slices"
)

// account checks what is said of a new user and makes an account of it.
func (n NewUser) account() (*account, error) {
	acc := &account{User: User{Source: SourceLocal, Disabled: n.Disabled, Language: n.Language}}
	var err error
	if acc.User.Name, err = checkName(n.Name); err != nil {
		return nil, err
	}
	w, err := Preferences{Display: n.Display, Language: n.Language}.checked()
	if err != nil {
		return nil, err
	}
	acc.User.Display = w.Display
	if acc.User.Grant, err = n.checked(); err != nil {
		return nil, err
	}
	return acc, nil
}

// admin checks that the principal is an admin now, not only when it was read.
func (t *tx) admin(p Principal) error { return t.role(p, Admin) }

// reader checks that the principal may read what admins read.
func (t *tx) reader(p Principal) error { return t.role(p, Admin, Auditor) }

func (t *tx) role(p Principal, roles ...Role) error {
	if !p.known() {
		return signedOut()
	}
	now := p
	if p.person() {
		l, err := t.sessionOf(p)
		if err != nil {
			return err
		}
		now = l.principal(p.from)
	}
	if !now.Is(roles...) {
		return denied("your role is not allowed to do that", "ask an admin")
	}
	return nil
}

// Users lists all users by name, for an admin or auditor.
func (a *Accounts) Users(p Principal) (list []User, err error) {
	err = a.view(func(t *tx) error {
		if err := t.reader(p); err != nil {
			return err
		}
		list = []User{}
		return t.bucket(bucketNames).ForEach(func(_, id []byte) error {
			acc, err := t.mustAccount(string(id))
			if err != nil {
				return err
			}
			list = append(list, acc.public())
			return nil
		})
	})
	return list, err
}

// User gives one user, for an admin or auditor.
func (a *Accounts) User(p Principal, id string) (u User, err error) {
	err = a.view(func(t *tx) error {
		acc, err := t.asReader(p, id)
		if err == nil {
			u = acc.public()
		}
		return err
	})
	return u, err
}

// AddUser adds a user. The code lets them in once, within three days, to set a
// password: it is told this once. With two persons, an admin is Pending.
func (a *Accounts) AddUser(p Principal, n NewUser) (u User, code string, err error) {
	acc, err := n.account()
	if err != nil {
		return User{}, "", err
	}
	if acc.User.Role == Admin {
		if err := a.pend(p, kindAddUser, userObject(acc.User.Name), "add an admin", pending{New: &n}); err != nil {
			return User{}, "", err
		}
	}
	err = a.update(func(t *tx) error {
		if err := t.admin(p); err != nil {
			return err
		}
		u, code, err = t.addUser(p, acc, p.Name(), "")
		return err
	})
	if err != nil {
		return User{}, "", err
	}
	return u, code, nil
}

// addUser adds a user on behalf of by; the code is told to the person of the name.
func (t *tx) addUser(by Principal, acc *account, told, detail string) (User, string, error) {
	code := acc.setCode(told, t.now)
	if err := t.create(acc); err != nil {
		return User{}, "", err
	}
	e := by.event("user.add", userObject(acc.User.Name))
	e.After, e.Detail = acc.public(), detail
	return acc.public(), code, t.audit(e)
}

// ChangeUser sets everything that an admin says of a user but the name, which
// stays: the audit has it. A change of role and disabling end the user's
// sessions, disabling the tokens too. With two persons, what makes an admin is Pending.
func (a *Accounts) ChangeUser(p Principal, id string, n NewUser) (u User, err error) {
	raises := false
	var name, detail string
	err = a.view(func(t *tx) error {
		acc, err := t.asAdmin(p, id)
		if err != nil {
			return err
		}
		name = acc.User.Name
		after, err := acc.changed(n)
		if raises = err == nil && after.User.makesAdmin(acc.User); raises {
			detail, err = t.raise(p, acc)
		}
		return err
	})
	if err != nil {
		return User{}, err
	}
	if raises {
		if err := a.pend(p, kindChangeUser, userObject(name), detail, pending{User: id, New: &n}); err != nil {
			return User{}, err
		}
	}
	err = a.update(func(t *tx) error {
		if err := t.admin(p); err != nil {
			return err
		}
		u, err = t.changeUser(p, id, n, raises, "")
		return err
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// makesAdmin reports whether a user is an enabled admin now and was none before.
func (u User) makesAdmin(before User) bool {
	return u.Role == Admin && !u.Disabled && (before.Role != Admin || before.Disabled)
}

// changed gives the account with what is said of it.
func (acc *account) changed(n NewUser) (*account, error) {
	if n.Name != "" && nameKey(n.Name) != nameKey(acc.User.Name) {
		return nil, invalid("a user's name stays", "add a user of the new name, and remove this one")
	}
	n.Name = acc.User.Name
	wanted, err := n.account()
	if err != nil {
		return nil, err
	}
	after := *acc
	if !acc.local() && !sameGrant(wanted.User.Grant, acc.User.Grant) {
		return nil, conflict("role and rights come from "+acc.User.Source, "change the groups there, or disable the user")
	}
	after.User.Display, after.User.Language = wanted.User.Display, wanted.User.Language
	after.User.Grant, after.User.Disabled = wanted.User.Grant, n.Disabled
	return &after, nil
}

func sameGrant(x, y Grant) bool {
	return x.Role == y.Role && x.All == y.All && slices.Equal(x.Rights, y.Rights) &&
		slices.Equal(x.Cameras, y.Cameras) && slices.Equal(x.Groups, y.Groups)
}

// changeUser changes a user on behalf of by. mayRaise says that making an admin
// has been allowed.
func (t *tx) changeUser(by Principal, id string, n NewUser, mayRaise bool, detail string) (User, error) {
	acc, err := t.mustAccount(id)
	if err != nil {
		return User{}, err
	}
	after, err := acc.changed(n)
	if err != nil {
		return User{}, err
	}
	if after.User.makesAdmin(acc.User) && !mayRaise {
		return User{}, conflict("the user was changed meanwhile", "read it again")
	}
	if acc.mainstay() && !after.mainstay() {
		if err := t.mayLose(id); err != nil {
			return User{}, err
		}
	}
	e := by.event("user.change", userObject(acc.User.Name))
	e.Before, e.After, e.Detail = acc.public(), after.public(), detail
	if acc.User.Role != after.User.Role || after.User.Disabled && !acc.User.Disabled {
		// Whoever lowers themselves stays signed in, as what they are now.
		if err := t.endSessions(id, by.Session); err != nil {
			return User{}, err
		}
	}
	if after.User.Disabled && !acc.User.Disabled {
		// Who is enabled again later must not find programs let in that nobody thinks of.
		if err := t.endTokens(id); err != nil {
			return User{}, err
		}
	}
	return after.public(), errors.Join(t.putAccount(after), t.audit(e))
}

// mayLose says whether the admin by the id may go: not the last who can sign in.
func (t *tx) mayLose(id string) error {
	other, err := t.otherMainstay(id)
	if err == nil && !other {
		err = conflict("that is the last admin who can sign in", "make another admin first, who has signed in once")
	}
	return err
}

// RemoveUser removes a user, with sessions and tokens.
func (a *Accounts) RemoveUser(p Principal, id string) error {
	return a.update(func(t *tx) error {
		acc, err := t.asAdmin(p, id)
		if err != nil {
			return err
		}
		if acc.mainstay() {
			if err := t.mayLose(id); err != nil {
				return err
			}
		}
		e := p.event("user.remove", userObject(acc.User.Name))
		e.Before = acc.public()
		return errors.Join(t.destroy(acc), t.audit(e))
	})
}

// UserSessions lists the sessions of a user, latest first, for an admin or auditor.
func (a *Accounts) UserSessions(p Principal, id string) ([]Session, error) {
	return listed(a, p, id, func(t *tx, acc *account) ([]Session, error) { return t.listSessions(acc, p.Session) })
}

// EndUserSessions ends all sessions of a user, but for the one that asks.
func (a *Accounts) EndUserSessions(p Principal, id string) error {
	return a.update(func(t *tx) error {
		acc, err := t.asAdmin(p, id)
		if err != nil {
			return err
		}
		return errors.Join(
			t.endSessions(id, p.Session),
			t.audit(p.event("user.sign-out", userObject(acc.User.Name))),
		)
	})
}
