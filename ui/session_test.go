package ui_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp/totp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// sessionState is what a page reads first.
type sessionState struct {
	State     string
	Need      []string
	User      *auth.User
	CSRF      string
	Method    string
	Providers []ui.ProviderView
	Site      struct{ Name, Language string }
}

func (a *accountSite) session(t *testing.T, v *visitor) (s sessionState) {
	t.Helper()
	status, _, body := a.ask(t, v, "GET", "/api/v1/session", "")
	decode(t, status, body, &s)
	return s
}

func TestFirstRunMakesOneAdmin(t *testing.T) {
	a := &accountSite{fakeSite: smallSite(), ids: map[string]string{}, visitors: map[string]*visitor{}}
	a.policy.Store(&auth.Policy{})
	a.open(t, t.TempDir())
	a.with = a.wire
	a.base = a.serve(t)
	code, err := a.accounts.SetupCode()
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{}
	if s := a.session(t, v); s.State != "setup" || s.User != nil || s.Site.Name != "Camp North" {
		t.Errorf("%+v", s)
	}
	if status, _, _ := a.ask(t, v, "GET", "/api/v1/cameras", ""); status != http.StatusUnauthorized {
		t.Error("before the first admin cameras are answered with", status)
	}
	first := func(code, password string) map[string]any {
		return map[string]any{"code": code, "name": "kim", "password": password, "language": "ko"}
	}
	for name, c := range map[string]map[string]any{"wrong code": first("0000-0000", secret), "weak password": first(code, "short")} {
		if status, header, body := a.ask(t, v, "POST", "/api/v1/setup", said(c)); status < 400 || header.Get("Set-Cookie") != "" || !problem(body) {
			t.Error(name, status, body)
		}
	}
	status, _, body := a.ask(t, v, "POST", "/api/v1/setup", said(first(code, secret)))
	s := sessionState{}
	decode(t, status, body, &s)
	if s.State != "signed-in" || s.User.Role != auth.Admin || s.User.Language != "ko" || s.CSRF == "" {
		t.Errorf("%+v", s)
	}
	if status, _, body := a.ask(t, &visitor{}, "POST", "/api/v1/setup", said(first(code, secret))); status != http.StatusConflict || !problem(body) {
		t.Error("a second admin is made by the code:", status, body)
	}
	if s := a.session(t, v); s.State != "signed-in" || s.Method != "password" {
		t.Errorf("%+v", s)
	}
}

func TestOneTimeCodeLetsInToSetAPasswordAndNoFurther(t *testing.T) {
	site := smallSite().withAccounts(t)
	status, _, body := site.ask(t, site.signIn(t, "admin"), "POST", "/api/v1/users", said(map[string]any{"name": "lee", "role": "operator", "all": true}))
	told := struct {
		User auth.User
		Code string
	}{}
	decode(t, status, body, &told)
	v := &visitor{}
	status, _, body = site.ask(t, v, "POST", "/api/v1/session", credentials("lee", told.Code))
	s := sessionState{}
	decode(t, status, body, &s)
	if s.State != "partial" || fmt.Sprint(s.Need) != "[password]" {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/cameras", 401},
		{"GET", "/account", 401},
		{"GET", "/events", 401},
		{"GET", "/live/gate", 401},
		{"POST", "/account/totp", 401},
		{"POST", "/account/tokens", 401},
	} {
		content := ""
		if c.method != "GET" {
			content = "{}"
		}
		if status, _, body := site.ask(t, v, c.method, "/api/v1"+c.path, content); status != c.want {
			t.Errorf("%s %s: status %d %s", c.method, c.path, status, body)
		}
	}
	status, _, body = site.ask(t, v, "PUT", "/api/v1/account/password", said(map[string]string{"old": told.Code, "new": secret}))
	decode(t, status, body, &s)
	if s.State != "signed-in" {
		t.Errorf("%+v", s)
	}
	if status, _, _ := site.ask(t, v, "GET", "/api/v1/cameras", ""); status != http.StatusOK {
		t.Error("status", status)
	}
}

func TestRoleThatMustHaveASecondFactorSetsOneUpFirst(t *testing.T) {
	site := smallSite().withAccounts(t)
	policy := *site.policy.Load()
	policy.SecondFactor = map[auth.Role]bool{auth.Admin: true}
	site.policy.Store(&policy)
	v := site.fresh(t, "admin")
	if s := site.session(t, v); s.State != "partial" || fmt.Sprint(s.Need) != "[enrol]" {
		t.Fatalf("%+v", s)
	}
	for _, path := range []string{"/users", "/cameras", "/audit", "/account/tokens"} {
		if status, _, _ := site.ask(t, v, "GET", "/api/v1"+path, ""); status != http.StatusUnauthorized {
			t.Error(path, status)
		}
	}
	status, _, body := site.ask(t, v, "POST", "/api/v1/account/totp", said(map[string]string{"password": secret}))
	told := struct{ Secret, URI string }{}
	decode(t, status, body, &told)
	code, err := totp.GenerateCode(told.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	status, _, body = site.ask(t, v, "PUT", "/api/v1/account/totp", said(map[string]string{"code": code}))
	s := sessionState{}
	decode(t, status, body, &s)
	if s.State != "signed-in" || !strings.HasPrefix(told.URI, "otpauth://totp/") {
		t.Errorf("%+v, uri %s", s, told.URI)
	}
	if status, _, body := site.ask(t, v, "GET", "/api/v1/users", ""); status != http.StatusOK || !strings.Contains(body, `"has_totp":true`) {
		t.Error(status, body)
	}
}

func TestTwoPersonsAddAnAdmin(t *testing.T) {
	site := smallSite().withAccounts(t)
	site.add(t, auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Admin}})
	policy := *site.policy.Load()
	policy.TwoPersons, policy.ConfirmWithin = true, time.Hour
	site.policy.Store(&policy)
	first, second := site.signIn(t, "admin"), site.signIn(t, "second")
	status, _, body := site.ask(t, first, "POST", "/api/v1/users", said(map[string]any{"name": "third", "role": "admin"}))
	waits := struct {
		Confirmation string
		Error, Fix   string
	}{}
	if err := unmarshal(body, &waits); err != nil || status != http.StatusAccepted || waits.Confirmation == "" || waits.Error == "" || waits.Fix == "" {
		t.Fatal(status, body)
	}
	status, _, body = site.ask(t, second, "GET", "/api/v1/confirmations", "")
	list := struct{ Confirmations []auth.Confirmation }{}
	decode(t, status, body, &list)
	if len(list.Confirmations) != 1 || list.Confirmations[0].By != "admin" {
		t.Errorf("%+v", list)
	}
	path := "/api/v1/confirmations/" + waits.Confirmation
	if status, _, body := site.ask(t, first, "POST", path, "{}"); status != http.StatusForbidden {
		t.Error("who asked confirms:", status, body)
	}
	status, _, body = site.ask(t, second, "POST", path, "{}")
	told := struct{ Code string }{}
	decode(t, status, body, &told)
	third := &visitor{}
	if status, _, body := site.ask(t, third, "POST", "/api/v1/session", credentials("third", told.Code)); status != http.StatusOK {
		t.Error(status, body)
	}
}

func TestFootageThatWasSeenIsInTheAudit(t *testing.T) {
	site := twoGroups().withAccounts(t)
	operator := site.signIn(t, "operator")
	from := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	span := "camera=gate&from=" + from.Format(time.RFC3339) + "&to=" + from.Add(time.Minute).Format(time.RFC3339)
	for _, where := range []string{"/play?" + span, "/play?" + span, "/frame?camera=gate&at=" + from.Format(time.RFC3339), "/export?reason=theft+at+the+gate&" + span} {
		if status, _, body := site.ask(t, operator, "GET", "/api/v1"+where, ""); status != http.StatusOK {
			t.Fatal(where, status, body)
		}
	}
	if status, _, body := site.ask(t, operator, "GET", "/api/v1/export?"+span, ""); status != http.StatusBadRequest || !strings.Contains(body, "reason") {
		t.Error("an export without a reason:", status, body)
	}
	req := site.request(t.Context(), t, operator, "/api/v1/live/gate")
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(req.URL.String(), "http", "ws", 1), &websocket.DialOptions{HTTPHeader: req.Header})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseNow()
	status, _, body := site.ask(t, site.signIn(t, "auditor"), "GET", "/api/v1/audit?camera=gate", "")
	var page audit.Page
	decode(t, status, body, &page)
	found := map[string]audit.Entry{}
	for _, e := range page.Entries {
		found[e.Action+" "+e.Object] = e
	}
	if len(page.Entries) != 3 {
		t.Errorf("%d entries: %s", len(page.Entries), body)
	}
	for _, want := range []string{"view.opened main live", "view.opened main playback", "footage.export main export"} {
		e, ok := found[want]
		if !ok || e.Actor != "operator" || e.ActorID != site.ids["operator"] || !strings.HasPrefix(e.Via, "session:") || e.Source != "127.0.0.1" {
			t.Errorf("%s: %+v", want, e)
		}
	}
	e := found["footage.export main export"]
	if e.Detail != "theft at the gate" || e.From == nil || !e.From.Equal(from) || !e.To.Equal(from.Add(time.Minute)) {
		t.Errorf("%+v", e)
	}
	status, _, body = site.ask(t, site.signIn(t, "auditor"), "GET", "/api/v1/audit/verify", "")
	report := struct{ OK bool }{}
	if decode(t, status, body, &report); !report.OK {
		t.Error(body)
	}
	for format, kind := range map[string]string{"json": "application/x-ndjson", "csv": "text/csv"} {
		status, header, body := site.ask(t, site.signIn(t, "auditor"), "GET", "/api/v1/audit/export?format="+format, "")
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), kind) || !strings.Contains(body, "theft at the gate") ||
			!strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
			t.Error(format, status, header, body)
		}
	}
}

func TestAuditNamesWhoSignedInAndWhoWasRefused(t *testing.T) {
	site := smallSite().withAccounts(t)
	site.fresh(t, "viewer")
	site.ask(t, &visitor{}, "POST", "/api/v1/session", credentials("viewer", "a wrong password"))
	status, _, body := site.ask(t, site.signIn(t, "admin"), "GET", "/api/v1/audit?q=viewer", "")
	var page audit.Page
	decode(t, status, body, &page)
	outcomes := map[string]bool{}
	for _, e := range page.Entries {
		outcomes[e.Actor+" "+e.Outcome] = true
	}
	if !outcomes["viewer ok"] || !outcomes["viewer refused"] {
		t.Error(body)
	}
	if strings.Contains(body, secret) || strings.Contains(body, "a wrong password") {
		t.Error("a password is in the audit")
	}
}

// envStranger has this test binary dial a socket as another user would.
const envStranger = "STOCKADE_TEST_SOCKET"

func TestMain(m *testing.M) {
	if path := os.Getenv(envStranger); path != "" {
		playStranger(path)
		return
	}
	os.Exit(m.Run())
}

func playStranger(path string) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("REFUSED", err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	fmt.Printf("ANSWER %q\n", answer)
}

func TestSocketIsForTheBoxAlone(t *testing.T) {
	site := smallSite().withAccounts(t)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ui.New(site.options()).Serve(ctx, ln) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	box := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"a command":      {http.Header{ui.OperatorHeader: {"kim"}}, 200},
		"a page somehow": {http.Header{"Origin": {"https://attacker.example"}}, 403},
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/users", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = c.header
		res, err := box.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
	}
	// Over TCP the header says nothing.
	if status, _, _ := ask(t, site.base, "GET", "/api/v1/users", map[string]string{ui.OperatorHeader: "root"}, nil); status != http.StatusUnauthorized {
		t.Error("a client of TCP is let in as the box:", status)
	}
	if os.Getuid() != 0 {
		return // only root can play another user
	}
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	// The test binary lies where only its owner may look.
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(filepath.Dir(path), "stranger")
	if err := os.WriteFile(stranger, self, 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, stranger)
	c.Env = append(os.Environ(), envStranger+"="+path)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), `ANSWER ""`) && !strings.Contains(string(out), "REFUSED") {
		t.Errorf("another user is answered: %s", out)
	}
}

// fakeSignOn vouches for whoever comes back.
type fakeSignOn struct{}

func (fakeSignOn) Providers() []ui.ProviderView { return []ui.ProviderView{{ID: "camp", Name: "Camp"}} }

func (fakeSignOn) Begin(w http.ResponseWriter, _ *http.Request, provider string) error {
	if provider != "camp" {
		return ui.ErrNotFound
	}
	w.Header().Set("Location", "https://login.camp.example/")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (fakeSignOn) Finish(_ http.ResponseWriter, r *http.Request, provider string) (auth.External, error) {
	if provider != "camp" || r.URL.Query().Get("code") == "" {
		return auth.External{}, &ui.Problem{Status: http.StatusForbidden, Message: "refused", Fix: "begin again"}
	}
	if r.URL.Query().Get("code") == "gone" {
		return auth.External{Provider: "camp", Subject: "17", Name: "park"}, &ui.Problem{Status: http.StatusForbidden, Message: "no role", Fix: "ask an admin"}
	}
	return auth.External{Provider: "camp", Subject: "17", Name: "park", Grant: auth.Grant{Role: auth.Viewer, All: true}}, nil
}

func TestSignOnProviderSendsPeopleBack(t *testing.T) {
	site := smallSite().withAccounts(t)
	a := &accountSite{fakeSite: smallSite(), accounts: site.accounts, audit: site.audit}
	a.with = func(o *ui.Options) {
		site.wire(o)
		o.SSO = fakeSignOn{}
	}
	a.base = a.serve(t)
	if s := a.session(t, &visitor{}); len(s.Providers) != 1 || s.Providers[0].ID != "camp" {
		t.Errorf("%+v", s)
	}
	if status, header, _ := a.ask(t, &visitor{}, "GET", "/api/v1/sso/camp", ""); status != http.StatusSeeOther || header.Get("Location") != "https://login.camp.example/" {
		t.Error(status, header)
	}
	// A browser comes back from another site, by a navigation and by nothing else.
	back := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	status, header, body := ask(t, a.base, "GET", "/api/v1/sso/camp/callback?code=x&state=y", back, nil)
	v := &visitor{}
	v.take(header, body)
	if status != http.StatusSeeOther || header.Get("Location") != "/" || v.cookie == "" {
		t.Fatal(status, header, body)
	}
	if s := a.session(t, v); s.State != "signed-in" || s.User.Source != "camp" || s.Method != "sso:camp" {
		t.Errorf("%+v", s)
	}
	for name, h := range map[string]map[string]string{
		"framed": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
		"image":  {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
	} {
		if status, header, _ := ask(t, a.base, "GET", "/api/v1/sso/camp/callback?code=x&state=y", h, nil); status != http.StatusForbidden || header.Get("Set-Cookie") != "" {
			t.Error(name, status)
		}
	}
	// Who has no role there any more loses what they have here.
	if status, _, _ := ask(t, a.base, "GET", "/api/v1/sso/camp/callback?code=gone&state=y", nil, nil); status != http.StatusForbidden {
		t.Error(status)
	}
	if s := a.session(t, v); s.State != "signed-out" {
		t.Errorf("still %+v", s)
	}
	// And whoever is refused is in the audit, named or not; a slip of the hand is not.
	for _, where := range []string{"camp/callback?state=y", "camp/callback?error=access_denied"} {
		if status, _, _ := ask(t, a.base, "GET", "/api/v1/sso/"+where, nil, nil); status != http.StatusForbidden {
			t.Error(where, status)
		}
	}
	if status, _, _ := ask(t, a.base, "GET", "/api/v1/sso/nobody", nil, nil); status != http.StatusNotFound {
		t.Error(status)
	}
	_, _, text := site.ask(t, site.signIn(t, "auditor"), "GET", "/api/v1/audit?action=sign-in&q=sso:camp", "")
	if n := strings.Count(text, `"outcome":"refused"`); n != 3 || !strings.Contains(text, `"object":"user:park"`) || strings.Contains(text, "sso:nobody") {
		t.Errorf("%d refusals in %s", n, text)
	}
}

func TestRootCanBeFetchedByAnybody(t *testing.T) {
	site := smallSite().withAccounts(t)
	base, client := site.serveTLS(t, "nvr.camp.example")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/ca.crt", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "nvr.camp.example"
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pem, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
		t.Error(res.StatusCode, err, res.Header)
	}
	pool(t, pem)
}

func TestServesOffLoopbackWithAccountsAndTLSOnly(t *testing.T) {
	site := smallSite().withAccounts(t)
	keeper := certificate(t, "nvr.camp.example")
	for name, with := range map[string]func(*ui.Options){
		"no TLS":   func(o *ui.Options) { o.Names = func() []string { return []string{"nvr.camp.example"} } },
		"no names": func(o *ui.Options) { o.TLS = keeper.TLSConfig() },
	} {
		ln, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		o := site.options()
		with(&o)
		if err := ui.New(o).Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), "listen.names") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Plain HTTP at the same port is sent to HTTPS.
	base, _ := site.serveTLS(t, "nvr.camp.example")
	plain := strings.Replace(base, "https", "http", 1)
	status, header, _ := ask(t, plain, "GET", "/api/v1/session", map[string]string{"Host": "nvr.camp.example"}, nil)
	if status != http.StatusPermanentRedirect || header.Get("Location") != "https://nvr.camp.example/api/v1/session" {
		t.Error(status, header)
	}
}

// TestStreamsOverHTTP2 follows events and reads a film where a browser over TLS does.
func TestStreamsOverHTTP2(t *testing.T) {
	site := smallSite().withAccounts(t)
	base, client := site.serveTLS(t, "nvr.camp.example")
	program := site.token(t, "admin", map[string]any{"rights": []string{"live", "playback"}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for where, want := range map[string]string{
		"/api/v1/events": "event: cameras",
		"/api/v1/play?camera=gate&from=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339): string(site.film),
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+where, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "nvr.camp.example"
		req.Header.Set("Authorization", "Bearer "+program.token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for part := make([]byte, 1024); !strings.Contains(got.String(), want); {
			n, err := res.Body.Read(part)
			got.Write(part[:n])
			if err != nil {
				break
			}
		}
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK || !strings.Contains(got.String(), want) {
			t.Errorf("%s: %s %s: %.200q", where, res.Proto, res.Status, got.String())
		}
	}
}
