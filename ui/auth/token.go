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

// tokenRecord is a token as the database has it.
type tokenRecord struct {
	Token
	User string `json:"user"`
}

// liveToken is a token that can be used, with its account.
type liveToken struct {
	record *tokenRecord
	acc    *account
	hash   hashed
}

func (l *liveToken) principal(from Source) Principal {
	return Principal{
		User: l.acc.public(), Token: l.record.ID, Method: "token", from: from,
		scope: &scope{l.record.Rights, l.record.Cameras, l.record.Reads},
	}
}

// token reads the token kept under the hash. There being none that can be used
// is the asker's error.
func (t *tx) token(hash hashed) (*liveToken, error) {
	l := &liveToken{record: new(tokenRecord), hash: hash}
	ok, err := t.get(bucketTokens, hash[:], l.record)
	if err != nil {
		return nil, err
	}
	bad := &Error{Kind: SignedOut, Message: "the token is unknown or has expired", Fix: "make a new one under My account"}
	if !ok || !t.now.Before(l.record.Expires) {
		return nil, bad
	}
	if l.acc, err = t.account(l.record.User); err != nil {
		return nil, err
	}
	if l.acc == nil || l.acc.User.Disabled || l.acc.lapsed(t.now) {
		return nil, bad
	}
	return l, nil
}

// AuthenticateToken gives the principal of a token; SignedOut when it has none.
func (a *Accounts) AuthenticateToken(secret string, from Source) (Principal, error) {
	hash, _ := parseToken(secret) // what is no token is the zero hash, which none has
	var l *liveToken
	if err := a.view(func(t *tx) (err error) { l, err = t.token(hash); return err }); err != nil {
		return Principal{}, err
	}
	a.touchToken(l)
	return l.principal(from), nil
}

func (a *Accounts) touchToken(l *liveToken) {
	if a.now().Sub(l.record.LastUsed) < touchEvery {
		return
	}
	err := a.write(func(t *tx) error {
		again, err := t.token(l.hash)
		if err != nil {
			return nil //nolint:nilerr // it has ended meanwhile: nothing to write
		}
		again.record.LastUsed = t.now
		return t.put(bucketTokens, again.hash[:], again.record)
	})
	if err != nil {
		a.opt.Log.Warn("last use of a token cannot be written", "error", err)
	}
}

// tokenAt is a token of a user and where it is kept.
type tokenAt = kept[tokenRecord]

// tokensOf lists the tokens of a user, those that have expired too, latest first.
func (t *tx) tokensOf(userID string) ([]tokenAt, error) {
	list, err := keptOf[tokenRecord](t, bucketTokensOf, bucketTokens, userID)
	slices.SortFunc(list, func(x, y tokenAt) int {
		return cmp.Or(y.record.Created.Compare(x.record.Created), strings.Compare(x.record.ID, y.record.ID))
	})
	return list, err
}

func (t *tx) dropToken(x tokenAt) error {
	return t.unkeep(bucketTokensOf, bucketTokens, x.hash, x.record.User, x.record.ID)
}

func (t *tx) endTokens(userID string) error {
	list, err := t.tokensOf(userID)
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := t.dropToken(x); err != nil {
			return err
		}
	}
	return nil
}

// sweepTokens removes tokens that expired a month ago: until then they are shown.
func (t *tx) sweepTokens() error {
	var old []tokenAt
	c := t.bucket(bucketTokens).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		x := tokenAt{hash: slices.Clone(k)}
		if err := json.Unmarshal(v, &x.record); err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		if t.now.After(x.record.Expires.AddDate(0, 1, 0)) {
			old = append(old, x)
		}
	}
	for _, x := range old {
		if err := t.dropToken(x); err != nil {
			return err
		}
	}
	return nil
}

// Tokens lists the principal's own tokens, latest first.
func (a *Accounts) Tokens(p Principal) (out []Token, err error) {
	err = a.view(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		out, err = t.listTokens(l.acc.User.ID)
		return err
	})
	return out, err
}

// AddToken makes a token of the principal's, who proves the password again: a token
// outlasts a session left open. The secret is told this once.
func (a *Accounts) AddToken(p Principal, n NewToken, password string) (made Token, secret string, err error) {
	if n.Name, err = checkText("the name", n.Name, maxLabel); err != nil {
		return Token{}, "", err
	}
	if n.Name == "" {
		return Token{}, "", invalid("a token must have a name", "name the program that is to use it")
	}
	if _, err := a.reauthenticate(p, password); err != nil {
		return Token{}, "", err
	}
	err = a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		if made, err = t.newToken(l.acc, n); err != nil {
			return err
		}
		var hash hashed
		secret, hash = newToken()
		if err := t.put(bucketTokens, hash[:], tokenRecord{made, l.acc.User.ID}); err != nil {
			return err
		}
		if err := t.bucket(bucketTokensOf).Put(pair(l.acc.User.ID, made.ID), hash[:]); err != nil {
			return fmt.Errorf("write tokens: %w", err)
		}
		e := p.event("token.add", "token:"+made.ID)
		e.After = made
		return t.audit(e)
	})
	if err != nil {
		return Token{}, "", err
	}
	return made, secret, nil
}

// newToken checks what is asked of a token against what its user has.
func (t *tx) newToken(acc *account, n NewToken) (Token, error) {
	latest, most := t.now.AddDate(1, 0, 0), "a token lives for a year at most"
	if !acc.local() {
		latest, most = t.now.Add(vouchedFor), "a token of a sign-on provider's user lives for 7 days at most"
	}
	switch {
	case !n.Expires.After(t.now):
		return Token{}, invalid("a token must expire, later than now", "set a time before "+latest.Format(time.RFC3339))
	case n.Expires.After(latest):
		return Token{}, invalid(most, "set a time before "+latest.Format(time.RFC3339))
	case n.Reads && !acc.User.Role.fixed():
		return Token{}, invalid("your role reads no such pages", "make the token without them")
	}
	list, err := t.tokensOf(acc.User.ID)
	if err != nil {
		return Token{}, err
	}
	if len(list) >= maxTokens {
		return Token{}, conflict(fmt.Sprintf("there are %d tokens", maxTokens), "remove those that are not used")
	}
	rights, err := subset(n.Rights, acc.User.Rights, acc.User.Role)
	if err != nil {
		return Token{}, err
	}
	made := Token{
		ID: newID(), Name: n.Name, Rights: rights, Reads: n.Reads, Created: t.now, Expires: n.Expires.UTC().Round(0),
	}
	if len(n.Cameras) == 0 {
		return made, nil
	}
	if made.Cameras, err = ids("camera", n.Cameras, maxCameras); err != nil {
		return Token{}, err
	}
	// Which cameras are in a user's groups is known only at use; then it counts.
	if !acc.User.All && len(acc.User.Groups) == 0 {
		for _, camera := range made.Cameras {
			if !slices.Contains(acc.User.Cameras, camera) {
				return Token{}, invalid("the list has a camera that is not yours", "choose of your cameras")
			}
		}
	}
	return made, nil
}

// RemoveToken ends one of the principal's own tokens.
func (a *Accounts) RemoveToken(p Principal, id string) error {
	return a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		list, err := t.tokensOf(l.acc.User.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(x tokenAt) bool { return x.record.ID == id })
		if i < 0 {
			return notFound("token")
		}
		e := p.event("token.remove", "token:"+list[i].record.ID)
		e.Before = list[i].record.Token
		return errors.Join(t.dropToken(list[i]), t.audit(e))
	})
}
