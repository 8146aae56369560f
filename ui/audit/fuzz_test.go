package audit_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
)

// FuzzEntry writes entries of strangers' making: each can be read back and hides no other.
func FuzzEntry(f *testing.F) {
	f.Add("kim", "user.changed", "detail", []byte(`{"a":1}`), int64(1))
	f.Add("\xff", "\x00", "\u2028<", []byte("{"), int64(-1))
	f.Fuzz(func(t *testing.T, actor, action, detail string, change []byte, at int64) {
		now := time.Unix(0, at)
		e := audit.Entry{Time: now, Actor: actor, Action: action, Detail: detail, Before: change, After: change, From: &now, To: &now}
		body, back, err := audit.Written(e)
		if err != nil || !json.Valid(body) || len(body) > 100<<10 {
			t.Fatalf("%q: %v", body, err)
		}
		if !audit.Chosen(audit.Filter{Actor: back.Actor, Action: back.Action, Text: back.Detail}, body) {
			t.Errorf("%s is not found by its own fields", body)
		}
	})
}

func FuzzCursor(f *testing.F) {
	s := newSite(f)
	s.fill(5)
	f.Add("")
	f.Add(hex.EncodeToString(make([]byte, 16)))
	f.Fuzz(func(t *testing.T, cursor string) {
		page, err := s.log.Query(t.Context(), audit.Filter{Cursor: cursor})
		if err == nil && len(page.Entries) > 5 {
			t.Errorf("%d entries", len(page.Entries))
		}
	})
}
