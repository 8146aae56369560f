package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// TestOneUserTakesTheEventsFromNobody: whoever opens all they get, in how many
// sessions and tokens ever, leaves the rest to others; and when all others have
// theirs, admins and auditors still get in.
func TestOneUserTakesTheEventsFromNobody(t *testing.T) {
	site := twoGroups().withAccounts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	status := func(v *visitor) (int, http.Header) {
		status, header, _ := site.ask(t, v, "HEAD", "/api/v1/events", "")
		return status, header
	}
	program := site.token(t, "operator", map[string]any{"rights": []string{"live"}})
	all := []*visitor{site.signIn(t, "operator"), site.fresh(t, "operator"), program}
	for i := range ui.MaxOwnEvents {
		site.events(ctx, t, all[i%len(all)], "/api/v1/events")
	}
	for _, v := range all {
		if got, header := status(v); got != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Error("one more is answered with", got, header)
		}
	}
	if got, _ := status(site.signIn(t, "viewer")); got != http.StatusOK {
		t.Error("another user is answered with", got)
	}

	for n := ui.MaxOwnEvents; n < ui.MaxEventStreams-ui.KeptEvents; n++ {
		name := fmt.Sprintf("crowd%d", n/ui.MaxOwnEvents)
		if site.ids[name] == "" {
			site.add(t, auth.NewUser{Name: name, Grant: auth.Grant{Role: auth.Operator, All: true}})
		}
		site.events(ctx, t, site.signIn(t, name), "/api/v1/events")
	}
	if got, _ := status(site.signIn(t, "viewer")); got != http.StatusServiceUnavailable {
		t.Error("a viewer gets what is kept for admins:", got)
	}
	for _, name := range []string{"admin", "auditor"} {
		if got, _ := status(site.signIn(t, name)); got != http.StatusOK {
			t.Errorf("no place for the %s: %d", name, got)
		}
	}
	cancel()
	eventually(t, "the places are taken though nobody has them", func() bool { got, _ := status(program); return got == http.StatusOK })
}

// TestFilmsAreBounded: each film holds files open.
func TestFilmsAreBounded(t *testing.T) {
	s := twoGroups()
	s.film = make([]byte, 64<<20)
	site := s.withAccounts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := "camera=gate&from=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	v := site.signIn(t, "operator")
	for range ui.MaxOwnFilms {
		res, err := http.DefaultClient.Do(site.request(ctx, t, v, "/api/v1/play?"+at)) // and reads no further
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatal("status", res.StatusCode)
		}
	}
	moment := "camera=gate&at=" + time.Now().UTC().Format(time.RFC3339)
	for _, where := range []string{"play?" + at, "play/plan?" + at, "frame?" + moment, "export?reason=test&" + at} {
		if got, header, body := site.ask(t, v, "GET", "/api/v1/"+where, ""); got != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !problem(body) {
			t.Error(where, got, body)
		}
	}
	if n := s.clips.Load(); n != ui.MaxOwnFilms {
		t.Error("clips open:", n)
	}
	if got, _, _ := site.ask(t, site.signIn(t, "admin"), "HEAD", "/api/v1/play?"+at, ""); got != http.StatusOK {
		t.Error("another user is answered with", got)
	}
	cancel()
	eventually(t, "films that nobody reads stay open", func() bool { return s.clips.Load() == 0 })
}
