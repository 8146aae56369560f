package ui

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// contentPolicy lets the page load what it is made of, from here, and nothing
// else: no inline script, no eval, no outside address, no frame, no form.
// Trusted Types make a string that reaches a script sink an error.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// transportPolicy has a browser that once trusted our certificate come back over
// TLS only, for a year.
const transportPolicy = "max-age=31536000"

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
		if entranceOf(r.Context()).secure {
			h.Set("Strict-Transport-Security", transportPolicy)
		}
		if p := refusal(r); p != nil {
			writeProblem(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusal says why a request is not answered, or nil.
func refusal(r *http.Request) *Problem {
	in := entranceOf(r.Context())
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !in.answers(r.Host):
		// DNS rebinding: a foreign name that resolves to this machine.
		return &Problem{http.StatusMisdirectedRequest, "this server does not answer for that host name", in.howToOpen()}
	case !in.ownOrigin(r):
		return &Problem{
			http.StatusForbidden, "another site's page may not ask this server",
			"open the page of this server itself; programs send no Origin header",
		}
	case secretInURL(r):
		return &Problem{
			http.StatusBadRequest, "a token does not belong in an address: addresses are logged and passed on",
			"send it as Authorization: Bearer TOKEN, and make a new one, for this one was shown",
		}
	case reads && (r.ContentLength != 0 || len(r.TransferEncoding) > 0):
		return &Problem{
			http.StatusRequestEntityTooLarge, "no request that reads has a body",
			"send the parameters in the query",
		}
	case r.ContentLength > maxBodyBytes:
		return tooLarge()
	}
	return nil
}

// secretInURL reports whether an address carries what lets its sender in.
func secretInURL(r *http.Request) bool {
	if strings.Contains(r.URL.Path, tokenPrefix) || strings.Contains(r.URL.RawQuery, tokenPrefix) {
		return true
	}
	for name := range r.URL.Query() {
		switch strings.ToLower(name) {
		case "token", "access_token", "auth_token", "authorization", "password":
			return true
		}
	}
	return false
}

// answers reports whether a Host header names us. The port does not matter: a
// tunnel may change it.
func (in entrance) answers(host string) bool {
	name := hostName(host)
	if in.names != nil {
		return slices.ContainsFunc(in.names(), func(own string) bool { return hostName(own) == name })
	}
	// Loopback, by a name that no resolver is asked for.
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// Hosts gives what tells whether a server with the options answers for a Host
// header off loopback; without names, on it.
func Hosts(o Options) func(host string) bool {
	return entrance{names: namesOf(o)}.answers
}

// namesOf gives nil when a server with the options is on loopback only.
func namesOf(o Options) func() []string {
	if o.TLS == nil {
		return nil
	}
	return o.Names
}

func (in entrance) howToOpen() string {
	if in.names == nil {
		return "open it as http://127.0.0.1:PORT or http://localhost:PORT"
	}
	const add = "add the name to listen.names in the site file"
	if own := in.names(); len(own) > 0 {
		return "open it as https://" + own[0] + ", or " + add
	}
	return add
}

// hostName gives the name in HOST or HOST:PORT in one form, so that two can be compared.
func hostName(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(name)
}

// ownOrigin reports whether the request comes from our own page, from a program
// or from a person who typed or followed a link to the page itself.
func (in entrance) ownOrigin(r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		if len(origins) != 1 || !strings.EqualFold(origins[0], in.origin(r)) {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	default:
		// A link elsewhere may lead to the page, and a sign-on provider back to us,
		// but to nothing else here. "same-site" is elsewhere too: another port of
		// localhost is another program.
		return (r.URL.Path == "/" || ssoCallback.MatchString(r.URL.Path)) && r.Method == http.MethodGet &&
			r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
}

// origin is what a browser calls our own page.
func (in entrance) origin(r *http.Request) string {
	if in.secure {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// tokenPrefix begins every token, so that one is known by sight.
const tokenPrefix = "nvr_"
