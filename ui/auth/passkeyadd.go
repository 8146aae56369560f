package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// BeginAddPasskey begins to make a passkey for the principal's own account.
// options is the publicKey member of navigator.credentials.create.
func (a *Accounts) BeginAddPasskey(p Principal, password string) (id string, options json.RawMessage, err error) {
	w, err := a.party()
	if err != nil {
		return "", nil, err
	}
	l, err := a.reauthenticate(p, password, NeedEnrol)
	if err != nil {
		return "", nil, err
	}
	if len(l.acc.Keys) >= maxPasskeys {
		return "", nil, conflict(fmt.Sprintf("there are %d passkeys", maxPasskeys), "remove one first")
	}
	h := holder{l.acc}
	creation, session, err := w.BeginRegistration(
		h,
		webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		}),
	)
	if err != nil {
		return "", nil, fmt.Errorf("begin new passkey: %w", err)
	}
	if options, err = json.Marshal(creation.Response); err != nil {
		return "", nil, fmt.Errorf("begin new passkey: %w", err)
	}
	c := ceremony{
		id: newID(), owner: ownerUser(l.acc.User.ID), session: p.Session, expires: a.now().Add(ceremonyLife),
		add: true, webauthn: *session,
	}
	a.ceremonies.put(c)
	return c.id, options, nil
}

// FinishAddPasskey keeps the passkey that BeginAddPasskey began, once, within
// five minutes. newCookie is set when that was what the session still needed.
func (a *Accounts) FinishAddPasskey(p Principal, id, name string, credential []byte) (made Passkey, newCookie string, err error) {
	c, ok := a.ceremonies.take(id, a.now())
	if !ok || !c.add || c.session != p.Session || c.owner != ownerUser(p.User.ID) {
		return Passkey{}, "", invalid("no passkey was begun here, or too long ago", "begin again")
	}
	w, err := a.party()
	if err != nil {
		return Passkey{}, "", err
	}
	if name, err = checkText("the name", name, maxLabel); err != nil {
		return Passkey{}, "", err
	}
	notOne := invalid("that is no passkey that can be used here", "begin again, with another authenticator if need be")
	if len(credential) > maxCredential {
		return Passkey{}, "", notOne
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return Passkey{}, "", notOne
	}
	why := ""
	err = a.update(func(t *tx) error {
		l, err := t.own(p, NeedEnrol)
		if err != nil {
			return err
		}
		got, err := w.CreateCredential(holder{l.acc}, c.webauthn, parsed)
		if err != nil {
			why = reason(err)
			return notOne
		}
		before := l.acc.public()
		if made, err = t.addKey(l.acc, got, name); err != nil {
			return err
		}
		newCookie, err = t.enrolled(l, p, "passkey", before)
		return err
	})
	if why != "" {
		e := p.event("passkey.add", userObject(p.User.Name))
		e.Detail = bounded(why, maxDetail)
		a.refusedRandom("passkey.add"+p.User.ID, e, p.from)
	}
	if err != nil {
		return Passkey{}, "", err
	}
	return made, newCookie, nil
}

// addKey puts a passkey on an account, which is not put.
func (t *tx) addKey(acc *account, c *webauthn.Credential, name string) (Passkey, error) {
	credentials := t.bucket(bucketCredentials)
	switch {
	case len(acc.Keys) >= maxPasskeys:
		return Passkey{}, conflict(fmt.Sprintf("there are %d passkeys", maxPasskeys), "remove one first")
	case credentials.Get(c.ID) != nil:
		return Passkey{}, conflict("that passkey is registered already", "use it")
	}
	if name == "" {
		name = fmt.Sprintf("Passkey %d", len(acc.Keys)+1)
	}
	k := key{
		Passkey:    Passkey{ID: newID(), Name: name, Created: t.now},
		Credential: c.ID, PublicKey: c.PublicKey, Flags: byte(c.Flags.ProtocolValue()),
		SignCount: c.Authenticator.SignCount, AAGUID: c.Authenticator.AAGUID, Format: c.AttestationFormat,
	}
	for _, transport := range c.Transport[:min(len(c.Transport), 8)] {
		k.Transports = append(k.Transports, bounded(string(transport), 32))
	}
	if err := credentials.Put(c.ID, []byte(acc.User.ID)); err != nil {
		return Passkey{}, fmt.Errorf("write credentials: %w", err)
	}
	acc.Keys = append(acc.Keys, k)
	return k.Passkey, nil
}

// RenamePasskey gives one of the principal's own passkeys another name.
func (a *Accounts) RenamePasskey(p Principal, id, name string) error {
	name, err := checkText("the name", name, maxLabel)
	if err != nil {
		return err
	}
	if name == "" {
		return invalid("a passkey must have a name", "say which one it is")
	}
	return a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(l.acc.Keys, func(k key) bool { return k.ID == id })
		if i < 0 {
			return notFound("passkey")
		}
		e := p.event("passkey.rename", userObject(l.acc.User.Name))
		e.Before = l.acc.public()
		l.acc.Keys[i].Name = name
		e.After = l.acc.public()
		return errors.Join(t.putAccount(l.acc), t.audit(e))
	})
}

// RemovePasskey removes one of the principal's own passkeys, who proves the password
// again. If the role must have a second factor, there has to be another.
func (a *Accounts) RemovePasskey(p Principal, id, password string) error {
	if _, err := a.reauthenticate(p, password); err != nil {
		return err
	}
	return a.update(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(l.acc.Keys, func(k key) bool { return k.ID == id })
		if i < 0 {
			return notFound("passkey")
		}
		if len(l.acc.Keys) == 1 && l.acc.TOTP == "" {
			if err := l.mayDropFactor(); err != nil {
				return err
			}
		}
		e := p.event("passkey.remove", userObject(l.acc.User.Name))
		e.Before = l.acc.public()
		gone := l.acc.Keys[i].Credential
		l.acc.Keys = slices.Delete(l.acc.Keys, i, i+1)
		e.After = l.acc.public()
		return errors.Join(t.remove(bucketCredentials, gone), t.putAccount(l.acc), t.audit(e))
	})
}

// dropKeys takes all passkeys from an account, which is not put.
func (t *tx) dropKeys(acc *account) error {
	for _, k := range acc.Keys {
		if err := t.remove(bucketCredentials, k.Credential); err != nil {
			return err
		}
	}
	acc.Keys = nil
	return nil
}
