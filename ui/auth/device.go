package auth

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
)

// DeviceLife is how long a browser is remembered, and keeps what Remember gives, after
// the last sign-in in it.
const DeviceLife = 180 * 24 * time.Hour

// maxDevices bounds the browsers of an account, and the accounts of a browser.
const maxDevices = 16

// deviceBreak stands between the secrets that a browser keeps: base64url has none.
const deviceBreak = "."

// device is a browser in which the account was signed in to, as the database has it.
// Each account has a secret of its own there, so that none that somebody planted is
// ever taken over.
type device struct {
	Hash []byte    `json:"hash"` // SHA-256 of the secret
	Used time.Time `json:"used"` // of the last sign-in
}

func (d *device) lapsed(now time.Time) bool { return !now.Before(d.Used.Add(DeviceLife)) }

// readDevices gives the secrets that a browser sent: what may be ours, each once.
func readDevices(sent string) []string {
	if len(sent) > maxDevices*(cookieChars+len(deviceBreak)) {
		return nil
	}
	var list []string
	for secret := range strings.SplitSeq(sent, deviceBreak) {
		if _, ok := parseCookie(secret); ok && !slices.Contains(list, secret) {
			list = append(list, secret)
		}
	}
	return list
}

// device finds which of the account's devices a try comes from; -1 is none, and the
// secret is empty. It takes as long where there is no account.
func (acc *account) device(from Source, now time.Time) (i int, secret string) {
	var own []device
	if acc != nil {
		own = acc.Devices
	}
	for _, secret := range readDevices(from.Devices) {
		hash := sha256.Sum256([]byte(secret))
		i := slices.IndexFunc(own, func(d device) bool { return bytes.Equal(d.Hash, hash[:]) })
		if i >= 0 && !own[i].lapsed(now) {
			return i, secret
		}
	}
	return -1, ""
}

// knows names the counter that a try from there has to itself; empty for a stranger,
// who shares those of the name and of the source. The box is known whatever the name.
func (acc *account) knows(from Source, now time.Time) string {
	if from.Local {
		return "box"
	}
	if i, _ := acc.device(from, now); i >= 0 {
		return "device " + string(acc.Devices[i].Hash)
	}
	return ""
}

// Remember has the browser known as one in which the principal signed in, and gives
// what it is to keep for DeviceLife, and to send as Source.Devices from now on. A
// session that still needs something is not remembered: half a proof is none.
func (a *Accounts) Remember(p Principal) (devices string, err error) {
	err = a.write(func(t *tx) error {
		l, err := t.own(p)
		if err != nil {
			return err
		}
		acc := l.acc
		i, secret := acc.device(p.from, t.now)
		if i >= 0 {
			acc.Devices = slices.Delete(acc.Devices, i, i+1)
		} else {
			secret, _ = newCookie()
		}
		hash := sha256.Sum256([]byte(secret))
		acc.Devices = slices.DeleteFunc(acc.Devices, func(d device) bool { return d.lapsed(t.now) })
		acc.Devices = slices.Insert(acc.Devices, 0, device{Hash: hash[:], Used: t.now})
		acc.Devices = acc.Devices[:min(len(acc.Devices), maxDevices)]
		keeps := slices.DeleteFunc(readDevices(p.from.Devices), func(s string) bool { return s == secret })
		keeps = slices.Insert(keeps, 0, secret)
		devices = strings.Join(keeps[:min(len(keeps), maxDevices)], deviceBreak)
		return t.putAccount(acc)
	})
	if err != nil {
		return "", err
	}
	return devices, nil
}
