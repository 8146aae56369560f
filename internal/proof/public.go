package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// KeyID names a key: the first 32 hexadecimal digits of the SHA-256 of the
// public half. People compare it with what they noted down elsewhere.
type KeyID string

// Public checks what a Key signed. The zero value checks nothing: all is refused.
type Public struct {
	key ed25519.PublicKey
	id  KeyID
}

// Errors of Public.Check.
var (
	ErrOtherKey  = errors.New("signed with another key")
	ErrSignature = errors.New("the signature is wrong")
)

// PublicOf takes a key that came from elsewhere.
func PublicOf(key ed25519.PublicKey) Public {
	sum := sha256.Sum256(key)
	return Public{key: key, id: KeyID(hex.EncodeToString(sum[:16]))}
}

// ReadPublic reads a file that OpenKey wrote, or a copy of it.
func ReadPublic(name string) (Public, error) {
	f, err := os.Open(name)
	if err != nil {
		return Public{}, fmt.Errorf("read public key: %w", err)
	}
	defer f.Close()
	der, err := readBlock(f, publicBlock)
	if err != nil {
		return Public{}, fmt.Errorf("read public key %s: %w", name, err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return Public{}, fmt.Errorf("read public key %s: %w", name, ErrKeyDamaged)
	}
	return PublicOf(key), nil
}

// ID names the key.
func (p Public) ID() KeyID { return p.id }

// PEM writes the key as ReadPublic and OpenSSL read it.
func (p Public) PEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(p.key)
	if err != nil { // an Ed25519 key always marshals
		panic(fmt.Sprintf("proof: %v", err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der})
}

// Check reports whether a head was signed with the key: ErrOtherKey, ErrSignature.
func (p Public) Check(h Head) error {
	switch {
	case len(p.key) != ed25519.PublicKeySize || h.Key != p.id:
		return fmt.Errorf("check head %d of %s: %w: %s, not %s", h.Seq, h.List, ErrOtherKey, h.Key, p.id)
	case !ed25519.Verify(p.key, h.canonical(), h.Signature):
		return fmt.Errorf("check head %d of %s: %w", h.Seq, h.List, ErrSignature)
	}
	return nil
}
