package tunnel

import (
	"net/http"
	"strings"
	"time"
)

// enterPath is the one path of the origin that is ours and not the device's.
const enterPath = "/.stockade/enter"

// Names of the frame's cookie. The prefix makes a browser refuse it from
// anything but this very host over TLS; without TLS it cannot be had.
const (
	secureCookie = "__Host-nvr-tunnel"
	plainCookie  = "nvr-tunnel"
)

func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return secureCookie
	}
	return plainCookie
}

// ServeHTTP answers a frame. Whoever is not let in reads why, as text.
func (ts *Tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	defer func() { // for what nobody reads of the request, then the rest of the answer; errors as for Read
		_ = control.SetReadDeadline(time.Now().Add(ts.silent))
		_ = control.SetWriteDeadline(time.Now().Add(2 * ts.silent))
	}()
	strict(w.Header())
	if why := ts.outsider(r); why != "" {
		say(w, http.StatusForbidden, why)
		return
	}
	if r.URL.Path == enterPath {
		ts.enter(w, r)
		return
	}
	t := ts.find(r)
	switch {
	case t == nil || t.opening.Origin != originOf(r):
		say(w, http.StatusForbidden, "This tunnel is closed, or it was opened in another window. Open the device's pages anew from Stockade.")
	case r.Header.Get("Upgrade") != "" && r.Header.Get("Origin") != t.opening.Origin:
		say(w, http.StatusForbidden, "Another page may not connect here.")
	default:
		t.serve(w, r)
	}
}

// outsider says why a request does not come from a frame that is kept apart.
// Browsers say on every request but a WebSocket's which page it is for (Fetch
// Metadata), and no script can say otherwise.
func (ts *Tunnels) outsider(r *http.Request) string {
	for _, name := range ts.opt.Sessions {
		if len(r.CookiesNamed(name)) > 0 {
			return "This browser does not keep the device's pages apart from Stockade's: it sent Stockade's cookie here, so a script of the device could remove it. Use Chromium, Chrome or Edge 110 or later."
		}
	}
	site, mode, dest := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	switch {
	case r.Method == http.MethodConnect, r.Method == http.MethodTrace:
		return "That method is not passed on."
	case r.Header.Get("Service-Worker") != "", dest == "serviceworker":
		return "The device's pages may not install a service worker: it would outlive the tunnel."
	case site == "" && r.Header.Get("Upgrade") != "" && r.Header.Get("Origin") != "":
		return "" // of a WebSocket the origin tells; see ServeHTTP
	case site == "":
		return "This browser does not say which page asks. Use Chromium, Chrome or Edge 110 or later."
	case dest == "document", dest == "object", dest == "embed":
		return "The device's pages are shown inside Stockade only: open them there."
	case site == "same-origin":
		return ""
	case site == "same-site" && mode == "navigate" && dest == "iframe" && r.Method == http.MethodGet:
		return "" // Stockade's page loads the frame
	default:
		return "Another page may not ask here."
	}
}

// enter lets a frame in that has a ticket, and sends it to the device's first page.
func (ts *Tunnels) enter(w http.ResponseWriter, r *http.Request) {
	t, cookie, ok := ts.redeem(r.URL.Query().Get("ticket"))
	if !ok || t.opening.Origin != originOf(r) {
		say(w, http.StatusForbidden, "This ticket has been used, or it is too old. Load Stockade's page again.")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: cookie, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, t.opening.Origin+"/", http.StatusSeeOther)
}

// originOf is what a browser calls the origin that it asks.
func originOf(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + strings.ToLower(r.Host)
}
