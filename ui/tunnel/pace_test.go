package tunnel_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/tunnel"
)

// patience is for what is to happen at once, on a machine that is busy.
const patience = 20 * time.Second

// impatient serves tunnels in which what does not move ends soon, over TLS if asked.
func impatient(t *testing.T, silent time.Duration, secure bool) (ts *tunnel.Tunnels, origin string) {
	t.Helper()
	ts = tunnel.New(tunnel.Options{})
	ts.SetSilent(silent)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	origin = "http://" + ln.Addr().String()
	if secure {
		certified := httptest.NewTLSServer(http.NotFoundHandler())
		ln = tls.NewListener(ln, &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})
		certified.Close()
		origin = "https://" + ln.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ts.Serve(ctx, ln, func(string) bool { return true }) }()
	for !ts.Served() {
		time.Sleep(time.Millisecond)
	}
	t.Cleanup(func() { cancel(); <-done })
	return ts, origin
}

// framed makes a request as a frame does that holds the cookie of a new tunnel.
func framed(t *testing.T, client *http.Client, ts *tunnel.Tunnels, origin string, device *httptest.Server) *http.Request {
	t.Helper()
	v, err := ts.Open(t.Context(), opening(device, origin, func(tunnel.Account) {}))
	if err != nil {
		t.Fatal(err)
	}
	at, err := ts.Entrance(v.ID, "s1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"} {
		r.Header.Set(k, v)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(res.Cookies()) != 1 {
		t.Fatal(res.Status)
	}
	r.AddCookie(res.Cookies()[0])
	r.URL.Path, r.URL.RawQuery = "/", ""
	return r
}

// TestADeviceMayBeSilentInTheMiddle: one that flashes itself says so, and goes on
// when it is done. Over HTTP/2 a deadline ends an answer also while nothing is written.
func TestADeviceMayBeSilentInTheMiddle(t *testing.T) {
	const silent = 300 * time.Millisecond
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, s := range []string{"begun, ", "going on, "} {
			_, _ = io.WriteString(w, s)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(3 * silent)
		}
		_, _ = io.WriteString(w, "done")
	}))
	defer device.Close()
	for _, secure := range []bool{false, true} {
		ts, origin := impatient(t, silent, secure)
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		r := framed(t, client, ts, origin, device)
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("firmware")), 8
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != "begun, going on, done" || err != nil || secure != (res.ProtoMajor == 2) {
			t.Errorf("%s: %q, %v", res.Proto, got, err)
		}
		client.CloseIdleConnections()
	}
}

// TestABrowserThatTakesNothingIsLeft, and one that sends nothing, whoever it is.
func TestABrowserThatTakesNothingIsLeft(t *testing.T) {
	left := make(chan struct{})
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for b := make([]byte, 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(b); err != nil {
				break
			}
		}
		close(left)
	}))
	defer device.Close()
	ts, origin := impatient(t, 300*time.Millisecond, false)
	conn, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := framed(t, &http.Client{}, ts, origin, device).Write(conn); err != nil {
		t.Fatal(err)
	}
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("the device goes on sending")
	}

	stranger, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	fmt.Fprint(stranger, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nten bytes.")
	if err := stranger.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(stranger); err != nil || !strings.Contains(string(got), "403 Forbidden") {
		t.Errorf("%v, %q", err, got)
	}
}

// TestNothingOfADeviceFollowsABody: headers behind it are none of those that pass.
func TestNothingOfADeviceFollowsABody(t *testing.T) {
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/announced" {
			w.Header().Set("Trailer", "Server-Timing")
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Server-Timing", "x;desc=announced")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "sid=evil")
	}))
	defer device.Close()
	ts, origin := impatient(t, time.Minute, false)
	r := framed(t, &http.Client{}, ts, origin, device)
	r.Close = true
	for _, path := range []string{"/", "/announced"} {
		r.URL.Path = path
		conn, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write(conn); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(bufio.NewReader(conn))
		conn.Close()
		if err != nil || !strings.Contains(string(got), "body") || strings.Contains(string(got), "evil") || strings.Contains(string(got), "Timing") {
			t.Errorf("%s: %v, %q", path, err, got)
		}
	}
}
