package sso

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// SSO signs people in with providers. It is made by New; all methods may be
// called at once.
type SSO struct {
	opt       Options
	providers map[string]*provider
	flows     *flows
}

// New checks the options and does no I/O.
func New(o Options) (*SSO, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &SSO{opt: o, providers: map[string]*provider{}, flows: newFlows()}
	for _, p := range o.Providers {
		made, err := newProvider(p, o.Now)
		if err != nil {
			return nil, fmt.Errorf("sign-in provider %s: %w", p.ID, err)
		}
		s.providers[p.ID] = made
	}
	return s, nil
}

// Buttons lists the providers in the order of the site file.
func (s *SSO) Buttons() []Button {
	list := make([]Button, 0, len(s.opt.Providers))
	for _, p := range s.opt.Providers {
		list = append(list, Button{p.ID, p.Name})
	}
	return list
}

// Begin sends the browser to a provider. It answers the request only when it
// returns nil; every error is a Refusal inside.
func (s *SSO) Begin(w http.ResponseWriter, r *http.Request, id string) error {
	p, ok := s.providers[id]
	if !ok {
		return ErrUnknownProvider
	}
	if !s.opt.Hosts(r.Host) {
		return fmt.Errorf("%w: %q", ErrHost, r.Host)
	}
	found, err := p.find(r.Context())
	if err != nil {
		return err
	}
	f := flow{
		Provider: id, State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier(),
		Return: scheme(r) + "://" + r.Host + s.opt.Path + id + "/callback",
		Until:  s.opt.Now().Add(flowLife),
	}
	http.SetCookie(w, cookie(r, s.flows.seal(f), int(flowLife/time.Second)))
	target := found.config(f.Return).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Finish takes the browser that comes back and says who it is. It removes the
// cookie of Begin, and else leaves the answer to the caller. Every error is a
// Refusal inside; with ErrNoRole it says who it is all the same.
func (s *SSO) Finish(w http.ResponseWriter, r *http.Request, id string) (Identity, error) {
	p, ok := s.providers[id]
	if !ok {
		return Identity{}, ErrUnknownProvider
	}
	f, err := s.begun(r, id)
	if err != nil {
		return Identity{}, err
	}
	http.SetCookie(w, cookie(r, "", -1))
	query := r.URL.Query()
	if iss := query.Get("iss"); iss != "" && iss != p.Issuer {
		return Identity{}, fmt.Errorf("%w: the answer is of issuer %q", ErrToken, iss)
	}
	if e := query.Get("error"); e != "" {
		return Identity{}, fmt.Errorf("%w: it says %s", ErrDenied, word(e))
	}
	code := query.Get("code")
	if code == "" {
		return Identity{}, fmt.Errorf("%w: it sent no code", ErrDenied)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 3*patience)
	defer cancel()
	claims, err := p.redeem(ctx, f, code)
	if err != nil {
		return Identity{}, err
	}
	who, err := p.identify(claims)
	if err != nil {
		return who, err
	}
	s.opt.Log.Debug("provider vouched", "provider", id, "subject", who.Subject, "group", who.Group)
	return who, nil
}

// begun finds what Begin said to this browser, once.
func (s *SSO) begun(r *http.Request, id string) (flow, error) {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return flow{}, fmt.Errorf("%w: this browser has no sign-in under way", ErrStale)
	}
	f, err := s.flows.unseal(c.Value)
	now := s.opt.Now()
	switch {
	case err != nil:
		return flow{}, fmt.Errorf("%w: %w", ErrStale, err)
	case f.Provider != id || f.Return != scheme(r)+"://"+r.Host+s.opt.Path+id+"/callback":
		return flow{}, fmt.Errorf("%w: it was begun with another provider or under another name", ErrStale)
	case subtle.ConstantTimeCompare([]byte(f.State), []byte(r.URL.Query().Get("state"))) != 1:
		return flow{}, fmt.Errorf("%w: the state is another", ErrStale)
	case now.After(f.Until) || now.Before(f.Until.Add(-flowLife-skew)):
		return flow{}, fmt.Errorf("%w: it was to end by %s", ErrStale, f.Until.UTC().Format(time.RFC3339))
	case !s.flows.use(f, now):
		return flow{}, fmt.Errorf("%w: it was used before", ErrStale)
	}
	return f, nil
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// cookieName is the cookie's: over TLS no other host of the domain can set it.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-nvr-sso"
	}
	return "nvr-sso"
}

// cookie is Lax: the browser comes back from another site, by a link.
func cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age,
		Secure: r.TLS != nil, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// codeForm is what an OAuth error code looks like.
var codeForm = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// word gives a code of somebody else as it may stand in a log.
func word(code string) string {
	if codeForm.MatchString(code) {
		return code
	}
	return "something that is no error code"
}

// refusal tells whether an error is one of ours already.
func refusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}
