package ui_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// secret is everybody's password.
const secret = "a long enough password"

// accountSite is a site with accounts: one user of each role, by its name. The
// viewer is given the camera gate, the operator the group north that it is in.
type accountSite struct {
	*fakeSite
	base      string
	db        *bbolt.DB
	accounts  *auth.Accounts
	audit     *audit.Log
	ids       map[string]string // of users by name
	policy    atomic.Pointer[auth.Policy]
	visitors  map[string]*visitor
	confirmed atomic.Int32 // times that the clock was confirmed
	ahead     atomic.Int64 // of the accounts' clock, nanoseconds
	stopped   atomic.Int64 // what the accounts' clock shows, Unix nanoseconds; 0: it runs
}

// visitor is a browser, or a program with a token.
type visitor struct{ cookie, csrf, token string }

// box is what somebody on the box can do.
func box() auth.Principal { return auth.LocalPrincipal("root") }

// withAccounts serves the site with accounts.
func (s *fakeSite) withAccounts(t *testing.T) *accountSite {
	t.Helper()
	a := &accountSite{fakeSite: s, ids: map[string]string{}, visitors: map[string]*visitor{}}
	a.policy.Store(&auth.Policy{RPID: "localhost", Origins: []string{"http://localhost"}, SiteName: "Camp North"})
	a.open(t, t.TempDir())
	s.with = a.wire
	a.base = s.serve(t)
	for _, u := range []auth.NewUser{
		{Name: "admin", Grant: auth.Grant{Role: auth.Admin}},
		{Name: "auditor", Grant: auth.Grant{Role: auth.Auditor}},
		{Name: "operator", Grant: auth.Grant{Role: auth.Operator, Groups: []string{"north"}}},
		{Name: "viewer", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}}},
	} {
		a.add(t, u)
	}
	return a
}

// wire has the server use the accounts. The demo has none.
func (a *accountSite) wire(o *ui.Options) {
	o.Accounts, o.Audit, o.ConfirmClock = a.accounts, a.audit, func() { a.confirmed.Add(1) }
	site := o.Site
	o.Site = func() ui.SiteView {
		v := site()
		v.Demo, v.TwoPersons = false, a.policy.Load().TwoPersons
		return v
	}
}

// open opens the databases in a folder.
func (a *accountSite) open(t testing.TB, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a.db = db
	key, err := proof.OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.audit, err = audit.Open(audit.Options{DB: db, Key: key}); err != nil {
		t.Fatal(err)
	}
	a.accounts, err = auth.Open(auth.Options{
		DB: db, Policy: func() auth.Policy { return *a.policy.Load() },
		Now:   a.now,
		Audit: func(tx *bbolt.Tx, e auth.Event) error { return a.audit.AppendTx(tx, ui.EntryOf(e)) },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// add adds a user who has set their password.
func (a *accountSite) add(t *testing.T, u auth.NewUser) {
	t.Helper()
	user, code, err := a.accounts.AddUser(box(), u)
	if err != nil {
		t.Fatal(err)
	}
	a.ids[u.Name] = user.ID
	v := &visitor{}
	if status, _, body := a.ask(t, v, "POST", "/api/v1/session", said(map[string]any{"name": u.Name, "password": code})); status != 200 {
		t.Fatal(status, body)
	}
	if status, _, body := a.ask(t, v, "PUT", "/api/v1/account/password", said(map[string]any{"old": code, "new": secret})); status != 200 {
		t.Fatal(status, body)
	}
	a.visitors[u.Name] = v
}

// now is the accounts' clock.
func (a *accountSite) now() time.Time {
	if at := a.stopped.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now().Add(time.Duration(a.ahead.Load()))
}

// signIn gives a browser in which a user is signed in, the same each time.
func (a *accountSite) signIn(t *testing.T, name string) *visitor {
	t.Helper()
	if v := a.visitors[name]; v != nil {
		return v
	}
	a.visitors[name] = a.fresh(t, name)
	return a.visitors[name]
}

// fresh signs a user in by password.
func (a *accountSite) fresh(t *testing.T, name string) *visitor {
	t.Helper()
	v := &visitor{}
	status, _, body := a.ask(t, v, "POST", "/api/v1/session", said(map[string]any{"name": name, "password": secret}))
	if status != http.StatusOK {
		t.Fatal(name, status, body)
	}
	return v
}

// token makes a token of a user.
func (a *accountSite) token(t *testing.T, name string, asked map[string]any) *visitor {
	t.Helper()
	asked["name"], asked["expires"], asked["password"] = "a program", time.Now().Add(time.Hour), secret
	status, _, body := a.ask(t, a.signIn(t, name), "POST", "/api/v1/account/tokens", said(asked))
	var told struct{ Secret string }
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK {
		t.Fatal(status, body)
	}
	return &visitor{token: told.Secret}
}

// ask asks as our page does, or as a program when the visitor has a token. Of
// the answer it takes the cookie and what changes must repeat.
func (a *accountSite) ask(t *testing.T, v *visitor, method, where, body string) (int, http.Header, string) {
	t.Helper()
	header := map[string]string{}
	var content io.Reader
	if body != "" {
		header["Content-Type"] = "application/json"
		content = strings.NewReader(body)
	}
	if v != nil && v.token != "" {
		header["Authorization"] = "Bearer " + v.token
	} else if method != "GET" && method != "HEAD" {
		header["Origin"], header["Sec-Fetch-Site"] = a.base, "same-origin"
	}
	if v != nil && v.cookie != "" {
		header["Cookie"] = "nvr=" + v.cookie
		header["X-CSRF-Token"] = v.csrf
	}
	status, got, text := ask(t, a.base, method, where, header, content)
	v.take(got, text)
	return status, got, text
}

// take keeps what a browser would of an answer.
func (v *visitor) take(header http.Header, body string) {
	if v == nil {
		return
	}
	for _, c := range (&http.Response{Header: header}).Cookies() {
		if c.Name == "nvr" {
			v.cookie = c.Value
		}
	}
	var told struct{ CSRF string }
	if json.Unmarshal([]byte(body), &told) == nil && told.CSRF != "" {
		v.csrf = told.CSRF
	}
}

// said writes a body.
func said(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func unmarshal(text string, into any) error { return json.Unmarshal([]byte(text), into) }

// request makes a request as a visitor, for what does not end at once.
func (a *accountSite) request(ctx context.Context, t *testing.T, v *visitor, where string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+where, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	} else {
		req.Header.Set("Cookie", "nvr="+v.cookie)
	}
	return req
}

// events follows an event stream as a visitor.
func (a *accountSite) events(ctx context.Context, t *testing.T, v *visitor, where string) <-chan event {
	t.Helper()
	return follow(t, a.request(ctx, t, v, where))
}
