package ui_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp/totp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/cert"
)

// credentials is the body of a sign-in.
func credentials(name, password string) string {
	return said(map[string]string{"name": name, "password": password})
}

func TestSessionFixation(t *testing.T) {
	site := smallSite().withAccounts(t)
	// A cookie that an attacker planted is never taken over.
	planted := strings.Repeat("A", 43)
	victim := &visitor{cookie: planted}
	status, header, body := site.ask(t, victim, "POST", "/api/v1/session", credentials("admin", secret))
	decode(t, status, body, &struct{}{})
	if victim.cookie == planted || victim.cookie == "" {
		t.Fatal("the session has the planted secret")
	}
	cookie := header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Domain") || strings.Contains(cookie, "Expires") || strings.Contains(cookie, "Max-Age") {
		t.Errorf("cookie %q", cookie)
	}
	if status, _, _ := site.ask(t, &visitor{cookie: planted}, "GET", "/api/v1/cameras", ""); status != http.StatusUnauthorized {
		t.Error("the planted secret lets in:", status)
	}

	// Each rise of privilege changes the secret, and the one before lets nobody in.
	enrolCode(t, site, "admin")
	half := site.fresh(t, "admin")
	before := half.cookie
	if status, _, body := site.ask(t, half, "POST", "/api/v1/session/totp", said(map[string]string{"code": "000000"})); status == http.StatusOK {
		t.Fatal("a wrong code is taken", body)
	}
	if half.cookie != before {
		t.Error("a refused code changes the secret")
	}
}

func TestReplayedTOTP(t *testing.T) {
	site := smallSite().withAccounts(t)
	key := enrolCode(t, site, "admin")
	// The step that enrolment used is spent; the next one is within tolerance.
	code, err := totp.GenerateCode(key, time.Now().Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	first, second := site.fresh(t, "admin"), site.fresh(t, "admin")
	partial := first.cookie
	status, _, body := site.ask(t, first, "POST", "/api/v1/session/totp", said(map[string]string{"code": code}))
	told := struct{ State string }{}
	decode(t, status, body, &told)
	if told.State != "signed-in" || first.cookie == partial {
		t.Error(told.State, "the secret did not change with the second factor")
	}
	if status, _, _ := site.ask(t, &visitor{cookie: partial}, "GET", "/api/v1/cameras", ""); status != http.StatusUnauthorized {
		t.Error("the secret from before the second factor lets in:", status)
	}
	for name, v := range map[string]*visitor{"another session": second, "the session from before": {cookie: partial, csrf: first.csrf}} {
		if status, _, body := site.ask(t, v, "POST", "/api/v1/session/totp", said(map[string]string{"code": code})); status == http.StatusOK {
			t.Errorf("%s: the code is taken twice: %s", name, body)
		}
	}
}

func TestCSRF(t *testing.T) {
	site := smallSite().withAccounts(t)
	v := site.signIn(t, "admin")
	const body = `{"name":"mallory","role":"admin"}`
	ours := func(change func(map[string]string)) map[string]string {
		h := map[string]string{
			"Cookie": "nvr=" + v.cookie, "Origin": site.base, "Sec-Fetch-Site": "same-origin",
			"Content-Type": "application/json", "X-CSRF-Token": v.csrf,
		}
		change(h)
		return h
	}
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"no value":        {ours(func(h map[string]string) { delete(h, "X-CSRF-Token") }), 403},
		"empty value":     {ours(func(h map[string]string) { h["X-CSRF-Token"] = "" }), 403},
		"another value":   {ours(func(h map[string]string) { h["X-CSRF-Token"] = site.signIn(t, "viewer").csrf }), 403},
		"form":            {ours(func(h map[string]string) { h["Content-Type"] = "application/x-www-form-urlencoded" }), 415},
		"plain text":      {ours(func(h map[string]string) { h["Content-Type"] = "text/plain" }), 415},
		"no content type": {ours(func(h map[string]string) { delete(h, "Content-Type") }), 415},
		"foreign origin":  {ours(func(h map[string]string) { h["Origin"] = "https://attacker.example" }), 403},
		"opaque origin":   {ours(func(h map[string]string) { h["Origin"] = "null" }), 403},
		"no origin":       {ours(func(h map[string]string) { delete(h, "Origin") }), 403},
		"another port":    {ours(func(h map[string]string) { h["Origin"] = "http://127.0.0.1:1" }), 403},
		"cross-site":      {ours(func(h map[string]string) { h["Sec-Fetch-Site"] = "cross-site" }), 403},
		"same-site":       {ours(func(h map[string]string) { h["Sec-Fetch-Site"] = "same-site" }), 403},
		"cross-site navigation": {ours(func(h map[string]string) {
			h["Sec-Fetch-Site"], h["Sec-Fetch-Mode"], h["Sec-Fetch-Dest"] = "cross-site", "navigate", "document"
		}), 403},
	} {
		t.Run(name, func(t *testing.T) {
			content := body
			if _, empty := c.header["empty"]; empty {
				content = ""
			}
			if status, _, text := ask(t, site.base, "POST", "/api/v1/users", c.header, strings.NewReader(content)); status != c.want {
				t.Errorf("status %d %s, want %d", status, text, c.want)
			}
		})
	}
	users, err := site.accounts.Users(box())
	if err != nil || len(users) != 4 {
		t.Errorf("%d users, %v", len(users), err)
	}
	t.Run("sign-in by another site's page", func(t *testing.T) {
		for _, h := range []map[string]string{
			{"Content-Type": "text/plain"},
			{"Content-Type": "application/json", "Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"},
		} {
			if status, header, _ := ask(t, site.base, "POST", "/api/v1/session", h, strings.NewReader(credentials("viewer", secret))); status < 400 || header.Get("Set-Cookie") != "" {
				t.Errorf("%v: status %d", h, status)
			}
		}
	})
}

func TestCrossOriginWebSocket(t *testing.T) {
	site := smallSite().withAccounts(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	url := strings.Replace(site.base, "http", "ws", 1) + "/api/v1/live/gate"
	own := "nvr=" + site.signIn(t, "viewer").cookie
	for name, c := range map[string]struct {
		opt  websocket.DialOptions
		want int
	}{
		"nobody":           {websocket.DialOptions{}, 401},
		"foreign origin":   {websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {own}, "Origin": {"https://attacker.example"}}}, 403},
		"rebound host":     {websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {own}}, Host: "attacker.example"}, 421},
		"secure cookie":    {websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {"__Host-" + own}}}, 401},
		"two cookies":      {websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {own + "; nvr=" + strings.Repeat("A", 43)}}}, 401},
		"cookie and token": {websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {own}, "Authorization": {"Bearer nvr_x"}}}, 401},
		"basic":            {websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic YWRtaW46YWRtaW4="}}}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			conn, res, err := websocket.Dial(ctx, url, &c.opt)
			if err == nil {
				_ = conn.CloseNow()
				t.Fatal("accepted")
			}
			if res == nil || res.StatusCode != c.want {
				t.Errorf("%v, want status %d", res, c.want)
			}
		})
	}
}

func TestTokenInURL(t *testing.T) {
	site := smallSite().withAccounts(t)
	program := site.token(t, "operator", map[string]any{"rights": []string{"live"}})
	for _, where := range []string{
		"/api/v1/cameras?token=" + program.token, "/api/v1/cameras?access_token=" + program.token, "/api/v1/cameras?x=" + program.token,
		"/api/v1/live/gate?Token=x", "/api/v1/" + program.token, "/?authorization=Bearer%20x", "/api/v1/session?password=x",
	} {
		status, _, body := ask(t, site.base, "GET", where, nil, nil)
		if status != http.StatusBadRequest || strings.Contains(body, program.token) {
			t.Errorf("%s: status %d %s", where, status, body)
		}
	}
	if status, _, body := site.ask(t, program, "GET", "/api/v1/cameras", ""); status != http.StatusOK {
		t.Error("in the header it is refused too:", status, body)
	}
}

func TestTokenChangesNothing(t *testing.T) {
	site := smallSite().withAccounts(t)
	program := site.token(t, "admin", map[string]any{"rights": []string{"live"}, "reads": true})
	for _, c := range [][2]string{
		{"POST", "/api/v1/users"},
		{"PUT", "/api/v1/account"},
		{"POST", "/api/v1/account/tokens"},
		{"DELETE", "/api/v1/users/" + site.ids["viewer"]},
		{"POST", "/api/v1/users/" + site.ids["viewer"] + "/reset"},
	} {
		if status, _, body := site.ask(t, program, c[0], c[1], `{}`); status != http.StatusForbidden {
			t.Errorf("%v: status %d %s", c, status, body)
		}
	}
}

func TestPathTraversalInIDs(t *testing.T) {
	site := smallSite().withAccounts(t)
	admin := site.signIn(t, "admin")
	for _, id := range []string{"..%2f..%2fstate.db", "%2e%2e", "..%5c..", "%00", "%0a", strings.Repeat("x", 5000), "ids%2f" + site.ids["viewer"], "'%20or%201=1"} {
		for _, path := range []string{
			"/users/%s", "/users/%s/sessions", "/account/sessions/%s", "/account/tokens/%s", "/account/passkeys/%s",
			"/confirmations/%s", "/live/%s", "/sso/%s", "/attempts/%s",
		} {
			for _, method := range []string{"GET", "DELETE"} {
				status, _, body := site.ask(t, admin, method, "/api/v1"+fmt.Sprintf(path, id), "")
				if status != 404 && status != 405 && status != 400 && status != 301 && status != 307 || strings.Contains(body, "root:") {
					t.Errorf("%s %s of %.40s: status %d %s", method, path, id, status, body)
				}
			}
		}
	}
}

func TestPathTraversalInTheNamesOfFootage(t *testing.T) {
	site := smallSite().withAccounts(t)
	admin := site.signIn(t, "admin")
	const hour = "&from=2026-11-23T00:00:00Z&to=2026-11-23T01:00:00Z"
	for _, name := range []string{"..%2f..%2fstate.db", "%2fetc%2fpasswd", "%2e%2e", "..%5c..", "gate%2f..%2fgate", "gate%00", "%0a", strings.Repeat("x", 5000)} {
		for _, query := range []string{"camera=" + name, "camera=gate&stream=" + name} {
			for path, rest := range map[string]string{
				"play": hour, "frame": "&at=2026-11-23T00:00:00Z", "export": hour + "&reason=test", "recordings": hour, "gaps": hour,
			} {
				status, _, body := site.ask(t, admin, "GET", "/api/v1/"+path+"?"+query+rest, "")
				if status != 404 && status != 400 || strings.Contains(body, "root:") {
					t.Errorf("%s of %.60s: status %d %.200s", path, query, status, body)
				}
			}
		}
	}
}

func TestStoredMarkupStaysText(t *testing.T) {
	site := smallSite().withAccounts(t)
	admin := site.signIn(t, "admin")
	const markup = `</script><img src=x onerror=alert(1)>`
	status, _, body := site.ask(t, admin, "PUT", "/api/v1/account", said(map[string]string{"display": markup, "language": "en", "theme": "dark"}))
	decode(t, status, body, &struct{}{})
	for _, where := range []string{"/api/v1/session", "/api/v1/account", "/api/v1/users", "/api/v1/audit?q=onerror"} {
		status, header, body := site.ask(t, admin, "GET", where, "")
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(where, status, header)
		}
		if strings.Contains(body, "<img") || !strings.Contains(body, `\u003cimg`) {
			t.Errorf("%s: %s", where, body)
		}
	}
	// A name is where it could do more harm: it is refused.
	if status, _, body := site.ask(t, admin, "POST", "/api/v1/users", said(map[string]string{"name": markup, "role": "viewer"})); status != http.StatusBadRequest || !problem(body) {
		t.Error(status, body)
	}
}

func TestOversizeBodies(t *testing.T) {
	site := smallSite().withAccounts(t)
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"long":                 {strings.NewReader(`{"name":"` + strings.Repeat("x", 1<<20) + `"}`), 413},
		"long, length unknown": {io.NopCloser(strings.NewReader(`{"name":"` + strings.Repeat("x", 1<<20) + `"}`)), 413},
		"deep":                 {strings.NewReader(`{"name":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`), 400},
		"two values":           {strings.NewReader(`{"name":"a"} {"name":"b"}`), 400},
		"unknown field":        {strings.NewReader(`{"role":"admin"}`), 400},
		"not JSON":             {strings.NewReader("name=a"), 400},
		"nothing":              {nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			h := map[string]string{"Content-Type": "application/json"}
			if status, _, body := ask(t, site.base, "POST", "/api/v1/session", h, c.body); status != c.want || !problem(body) {
				t.Errorf("status %d %s, want %d", status, body, c.want)
			}
		})
	}
}

// TestSlowBodyEnds sends a byte now and then: the server does not wait for it
// beyond its reading deadline.
func TestSlowBodyEnds(t *testing.T) {
	t.Parallel()
	site := smallSite().withAccounts(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(site.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{")
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range time.Tick(500 * time.Millisecond) {
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if took := time.Since(began); res.StatusCode != http.StatusRequestTimeout || took > 20*time.Second {
		t.Errorf("status %d after %s", res.StatusCode, took)
	}
}

func TestBruteForceFromManyAddresses(t *testing.T) {
	site := smallSite().withAccounts(t)
	handler := site.handler()
	var locked int
	for i := range 12 {
		r := newRequest("POST", "/api/v1/session", credentials("operator", "wrong password "+strconv.Itoa(i)))
		r.RemoteAddr = fmt.Sprintf("203.0.113.%d:1000", i+1)
		w := handle(handler, r)
		switch w.Code {
		case http.StatusForbidden:
			if locked > 0 {
				t.Error("unlocked by another address")
			}
		case http.StatusTooManyRequests:
			locked++
			if n, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || n < 1 {
				t.Error("Retry-After", w.Header())
			}
		default:
			t.Fatal(w.Code, w.Body)
		}
	}
	if locked < 5 {
		t.Errorf("locked %d times of 12", locked)
	}
	// The right password from a new address is answered as a wrong one is.
	r := newRequest("POST", "/api/v1/session", credentials("operator", secret))
	r.RemoteAddr = "203.0.113.99:1000"
	if w := handle(handler, r); w.Code != http.StatusTooManyRequests {
		t.Error("a locked account tells a right password:", w.Code)
	}
	// Another account is not touched.
	if status, _, body := site.ask(t, &visitor{}, "POST", "/api/v1/session", credentials("viewer", secret)); status != http.StatusOK {
		t.Error(status, body)
	}
}

// TestBruteForceGivesNoHintOfNames fails on a name that there is and on one that there
// is not, from where all users signed in, until both wait: no answer differs, in status,
// headers or body, also with the cookie of another user's device and with forged ones.
func TestBruteForceGivesNoHintOfNames(t *testing.T) {
	site := smallSite().withAccounts(t)
	site.stopped.Store(time.Now().UnixNano()) // a wait must not be over because the machine is slow
	handler := site.handler()
	post := func(from, name, password, devices string) *httptest.ResponseRecorder {
		r := newRequest("POST", "/api/v1/session", credentials(name, password))
		r.RemoteAddr = from + ":1000"
		if devices != "" {
			r.Header.Set("Cookie", "nvr-device="+devices)
		}
		return handle(handler, r)
	}
	names := map[string]string{"viewer": "198.51.100.1", "nobody-of-that-name": "198.51.100.2"}
	devices := map[string]string{}
	for _, user := range []string{"viewer", "operator"} {
		for _, from := range names {
			devices[user] = deviceOf(t, post(from, user, secret, ""))
		}
	}
	told := map[string][]string{}
	for name, from := range names {
		for i, sent := range []string{"", devices["operator"], strings.Repeat("A", 43), "", devices["operator"], "", "", devices["operator"], "x"} {
			w := post(from, name, "a wrong password", sent)
			told[name] = append(told[name], fmt.Sprint(w.Code, w.Header(), w.Body))
			if want := map[bool]int{true: 403, false: 429}[i < 5]; w.Code != want {
				t.Errorf("%s, try %d: status %d, want %d", name, i, w.Code, want)
			}
			if w.Header().Get("Set-Cookie") != "" {
				t.Error("a refusal sets a cookie")
			}
		}
	}
	if fmt.Sprint(told["viewer"]) != fmt.Sprint(told["nobody-of-that-name"]) {
		t.Errorf("%q\ndiffers from\n%q", told["viewer"], told["nobody-of-that-name"])
	}
	// The owner comes in on their own device, wherever that is now.
	for _, from := range []string{"198.51.100.1", "203.0.113.7"} {
		if w := post(from, "viewer", secret, devices["viewer"]); w.Code != http.StatusOK {
			t.Error("the owner is locked out on a known device:", w.Code, w.Body)
		}
	}
	if w := post("203.0.113.7", "viewer", secret, devices["operator"]); w.Code != http.StatusTooManyRequests {
		t.Error("another user's device is known:", w.Code, w.Body)
	}
}

// deviceOf gives what a browser keeps of a sign-in for the next one.
func deviceOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.Name == "nvr-device" {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 1_000_000 {
				t.Errorf("the device's cookie is %v", c)
			}
			return c.Value
		}
	}
	t.Fatal("a sign-in sets no device's cookie:", w.Code, w.Header(), w.Body)
	return ""
}

func TestDNSRebindingOverTLS(t *testing.T) {
	site := smallSite().withAccounts(t)
	base, client := site.serveTLS(t, "nvr.camp.example")
	for name, c := range map[string]struct {
		host, origin string
		want         int
	}{
		"our name":             {"nvr.camp.example", "", 200},
		"with port":            {"NVR.camp.example:443", "", 200},
		"its own origin":       {"nvr.camp.example", "https://nvr.camp.example", 200},
		"without TLS":          {"nvr.camp.example", "http://nvr.camp.example", 403},
		"rebound name":         {"attacker.example", "", 421},
		"ends like us":         {"x.nvr.camp.example", "", 421},
		"begins like us":       {"nvr.camp.example.attacker.example", "", 421},
		"loopback by its name": {"localhost", "", 421},
		"an address":           {"127.0.0.1", "", 421},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/session", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = c.host
			if c.origin != "" {
				req.Header.Set("Origin", c.origin)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("status %d, want %d", res.StatusCode, c.want)
			}
			if !strings.Contains(res.Header.Get("Strict-Transport-Security"), "max-age") {
				t.Error("no Strict-Transport-Security")
			}
		})
	}
}

func TestCookieOverTLS(t *testing.T) {
	site := smallSite().withAccounts(t)
	base, client := site.serveTLS(t, "nvr.camp.example")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/session", strings.NewReader(credentials("viewer", secret)))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "nvr.camp.example"
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	cookies := res.Header.Values("Set-Cookie")
	for i, name := range []string{"__Host-nvr=", "__Host-nvr-device="} {
		if len(cookies) != 2 || !strings.HasPrefix(cookies[i], name) || !strings.Contains(cookies[i], "Secure") ||
			!strings.Contains(cookies[i], "SameSite=Strict") || !strings.Contains(cookies[i], "HttpOnly") {
			t.Errorf("status %d, cookies %q", res.StatusCode, cookies)
		}
	}
	if res.ProtoMajor != 2 {
		t.Error("HTTP", res.Proto)
	}
}

// serveTLS serves the site as off loopback, and gives a client that reaches it
// by whatever name.
func (a *accountSite) serveTLS(t *testing.T, name string) (base string, client *http.Client) {
	t.Helper()
	keeper := certificate(t, name)
	a.with = func(o *ui.Options) {
		a.wire(o)
		o.TLS, o.Names, o.Root = keeper.TLSConfig(), func() []string { return []string{name} }, keeper.RootPEM
	}
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := ui.New(a.options())
	a.serveTunnel(ctx, t, server)
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("serve:", err)
		}
	})
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool(t, keeper.RootPEM()), ServerName: name},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return "https://127.0.0.1:" + port, &http.Client{Transport: transport}
}

// FuzzBody sends any body to the operations that nobody need be signed in for:
// never a panic, never a session, never 500.
func FuzzBody(f *testing.F) {
	f.Add("/session", `{"name":"admin","password":"x"}`)
	f.Add("/session/passkey", `{"id":"x","credential":{"id":"AA","response":{}}}`)
	f.Add("/session/passkey/begin", `{}`)
	f.Add("/setup", `{"code":"0000","name":"a","password":"b","language":"en"}`)
	f.Add("/session", `{"name":"\ud800","password":null}`)
	handler := ui.New(fuzzed(f)).Handler()
	f.Fuzz(func(t *testing.T, path, body string) {
		switch path {
		case "/session", "/session/passkey", "/session/passkey/begin", "/setup":
		default:
			return
		}
		w := handle(handler, newRequest("POST", "/api/v1"+path, body))
		if w.Code >= 500 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("status %d %s", w.Code, w.Body)
		}
		var p map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Error(err)
		}
	})
}

// handler gives the site's server as a handler, for requests from any address.
func (a *accountSite) handler() http.Handler { return ui.New(a.options()).Handler() }

func newRequest(method, where, body string) *http.Request {
	r := httptest.NewRequest(method, where, strings.NewReader(body))
	r.Host = "127.0.0.1"
	r.Header.Set("Content-Type", "application/json")
	return r
}

func handle(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// certificate makes an authority of its own that is good for a name.
func certificate(t *testing.T, name string) *cert.Keeper {
	t.Helper()
	keeper, err := cert.Open(cert.Options{Dir: t.TempDir(), Identity: cert.Identity{Site: "Camp North", Names: []string{name}}})
	if err != nil {
		t.Fatal(err)
	}
	return keeper
}

func pool(t *testing.T, pem []byte) *x509.CertPool {
	t.Helper()
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in it")
	}
	return p
}

// fuzzed is a site with accounts in which nobody is.
func fuzzed(f *testing.F) ui.Options {
	f.Helper()
	a := &accountSite{fakeSite: smallSite()}
	a.policy.Store(&auth.Policy{RPID: "localhost", Origins: []string{"http://localhost"}})
	a.open(f, f.TempDir())
	a.with = a.wire
	return a.options()
}
