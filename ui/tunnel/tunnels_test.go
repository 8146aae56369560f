package tunnel_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui/tunnel"
)

// served runs tunnels on loopback; end ends that, and waits.
func served(t *testing.T) (ts *tunnel.Tunnels, origin string, end func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ts = tunnel.New(tunnel.Options{Sessions: []string{"nvr"}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ts.Serve(ctx, ln, func(string) bool { return true }) }()
	for !ts.Served() {
		time.Sleep(time.Millisecond)
	}
	var ended atomic.Bool
	end = func() {
		if cancel(); !ended.Swap(true) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return ts, "http://" + ln.Addr().String(), end
}

// opening is of a tunnel to a test's server.
func opening(s *httptest.Server, origin string, ended func(tunnel.Account)) tunnel.Opening {
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	return tunnel.Opening{
		Device: "dev-a", Peer: pinned.Peer{Address: at.Addr()}, Port: at.Port(), TLS: strings.HasPrefix(s.URL, "https"),
		For: time.Minute, Owner: "s1", Origin: origin, Page: "http://127.0.0.1:1", Changed: func(tunnel.Change) {}, Ended: ended,
	}
}

// enter gives the cookie of a frame.
func enter(t *testing.T, ts *tunnel.Tunnels, id string) *http.Cookie {
	t.Helper()
	at, err := ts.Entrance(id, "s1")
	if err != nil {
		t.Fatal(err)
	}
	res, _ := get(t, at, nil)
	if len(res.Cookies()) != 1 {
		t.Fatal(res.Status)
	}
	return res.Cookies()[0]
}

// get asks as a frame does.
func get(t *testing.T, url string, cookie *http.Cookie) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"} {
		r.Header.Set(k, v)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestATunnelEndsAtItsTime(t *testing.T) {
	ts, origin, _ := served(t)
	device := httptest.NewServer(http.HandlerFunc(hello))
	defer device.Close()
	ended := make(chan tunnel.Account, 2)
	o := opening(device, origin, func(a tunnel.Account) { ended <- a })
	o.For = 200 * time.Millisecond
	v, err := ts.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(ts.List()) != 1 {
		t.Error(ts.List())
	}
	select {
	case a := <-ended:
		if a.Why != tunnel.EndTime || a.ID != v.ID {
			t.Errorf("%+v", a)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	if _, err := ts.Close(v.ID, tunnel.EndClosed); !errors.Is(err, tunnel.ErrNoTunnel) || len(ts.List()) != 0 {
		t.Error(err, ts.List())
	}
	if _, err := ts.Entrance(v.ID, "s1"); !errors.Is(err, tunnel.ErrNoTunnel) {
		t.Error(err)
	}
}

func TestTunnelsAreBoundedAndEndWithTheirListener(t *testing.T) {
	ts, origin, end := served(t)
	device := httptest.NewServer(http.HandlerFunc(hello))
	defer device.Close()
	var ended atomic.Int32
	o := opening(device, origin, func(a tunnel.Account) {
		if a.Why == tunnel.EndRecorder {
			ended.Add(1)
		}
	})
	for range tunnel.MaxOpen {
		if _, err := ts.Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ts.Open(t.Context(), o); !errors.Is(err, tunnel.ErrTooMany) {
		t.Error(err)
	}
	end()
	if n := ended.Load(); n != tunnel.MaxOpen || len(ts.List()) != 0 {
		t.Errorf("%d of %d ended", n, tunnel.MaxOpen)
	}
	if _, err := ts.Open(t.Context(), o); !errors.Is(err, tunnel.ErrNotServed) {
		t.Error(err)
	}
}

// TestADeviceKeepsItsCertificate: another one within a tunnel is somebody else's.
func TestADeviceKeepsItsCertificate(t *testing.T) {
	ts, origin, _ := served(t)
	certificates := make([]tls.Certificate, 2)
	device := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	for i := range certificates {
		other := httptest.NewTLSServer(http.NotFoundHandler())
		certificates[i] = other.TLS.Certificates[0]
		other.Close()
	}
	// The second differs by a byte of its signature, which nobody verifies.
	raw := append([]byte(nil), certificates[1].Certificate[0]...)
	raw[len(raw)-1] ^= 1
	certificates[1].Certificate = [][]byte{raw}
	var which atomic.Int32
	device.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificates[which.Load()], nil }}
	device.Config.SetKeepAlivesEnabled(false)
	device.StartTLS()
	device.TLS.Certificates = nil
	defer device.Close()
	v, err := ts.Open(t.Context(), opening(device, origin, func(tunnel.Account) {}))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Fingerprint) != 64 {
		t.Errorf("%+v", v)
	}
	cookie := enter(t, ts, v.ID)
	if _, got := get(t, origin+"/", cookie); got != "hello" {
		t.Error(got)
	}
	which.Store(1)
	if _, got := get(t, origin+"/", cookie); !strings.Contains(got, "another certificate") {
		t.Error(got)
	}
}

func TestWorkInATunnelIsUseAndWhatScriptsAskIsNot(t *testing.T) {
	ts, origin, _ := served(t)
	device := httptest.NewServer(http.HandlerFunc(hello))
	defer device.Close()
	var used atomic.Int64
	o := opening(device, origin, func(tunnel.Account) {})
	o.Used = func() { used.Add(1) }
	v, err := ts.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	cookie := enter(t, ts, v.ID)
	began := used.Load()
	for _, c := range []struct {
		what, method string
		user         string
		use          int64
	}{
		{"a script asks", http.MethodGet, "", 0},
		{"somebody follows a link", http.MethodGet, "?1", 1},
		{"somebody sends a form", http.MethodPost, "", 1},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, origin+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Sec-Fetch-Mode", "cors")
		r.Header.Set("Sec-Fetch-Dest", "empty")
		r.Header.Set("Origin", origin)
		if c.user != "" {
			r.Header.Set("Sec-Fetch-User", c.user)
		}
		r.AddCookie(cookie)
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", c.what, res.Status)
		}
		if got := used.Load() - began; got != c.use {
			t.Errorf("%s: told %d times, want %d", c.what, got, c.use)
		}
		began = used.Load()
	}
}
