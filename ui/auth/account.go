package auth

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// account is a user as the database has it, with the secrets.
type account struct {
	User      User      `json:"user"` // what is worked out from the rest is left out
	Subject   string    `json:"subject,omitempty"`
	Password  string    `json:"password,omitempty"` // argon2id
	Code      []byte    `json:"code,omitempty"`     // SHA-256 of the one-time code
	CodeUntil time.Time `json:"code_until,omitzero"`
	TOTP      string    `json:"totp,omitempty"`      // secret, base32
	TOTPStep  int64     `json:"totp_step,omitempty"` // last one accepted: none twice
	Keys      []key     `json:"keys,omitempty"`
	Devices   []device  `json:"devices,omitempty"` // latest sign-in first

	// When its provider vouched for it last, which provider that was, and by which of
	// its groups; zero when it is local.
	Vouched time.Time `json:"vouched,omitzero"`
	Issuer  string    `json:"issuer,omitempty"`
	Group   string    `json:"group,omitempty"`

	// Whom the last one-time code was told, and when. It stays after the sign-in: that
	// may have been theirs. With two persons the second has to know.
	CodeBy   string    `json:"code_by,omitempty"`
	CodeMade time.Time `json:"code_made,omitzero"`
}

// codeLife is how long a one-time code lets its user in.
const codeLife = 72 * time.Hour

// public gives the user without secrets.
func (acc *account) public() User {
	u := acc.User
	u.HasPassword = acc.Password != ""
	u.HasTOTP = acc.TOTP != ""
	u.Passkeys = make([]Passkey, 0, len(acc.Keys))
	for _, k := range acc.Keys {
		u.Passkeys = append(u.Passkeys, k.Passkey)
	}
	return u
}

func (acc *account) local() bool { return acc.User.Source == SourceLocal }

// vouchedFor is how long a provider's word holds for tokens, which go past the
// provider: it cannot be asked whether it let somebody go.
const vouchedFor = 7 * 24 * time.Hour

// lapsed reports whether the account has not been vouched for lately.
func (acc *account) lapsed(now time.Time) bool {
	return !acc.local() && !now.Before(acc.Vouched.Add(vouchedFor))
}

// mainstay reports whether the account is an admin who can sign in with what is
// kept here. There is always one: a provider may be gone tomorrow.
func (acc *account) mainstay() bool {
	return acc.User.Role == Admin && !acc.User.Disabled && acc.local() && (acc.Password != "" || len(acc.Keys) > 0)
}

// needs works out what a session of the account still lacks.
func (acc *account) needs(s *sessionRecord, policy Policy) []Need {
	switch required := policy.SecondFactor[acc.User.Role]; {
	case s.ByCode:
		return []Need{NeedPassword}
	case s.Second, s.External && !required:
		return nil
	case acc.TOTP != "" && len(acc.Keys) > 0:
		return []Need{NeedTOTP, NeedPasskey}
	case acc.TOTP != "":
		return []Need{NeedTOTP}
	case len(acc.Keys) > 0:
		return []Need{NeedPasskey}
	case required:
		return []Need{NeedEnrol}
	default:
		return nil
	}
}

// setCode takes all credentials away and gives a one-time code in their place, which
// is told to the person of the name.
func (acc *account) setCode(told string, now time.Time) (code string) {
	code = newCode()
	hash := sha256.Sum256([]byte(code))
	acc.Password, acc.TOTP, acc.TOTPStep, acc.Devices = "", "", 0, nil
	acc.Code, acc.CodeUntil = hash[:], now.Add(codeLife)
	acc.CodeBy, acc.CodeMade = told, now
	return code
}

// account reads an account; nil when there is none by that id.
func (t *tx) account(id string) (*account, error) {
	acc := new(account)
	if ok, err := t.get(bucketUsers, []byte(id), acc); err != nil || !ok {
		return nil, err
	}
	return acc, nil
}

// named reads the account of a name; nil when there is none.
func (t *tx) named(name string) (*account, error) {
	id := t.bucket(bucketNames).Get([]byte(nameKey(name)))
	if id == nil {
		return nil, nil
	}
	return t.account(string(id))
}

// mustAccount is account, with none being the asker's error.
func (t *tx) mustAccount(id string) (*account, error) {
	acc, err := t.account(id)
	if err == nil && acc == nil {
		err = notFound("user")
	}
	return acc, err
}

// asAdmin gives the account that an admin does something to.
func (t *tx) asAdmin(p Principal, id string) (*account, error) {
	if err := t.admin(p); err != nil {
		return nil, err
	}
	return t.mustAccount(id)
}

// asReader gives the account that an admin or auditor looks at.
func (t *tx) asReader(p Principal, id string) (*account, error) {
	if err := t.reader(p); err != nil {
		return nil, err
	}
	return t.mustAccount(id)
}

func (t *tx) putAccount(acc *account) error {
	return t.put(bucketUsers, []byte(acc.User.ID), acc)
}

// create puts an account that is new into the database.
func (t *tx) create(acc *account) error {
	if t.count(bucketUsers, maxUsers) >= maxUsers {
		return conflict(fmt.Sprintf("there are %d users", maxUsers), "remove those who are gone")
	}
	names := t.bucket(bucketNames)
	name := []byte(nameKey(acc.User.Name))
	if names.Get(name) != nil {
		return conflict("there is a user of that name", "choose another name")
	}
	acc.User.ID, acc.User.Created = "u"+newID(), t.now
	id := []byte(acc.User.ID)
	if err := names.Put(name, id); err != nil {
		return fmt.Errorf("write names: %w", err)
	}
	if acc.Subject != "" {
		if err := t.bucket(bucketSubjects).Put(pair(acc.User.Source, acc.Subject), id); err != nil {
			return fmt.Errorf("write subjects: %w", err)
		}
	}
	return t.putAccount(acc)
}

// destroy removes an account and all that belongs to it.
func (t *tx) destroy(acc *account) error {
	err := errors.Join(
		t.endSessions(acc.User.ID, ""), t.endTokens(acc.User.ID), t.dropKeys(acc),
		t.remove(bucketNames, []byte(nameKey(acc.User.Name))),
		t.remove(bucketUsers, []byte(acc.User.ID)),
	)
	if acc.Subject != "" {
		err = errors.Join(err, t.remove(bucketSubjects, pair(acc.User.Source, acc.Subject)))
	}
	return err
}

// otherMainstay reports whether an admin other than the one by the id can sign in.
func (t *tx) otherMainstay(id string) (bool, error) {
	return t.anyAccount(func(acc *account) bool { return acc.User.ID != id && acc.mainstay() })
}

// otherAdmin reports whether there is an enabled admin other than the one by the id.
func (t *tx) otherAdmin(id string) (bool, error) {
	return t.anyAccount(func(acc *account) bool {
		return acc.User.ID != id && acc.User.Role == Admin && !acc.User.Disabled
	})
}

func (t *tx) anyAccount(is func(*account) bool) (bool, error) {
	c := t.bucket(bucketUsers).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		acc := new(account)
		if err := json.Unmarshal(v, acc); err != nil {
			return false, fmt.Errorf("read user %s: %w", k, err)
		}
		if is(acc) {
			return true, nil
		}
	}
	return false, nil
}
