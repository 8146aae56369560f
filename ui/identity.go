package ui

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// Names of our cookies. The prefix makes a browser refuse one from anything but this
// very host over TLS; without TLS it cannot be had.
const (
	sessionCookie = "nvr"
	deviceCookie  = "nvr-device" // browsers in which somebody signed in: see auth.Accounts.Remember
	securePrefix  = "__Host-"
)

// OperatorHeader is how a command on the box says who ran it, behind sudo. It is
// heard on the daemon's own socket only, and from root, who can claim anything.
const OperatorHeader = "X-Nvr-Operator"

// operatorName is what such a claim may look like.
var operatorName = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)

// identify says who asks; the zero Principal is nobody. A token that lets
// nobody in is an error, a session that has ended is not.
func (s *Server) identify(r *http.Request) (auth.Principal, error) {
	if peer, local := localPeer(r.Context()); local {
		if claimed := r.Header.Get(OperatorHeader); peer.root && operatorName.MatchString(claimed) {
			peer.user = claimed
		}
		return auth.LocalPrincipal(peer.user), nil
	}
	if s.opt.Accounts == nil {
		return auth.LocalPrincipal("demo"), nil
	}
	if sent := r.Header.Values("Authorization"); len(sent) > 0 {
		scheme, secret, _ := strings.Cut(sent[0], " ")
		if len(sent) > 1 || !strings.EqualFold(scheme, "Bearer") || secret == "" {
			return auth.Principal{}, &Problem{
				http.StatusUnauthorized, "the Authorization header is not a token",
				"write Authorization: Bearer TOKEN, once; names and passwords go to POST /api/v1/session",
			}
		}
		return s.opt.Accounts.AuthenticateToken(secret, source(r))
	}
	secret := sessionSecret(r)
	if secret == "" {
		return auth.Principal{}, nil
	}
	p, err := s.opt.Accounts.Authenticate(secret, source(r))
	if refused := (&auth.Error{}); errors.As(err, &refused) {
		return auth.Principal{}, nil // ended, expired or never ours: nobody
	}
	return p, err
}

// sessionSecret gives the session's secret, empty when there is none.
func sessionSecret(r *http.Request) string { return cookieOf(r, sessionCookie) }

// cookieOf gives the value of a cookie of ours, empty when there is none. Two of one
// name mean that another program of this host set one: neither is taken.
func cookieOf(r *http.Request, name string) string {
	all := r.CookiesNamed(cookieName(r, name))
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

func cookieName(r *http.Request, name string) string {
	if entranceOf(r.Context()).secure {
		return securePrefix + name
	}
	return name
}

// ourCookies are the names of all cookies of ours.
func ourCookies() []string {
	return []string{sessionCookie, securePrefix + sessionCookie, deviceCookie, securePrefix + deviceCookie}
}

// setSession gives the browser a session's secret; an empty one takes it away.
// It lasts as long as the browser runs: how long it is good for is our affair.
func setSession(w http.ResponseWriter, r *http.Request, secret string) {
	age := time.Duration(0)
	if secret == "" {
		age = -time.Second
	}
	setCookie(w, r, sessionCookie, secret, age)
}

// setCookie has the browser keep a cookie that no script reads and that goes with no
// request from another site. With age 0 it goes when the browser ends.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, name), Value: value, Path: "/", HttpOnly: true, MaxAge: int(age.Seconds()),
		Secure: entranceOf(r.Context()).secure, SameSite: http.SameSiteStrictMode,
	})
}

// PresentHeader is how our page says that somebody did something at it within the last
// minute: pressed a key, or moved the pointer. What it asks without is no use of the
// session, nor is a stream or a film that is open; live pictures see [auth.Accounts.Watching].
const PresentHeader = "X-Nvr-Present"

// source says where a request came from. Headers of proxies are not believed.
func source(r *http.Request) auth.Source {
	from := auth.Source{Agent: r.UserAgent(), Devices: cookieOf(r, deviceCookie)}
	_, from.Local = localPeer(r.Context())
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	from.Unattended = reads && r.Header.Get(PresentHeader) == ""
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil {
			from.IP = ip.Unmap().WithZone("")
		}
	}
	return from
}

// address is where a request comes from, as the audit keeps it; empty for the box.
func address(r *http.Request) string {
	if ip := source(r).IP; ip.IsValid() {
		return ip.String()
	}
	return ""
}
