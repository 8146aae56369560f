package ui_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/ui"
)

// smallSite has one camera, without pictures: enough for the API.
func smallSite() *fakeSite {
	s := newFakeSite()
	s.film = []byte("not a film, but bytes that can be asked for in ranges")
	s.add("gate", "North gate", ui.StreamView{Stream: "main", State: ui.StreamLive, Recording: ui.RecordOn})
	s.streams["gate/main"] = newFakeStream(&clip{})
	s.streams["gate/main"].set(false, down(streams.CauseStarting, "not tried yet"))
	return s
}

// ask sends a raw request and gives status and body.
func ask(t *testing.T, base, method, target string, header map[string]string, body io.Reader) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+target, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		if k == "Host" {
			req.Host = v
		} else {
			req.Header.Set(k, v)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

func TestRefusesWhoIsNotOurPage(t *testing.T) {
	base := smallSite().serve(t)
	host := strings.TrimPrefix(base, "http://")
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"our own page":             {map[string]string{"Origin": base, "Sec-Fetch-Site": "same-origin"}, 200},
		"a program":                {nil, 200},
		"localhost":                {map[string]string{"Host": "localhost:1234"}, 200},
		"IPv6 loopback":            {map[string]string{"Host": "[::1]:8080"}, 200},
		"rebound name":             {map[string]string{"Host": "attacker.example"}, 421},
		"rebound name with port":   {map[string]string{"Host": "attacker.example:" + strings.Split(host, ":")[1]}, 421},
		"name that begins like us": {map[string]string{"Host": "127.0.0.1.attacker.example"}, 421},
		"name that ends like us":   {map[string]string{"Host": "evil.localhost"}, 421},
		"address of the network":   {map[string]string{"Host": "10.20.0.1"}, 421},
		"all addresses":            {map[string]string{"Host": "0.0.0.0:8080"}, 421},
		"foreign origin":           {map[string]string{"Origin": "https://attacker.example"}, 403},
		"origin of a file":         {map[string]string{"Origin": "null"}, 403},
		"another port's page":      {map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		"same-site":                {map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"cross-site image":         {map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403},
		"cross-site link to data":  {map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			for _, target := range []string{"/api/v1/cameras", "/api/v1/live/gate"} {
				got, _, body := ask(t, base, "GET", target, c.header, nil)
				want := c.want
				if strings.Contains(target, "live") && want == 200 {
					want = http.StatusUpgradeRequired
				}
				if got != want {
					t.Errorf("%s: status %d, want %d: %s", target, got, want, body)
				}
				if c.want != 200 && !problem(body) {
					t.Errorf("%s: %q is no {error, fix}", target, body)
				}
			}
		})
	}
	t.Run("a link to the page itself", func(t *testing.T) {
		link := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
		if got, _, _ := ask(t, base, "GET", "/", link, nil); got != 200 {
			t.Error("status", got)
		}
		link["Sec-Fetch-Dest"] = "iframe"
		if got, _, _ := ask(t, base, "GET", "/", link, nil); got != 403 {
			t.Error("framed: status", got)
		}
	})
}

func problem(body string) bool {
	var p ui.Problem
	return json.Unmarshal([]byte(body), &p) == nil && p.Message != "" && p.Fix != ""
}

func TestRefusesForeignWebSockets(t *testing.T) {
	base := smallSite().serve(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	url := strings.Replace(base, "http", "ws", 1) + "/api/v1/live/gate"
	for name, c := range map[string]struct {
		opt  websocket.DialOptions
		want int
	}{
		"foreign origin": {websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://attacker.example"}}}, 403},
		"rebound host":   {websocket.DialOptions{Host: "attacker.example"}, 421},
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
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {base}}})
	if err != nil {
		t.Fatal("our own page is refused:", err)
	}
	_ = conn.CloseNow()
}

func TestRefusalsOfOthersReadAsOurs(t *testing.T) {
	base := smallSite().serve(t)
	ws := func(change, value string) map[string]string {
		h := map[string]string{
			"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		}
		h[change] = value
		return h
	}
	play := "/api/v1/play?camera=gate&from=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		target string
		header map[string]string
		want   int
	}{
		"range behind the end":       {play, map[string]string{"Range": "bytes=5000-"}, 416},
		"range that is none":         {play, map[string]string{"Range": "bytes=9-4"}, 416},
		"asset that is none":         {"/assets/app.css", nil, 404},
		"upgrade to something else":  {"/api/v1/live/gate", ws("Upgrade", "h2c"), 426},
		"upgrade that is not asked":  {"/api/v1/live/gate", ws("Connection", "keep-alive"), 426},
		"WebSocket of another time":  {"/api/v1/live/gate", ws("Sec-WebSocket-Version", "8"), 426},
		"WebSocket without a key":    {"/api/v1/live/gate", ws("Sec-WebSocket-Key", ""), 400},
		"WebSocket with a short key": {"/api/v1/live/gate", ws("Sec-WebSocket-Key", "AAAA"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			got, header, body := ask(t, base, "GET", c.target, c.header, nil)
			if got != c.want || !problem(body) || header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d %s %v, want %d with error and fix", got, body, header, c.want)
			}
		})
	}
}

func TestServesLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		err = ui.New(smallSite().options()).Serve(context.Background(), ln)
		if err == nil || !strings.Contains(err.Error(), "no accounts here") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: error %v, want one that says why and what to do", address, err)
		}
		if _, err := ln.Accept(); err == nil {
			t.Errorf("%s: still open", address)
		}
	}
}

func TestRefusesWhatIsNotARequestOfOurs(t *testing.T) {
	base := smallSite().serve(t)
	now := time.Now().UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		method, target string
		body           io.Reader
		want           int
	}{
		"POST":                       {"POST", "/api/v1/cameras", nil, 405},
		"TRACE":                      {"TRACE", "/api/v1/cameras", nil, 405},
		"DELETE":                     {"DELETE", "/api/v1/attempts/a1", nil, 405},
		"a body":                     {"GET", "/api/v1/cameras", strings.NewReader("{}"), 413},
		"a huge body":                {"GET", "/api/v1/cameras", strings.NewReader(strings.Repeat("x", 1<<20)), 413},
		"a body of unknown length":   {"GET", "/api/v1/cameras", io.NopCloser(strings.NewReader("x")), 413},
		"path in a camera id":        {"GET", "/api/v1/play?camera=../../etc/passwd&from=2026-01-01T00:00:00Z&to=" + now, nil, 404},
		"path in a short range":      {"GET", "/api/v1/recordings?camera=../../etc/passwd&from=" + now + "&to=2100-01-01T00:00:00Z", nil, 404},
		"path as a camera":           {"GET", "/api/v1/gaps?camera=..%2f..%2fgate&from=2026-11-23T00:00:00Z&to=2026-11-23T01:00:00Z", nil, 404},
		"path in live":               {"GET", "/api/v1/live/..%2f..%2fgate", nil, 404},
		"path in an attempt":         {"GET", "/api/v1/attempts/..%2f..%2fjournal.db", nil, 404},
		"path in an asset":           {"GET", "/assets/..%2f..%2fweb.go", nil, 404},
		"unknown address":            {"GET", "/api/v1/nothing", nil, 404},
		"accounts where none are":    {"GET", "/api/v1/users", nil, 404},
		"token in the query":         {"GET", "/api/v1/cameras?token=x", nil, 400},
		"token in a parameter":       {"GET", "/api/v1/attempts?q=nvr_0123456789", nil, 400},
		"unknown stream":             {"GET", "/api/v1/live/gate?stream=third", nil, 400},
		"reason that is none":        {"GET", "/api/v1/attempts?reason=egres", nil, 400},
		"camera beside a device":     {"GET", "/api/v1/attempts?camera=gate&device=dev-gate", nil, 400},
		"stream that is not there":   {"GET", "/api/v1/live/gate?stream=sub", nil, 404},
		"unknown parameter":          {"GET", "/api/v1/attempts?qq=1", nil, 400},
		"parameter twice":            {"GET", "/api/v1/attempts?q=1&q=2", nil, 400},
		"long parameter":             {"GET", "/api/v1/attempts?q=" + strings.Repeat("x", 300), nil, 400},
		"limit beyond bounds":        {"GET", "/api/v1/attempts?limit=501", nil, 400},
		"range of years":             {"GET", "/api/v1/recordings?camera=gate&from=2001-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", nil, 400},
		"range that ends before":     {"GET", "/api/v1/recordings?camera=gate&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", nil, 400},
		"time that is none":          {"GET", "/api/v1/frame?camera=gate&at=yesterday", nil, 400},
		"broken query":               {"GET", "/api/v1/attempts?q=%zz", nil, 400},
		"Last-Event-ID of strangers": {"GET", "/api/v1/events?since=1", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			got, header, body := ask(t, base, c.method, c.target, nil, c.body)
			if got != c.want || !problem(body) {
				t.Errorf("status %d %s, want %d with error and fix", got, body, c.want)
			}
			if strings.Contains(body, "root:") || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error(header, body)
			}
		})
	}
}

func TestLongHeadIsRefused(t *testing.T) {
	base := smallSite().serve(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error("status", res.StatusCode)
	}
}

func TestPolicyOfThePage(t *testing.T) {
	base := smallSite().serve(t)
	_, header, body := ask(t, base, "GET", "/", nil, nil)
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("policy %q allows too much", policy)
	}
	if strings.Contains(body, "<script>") || strings.Contains(body, "http://") || strings.Contains(body, "https://") || strings.Contains(body, "style=") {
		t.Error("the page has inline script, style or an outside address")
	}
}

// FuzzRequest asks with any host, origin, path and query: never a panic, never
// an answer for a host that is not ours.
func FuzzRequest(f *testing.F) {
	f.Add("127.0.0.1:8080", "", "/api/v1/attempts", "limit=1&since=2026-11-23T00:00:00Z")
	f.Add("attacker.example", "http://attacker.example", "/api/v1/cameras", "")
	f.Add("[::1]", "null", "/api/v1/play", "camera=gate&from=2026-11-23T00:00:00Z&to=2026-11-23T00:10:00Z")
	f.Add("localhost", "http://localhost", "/api/v1/live/..%2f", "stream=main")
	f.Add("[::1", "http://[::1", "/assets/../app.js", "%")
	handler := ui.New(smallSite().options()).Handler()
	f.Fuzz(func(t *testing.T, host, origin, path, rawQuery string) {
		if strings.Contains(path, "stream") || strings.Contains(path, "events") {
			return // endless by design
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.URL.Path, r.URL.RawQuery = host, "/"+strings.TrimLeft(path, "/"), rawQuery
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		name = strings.Trim(name, "[]")
		ip := net.ParseIP(strings.Split(name, "%")[0])
		ours := strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
		if !ours && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("host %q was answered with %d", host, w.Code)
		}
	})
}
