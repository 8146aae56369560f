package ui_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// An admin signs off what they have looked at; what begins later is counted, the
// sign-off is in the audit, and it goes forward only.
func TestAttemptsAreSignedOff(t *testing.T) {
	site := smallSite().withAccounts(t)
	s := site.fakeSite
	for n, first := range []time.Duration{-3 * time.Hour, -2 * time.Hour, -time.Minute} {
		at := time.Now().Add(first).UTC()
		s.attempts = append(s.attempts, ui.AttemptView{ID: strings.Repeat("a", n+1), Device: "dev-gate", Reason: "egress", First: at, Last: at, Count: 1})
	}
	admin, auditor := site.signIn(t, "admin"), site.signIn(t, "auditor")
	read := func(who string, want int) (v ui.ReviewedView) {
		t.Helper()
		as := map[string]*visitor{"admin": admin, "auditor": auditor}[who]
		status, _, body := site.ask(t, as, "GET", "/api/v1/attempts/reviewed", "")
		if err := json.Unmarshal([]byte(body), &v); err != nil || status != 200 || v.Unreviewed != want {
			t.Fatal(who, status, body, err)
		}
		return v
	}
	sign := func(at time.Time, want int) {
		t.Helper()
		if status, _, body := site.ask(t, admin, "POST", "/api/v1/attempts/reviewed", `{"up_to":"`+at.UTC().Format(time.RFC3339)+`"}`); status != want {
			t.Fatal(status, body)
		}
	}
	if v := read("admin", 3); v.UpTo != nil || len(v.Reviews) != 0 {
		t.Error(v)
	}
	sign(time.Now().Add(time.Hour), 400)
	sign(time.Now().Add(-time.Hour), 200)
	sign(time.Now().Add(-90*time.Minute), 409)
	if v := read("admin", 1); v.UpTo == nil || len(v.Reviews) != 1 || v.Reviews[0].Name != "admin" {
		t.Error(v)
	}
	if v := read("auditor", 3); v.UpTo != nil || len(v.Reviews) != 1 {
		t.Error("what one has looked at counts for another:", v)
	}
	page, err := site.audit.Query(t.Context(), audit.Filter{Action: "attempts.reviewed"})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Actor != "admin" || page.Entries[0].Object == "" {
		t.Error(page, err)
	}
}
