package tunnel

import (
	"net/http"
	"strings"
)

// features are what a browser may be asked for that no camera's page needs.
const features = "accelerometer=(), ambient-light-sensor=(), bluetooth=(), camera=(), clipboard-read=(), clipboard-write=(), " +
	"display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), " +
	"identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), " +
	"otp-credentials=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), " +
	"screen-wake-lock=(), serial=(), storage-access=(), usb=(), web-share=(), window-management=(), xr-spatial-tracking=()"

// strict sets what every answer of the origin carries.
func strict(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox") // until a tunnel is known
	h.Set("Connection-Allowlist", "(response-origin);redirects=allow")                      // for what no content policy covers: preconnect, STUN servers
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", features)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Origin-Agent-Cluster", "?1") // a process of its own, not that of Stockade's page
	h.Set("Cache-Control", "no-store")
}

// policy lets a device's page be what it is within its own origin: old firmware
// is inline scripts and eval. allow-same-origin gives it the origin, without which
// neither its requests nor its storage would work; what is shared by origins of a
// host, its cookies, a credentialless frame has of its own.
//
// It does not hold WebRTC: Chromium 156 knows no webrtc 'block', and its
// Connection-Allowlist lets the checks of a peer out that a page names.
func (t *tunnel) policy() string {
	scheme, host, _ := strings.Cut(t.opening.Origin, "://")
	sockets := "ws://" + host
	if scheme == "https" {
		sockets = "wss://" + host
	}
	return "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; " +
		"connect-src 'self' " + sockets + " data: blob:; frame-src 'self' blob:; worker-src 'self' blob:; " +
		"object-src 'none'; manifest-src 'none'; base-uri 'self'; form-action 'self'; " +
		"frame-ancestors 'self' " + t.opening.Page + "; " +
		"sandbox allow-scripts allow-same-origin allow-forms allow-modals allow-downloads"
}

// passed are the device's headers that reach the browser: what describes the
// body. Listed and not the other way round, since browsers learn new ones.
var passed = map[string]bool{
	"Accept-Ranges": true, "Allow": true, "Content-Disposition": true, "Content-Encoding": true, "Content-Language": true,
	"Content-Length": true, "Content-Range": true, "Content-Type": true, "Date": true, "Retry-After": true,
	// Of a WebSocket; the proxy has checked them.
	"Connection": true, "Upgrade": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Extensions": true, "Sec-Websocket-Protocol": true,
}

// pass takes all other headers away.
func pass(h http.Header) {
	for name := range h {
		if !passed[name] {
			delete(h, name)
		}
	}
}

// ask makes a request's headers such that the device learns of the browser what
// it needs, and of the recorder and its people nothing.
func (t *tunnel) ask(out, in *http.Request) {
	h := out.Header
	for name := range h {
		if strings.HasPrefix(name, "Sec-") && !strings.HasPrefix(name, "Sec-Websocket-") || strings.HasPrefix(name, "X-Forwarded-") {
			delete(h, name)
		}
	}
	for _, name := range []string{"Cookie", "Forwarded", "Via", "X-Real-Ip", "Dnt", "Priority", "Proxy-Authorization", "Te", "Accept-Encoding", "Upgrade-Insecure-Requests"} {
		h.Del(name)
	}
	if h.Get("Origin") != "" {
		h.Set("Origin", t.target.String())
	}
	if from := h.Get("Referer"); from != "" {
		rest, own := strings.CutPrefix(from, t.opening.Origin+"/")
		h.Del("Referer")
		if own && !strings.HasPrefix("/"+rest, enterPath) {
			h.Set("Referer", t.target.String()+"/"+rest)
		}
	}
	for _, c := range t.cookies(in) {
		out.AddCookie(c)
	}
}

// cookies gives what the device set, and what its scripts set in the frame.
func (t *tunnel) cookies(in *http.Request) []*http.Cookie {
	at := *in.URL
	at.Scheme, at.Host = t.target.Scheme, t.target.Host
	t.mu.Lock()
	all := t.jar.Cookies(&at)
	t.mu.Unlock()
	known := map[string]bool{secureCookie: true, plainCookie: true}
	for _, c := range all {
		known[c.Name] = true
	}
	for _, c := range in.Cookies() {
		if !known[c.Name] {
			all = append(all, c)
		}
	}
	return all
}

// How many cookies a device may set in a tunnel, and how long they may be in all,
// before it begins anew: each request carries those that it is given.
const (
	maxCookies     = 500
	maxCookieBytes = 64 << 10
)

// keep takes the cookies of an answer into the tunnel's jar.
func (t *tunnel) keep(res *http.Response) {
	set := res.Cookies()
	if len(set) == 0 {
		return
	}
	bytes := 0
	for _, c := range set {
		bytes += len(c.Name) + len(c.Value) + len(c.Path)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cookiesSet, t.cookieBytes = t.cookiesSet+len(set), t.cookieBytes+bytes
	if t.cookiesSet > maxCookies || t.cookieBytes > maxCookieBytes {
		t.jar, t.cookiesSet, t.cookieBytes = newJar(), len(set), bytes
	}
	t.jar.SetCookies(res.Request.URL, set)
}

// say answers as text.
func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the browser went away: nobody is left to tell
}
