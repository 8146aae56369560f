package auth

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Bounds of accounts.
const (
	maxUsers    = 10_000
	maxSessions = 50 // of a user; the oldest ends
	maxTokens   = 50 // of a user
	maxPasskeys = 20 // of a user
	maxName     = 64 // characters of a user's name
	maxDisplay  = 128
	maxLabel    = 64 // characters of a passkey's or token's name
)

// SourceLocal is the Source of a user whose credentials are kept here.
const SourceLocal = "local"

// User is an account, without its secrets.
type User struct {
	ID      string `json:"id"`
	Name    string `json:"name"` // unique, whatever the case; never changes
	Display string `json:"display"`
	Grant
	Language    string    `json:"language"`
	Theme       string    `json:"theme"`
	Disabled    bool      `json:"disabled"`
	Source      string    `json:"source"` // local, or the id of a sign-on provider
	Created     time.Time `json:"created"`
	LastSignIn  time.Time `json:"last_sign_in,omitzero"`
	HasPassword bool      `json:"has_password"`
	HasTOTP     bool      `json:"has_totp"`
	Passkeys    []Passkey `json:"passkeys"`
}

// NewUser is what an admin says of a user.
type NewUser struct {
	Name    string `json:"name"`
	Display string `json:"display"`
	Grant
	Language string `json:"language"`
	Disabled bool   `json:"disabled"`
}

// Passkey is a WebAuthn credential, without its key.
type Passkey struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// Session is a sign-in of a user, without its secret.
type Session struct {
	ID      string    `json:"id"`
	Method  string    `json:"method"`
	IP      string    `json:"ip"`
	Agent   string    `json:"agent"` // as the browser says, bounded
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`    // last use, to the minute
	Expires time.Time `json:"expires"` // when it ends, at the latest
	Current bool      `json:"current"` // the one that asks
	Partial bool      `json:"partial"` // a password without the second factor
}

// Token lets a program in as its user, with less. Its secret is told once.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Rights   []Right   `json:"rights"`
	Cameras  []string  `json:"cameras"` // null: all of the user's
	Reads    bool      `json:"reads"`   // also the pages that its user's role reads
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// NewToken is what a user asks of a token. Rights and cameras are those of the
// list that the user has too, now and later.
type NewToken struct {
	Name    string    `json:"name"`
	Rights  []Right   `json:"rights"`
	Cameras []string  `json:"cameras"` // none: all of the user's
	Reads   bool      `json:"reads"`   // for an admin or auditor: read users and audit, change nothing
	Expires time.Time `json:"expires"` // at most a year ahead
}

// Preferences are what a user chooses for themselves.
type Preferences struct {
	Display  string `json:"display"`
	Language string `json:"language"`
	Theme    string `json:"theme"`
}

// nameKey is what names are compared by: kim, KIM and a full-width ＫＩＭ are one.
func nameKey(name string) string {
	return cases.Fold().String(norm.NFKC.String(name))
}

// checkName gives a user's name as it is kept.
func checkName(name string) (string, error) {
	bad := invalid("that cannot be a user's name", "1 to 64 letters, digits and . _ - @ +, beginning with a letter or digit")
	if len(name) > 4*maxName || !utf8.ValidString(name) {
		return "", bad
	}
	name = norm.NFC.String(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName {
		return "", bad
	}
	for i, r := range name {
		word := unicode.IsLetter(r) || unicode.IsDigit(r)
		if !word && (i == 0 || !unicode.IsMark(r) && !strings.ContainsRune("._-@+", r)) {
			return "", bad
		}
	}
	return name, nil
}

// checkText gives a text for people as it is kept: one line, nothing invisible
// that could turn a line around.
func checkText(what, text string, most int) (string, error) {
	if len(text) > 4*most || !utf8.ValidString(text) || utf8.RuneCountInString(text) > most || !printable(text) {
		return "", invalid(what+" is too long or has characters that cannot be printed", "one line of plain text")
	}
	return strings.TrimSpace(norm.NFC.String(text)), nil
}

// printable reports whether all of it can be seen, spaces included.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// checked gives preferences as they are kept. Which languages and
// themes there are is the page's affair: here they are short words.
func (w Preferences) checked() (Preferences, error) {
	var err error
	if w.Display, err = checkText("the display name", w.Display, maxDisplay); err != nil {
		return w, err
	}
	if !word(w.Language) || !word(w.Theme) {
		return w, invalid("there is no such language or theme", "choose one of the list")
	}
	return w, nil
}

func word(s string) bool {
	return len(s) <= 16 && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

// bounded makes something that a stranger said fit for a list: printable, and at
// most so many bytes.
func bounded(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), 4*most)])
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

func userObject(name string) string { return "user:" + name }
