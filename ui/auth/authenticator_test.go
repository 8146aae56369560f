package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Flags of authenticator data.
const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

// authenticator is a passkey in software: ES256, no attestation.
type authenticator struct {
	t      testing.TB
	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte
	rp     string
	origin string
	count  uint32
	flags  byte // beside userPresent
}

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{t: t, id: id, key: key, rp: "nvr.example", origin: "https://nvr.example", flags: userVerified}
}

// options is what of the options a browser hands on.
type options struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
	RPID             string                `json:"rpId"`
	UserVerification string                `json:"userVerification"`
	Allow            []struct{ ID string } `json:"allowCredentials"`
	Exclude          []struct{ ID string } `json:"excludeCredentials"`
}

func readOptions(t testing.TB, raw json.RawMessage) (o options) {
	t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Challenge) < 20 {
		t.Fatalf("options without a challenge: %s", raw)
	}
	return o
}

func (x *authenticator) clientData(kind, challenge string) []byte {
	return mustJSON(x.t, map[string]any{"type": kind, "challenge": challenge, "origin": x.origin, "crossOrigin": false})
}

// data is authenticator data without what follows the counter.
func (x *authenticator) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(x.rp))
	return binary.BigEndian.AppendUint32(append(rp[:], userPresent|x.flags|flags), x.count)
}

// create answers navigator.credentials.create.
func (x *authenticator) create(raw json.RawMessage) []byte {
	x.t.Helper()
	o := readOptions(x.t, raw)
	x.handle = unbase64(x.t, o.User.ID)
	point := x.key.PublicKey
	cose := mustCBOR(x.t, map[int]any{
		1: 2, 3: -7, -1: 1, -2: point.X.FillBytes(make([]byte, 32)), -3: point.Y.FillBytes(make([]byte, 32)),
	})
	data := append(x.data(attested), make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(x.id)))
	data = append(append(data, x.id...), cose...)
	client := x.clientData("webauthn.create", o.Challenge)
	return x.answer(map[string]any{
		"clientDataJSON":    base64url(client),
		"attestationObject": base64url(mustCBOR(x.t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})),
		"transports":        []string{"internal"},
	})
}

// get answers navigator.credentials.get.
func (x *authenticator) get(raw json.RawMessage) []byte {
	x.t.Helper()
	o := readOptions(x.t, raw)
	data, client := x.data(0), x.clientData("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, x.key, digest[:])
	if err != nil {
		x.t.Fatal(err)
	}
	return x.answer(map[string]any{
		"clientDataJSON": base64url(client), "authenticatorData": base64url(data),
		"signature": base64url(signature), "userHandle": base64url(x.handle),
	})
}

func (x *authenticator) answer(response map[string]any) []byte {
	return mustJSON(x.t, map[string]any{
		"id": base64url(x.id), "rawId": base64url(x.id), "type": "public-key",
		"response": response, "clientExtensionResults": map[string]any{},
	})
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustCBOR(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
