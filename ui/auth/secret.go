package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"math/big"
	"strings"
)

// Secrets that are given out. All are random, so a plain hash of them can be
// kept: there is nothing to guess.
const (
	secretBytes = 32 // of a cookie and of a token
	cookieChars = 43 // of base64url
	tokenPrefix = "nvr_"
	tokenChars  = 43 // of base62, after the prefix
	codeChars   = 16 // 80 bits
	idBytes     = 10
)

// digits62 is the alphabet of tokens: a double click selects all of one.
const digits62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// codeAlphabet is base32 without the letters that are mistaken for digits or others.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// hashed is the SHA-256 of a secret: what is kept of it, and the key it is found by.
type hashed [sha256.Size]byte

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return b
}

// newID makes a public id: lower-case letters and digits.
func newID() string {
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(random(idBytes)))
}

func newCookie() (string, hashed) {
	cookie := base64.RawURLEncoding.EncodeToString(random(secretBytes))
	return cookie, sha256.Sum256([]byte(cookie))
}

// parseCookie gives the hash of what may be a cookie of ours.
func parseCookie(cookie string) (hashed, bool) {
	if len(cookie) != cookieChars {
		return hashed{}, false
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(cookie); err != nil {
		return hashed{}, false
	}
	return sha256.Sum256([]byte(cookie)), true
}

// csrfOf is the value that requests with the cookie must repeat. Only who has
// the cookie can work it out, and it changes with it.
func csrfOf(cookie string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func newToken() (string, hashed) {
	n := new(big.Int).SetBytes(random(secretBytes))
	base, digit := big.NewInt(int64(len(digits62))), new(big.Int)
	text := make([]byte, tokenChars)
	for i := len(text) - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = digits62[digit.Int64()]
	}
	token := tokenPrefix + string(text)
	return token, sha256.Sum256([]byte(token))
}

// parseToken gives the hash of what may be a token of ours.
func parseToken(token string) (hashed, bool) {
	text, ours := strings.CutPrefix(token, tokenPrefix)
	if !ours || len(text) != tokenChars || strings.Trim(text, digits62) != "" {
		return hashed{}, false
	}
	return sha256.Sum256([]byte(token)), true
}

// newCode makes a one-time code that a person can type: XXXX-XXXX-XXXX-XXXX.
func newCode() string {
	var b strings.Builder
	for i, r := range random(codeChars) {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(codeAlphabet[int(r)%len(codeAlphabet)]) // 32 divides 256
	}
	return b.String()
}

// readCode gives the hash of a code, however it was typed; false when it is none.
func readCode(typed string) (hashed, bool) {
	if len(typed) > 4*codeChars {
		return hashed{}, false
	}
	var b strings.Builder
	n := 0
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '\t':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(codeAlphabet, r) {
			return hashed{}, false
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
		n++
	}
	if n != codeChars {
		return hashed{}, false
	}
	return sha256.Sum256([]byte(b.String())), true
}
