package sso

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	maxUsed   = 4096 // past that the oldest is forgotten
	maxCookie = 4096 // bytes: browsers keep no more
)

// flow is one sign-in under way. It travels in the browser's cookie.
type flow struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Return   string    `json:"r"` // URL to come back to
	Until    time.Time `json:"u"`
}

// flows seals sign-ins under way and remembers which were used.
type flows struct {
	aead cipher.AEAD

	mu    sync.Mutex // guards what follows
	used  map[string]bool
	order []usedState // the oldest first
}

type usedState struct {
	state string
	until time.Time
}

func newFlows() *flows {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key is ours, and has the right length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &flows{aead: aead, used: map[string]bool{}}
}

// seal gives a flow as only this process can read it.
func (s *flows) seal(f flow) string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and a time always marshal
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil))
}

// unseal reads what seal gave.
func (s *flows) unseal(sealed string) (flow, error) {
	if len(sealed) > maxCookie {
		return flow{}, errors.New("the cookie is none of ours: too long")
	}
	bytes, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return flow{}, fmt.Errorf("the cookie is none of ours: %w", err)
	}
	text, err := s.aead.Open(nil, nil, bytes, nil)
	if err != nil {
		return flow{}, fmt.Errorf("the cookie is none of ours, or of before a restart: %w", err)
	}
	var f flow
	if err := json.Unmarshal(text, &f); err != nil {
		return flow{}, fmt.Errorf("read the cookie: %w", err)
	}
	return f, nil
}

// use marks a flow as used; false means that it was already.
func (s *flows) use(f flow, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.order) > 0 && (len(s.order) >= maxUsed || now.After(s.order[0].until)) {
		delete(s.used, s.order[0].state)
		s.order = s.order[1:]
	}
	if s.used[f.State] {
		return false
	}
	s.used[f.State] = true
	s.order = append(s.order, usedState{f.State, f.Until})
	return true
}

// secret is a word that nobody can guess: 256 random bits.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
