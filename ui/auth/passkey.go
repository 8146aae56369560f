package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// maxCredential bounds what a browser sends of a passkey, in bytes of JSON.
const maxCredential = 64 << 10

// key is a passkey as the database has it.
type key struct {
	Passkey
	Credential []byte   `json:"credential"` // its WebAuthn id
	PublicKey  []byte   `json:"public_key"` // COSE
	Flags      byte     `json:"flags"`
	SignCount  uint32   `json:"sign_count,omitempty"`
	AAGUID     []byte   `json:"aaguid,omitempty"`
	Transports []string `json:"transports,omitempty"`
	Format     string   `json:"format,omitempty"` // of its attestation, which is not asked for
}

func (k *key) credential() webauthn.Credential {
	c := webauthn.Credential{
		ID: k.Credential, PublicKey: k.PublicKey, AttestationFormat: k.Format,
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
		Authenticator: webauthn.Authenticator{AAGUID: k.AAGUID, SignCount: k.SignCount},
	}
	for _, t := range k.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

// holder shows an account to the WebAuthn library. The user's handle is the id.
type holder struct{ acc *account }

func (h holder) WebAuthnID() []byte   { return []byte(h.acc.User.ID) }
func (h holder) WebAuthnName() string { return h.acc.User.Name }
func (h holder) WebAuthnDisplayName() string {
	if h.acc.User.Display != "" {
		return h.acc.User.Display
	}
	return h.acc.User.Name
}

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, 0, len(h.acc.Keys))
	for _, k := range h.acc.Keys {
		list = append(list, k.credential())
	}
	return list
}

// party is us as the WebAuthn library sees it.
func (a *Accounts) party() (*webauthn.WebAuthn, error) {
	policy := a.policy()
	if _, err := netip.ParseAddr(policy.RPID); err == nil || policy.RPID == "" || len(policy.Origins) == 0 {
		return nil, conflict("passkeys need a host name, and there is none", "open the page by the recorder's name, not by its address")
	}
	name := policy.SiteName
	if name == "" {
		name = "Stockade"
	}
	w, err := webauthn.New(&webauthn.Config{RPID: policy.RPID, RPDisplayName: name, RPOrigins: policy.Origins})
	if err != nil {
		return nil, fmt.Errorf("set up passkeys for %s: %w", policy.RPID, err)
	}
	return w, nil
}

// BeginPasskey begins to prove a passkey: the second factor of the cookie's
// session if it needs one, else a sign-in by the passkey alone, which then has to
// verify its user. options is the publicKey member of navigator.credentials.get.
func (a *Accounts) BeginPasskey(cookie string, from Source) (id string, options json.RawMessage, err error) {
	w, err := a.party()
	if err != nil {
		return "", nil, err
	}
	c := ceremony{id: newID(), owner: ownerSource(from), expires: a.now().Add(ceremonyLife)}
	l, err := a.partial(cookie)
	if err != nil {
		return "", nil, err
	}
	var assertion *protocol.CredentialAssertion
	var session *webauthn.SessionData
	if l != nil {
		c.owner, c.session = ownerUser(l.acc.User.ID), l.record.ID
		assertion, session, err = w.BeginLogin(holder{l.acc}, webauthn.WithUserVerification(protocol.VerificationDiscouraged))
	} else {
		assertion, session, err = w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	}
	if err != nil {
		return "", nil, fmt.Errorf("begin passkey: %w", err)
	}
	c.webauthn = *session
	if options, err = json.Marshal(assertion.Response); err != nil {
		return "", nil, fmt.Errorf("begin passkey: %w", err)
	}
	a.ceremonies.put(c)
	return c.id, options, nil
}

// partial gives the cookie's session if a passkey is what it needs, else nil.
func (a *Accounts) partial(cookie string) (l *live, err error) {
	hash, ok := parseCookie(cookie)
	if !ok {
		return nil, nil
	}
	err = a.view(func(t *tx) error { l, err = t.session(hash); return err })
	switch {
	case isKind(err, SignedOut):
		return nil, nil
	case err != nil:
		return nil, err
	case !slices.Contains(l.needs(), NeedPasskey):
		return nil, nil
	}
	return l, nil
}

// FinishPasskey ends what BeginPasskey began, once, within five minutes, with
// what the browser gave. newCookie is that of the session, which is a new one or
// has a new secret.
func (a *Accounts) FinishPasskey(cookie, id string, credential []byte, from Source) (newCookie string, p Principal, err error) {
	c, ok := a.ceremonies.take(id, a.now())
	if !ok || c.add || c.secret != "" {
		return "", Principal{}, invalid("no passkey was asked for here, or too long ago", "begin again")
	}
	w, err := a.party()
	if err != nil {
		return "", Principal{}, err
	}
	if len(credential) > maxCredential {
		return "", Principal{}, invalid("that is no answer of a passkey", "begin again")
	}
	// The library's errors may quote what was sent, so they are not told to
	// anybody; the audit gets its short sentence.
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return "", Principal{}, invalid("that is no answer of a passkey", "begin again")
	}
	attempt := &assertion{w: w, c: c, parsed: parsed, from: from}
	err = a.update(func(t *tx) error {
		var err error
		newCookie, p, err = attempt.prove(t, cookie)
		return err
	})
	if attempt.why == "" {
		return newCookie, p, err
	}
	e := Event{Source: from.address(), Action: "sign-in", Detail: attempt.why}
	if acc := attempt.acc; acc != nil {
		e.Actor, e.ActorID, e.Object = acc.User.Name, acc.User.ID, userObject(acc.User.Name)
	}
	a.refusedRandom("passkey", e, from)
	return "", Principal{}, denied("the passkey was not accepted", "use one that is registered here, or sign in with the password")
}

// assertion is one answer of a passkey.
type assertion struct {
	w      *webauthn.WebAuthn
	c      ceremony
	parsed *protocol.ParsedCredentialAssertionData
	from   Source

	acc *account // whose it is, or says it is
	why string   // it was refused, for this reason
}

// errRefused rolls the transaction back; why says the rest.
var errRefused = errors.New("passkey refused")

func (x *assertion) refuse(why string) error {
	x.why = why
	return errRefused
}

// prove checks the answer and raises or opens the session.
func (x *assertion) prove(t *tx, cookie string) (newCookie string, p Principal, err error) {
	if x.c.session == "" {
		return x.signIn(t)
	}
	hash, _ := parseCookie(cookie)
	l, err := t.session(hash)
	if err != nil {
		return "", Principal{}, err
	}
	x.acc = l.acc
	if l.record.ID != x.c.session || !slices.Contains(l.needs(), NeedPasskey) {
		return "", Principal{}, x.refuse("asked for by another session")
	}
	credential, err := x.w.ValidateLogin(holder{l.acc}, x.c.webauthn, x.parsed)
	if err != nil {
		return "", Principal{}, x.refuse("passkey: " + reason(err))
	}
	if err := x.used(t, credential); err != nil {
		return "", Principal{}, err
	}
	return t.secondFactor(l, "passkey", x.from)
}

// signIn opens a session by the passkey alone.
func (x *assertion) signIn(t *tx) (cookie string, p Principal, err error) {
	find := func(_, handle []byte) (webauthn.User, error) {
		acc, err := t.account(string(handle))
		if err == nil && acc == nil {
			err = errors.New("no such user")
		}
		x.acc = acc
		return holder{acc}, err
	}
	_, credential, err := x.w.ValidatePasskeyLogin(find, x.c.webauthn, x.parsed)
	switch {
	case err != nil:
		return "", Principal{}, x.refuse("passkey: " + reason(err))
	case x.acc.User.Disabled:
		return "", Principal{}, x.refuse("disabled")
	case !x.acc.local():
		// Else who was let go there would still come in here.
		return "", Principal{}, x.refuse("signs in at " + x.acc.User.Source)
	}
	if err := x.used(t, credential); err != nil {
		return "", Principal{}, err
	}
	return t.signIn(x.acc, sessionRecord{Method: "passkey", Second: true}, x.from, "sign-in")
}

// used notes the use of a passkey. A counter that did not go on means that there
// are two of it.
func (x *assertion) used(t *tx, c *webauthn.Credential) error {
	if c.Authenticator.CloneWarning {
		return x.refuse("the passkey's counter went back: it may have been copied")
	}
	for i := range x.acc.Keys {
		if k := &x.acc.Keys[i]; bytes.Equal(k.Credential, c.ID) {
			k.SignCount, k.Flags, k.LastUsed = c.Authenticator.SignCount, byte(c.Flags.ProtocolValue()), t.now
		}
	}
	return nil
}

// reason gives the short sentence of a WebAuthn error.
func reason(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return bounded(e.Details, 200)
	}
	return "not accepted"
}
