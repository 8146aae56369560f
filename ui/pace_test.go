package ui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// entries counts what the audit has of an action.
func (a *accountSite) entries(t *testing.T, action string) int {
	t.Helper()
	page, err := a.audit.Query(t.Context(), audit.Filter{Action: action, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Entries)
}

// TestWhatChangesNothingIsNotWritten: an entry is kept for good.
func TestWhatChangesNothingIsNotWritten(t *testing.T) {
	site := twoGroups().withAccounts(t)
	v := site.signIn(t, "viewer")
	for range 5 {
		status, _, body := site.ask(t, v, "PUT", "/api/v1/account", said(map[string]any{"display": "V", "language": "ko", "theme": "dark"}))
		decode(t, status, body, &struct{}{})
	}
	if n := site.entries(t, "user.preferences"); n != 1 {
		t.Error("entries of one change:", n)
	}
	if status, header, _ := site.ask(t, site.signIn(t, "auditor"), "HEAD", "/api/v1/audit/export?format=csv", ""); status != http.StatusOK || header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Error(status, header)
	}
	if n := site.entries(t, "audit.export"); n != 0 {
		t.Error("a HEAD is written as an export")
	}
}

// TestChangesArePaced: the lowest role cannot fill the state directory by itself,
// nor keep others from their work.
func TestChangesArePaced(t *testing.T) {
	site := twoGroups().withAccounts(t)
	v := site.signIn(t, "viewer")
	change := func(v *visitor, n int) (int, http.Header, string) {
		return site.ask(t, v, "PUT", "/api/v1/account", said(map[string]any{"display": fmt.Sprint("V", n), "language": "ko", "theme": "dark"}))
	}
	for n := 0; ; n++ {
		status, header, body := change(v, n)
		if status == http.StatusTooManyRequests {
			if header.Get("Retry-After") == "" || !problem(body) || n < 100 {
				t.Error(n, header, body)
			}
			break
		}
		if decode(t, status, body, &struct{}{}); n > 1000 {
			t.Fatal("a thousand changes were made at once")
		}
	}
	if status, _, body := change(site.signIn(t, "operator"), 0); status != http.StatusOK {
		t.Error("another user is answered with", status, body)
	}
	if status, _, body := site.ask(t, v, "DELETE", "/api/v1/session", ""); status != http.StatusOK {
		t.Error("who made many changes cannot sign out:", status, body)
	}
}

// TestNewViewsArePaced: those that go on are not.
func TestNewViewsArePaced(t *testing.T) {
	site := twoGroups().withAccounts(t)
	site.add(t, auth.NewUser{Name: "jumper", Grant: auth.Grant{Role: auth.Operator, Cameras: []string{"gate"}}})
	begin := time.Now().Add(-23*time.Hour - 30*time.Minute)
	look := func(v *visitor, n int) (int, http.Header, string) {
		at := begin.Add(time.Duration(n) * 15 * time.Minute).Add(time.Duration(n) * 30 * time.Second)
		span := "from=" + url.QueryEscape(at.UTC().Format(time.RFC3339)) + "&to=" + url.QueryEscape(at.Add(time.Second).UTC().Format(time.RFC3339))
		return site.ask(t, v, "GET", "/api/v1/play?camera=gate&"+span, "")
	}
	for session := range 8 { // each one's views are its own, their pace is the user's
		v := site.fresh(t, "jumper")
		for n := range 90 {
			status, header, body := look(v, n)
			if status == http.StatusOK {
				continue
			}
			if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !problem(body) || session < 3 {
				t.Error(session, n, status, body)
			}
			if n > 0 {
				if status, _, body := look(v, n-1); status != http.StatusOK {
					t.Error("a view that goes on is answered with", status, body)
				}
			}
			return
		}
	}
	t.Error("hundreds of views were begun at once")
}
