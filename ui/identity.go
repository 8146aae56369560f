package ui

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// Names of the session's cookie. The prefix makes a browser refuse it from
// anything but this very host over TLS; without TLS it cannot be had.
const (
	secureCookie = "__Host-nvr"
	plainCookie  = "nvr"
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

// sessionSecret gives the session's secret, empty when there is none. Two of
// them mean that another program of this host set one: neither is taken.
func sessionSecret(r *http.Request) string {
	all := r.CookiesNamed(cookieName(r))
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

func cookieName(r *http.Request) string {
	if entranceOf(r.Context()).secure {
		return secureCookie
	}
	return plainCookie
}

// setSession gives the browser a session's secret; an empty one takes it away.
// It lasts as long as the browser runs: how long it is good for is our affair.
func setSession(w http.ResponseWriter, r *http.Request, secret string) {
	c := &http.Cookie{
		Name: cookieName(r), Value: secret, Path: "/", HttpOnly: true,
		Secure: entranceOf(r.Context()).secure, SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// source says where a request came from. Headers of proxies are not believed.
func source(r *http.Request) auth.Source {
	from := auth.Source{Agent: r.UserAgent()}
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
