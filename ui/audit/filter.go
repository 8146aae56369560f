package audit

import (
	"bytes"
	"strings"
	"time"
)

// Filter chooses entries; empty fields choose all.
type Filter struct {
	From, To time.Time // half-open
	Actor    string    // name or id, exact
	Action   string    // exact, or the first part with its dot: "user."
	Object   string    // exact
	Camera   string    // exact
	Text     string    // part of any field, case-insensitive
	Cursor   string    // Page.Next of the page before
	Limit    int       // entries of a page: at most 500, default 100
}

// sieve is a filter made ready.
type sieve struct {
	Filter
	text  string   // in lower case
	marks [][]byte // that must be somewhere in an encoded entry
	plain []byte   // text as it must be somewhere in one, in lower case; nil: not known
}

// ready looks for what an encoded entry must contain to be chosen: most entries
// need not be decoded then.
func (f Filter) ready() *sieve {
	s := &sieve{Filter: f, text: strings.ToLower(strings.TrimSpace(f.Text))}
	for _, want := range []string{f.Object, f.Camera, f.Actor} {
		if want != "" {
			s.marks = append(s.marks, encode(want))
		}
	}
	if f.Action != "" {
		mark := encode(f.Action)
		if strings.HasSuffix(f.Action, ".") {
			mark = bytes.TrimSuffix(mark, []byte{'"'})
		}
		s.marks = append(s.marks, append([]byte(`"action":`), mark...))
	}
	if quoted := encode(s.text); string(quoted) == `"`+s.text+`"` {
		s.plain = quoted[1 : len(quoted)-1]
	}
	return s
}

// may reports whether an encoded entry can be one that is chosen.
func (s *sieve) may(body []byte) bool {
	for _, m := range s.marks {
		if !bytes.Contains(body, m) {
			return false
		}
	}
	return len(s.plain) == 0 || bytes.Contains(bytes.ToLower(body), s.plain)
}

// chooses decides about an entry. Time is not looked at: the index did.
func (s *sieve) chooses(e *Entry) bool {
	action := e.Action == s.Action || s.Action == "" ||
		strings.HasSuffix(s.Action, ".") && strings.HasPrefix(e.Action, s.Action)
	return action &&
		(s.Actor == "" || e.Actor == s.Actor || e.ActorID == s.Actor) &&
		(s.Object == "" || e.Object == s.Object) &&
		(s.Camera == "" || e.Camera == s.Camera) &&
		(s.text == "" || e.contains(s.text))
}

// contains looks for a text in lower case.
func (e *Entry) contains(text string) bool {
	for _, s := range []string{
		e.Actor, e.ActorID, e.Via, e.Source, e.Action, e.Object, e.Camera, e.Outcome, e.Detail,
		string(e.Before), string(e.After),
	} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}
