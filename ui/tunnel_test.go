package ui_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// frame is a browser's frame that a tunnel let in.
type frame struct {
	origin, cookie string
	client         *http.Client
}

// openTunnel opens a tunnel as a visitor.
func (a *accountSite) openTunnel(t *testing.T, v *visitor, c *webCamera) ui.TunnelView {
	t.Helper()
	status, _, body := a.ask(t, v, "POST", "/api/v1/devices/dev-gate/tunnel", tunnelBody(c))
	var told ui.TunnelView
	decode(t, status, body, &told)
	return told
}

// ticket gives the address that lets a frame in.
func (a *accountSite) ticket(t *testing.T, v *visitor, id string) string {
	t.Helper()
	status, _, body := a.ask(t, v, "POST", "/api/v1/tunnels/"+id+"/entrance", "{}")
	var told struct{ URL string }
	decode(t, status, body, &told)
	return told.URL
}

// within opens a tunnel and enters it as a frame does.
func (a *accountSite) within(t *testing.T, v *visitor, c *webCamera) (*frame, ui.TunnelView) {
	t.Helper()
	told := a.openTunnel(t, v, c)
	f := &frame{origin: "http://" + a.tunnel.Addr().String(), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	}}
	at := a.ticket(t, v, told.ID)
	res := f.ask(t, "GET", strings.TrimPrefix(at, f.origin), nil, "Sec-Fetch-Site", "same-site")
	if len(res.Cookies()) != 1 || res.Header.Get("Location") != f.origin+"/" {
		t.Fatal(res.StatusCode, res.Header)
	}
	if c := res.Cookies()[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the frame's cookie is %s", c)
	}
	f.cookie = res.Cookies()[0].String()
	f.cookie, _, _ = strings.Cut(f.cookie, ";")
	return f, told
}

// request makes a request as a frame's page does; header has names and values.
func (f *frame) request(ctx context.Context, t *testing.T, method, path string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, f.origin+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Cookie": f.cookie} {
		if v != "" {
			r.Header.Set(k, v)
		}
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	return r
}

// ask gives the answer with its body read.
func (f *frame) ask(t *testing.T, method, path string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	res, err := f.client.Do(f.request(t.Context(), t, method, path, body, header...))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body = io.NopCloser(bytes.NewReader(all))
	return res
}

func text(res *http.Response) string {
	b, _ := io.ReadAll(res.Body) // it is in memory
	return string(b)
}

// ordinary answers every request with a page.
func ordinary(_ *webCamera, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "the device's page")
}

func TestOnlyAFrameKeptApartComesIn(t *testing.T) {
	camera := startWebCamera(t, ordinary)
	site := withTunnel(t, camera, "127.0.0.1:0")
	admin := site.signIn(t, "admin")
	f, told := site.within(t, admin, camera)
	const shown = "the device's page"
	for name, c := range map[string]struct {
		method string
		header []string
		want   string
	}{
		"the frame's page":                 {"GET", nil, shown},
		"its script":                       {"GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, shown},
		"Stockade's page loading it":       {"GET", []string{"Sec-Fetch-Site", "same-site"}, shown},
		"Stockade's page posting":          {"POST", []string{"Sec-Fetch-Site", "same-site"}, "Another page"},
		"a script of another port":         {"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, "Another page"},
		"another site":                     {"GET", []string{"Sec-Fetch-Site", "cross-site"}, "Another page"},
		"an address that was typed":        {"GET", []string{"Sec-Fetch-Site", "none"}, "Another page"},
		"as a page of its own":             {"GET", []string{"Sec-Fetch-Dest", "document"}, "inside Stockade only"},
		"no word of who asks":              {"GET", []string{"Sec-Fetch-Site", ""}, "does not say which page"},
		"a service worker":                 {"GET", []string{"Service-Worker", "script", "Sec-Fetch-Dest", "serviceworker"}, "service worker"},
		"without the frame's cookie":       {"GET", []string{"Cookie", ""}, "closed"},
		"with a wrong one":                 {"GET", []string{"Cookie", "nvr-tunnel=x"}, "closed"},
		"in Stockade's own cookie jar":     {"GET", []string{"Cookie", f.cookie + "; nvr=" + admin.cookie}, "does not keep"},
		"the same over TLS":                {"GET", []string{"Cookie", f.cookie + "; __Host-nvr=x"}, "does not keep"},
		"with what a browser is known by":  {"GET", []string{"Cookie", f.cookie + "; nvr-device=x"}, "does not keep"},
		"a foreign WebSocket":              {"GET", []string{"Sec-Fetch-Site", "", "Upgrade", "websocket", "Connection", "Upgrade", "Origin", "http://evil.example"}, "Another page"},
		"an upgrade that says no origin":   {"GET", []string{"Sec-Fetch-Site", "", "Upgrade", "websocket", "Connection", "Upgrade"}, "does not say which page"},
		"an upgrade without an origin too": {"GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "Another page"},
		"TRACE":                            {"TRACE", nil, "not passed on"},
	} {
		t.Run(name, func(t *testing.T) {
			res := f.ask(t, c.method, "/", nil, c.header...)
			if got := text(res); !strings.Contains(got, c.want) {
				t.Errorf("status %d, %q, want %q", res.StatusCode, got, c.want)
			}
			if c.want != shown && (res.StatusCode != http.StatusForbidden || res.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Error(res.StatusCode, res.Header)
			}
		})
	}
	r := f.request(t.Context(), t, "GET", "/", nil)
	r.Host = "rebound.example"
	res, err := f.client.Do(r)
	if err != nil || res.StatusCode != http.StatusMisdirectedRequest {
		t.Error("a foreign Host:", res.StatusCode, err)
	}
	res.Body.Close()

	// A ticket is good once, and for who opened the tunnel.
	at := strings.TrimPrefix(site.ticket(t, admin, told.ID), f.origin)
	again := f.ask(t, "GET", at, nil, "Sec-Fetch-Site", "same-site")
	if again.StatusCode != http.StatusSeeOther {
		t.Error(again.StatusCode)
	}
	if got := text(f.ask(t, "GET", at, nil, "Sec-Fetch-Site", "same-site")); !strings.Contains(got, "has been used") {
		t.Error(got)
	}
	if got := text(f.ask(t, "GET", "/", nil)); !strings.Contains(got, "closed") {
		t.Error("the frame before still comes in:", got)
	}
	other := site.fresh(t, "admin")
	if status, _, _ := site.ask(t, other, "POST", "/api/v1/tunnels/"+told.ID+"/entrance", "{}"); status != http.StatusNotFound {
		t.Error("another session of the same admin gets a ticket:", status)
	}
}

// TestOfADevicesHeadersThoseThatAreListedPass also has it send early hints, which
// come before all others.
func TestOfADevicesHeadersThoseThatAreListedPass(t *testing.T) {
	camera := startWebCamera(t, func(_ *webCamera, w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Link", "<http://192.0.2.9/x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		for _, name := range []string{
			"Access-Control-Allow-Origin", "Alt-Svc", "Clear-Site-Data", "Content-Security-Policy", "Cross-Origin-Opener-Policy", "NEL", "Permissions-Policy",
			"Report-To", "Reporting-Endpoints", "Referrer-Policy", "Refresh", "Service-Worker-Allowed", "Set-Cookie", "SourceMap", "Speculation-Rules",
			"Strict-Transport-Security", "Server", "Supports-Loading-Mode", "X-DNS-Prefetch-Control", "X-Frame-Options", "WWW-Authenticate", "Origin-Agent-Cluster",
			"Set-Login", "Activate-Storage-Access", "ETag", "Connection-Allowlist", "X-Anything",
		} {
			h.Set(name, `max-age=1; url=http://192.0.2.9/`)
		}
		h.Set("Content-Type", "text/html")
		h.Set("Content-Disposition", "inline")
		_, _ = io.WriteString(w, "x")
	})
	site := withTunnel(t, camera, "127.0.0.1:0")
	f, _ := site.within(t, site.signIn(t, "admin"), camera)
	conn, err := net.Dial("tcp", site.tunnel.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := f.request(t.Context(), t, "GET", "/", nil).Write(conn); err != nil {
		t.Fatal(err)
	}
	// Read as it is: a client of Go's would hide what comes before an answer.
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode, err)
	}
	defer res.Body.Close()
	own := strings.TrimPrefix(f.origin, "http")
	policy := res.Header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'", "connect-src 'self' ws" + own, "form-action 'self'", "base-uri 'self'", "object-src 'none'",
		"frame-src 'self' blob:", "frame-ancestors 'self' " + site.base + ";", "sandbox allow-scripts allow-same-origin allow-forms allow-modals allow-downloads",
	} {
		if !strings.Contains(policy+";", part) {
			t.Errorf("the policy lacks %q: %s", part, policy)
		}
	}
	got := map[string]string{}
	for name := range res.Header {
		got[name] = res.Header.Get(name)
	}
	for _, ours := range []string{"Content-Security-Policy", "Permissions-Policy", "Date"} {
		delete(got, ours)
	}
	want := map[string]string{
		"Content-Type": "text/html", "Content-Disposition": "inline", "Content-Length": "1",
		"Cache-Control": "no-store", "Connection-Allowlist": "(response-origin);redirects=allow", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Origin-Agent-Cluster": "?1", "Referrer-Policy": "same-origin", "X-Dns-Prefetch-Control": "off",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(res.Header.Get("Permissions-Policy"), "192.0.2.9") {
		t.Error(res.Header.Get("Permissions-Policy"))
	}
}

// TestARedirectElsewhereIsShownAsText: and nobody connects there.
func TestARedirectElsewhereIsShownAsText(t *testing.T) {
	out := startOutside(t)
	camera := startWebCamera(t, func(c *webCamera, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", strings.NewReplacer("OUTSIDE", out.at, "SELF", c.at.String()).Replace(r.URL.Query().Get("to")))
		w.WriteHeader(http.StatusFound)
	})
	site := withTunnel(t, camera, "127.0.0.1:0")
	f, _ := site.within(t, site.signIn(t, "admin"), camera)
	for to, want := range map[string]string{
		"http://SELF/a?b=c":       f.origin + "/a?b=c",
		"b":                       f.origin + "/b",
		"//SELF/x":                f.origin + "/x",
		"http://OUTSIDE/x":        "",
		"//OUTSIDE/x":             "",
		"https://SELF/x":          "",
		"http://127.0.0.1:1/x":    "",
		"http://SELF@OUTSIDE/":    "",
		"javascript:alert(1)":     "",
		"http://evil.example\r\n": "",
	} {
		res := f.ask(t, "GET", "/?to="+escape(to), nil)
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
		if body := text(res); want == "" && (res.StatusCode != http.StatusBadGateway || !strings.Contains(body, "sends you to another address") || res.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
			t.Errorf("%q: status %d, %q", to, res.StatusCode, body)
		}
	}
	if out.tcp.Load() != 0 {
		t.Error("the outside was reached:", out)
	}
}

// TestATunnelEndsWithTheRightToIt: within the two seconds that are promised, what
// is on its way included.
func TestATunnelEndsWithTheRightToIt(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, site *accountSite, v *visitor, id string, moved *atomic.Bool)
		says string
	}{
		"closed by hand": {func(t *testing.T, site *accountSite, _ *visitor, id string, _ *atomic.Bool) {
			status, _, body := site.ask(t, site.fresh(t, "admin"), "DELETE", "/api/v1/tunnels/"+id, "")
			decode(t, status, body, &struct{}{})
		}, "closed by hand"},
		"signed out": {func(t *testing.T, site *accountSite, v *visitor, _ string, _ *atomic.Bool) {
			site.ask(t, v, "DELETE", "/api/v1/session", "")
		}, "session or the role"},
		"no admin any more": {func(t *testing.T, site *accountSite, _ *visitor, _ string, _ *atomic.Bool) {
			if _, err := site.accounts.ChangeUser(box(), site.ids["second"], auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Auditor}}); err != nil {
				t.Fatal(err)
			}
		}, "session or the role"},
		"pinned elsewhere": {func(_ *testing.T, _ *accountSite, _ *visitor, _ string, moved *atomic.Bool) {
			moved.Store(true)
		}, "no longer pinned"},
		"another device there": {func(_ *testing.T, _ *accountSite, _ *visitor, _ string, moved *atomic.Bool) {
			moved.Store(true)
		}, "no longer pinned"},
		"disarmed": {func(_ *testing.T, site *accountSite, _ *visitor, _ string, _ *atomic.Bool) {
			site.setContainment(func(v *ui.ContainmentView) { v.State = "disarmed" })
		}, "not enforced"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			camera := startWebCamera(t, func(_ *webCamera, w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done() // a picture that never ends
			})
			var moved atomic.Bool
			site := withTunnel(t, camera, "127.0.0.1:0", func(o *ui.Options) {
				reach := o.Tunnel.Reach
				o.Tunnel.Reach = func(device string) (ui.Reached, bool, error) {
					to, found, err := reach(device)
					switch {
					case !moved.Load():
					case name == "another device there":
						to.Pin = "02:00:00:00:00:99"
					default:
						to.Peer = pinned.Peer{Address: netip.MustParseAddr("127.0.0.9")}
					}
					return to, found, err
				}
			})
			site.add(t, auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Admin}})
			v := site.fresh(t, "second")
			f, told := site.within(t, v, camera)
			res, err := f.client.Do(f.request(t.Context(), t, "GET", "/picture", nil))
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(err)
			}
			defer res.Body.Close()
			c.end(t, site, v, told.ID, &moved)
			ended := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, res.Body); ended <- err }()
			select {
			case <-ended:
			case <-time.After(closesWithin):
				t.Fatal("what was on its way goes on")
			}
			if got := text(f.ask(t, "GET", "/", nil)); !strings.Contains(got, "closed") {
				t.Error(got)
			}
			var e, actors []string
			for deadline := time.Now().Add(closesWithin); len(e) == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				for _, one := range site.audited(t, "tunnel.close") {
					e, actors = append(e, one.Detail), append(actors, one.Actor)
				}
			}
			if want := map[bool]string{true: "admin", false: "second"}[name == "closed by hand"]; len(actors) != 1 || actors[0] != want {
				t.Errorf("it was closed by %q, want %q", actors, want)
			}
			if len(e) != 1 || !strings.Contains(e[0], c.says) || !strings.Contains(e[0], "requests: 1, of them changes: 0") {
				t.Errorf("the audit has %q", e)
			}
		})
	}
}

func TestWhatIsSentToADeviceIsInTheAudit(t *testing.T) {
	camera := startWebCamera(t, func(_ *webCamera, w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	site := withTunnel(t, camera, "127.0.0.1:0")
	f, told := site.within(t, site.signIn(t, "admin"), camera)
	firmware := bytes.Repeat([]byte("firmware"), 1<<17) // 1 MiB
	if got := text(f.ask(t, "POST", "/cgi/upgrade?password=sesame", bytes.NewReader(firmware))); got != fmt.Sprint(len(firmware)) {
		t.Error(got)
	}
	f.ask(t, "POST", "/set", strings.NewReader("focus=12"))
	f.ask(t, "GET", "/", nil)
	want := map[string][]string{
		"tunnel.change": {"POST /cgi/upgrade"},
		"tunnel.upload": {fmt.Sprintf("POST /cgi/upgrade: %d bytes, SHA-256 %s", len(firmware), sha(firmware))},
	}
	got := map[string][]string{}
	for deadline := time.Now().Add(patience); len(site.audited(t, "tunnel.upload")) == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	} // it is written once the request is over, which its answer is not yet
	for action := range want {
		for _, e := range site.audited(t, action) {
			got[action] = append(got[action], e.Detail)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	status, _, body := site.ask(t, site.signIn(t, "auditor"), "GET", "/api/v1/tunnels", "")
	var list struct{ Tunnels []ui.TunnelView }
	decode(t, status, body, &list)
	if len(list.Tunnels) != 1 || list.Tunnels[0].Requests != 3 || list.Tunnels[0].Changes != 2 || list.Tunnels[0].Mine || list.Tunnels[0].ToDevice < 1<<20 {
		t.Errorf("%+v", list.Tunnels)
	}
	if strings.Contains(body, "sesame") || list.Tunnels[0].ID != told.ID {
		t.Error(body)
	}
}

func TestATunnelIsRefusedWithTheFix(t *testing.T) {
	camera := startWebCamera(t, ordinary)
	site := withTunnel(t, camera, "127.0.0.1:0")
	admin := site.signIn(t, "admin")
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := nobody.Addr().(*net.TCPAddr).Port
	nobody.Close()
	for name, c := range map[string]struct {
		device string
		body   map[string]any
		status int
		says   string
	}{
		"no reason":          {"dev-gate", map[string]any{"reason": " "}, 400, "say in at most"},
		"too long":           {"dev-gate", map[string]any{"reason": "x", "minutes": 121}, 400, "in that range"},
		"a port too high":    {"dev-gate", map[string]any{"reason": "x", "port": 70000}, 400, "give the port"},
		"half an account":    {"dev-gate", map[string]any{"reason": "x", "username": "root"}, 400, "give both"},
		"an unknown device":  {"dev-none", map[string]any{"reason": "x"}, 404, "api/v1/devices"},
		"nobody answers":     {"dev-gate", map[string]any{"reason": "x", "port": free}, 502, "speak HTTPS only"},
		"no TLS there":       {"dev-gate", map[string]any{"reason": "x", "port": int(camera.at.Port()), "tls": true}, 502, "does not answer"},
		"an unknown request": {"dev-gate", map[string]any{"reason": "x", "url": "http://192.0.2.9/"}, 400, "openapi.json"},
	} {
		status, _, body := site.ask(t, admin, "POST", "/api/v1/devices/"+c.device+"/tunnel", said(c.body))
		if status != c.status || !strings.Contains(body, c.says) || !problem(body) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	site.setContainment(func(v *ui.ContainmentView) { v.State = "not-enforced" })
	if status, _, body := site.ask(t, admin, "POST", "/api/v1/devices/dev-gate/tunnel", tunnelBody(camera)); status != 409 || !strings.Contains(body, "containment") {
		t.Error(status, body)
	}
	without := smallSite().withAccounts(t)
	if status, _, body := without.ask(t, without.signIn(t, "admin"), "POST", "/api/v1/devices/dev-gate/tunnel", tunnelBody(camera)); status != 409 || !strings.Contains(body, "listen in the site file") {
		t.Error(status, body)
	}
	if e := slices.Concat(site.audited(t, "tunnel.open"), without.audited(t, "tunnel.open")); len(e) != 0 {
		t.Errorf("%+v", e)
	}
}
