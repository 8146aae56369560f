package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is one thing that somebody did. Actions are words of two parts, such as
// user.changed or session.opened; what a refusal was about has the action that
// was refused.
type Entry struct {
	Seq  uint64    `json:"seq"`  // given by the log
	Time time.Time `json:"time"` // zero: when it is written

	Actor   string `json:"actor"` // who, for people; "box:NAME" on the box itself
	ActorID string `json:"actor_id,omitempty"`
	Via     string `json:"via,omitempty"`    // session or token, by its public id
	Source  string `json:"source,omitempty"` // address that it came from

	Action string     `json:"action"`
	Object string     `json:"object,omitempty"` // what it was done to
	Camera string     `json:"camera,omitempty"`
	From   *time.Time `json:"from,omitempty"` // range of footage, half-open
	To     *time.Time `json:"to,omitempty"`

	Before json.RawMessage `json:"before,omitempty"` // a change: what was
	After  json.RawMessage `json:"after,omitempty"`  // and what is

	Outcome string `json:"outcome,omitempty"` // ok or refused
	Detail  string `json:"detail,omitempty"`
}

// Bounds in bytes (A3). What is longer is cut, with a mark that says so.
const (
	maxName   = 256 // each of the short fields
	maxDetail = 2 << 10
	maxChange = 8 << 10 // before and after, each
	cutShown  = 1 << 10 // of a change that is too long
)

// bounded gives the entry as it can be written, whatever was handed over: an
// entry is never lost for its form (A3).
func (e Entry) bounded(now time.Time) Entry {
	for _, s := range []*string{&e.Actor, &e.ActorID, &e.Via, &e.Source, &e.Action, &e.Object, &e.Camera, &e.Outcome} {
		*s = cut(*s, maxName)
	}
	e.Detail = cut(e.Detail, maxDetail)
	e.Before, e.After = boundedChange(e.Before), boundedChange(e.After)
	if !storable(e.Time) {
		e.Time = now
	}
	e.Time = e.Time.UTC().Round(0)
	for _, t := range []**time.Time{&e.From, &e.To} {
		if *t == nil {
			continue
		}
		u := (*t).UTC().Round(0)
		if *t = &u; !storable(u) {
			*t = nil
		}
	}
	return e
}

// storable reports whether nanoseconds since 1970 hold a time (until 2262).
func storable(t time.Time) bool { return t.Unix() >= 0 && t.Unix() < 1<<33 }

// cut shortens a text at a character and says how much there was.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= most {
		return s
	}
	mark := fmt.Sprintf("… [cut: %d bytes]", len(s))
	n := most - len(mark)
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// boundedChange gives JSON that is valid and not too long. What is not JSON
// becomes a text; what is too long becomes its beginning with size and SHA-256.
func boundedChange(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	if !json.Valid(raw) {
		return encode(cut(string(raw), maxChange/2))
	}
	var b bytes.Buffer
	if err := json.Compact(&b, bytes.ToValidUTF8(raw, []byte("\ufffd"))); err != nil { // it was valid
		return encode(cut(string(raw), maxChange/2))
	}
	if b.Len() <= maxChange {
		return b.Bytes()
	}
	sum := sha256.Sum256(b.Bytes())
	return encode(struct {
		Cut    string `json:"cut"`
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}{strings.ToValidUTF8(string(b.Bytes()[:cutShown]), ""), b.Len(), hex.EncodeToString(sum[:])})
}

// encode writes JSON as the log does: nothing but what JSON demands is escaped,
// so that a text can be looked for in it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // bounded left nothing that does not marshal
		panic(fmt.Sprintf("audit: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// timeMark comes before the entry's time: only its number is written before.
const timeMark = `"time":"`

// timeOf reads the time of an encoded entry without the rest.
func timeOf(body []byte) (time.Time, error) {
	_, rest, found := bytes.Cut(body, []byte(timeMark))
	end := bytes.IndexByte(rest, '"')
	if !found || end < 0 {
		return time.Time{}, fmt.Errorf("read entry: it has no time")
	}
	t, err := time.Parse(time.RFC3339Nano, string(rest[:end]))
	if err != nil {
		return time.Time{}, fmt.Errorf("read entry: %w", err)
	}
	return t, nil
}

// decode reads an encoded entry.
func decode(body []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("read entry: %w", err)
	}
	return e, nil
}
