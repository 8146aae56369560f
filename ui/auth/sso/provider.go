package sso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// provider is one with what is known of it.
type provider struct {
	Provider
	place  string
	client *http.Client
	now    func() time.Time

	turn   chan struct{} // holds one: whoever has it may ask the provider, and use what follows
	known  *document     // nil before it answered
	failed error         // why it did not answer, for askAgain
	tried  time.Time
}

// document is what a provider says of itself. It does not change.
type document struct {
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	at       time.Time
}

func newProvider(p Provider, now func() time.Time) (*provider, error) {
	issuer, err := url.Parse(p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read its issuer: %w", err)
	}
	if p.GroupsClaim == "" {
		p.GroupsClaim = "groups"
	}
	client, err := newClient(issuer, p.Authorities, now)
	if err != nil {
		return nil, err
	}
	return &provider{Provider: p, place: placeOf(issuer), client: client, now: now, turn: make(chan struct{}, 1)}, nil
}

// find gives the provider's document, asking for it when it is not known or old.
// One that cannot be had again is used on.
func (p *provider) find(ctx context.Context) (*document, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	now := p.now()
	switch {
	case p.known != nil && within(now, p.known.at, freshFor):
		return p.known, nil
	case p.failed != nil && within(now, p.tried, askAgain):
	default:
		// Not the request's context: who gives up waiting must not fail the others.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		d, err := p.discover(asking)
		p.failed, p.tried = err, now
		if err == nil {
			p.known = d
		}
	}
	if p.known != nil {
		return p.known, nil
	}
	return nil, p.failed
}

// within tells whether now is less than d after t; a clock that was set back counts as not.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return age >= 0 && age < d
}

// discover reads the provider's document and refuses one that leads elsewhere.
func (p *provider) discover(ctx context.Context) (*document, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, p.unavailable("read the discovery document", err)
	}
	var says struct {
		Auth    string   `json:"authorization_endpoint"`
		Token   string   `json:"token_endpoint"`
		Keys    string   `json:"jwks_uri"`
		Scopes  []string `json:"scopes_supported"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&says); err != nil {
		return nil, p.unavailable("read the discovery document", err)
	}
	for _, endpoint := range []string{says.Auth, says.Token, says.Keys} {
		u, err := url.Parse(endpoint)
		if err != nil || placeOf(u) != p.place {
			return nil, fmt.Errorf("%w: provider %s names the endpoint %q, which is not at %s", ErrForeign, p.ID, endpoint, p.place)
		}
	}
	scopes := []string{oidc.ScopeOpenID, "profile"}
	if slices.Contains(says.Scopes, "groups") {
		scopes = append(scopes, "groups") // some send groups to those alone who ask
	}
	// Said, not tried out: a first try in the wrong way may use up the code.
	style := oauth2.AuthStyleInHeader
	if p.Secret == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return &document{
		oidc: found, at: p.now(),
		verifier: found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: func() time.Time { return p.now().Add(-skew) }}),
		oauth: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.Secret, Scopes: scopes,
			Endpoint: oauth2.Endpoint{AuthURL: says.Auth, TokenURL: says.Token, AuthStyle: style},
		},
	}, nil
}

// config is the OAuth client that comes back to a URL.
func (d *document) config(back string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: d.oauth.ClientID, ClientSecret: d.oauth.ClientSecret,
		Scopes: d.oauth.Scopes, Endpoint: d.oauth.Endpoint, RedirectURL: back,
	}
}

// unavailable says that a provider did not answer, unless the error says more.
func (p *provider) unavailable(what string, err error) error {
	var mismatch *oidc.IssuerMismatchError
	switch {
	case refusal(err):
		return fmt.Errorf("provider %s: %s: %w", p.ID, what, err)
	case errors.As(err, &mismatch):
		return fmt.Errorf("%w: provider %s calls itself %q, the site file %q", ErrToken, p.ID, mismatch.Discovered, mismatch.Provided)
	}
	const most = 300 // the error may hold a page of the provider's
	text := err.Error()
	return fmt.Errorf("%w: provider %s: %s: %s", ErrUnavailable, p.ID, what, text[:min(len(text), most)])
}

// redeem gives the claims that the provider makes for a code: those of the ID
// token, and where it lacks the groups, of the user info too.
func (p *provider) redeem(ctx context.Context, f flow, code string) (map[string]any, error) {
	d, err := p.find(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := d.config(f.Return).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, p.notRedeemed(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: provider %s sent no ID token", ErrToken, p.ID)
	}
	verified, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: provider %s: %w", ErrToken, p.ID, err)
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: provider %s: %w", ErrToken, p.ID, err)
	}
	switch azp, given := claims["azp"]; {
	case verified.Nonce != f.Nonce:
		return nil, fmt.Errorf("%w: provider %s: the nonce is another: the token was made for another sign-in", ErrToken, p.ID)
	case given && azp != p.ClientID, !given && len(verified.Audience) > 1:
		return nil, fmt.Errorf("%w: provider %s: the token was made for another program", ErrToken, p.ID)
	case verified.AccessTokenHash != "" && verified.VerifyAccessToken(token.AccessToken) != nil:
		return nil, fmt.Errorf("%w: provider %s: the access token belongs to another ID token", ErrToken, p.ID)
	}
	if _, ok := lookup(claims, p.GroupsClaim); ok || d.oidc.UserInfoEndpoint() == "" {
		return claims, nil
	}
	return claims, p.ask(ctx, d, token, verified.Subject, claims)
}

// ask adds what the user info says and the ID token did not.
func (p *provider) ask(ctx context.Context, d *document, token *oauth2.Token, subject string, claims map[string]any) error {
	if u, err := url.Parse(d.oidc.UserInfoEndpoint()); err != nil || placeOf(u) != p.place {
		return fmt.Errorf("%w: provider %s sends no groups in the ID token, and has the user info at %q", ErrForeign, p.ID, d.oidc.UserInfoEndpoint())
	}
	info, err := d.oidc.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return p.unavailable("ask for the user info", err)
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("%w: provider %s: %w", ErrToken, p.ID, err)
	}
	if info.Subject != subject {
		return fmt.Errorf("%w: provider %s: the user info is of another account", ErrToken, p.ID)
	}
	for name, value := range more {
		if _, ok := claims[name]; !ok {
			claims[name] = value
		}
	}
	return nil
}

// notRedeemed says why a code gave no token. What the provider wrote stays out
// of it but for its error code: it may repeat what we sent.
func (p *provider) notRedeemed(err error) error {
	var e *oauth2.RetrieveError
	switch {
	case !errors.As(err, &e):
		return p.unavailable("redeem the code", err)
	case e.ErrorCode == "invalid_grant":
		return fmt.Errorf("%w: provider %s does not take the code", ErrStale, p.ID)
	case e.Response != nil && e.Response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%w: provider %s: redeem the code: status %d", ErrUnavailable, p.ID, e.Response.StatusCode)
	}
	return fmt.Errorf("%w: provider %s: redeem the code: it says %s", ErrDenied, p.ID, word(e.ErrorCode))
}
