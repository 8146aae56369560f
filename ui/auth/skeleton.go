package auth

import (
	"context"
	"encoding/json"
	"errors"
)

var errNotYet = errors.New("not built yet")

type Accounts struct{}

func Open(o Options) (*Accounts, error) { return &Accounts{}, nil }

func (a *Accounts) NeedsSetup() (bool, error)  { return false, errNotYet }
func (a *Accounts) SetupCode() (string, error) { return "", errNotYet }
func (a *Accounts) Setup(code string, u NewUser, password string, from Source) (cookie string, p Principal, err error) {
	return "", Principal{}, errNotYet
}
func (a *Accounts) SignIn(name, password string, from Source) (cookie string, p Principal, err error) {
	return "", Principal{}, errNotYet
}
func (a *Accounts) TOTP(cookie, code string, from Source) (newCookie string, p Principal, err error) {
	return "", Principal{}, errNotYet
}
func (a *Accounts) BeginPasskey(cookie string, from Source) (id string, options json.RawMessage, err error) {
	return "", nil, errNotYet
}
func (a *Accounts) FinishPasskey(cookie, id string, credential []byte, from Source) (newCookie string, p Principal, err error) {
	return "", Principal{}, errNotYet
}
func (a *Accounts) SignInExternal(x External, from Source) (cookie string, p Principal, err error) {
	return "", Principal{}, errNotYet
}
func (a *Accounts) Authenticate(cookie string, from Source) (Principal, error) {
	return Principal{}, errNotYet
}
func (a *Accounts) AuthenticateToken(secret string, from Source) (Principal, error) {
	return Principal{}, errNotYet
}
func (a *Accounts) SignOut(cookie string, from Source) error { return errNotYet }

func (a *Accounts) Follow(ctx context.Context, p Principal, allowed func(Principal) bool) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// Own account. newCookie is set when the session's secret changed: set it in the browser.

func (a *Accounts) SetPreferences(p Principal, w Preferences) (User, error) { return User{}, errNotYet }
func (a *Accounts) ChangePassword(p Principal, old, new string) (newCookie string, err error) {
	return "", errNotYet
}
func (a *Accounts) BeginTOTP(p Principal, password string) (secret, uri string, err error) {
	return "", "", errNotYet
}
func (a *Accounts) ConfirmTOTP(p Principal, code string) (newCookie string, err error) {
	return "", errNotYet
}
func (a *Accounts) RemoveTOTP(p Principal, password string) error { return errNotYet }
func (a *Accounts) BeginAddPasskey(p Principal, password string) (id string, options json.RawMessage, err error) {
	return "", nil, errNotYet
}
func (a *Accounts) FinishAddPasskey(p Principal, id, name string, credential []byte) (k Passkey, newCookie string, err error) {
	return Passkey{}, "", errNotYet
}
func (a *Accounts) RemovePasskey(p Principal, id string) error { return errNotYet }
func (a *Accounts) Sessions(p Principal) ([]Session, error)    { return nil, errNotYet }
func (a *Accounts) EndSession(p Principal, id string) error    { return errNotYet }
func (a *Accounts) Tokens(p Principal) ([]Token, error)        { return nil, errNotYet }
func (a *Accounts) AddToken(p Principal, t NewToken) (Token, string, error) {
	return Token{}, "", errNotYet
}
func (a *Accounts) RemoveToken(p Principal, id string) error { return errNotYet }

// Admin.

func (a *Accounts) Users(p Principal) ([]User, error)         { return nil, errNotYet }
func (a *Accounts) User(p Principal, id string) (User, error) { return User{}, errNotYet }
func (a *Accounts) AddUser(p Principal, u NewUser) (User, string, error) {
	return User{}, "", errNotYet
}
func (a *Accounts) ChangeUser(p Principal, id string, u NewUser) (User, error) {
	return User{}, errNotYet
}
func (a *Accounts) RemoveUser(p Principal, id string) error                   { return errNotYet }
func (a *Accounts) ResetUser(p Principal, id string) (code string, err error) { return "", errNotYet }
func (a *Accounts) UserSessions(p Principal, id string) ([]Session, error)    { return nil, errNotYet }
func (a *Accounts) EndUserSessions(p Principal, id string) error              { return errNotYet }
func (a *Accounts) RecoverUser(p Principal, name string) (code string, err error) {
	return "", errNotYet
}

// Two persons.

func (a *Accounts) Confirmations(p Principal) ([]Confirmation, error)       { return nil, errNotYet }
func (a *Accounts) Confirm(p Principal, id string) (code string, err error) { return "", errNotYet }
func (a *Accounts) Withdraw(p Principal, id string) error                   { return errNotYet }
func (a *Accounts) RequestConfirmation(p Principal, kind, object, detail string) (id string, err error) {
	return "", errNotYet
}
func (a *Accounts) AwaitConfirmation(ctx context.Context, id string) error { return errNotYet }
