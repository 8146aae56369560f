package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Mapping is what the site gives the groups of its sign-on providers, by the
// provider's id.
type Mapping map[string]Provider

// Provider is one of them.
type Provider struct {
	Issuer string           // who it is: an id may be given to another
	Groups map[string]Grant // by the name of the group
}

// gives tells what a group of a provider is given; why it is nothing. The grants are
// in the form in which they are kept: see Remap.
func (m Mapping) gives(provider, issuer, group string) (g Grant, why string) {
	p, ok := m[provider]
	switch {
	case !ok:
		return g, "the provider is not in the site file any more"
	case p.Issuer != issuer:
		return g, "the provider's issuer is another one now"
	}
	if g, ok = p.Groups[group]; !ok {
		return g, "the site file gives the group no role any more"
	}
	return g, ""
}

// Remap holds the users of sign-on providers to what the site gives them from now on:
// at start and whenever it changes. Whose provider has gone, or whose group has no role
// any more, loses sessions, tokens and cameras; whose group is given something else is
// given that, but for what would make an admin and needs two persons: who signs in
// again asks for it. All of it is audited as done by the principal. Nobody comes in by
// an older mapping afterwards, also not when there is an error, which is the disk's.
func (a *Accounts) Remap(by Principal, m Mapping) error {
	kept := Mapping{}
	for id, p := range m {
		groups := map[string]Grant{}
		for group, grant := range p.Groups {
			if g, err := grant.checked(); err == nil { // one that cannot be kept gives nothing
				groups[group] = g
			}
		}
		kept[id] = Provider{p.Issuer, groups}
	}
	a.mapping.Store(&kept) // before the transaction: a sign-in that comes after it sees this one
	err := a.update(func(t *tx) error {
		accounts, err := t.externals()
		for _, acc := range accounts {
			err = errors.Join(err, t.remap(by, acc, kept))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("hold users to the sign-on providers of the site file: %w", err)
	}
	return nil
}

// externals lists the accounts of sign-on providers.
func (t *tx) externals() (list []*account, err error) {
	c := t.bucket(bucketUsers).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		acc := new(account)
		if err := json.Unmarshal(v, acc); err != nil {
			return nil, fmt.Errorf("read user %s: %w", k, err)
		}
		if !acc.local() {
			list = append(list, acc)
		}
	}
	return list, nil
}

// remap holds one account to a mapping.
func (t *tx) remap(by Principal, acc *account, m Mapping) error {
	grant, why := m.gives(acc.User.Source, acc.Issuer, acc.Group)
	if why != "" {
		return t.dismiss(by, acc, why)
	}
	before := acc.public()
	acc.User.Grant = grant
	switch {
	case sameGrant(before.Grant, grant):
		return nil
	case acc.User.makesAdmin(before) && t.a.policy().TwoPersons:
		return nil // as it was
	}
	if before.Role != grant.Role {
		if err := t.endSessions(acc.User.ID, ""); err != nil {
			return err
		}
	}
	e := by.event("user.change", userObject(acc.User.Name))
	e.Before, e.After, e.Detail = before, acc.public(), "the site file gives the group something else"
	return errors.Join(t.putAccount(acc), t.audit(e))
}

// dismiss takes from an account of a provider what it has by the provider's word. It
// is audited if there was anything.
func (t *tx) dismiss(by Principal, acc *account, why string) error {
	nothing, err := Grant{Role: Viewer}.checked()
	if err != nil {
		return err
	}
	sessions, err := t.sessionsOf(acc.User.ID)
	if err != nil {
		return err
	}
	tokens, err := t.tokensOf(acc.User.ID)
	if err != nil {
		return err
	}
	before := acc.public()
	if sameGrant(before.Grant, nothing) && len(sessions)+len(tokens) == 0 && acc.Vouched.IsZero() {
		return nil
	}
	acc.User.Grant, acc.Vouched, acc.Group = nothing, time.Time{}, ""
	e := by.event("user.change", userObject(acc.User.Name))
	e.Before, e.After = before, acc.public()
	e.Detail = fmt.Sprintf("%s: %d sessions and %d tokens ended", why, len(sessions), len(tokens))
	return errors.Join(t.endSessions(acc.User.ID, ""), t.endTokens(acc.User.ID), t.putAccount(acc), t.audit(e))
}
