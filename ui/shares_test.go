package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

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
