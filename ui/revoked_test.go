package ui_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// closesWithin is generous for a machine under load. That it is the two seconds
// that are promised package auth measures by a clock that waits for nobody:
// TestAnOpenStreamEndsWithTheRight.
const closesWithin = 15 * time.Second

// openAnswer opens something that does not end by itself, and gives a channel
// that is closed when it has ended.
type openAnswer func(ctx context.Context, t *testing.T, site *accountSite, v *visitor) <-chan struct{}

func openEvents(where string) openAnswer {
	return func(ctx context.Context, t *testing.T, site *accountSite, v *visitor) <-chan struct{} {
		t.Helper()
		from := site.events(ctx, t, v, where)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range from {
			}
		}()
		return ended
	}
}

func openLive(ctx context.Context, t *testing.T, site *accountSite, v *visitor) <-chan struct{} {
	t.Helper()
	req := site.request(ctx, t, v, "/api/v1/live/gate")
	conn, _, err := websocket.Dial(ctx, strings.Replace(req.URL.String(), "http", "ws", 1), &websocket.DialOptions{HTTPHeader: req.Header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var err error
		for err == nil {
			_, _, err = conn.Read(ctx)
		}
		if ctx.Err() == nil && websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Error("the live picture ended with", err)
		}
	}()
	return ended
}

// openFilm downloads slowly: the film is far larger than what is on its way.
func openFilm(where string) openAnswer {
	return func(ctx context.Context, t *testing.T, site *accountSite, v *visitor) <-chan struct{} {
		t.Helper()
		from := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		res, err := http.DefaultClient.Do(site.request(ctx, t, v, where+"camera=gate&from="+from))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			t.Fatal("status", res.StatusCode)
		}
		return slowly(ctx, t, res.Body, 10*time.Millisecond)
	}
}

// openAuditExport downloads the entries of fillAudit slowly.
func openAuditExport(ctx context.Context, t *testing.T, site *accountSite, v *visitor) <-chan struct{} {
	t.Helper()
	res, err := http.DefaultClient.Do(site.request(ctx, t, v, "/api/v1/audit/export?action=test.filler"))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatal("status", res.StatusCode)
	}
	return slowly(ctx, t, res.Body, 30*time.Millisecond)
}

// slowly reads an answer with a pause after each 64 KiB, until it ends. It is an error
// that it comes whole: one that was cut off ends with another than io.EOF.
func slowly(ctx context.Context, t *testing.T, body io.ReadCloser, pause time.Duration) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer body.Close()
		var err error
		for err == nil {
			_, err = io.CopyN(io.Discard, body, 64<<10)
			time.Sleep(pause)
		}
		if ctx.Err() == nil && errors.Is(err, io.EOF) {
			t.Error("the whole answer came")
		}
	}()
	return ended
}

// fillAudit writes more than can be on its way to a client.
func fillAudit(t *testing.T, site *accountSite) {
	t.Helper()
	large, err := json.Marshal(strings.Repeat("x", 8000))
	if err != nil {
		t.Fatal(err)
	}
	err = site.db.Update(func(tx *bbolt.Tx) (err error) {
		for range 2500 {
			err = errors.Join(err, site.audit.AppendTx(tx, audit.Entry{Actor: "test", Action: "test.filler", Outcome: "ok", Before: large, After: large}))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRevokedSessionOnAnOpenStream(t *testing.T) {
	s := twoGroups()
	s.film = make([]byte, 256<<20)
	site := s.withAccounts(t)
	fillAudit(t, site)
	open := map[string]openAnswer{
		"live":            openLive,
		"events":          openEvents("/api/v1/events"),
		"attempts/stream": openEvents("/api/v1/attempts/stream"),
		"play":            openFilm("/api/v1/play?"),
		"export":          openFilm("/api/v1/export?reason=test&"),
		"audit/export":    openAuditExport,
	}
	all := []string{"live", "events", "attempts/stream", "play", "export", "audit/export"}
	ofReader := []string{"events", "attempts/stream", "audit/export"}
	operators := []string{"live", "events", "play", "export"}
	ofCamera := []string{"live", "play", "export"}
	grant := func(u auth.NewUser) func(*testing.T, *visitor) {
		return func(t *testing.T, _ *visitor) {
			if _, err := site.accounts.ChangeUser(box(), site.ids["op2"], u); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		user  auth.NewUser
		opens []string
		end   func(*testing.T, *visitor)
	}{
		{"signed out", auth.NewUser{Name: "one", Grant: auth.Grant{Role: auth.Admin}}, all, func(t *testing.T, v *visitor) {
			status, _, body := site.ask(t, v, "DELETE", "/api/v1/session", "")
			decode(t, status, body, &struct{}{})
		}},
		{"sessions ended by an admin", auth.NewUser{Name: "two", Grant: auth.Grant{Role: auth.Admin}}, all, func(t *testing.T, _ *visitor) {
			status, _, body := site.ask(t, site.signIn(t, "admin"), "DELETE", "/api/v1/users/"+site.ids["two"]+"/sessions", "")
			decode(t, status, body, &struct{}{})
		}},
		{"user removed", auth.NewUser{Name: "three", Grant: auth.Grant{Role: auth.Operator, All: true}}, operators, func(t *testing.T, _ *visitor) {
			if err := site.accounts.RemoveUser(box(), site.ids["three"]); err != nil {
				t.Fatal(err)
			}
		}},
		{"no admin any more", auth.NewUser{Name: "four", Grant: auth.Grant{Role: auth.Admin}}, ofReader, func(t *testing.T, _ *visitor) {
			if _, err := site.accounts.ChangeUser(box(), site.ids["four"], auth.NewUser{Name: "four", Grant: auth.Grant{Role: auth.Operator, All: true}}); err != nil {
				t.Fatal(err)
			}
		}},
		{
			"camera taken away",
			auth.NewUser{Name: "op2", Grant: auth.Grant{Role: auth.Operator, Cameras: []string{"gate"}}},
			ofCamera,
			grant(auth.NewUser{Name: "op2", Grant: auth.Grant{Role: auth.Operator, Cameras: []string{"dock"}}}),
		},
		{"camera's group changed in the site file", auth.NewUser{Name: "op3", Grant: auth.Grant{Role: auth.Operator, Groups: []string{"north"}}}, ofCamera, func(t *testing.T, _ *visitor) {
			site.regroup("gate", "south")
			t.Cleanup(func() { site.regroup("gate", "north") })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			site.add(t, c.user)
			v := site.fresh(t, c.user.Name)
			ended := map[string]<-chan struct{}{}
			for _, what := range c.opens {
				ended[what] = open[what](ctx, t, site, v)
			}
			for what, end := range ended {
				select {
				case <-end:
					t.Fatal(what, "ended before anything was revoked")
				default:
				}
			}
			c.end(t, v)
			limit := time.After(closesWithin)
			for what, end := range ended {
				select {
				case <-end:
				case <-limit:
					t.Errorf("%s is still open", what)
				}
			}
		})
	}
	if n := s.clips.Load(); n != 0 {
		t.Errorf("%d clips left open", n)
	}
}

// regroup changes a camera's group as an edited site file does.
func (s *fakeSite) regroup(camera, group string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cameras = slices.Clone(s.cameras)
	for i := range s.cameras {
		if s.cameras[i].ID == camera {
			s.cameras[i].Groups = []string{group}
		}
	}
}

func TestRevokedTokenOnAnOpenStream(t *testing.T) {
	site := twoGroups().withAccounts(t)
	program := site.token(t, "operator", map[string]any{"rights": []string{"live"}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := openLive(ctx, t, site, program)
	status, _, body := site.ask(t, site.signIn(t, "operator"), "GET", "/api/v1/account/tokens", "")
	told := struct{ Tokens []auth.Token }{}
	decode(t, status, body, &told)
	status, _, body = site.ask(t, site.signIn(t, "operator"), "DELETE", "/api/v1/account/tokens/"+told.Tokens[0].ID, "")
	decode(t, status, body, &struct{}{})
	select {
	case <-ended:
	case <-time.After(closesWithin):
		t.Error("still open")
	}
	if status, _, _ := site.ask(t, program, "GET", "/api/v1/cameras", ""); status != http.StatusUnauthorized {
		t.Error("a token that has ended is answered with", status)
	}
}

func TestEventsFollowTheCamerasThatOneSees(t *testing.T) {
	site := twoGroups().withAccounts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := site.events(ctx, t, site.signIn(t, "operator"), "/api/v1/events")
	if e := next(t, stream, "cameras"); strings.Contains(e.data, "Loading dock") {
		t.Error(e)
	}
	site.regroup("dock", "north")
	for {
		if e := next(t, stream, "cameras"); strings.Contains(e.data, "Loading dock") {
			break
		}
	}
	site.regroup("dock", "south")
	for {
		if e := next(t, stream, "cameras"); !strings.Contains(e.data, "Loading dock") && strings.Contains(e.data, `"all":true`) {
			break
		}
	}
}
