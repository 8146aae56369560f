package auth

import (
	"errors"
	"fmt"
)

// listTokens lists the tokens of a user as they are shown, latest first.
func (t *tx) listTokens(userID string) ([]Token, error) {
	list, err := t.tokensOf(userID)
	out := make([]Token, 0, len(list))
	for _, x := range list {
		out = append(out, x.record.Token)
	}
	return out, err
}

// UserTokens lists the tokens of a user, latest first, for an admin or auditor.
func (a *Accounts) UserTokens(p Principal, id string) ([]Token, error) {
	return listed(a, p, id, func(t *tx, acc *account) ([]Token, error) { return t.listTokens(acc.User.ID) })
}

// EndUserTokens ends all tokens of a user, whose sessions stay.
func (a *Accounts) EndUserTokens(p Principal, id string) error {
	return a.update(func(t *tx) error {
		acc, err := t.asAdmin(p, id)
		if err != nil {
			return err
		}
		list, err := t.tokensOf(id)
		if err != nil {
			return err
		}
		ended := make([]string, 0, len(list))
		for _, x := range list {
			ended = append(ended, x.record.ID)
		}
		e := p.event("token.end-all", userObject(acc.User.Name))
		e.Before, e.Detail = ended, fmt.Sprintf("%d tokens", len(ended))
		return errors.Join(t.endTokens(id), t.audit(e))
	})
}
