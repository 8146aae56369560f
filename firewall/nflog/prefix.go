package nflog

import (
	"errors"
	"fmt"
	"strings"
)

// prefixMagic starts every prefix of ours and carries the format's version.
const prefixMagic = "S1"

// MaxPrefix is the longest prefix that the kernel keeps, in bytes (64 with the
// closing zero).
const MaxPrefix = 63

// ErrForeignPrefix says that a message was logged by a rule that is not ours.
var ErrForeignPrefix = errors.New("not a prefix of ours")

// String writes the prefix as rules carry it.
func (p Prefix) String() string {
	return strings.Join([]string{prefixMagic, p.Layer, string(p.Reason), p.Rule, p.Revision}, "|")
}

// ParsePrefix reads S1|LAYER|REASON|RULE|REVISION. Anything else is
// ErrForeignPrefix: whoever may load rules may also log to our group.
func ParsePrefix(s string) (Prefix, error) {
	if len(s) > MaxPrefix {
		return Prefix{}, fmt.Errorf("%w: %d bytes", ErrForeignPrefix, len(s))
	}
	f := strings.Split(s, "|")
	if len(f) != 5 || f[0] != prefixMagic {
		return Prefix{}, fmt.Errorf("%w: %q", ErrForeignPrefix, s)
	}
	p := Prefix{Layer: f[1], Reason: Reason(f[2]), Rule: f[3], Revision: f[4]}
	switch {
	case !validLayer(p.Layer):
		return Prefix{}, fmt.Errorf("%w: layer %q", ErrForeignPrefix, p.Layer)
	case !p.Reason.Valid():
		return Prefix{}, fmt.Errorf("%w: reason %q", ErrForeignPrefix, f[2])
	case !validWord(p.Rule) || !validWord(p.Revision):
		return Prefix{}, fmt.Errorf("%w: %q", ErrForeignPrefix, s)
	}
	return p, nil
}

// Valid reports whether r is one of the reasons that rules give.
func (r Reason) Valid() bool {
	switch r {
	case Egress, Spoof, UnknownDevice, Lateral, Input, Output, Chatter, Redirected:
		return true
	}
	return false
}

// validLayer takes L0 to L5, and a letter for a part of a layer (L1b).
func validLayer(s string) bool {
	if len(s) < 2 || len(s) > 3 || s[0] != 'L' || s[1] < '0' || s[1] > '5' {
		return false
	}
	return len(s) == 2 || (s[2] >= 'a' && s[2] <= 'z')
}

// validWord takes what rule ids and revisions are made of; it may be empty.
func validWord(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
