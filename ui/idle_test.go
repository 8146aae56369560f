package ui_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// TestOnlyAPersonKeepsASessionAlive leaves an admin's page alone: its event stream and
// what it goes on asking by itself end with the session, though neither ever paused.
func TestOnlyAPersonKeepsASessionAlive(t *testing.T) {
	site := smallSite().withAccounts(t)
	site.policy.Store(&auth.Policy{Idle: 20 * time.Minute})
	present := map[string]string{"Cookie": "nvr=" + site.fresh(t, "admin").cookie, ui.PresentHeader: "1"}
	alone := site.fresh(t, "admin")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := http.DefaultClient.Do(site.request(ctx, t, alone, "/api/v1/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for passed := time.Duration(0); passed < 50*time.Minute; passed += 5 * time.Minute {
		for _, where := range []string{"/api/v1/cameras", "/api/v1/session", "/api/v1/audit", "/api/v1/account"} {
			want := http.StatusOK
			if passed >= 20*time.Minute && where != "/api/v1/session" {
				want = http.StatusUnauthorized
			}
			if status, _, body := site.ask(t, alone, "GET", where, ""); status != want {
				t.Fatalf("alone for %v: %s: status %d %s", passed, where, status, body)
			}
		}
		if status, _, body := ask(t, site.base, "GET", "/api/v1/session", present, nil); status != http.StatusOK || !strings.Contains(body, "signed-in") {
			t.Fatalf("somebody at the page for %v: status %d %s", passed, status, body)
		}
		site.ahead.Add(int64(5 * time.Minute))
	}
	if _, err := io.Copy(io.Discard, res.Body); ctx.Err() != nil {
		t.Error("the event stream outlives its session:", err)
	}
}

// TestAChangeIsAPersonsDoing is one that only a person makes, whatever else it says.
func TestAChangeIsAPersonsDoing(t *testing.T) {
	site := smallSite().withAccounts(t)
	v := site.fresh(t, "operator")
	site.policy.Store(&auth.Policy{Idle: 20 * time.Minute})
	for i := range 4 {
		site.ahead.Add(int64(15 * time.Minute))
		theme := []string{"dark", "light"}[i%2]
		if status, _, body := site.ask(t, v, "PUT", "/api/v1/account", said(map[string]string{"theme": theme, "language": "en"})); status != http.StatusOK {
			t.Fatalf("change %d: status %d %s", i, status, body)
		}
	}
}
