package ui

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// contentPolicy lets the page load what it is made of, from here, and nothing
// else: no inline script, no eval, no outside address, no frame, no form.
// Trusted Types make a string that reaches a script sink an error.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard checks every request before any handler sees it, WebSockets and event
// streams included, and sets the headers that every answer carries.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if p := refusal(r); p != nil {
			writeProblem(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusal says why a request is not answered, or nil.
func refusal(r *http.Request) *Problem {
	switch {
	case !loopbackHost(r.Host):
		// DNS rebinding: a foreign name that resolves to this machine.
		return &Problem{
			http.StatusMisdirectedRequest, "this server does not answer for that host name",
			"open it as http://127.0.0.1:PORT or http://localhost:PORT",
		}
	case !ownOrigin(r):
		return &Problem{
			http.StatusForbidden, "another site's page may not ask this server",
			"open the page of this server itself; programs send no Origin header",
		}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &Problem{
			http.StatusMethodNotAllowed, "only GET and HEAD are answered",
			"changes are made in the site file",
		}
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return &Problem{
			http.StatusRequestEntityTooLarge, "no request here has a body",
			"send the parameters in the query",
		}
	}
	return nil
}

// loopbackHost reports whether a Host header names this machine by a name that
// no resolver is asked for. The port does not matter: a tunnel may change it.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

// ownOrigin reports whether the request comes from our own page, from a program
// or from a person who typed or followed a link to the page itself.
func ownOrigin(r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		if len(origins) != 1 || !strings.EqualFold(origins[0], "http://"+r.Host) {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	default:
		// A link elsewhere may lead to the page, but to nothing else here.
		// "same-site" is elsewhere too: another port of localhost is another program.
		return r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
			r.Header.Get("Sec-Fetch-Dest") == "document"
	}
}
