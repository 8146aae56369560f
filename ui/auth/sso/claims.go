package sso

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const (
	maxSubject = 255 // bytes, of OpenID Connect
	maxName    = 100 // characters
)

// identify says who the claims are about, and what that account may do; with ErrNoRole
// who it is all the same.
func (p *provider) identify(claims map[string]any) (Identity, error) {
	subject, ok := claims["sub"].(string)
	if !ok || subject == "" || len(subject) > maxSubject {
		return Identity{}, fmt.Errorf("%w: provider %s does not say whose token it is", ErrToken, p.ID)
	}
	name := first(claims, "preferred_username", "email", "sub")
	who := Identity{Provider: p.ID, Issuer: p.Issuer, Subject: subject, Name: name, Display: first(claims, "name")}
	if who.Display == "" {
		who.Display = name
	}
	groups := groupsOf(claims, p.GroupsClaim)
	for _, r := range p.Roles {
		if slices.Contains(groups, r.Group) {
			who.Group, who.Grant = r.Group, r.Grant
			return who, nil
		}
	}
	return who, fmt.Errorf("%w: provider %s, account %q, %d groups in the claim %s", ErrNoRole, p.ID, name, len(groups), p.GroupsClaim)
}

// first gives the first claim that is text, as it may be shown.
func first(claims map[string]any, names ...string) string {
	for _, name := range names {
		if s, ok := claims[name].(string); ok {
			if s = clean(s); s != "" {
				return s
			}
		}
	}
	return ""
}

// clean makes one bounded line without invisible characters of what somebody else wrote.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return strings.TrimSpace(s)
}

// groupsOf reads the groups of a claim: a list of names, one name, or an object
// whose keys are the names. What is none of these names no group.
func groupsOf(claims map[string]any, claim string) []string {
	value, _ := lookup(claims, claim)
	var groups []string
	switch v := value.(type) {
	case string:
		groups = append(groups, v)
	case []any:
		for _, item := range v {
			if s, ok := item.(string); ok {
				groups = append(groups, s)
			}
		}
	case map[string]any:
		for name := range v {
			groups = append(groups, name)
		}
	}
	return groups
}

// lookup finds a claim by its name, or else by the way to it: realm_access.roles
// is roles inside realm_access.
func lookup(claims map[string]any, name string) (any, bool) {
	if v, ok := claims[name]; ok {
		return v, true
	}
	head, rest, more := strings.Cut(name, ".")
	if !more {
		return nil, false
	}
	inner, ok := claims[head].(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}
