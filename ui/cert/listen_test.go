package cert_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/stockade-nvr/stockade/ui/cert"
)

// serve runs a server behind a Listener and gives its address.
func serve(t *testing.T, k *cert.Keeper, hosts func(string) bool) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := cert.Listen(inner, k.TLSConfig(), hosts, slog.New(slog.DiscardHandler))
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			conn, err := websocket.Accept(w, r, nil)
			if err == nil {
				_ = conn.Close(websocket.StatusNormalClosure, "")
			}
			return
		}
		fmt.Fprintf(w, "%s %s tls=%t", r.Proto, r.URL.RequestURI(), r.TLS != nil)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})
	return inner.Addr().String()
}

// browser trusts the root, and takes HTTP/2 where it is offered.
func browser(k *cert.Keeper, h2 bool) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(k.RootPEM())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}}
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer client.CloseIdleConnections()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHTTPSWebSocketsAndRedirects(t *testing.T) {
	k := open(t, cert.Options{Dir: t.TempDir(), Identity: campNorth()})
	at := serve(t, k, nil)
	if got := get(t, browser(k, true), "https://"+at+"/a?b=c"); got != "HTTP/2.0 /a?b=c tls=true" {
		t.Error(got)
	}
	if got := get(t, browser(k, false), "https://"+at+"/"); got != "HTTP/1.1 / tls=true" {
		t.Error(got)
	}
	if got := get(t, browser(k, true), "http://"+at+"/a?b=c"); got != "HTTP/2.0 /a?b=c tls=true" {
		t.Error(got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := browser(k, false)
	defer client.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, "wss://"+at+"/socket", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal("a WebSocket beside HTTP/2:", err)
	}
	_ = conn.CloseNow()

	old := browser(k, false)
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := old.Get("https://" + at); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

func TestPlainHTTPIsSentToTheSamePlaceOnly(t *testing.T) {
	k := open(t, cert.Options{Dir: t.TempDir(), Identity: campNorth()})
	at := serve(t, k, func(host string) bool { return !strings.Contains(host, "attacker") })
	for name, c := range map[string]struct{ send, status, location string }{
		"a page":              {"GET /a?b=c HTTP/1.1\r\nHost: nvr.camp.example:8443\r\n\r\n", "308", "https://nvr.camp.example:8443/a?b=c"},
		"HEAD":                {"HEAD / HTTP/1.1\r\nHost: [fd00::5]:8443\r\n\r\n", "308", "https://[fd00::5]:8443/"},
		"an old client":       {"GET / HTTP/1.0\r\nHost: 10.0.0.5\r\n\r\n", "308", "https://10.0.0.5/"},
		"slashes":             {"GET //attacker.example HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n", "308", "https://10.0.0.5//attacker.example"},
		"another host":        {"GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n", "421", ""},
		"as to a proxy":       {"GET http://attacker.example/ HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n", "421", ""},
		"opaque":              {"GET x:.attacker.example/ HTTP/1.1\r\nHost: nvr.camp.example\r\n\r\n", "400", ""},
		"user in the host":    {"GET / HTTP/1.1\r\nHost: nvr@camp.example\r\n\r\n", "400", ""},
		"path in the host":    {"GET / HTTP/1.1\r\nHost: camp.example/a\r\n\r\n", "400", ""},
		"no host":             {"GET / HTTP/1.0\r\n\r\n", "400", ""},
		"a password":          {"POST /api/v1/session HTTP/1.1\r\nHost: 10.0.0.5\r\nContent-Length: 3\r\n\r\n{x}", "403", ""},
		"a token":             {"GET / HTTP/1.1\r\nHost: 10.0.0.5\r\nAuthorization: Bearer x\r\n\r\n", "403", ""},
		"no HTTP":             {"HELO there\r\n\r\n", "400", ""},
		"a head without end":  {"GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 10<<10) + "\r\n\r\n", "400", ""},
		"HTTP/2 without TLS":  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", ""},
		"more than was asked": {"GET / HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n" + strings.Repeat("x", 60<<10), "308", "https://10.0.0.5/"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, c.send); err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: strings.Fields(c.send)[0]})
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Location"); !strings.HasPrefix(res.Status, c.status) || got != c.location {
				t.Errorf("%s, location %q", res.Status, got)
			}
		})
	}
}

// pipes is a listener within the process, for a bubble's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// gone tells whether the other side has closed.
func gone(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func TestSilentAndSlowClientsAreCutOff(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := open(t, cert.Options{Dir: dir, Identity: campNorth()})
		in := newPipes()
		ln := cert.Listen(in, k.TLSConfig(), nil, slog.New(slog.DiscardHandler))
		silent, slow, half := in.dial(), in.dial(), in.dial()
		go func() { // a letter a second
			for _, c := range "GET / HTTP/1.1" + strings.Repeat("\r\nX: y", 20) {
				time.Sleep(time.Second)
				if _, err := slow.Write([]byte(string(c))); err != nil {
					return
				}
			}
		}()
		_, _ = half.Write([]byte{22, 3, 1}) // the beginning of a handshake
		time.Sleep(9 * time.Second)
		for name, c := range map[string]net.Conn{"silent": silent, "slow": slow, "half": half} {
			if gone(c) {
				t.Error(name, "was cut off early")
			}
		}
		time.Sleep(2 * time.Second)
		for name, c := range map[string]net.Conn{"silent": silent, "slow": slow, "half": half} {
			if !gone(c) {
				t.Error(name, "is still served")
			}
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}) // and nothing is left running, or the bubble would not end
}

func TestAFloodKeepsNobodyOut(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := open(t, cert.Options{Dir: dir, Identity: campNorth(), Now: newClock(day).now})
		in := newPipes()
		said := &strings.Builder{}
		ln := cert.Listen(in, k.TLSConfig(), nil, slog.New(slog.NewTextHandler(said, nil)))
		flood := make([]net.Conn, 300)
		for i := range flood {
			flood[i] = in.dial()
		}
		synctest.Wait()
		for i, want := range map[int]bool{0: true, 43: true, 44: false, 299: false} {
			if gone(flood[i]) != want {
				t.Errorf("connection %d of 300 is cut off: %v", i, !want)
			}
		}
		if strings.Count(said.String(), "closed=") != 1 {
			t.Errorf("the log says %q", said)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(k.RootPEM())
		client := tls.Client(in.dial(), &tls.Config{ServerName: "nvr.camp.example", RootCAs: roots, Time: newClock(day).now})
		shaken := make(chan error)
		go func() { shaken <- client.Handshake() }()
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Error(err)
		}
		// Nobody fetches this one: it ends with the listener.
		unfetched := tls.Client(in.dial(), &tls.Config{ServerName: "nvr.camp.example", RootCAs: roots, Time: newClock(day).now})
		go func() { shaken <- unfetched.Handshake() }()
		if err := <-shaken; err != nil {
			t.Error(err)
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		_ = conn.Close()
		_ = client.Close()
		_ = unfetched.Close()
	})
}
