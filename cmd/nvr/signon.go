package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/auth/sso"
)

// ssoPath is where the handlers of sign-on providers lie.
const ssoPath = "/api/v1/sso/"

// signOns is sign-on as it is in force: none until it could be loaded.
type signOns struct {
	hosts   func(string) bool
	log     *slog.Logger
	current atomic.Pointer[signOn]
	changed chan struct{} // holds one: the site file says something else than what was loaded
}

// loadSignOn loads the sign-on providers, and again when the site file changed
// them; it returns nil when ctx ends. What cannot be loaded lets nobody in.
func (a *app) loadSignOn(ctx context.Context) error {
	for {
		made, err := newSignOn(a.current(), a.signOn.hosts, a.Log)
		a.signOn.current.Store(made)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.signOn.changed:
		}
	}
}

// changeSignOn has the providers of another site loaded; those before end at once.
func (a *app) changeSignOn(old, site *configs.Site) {
	if reflect.DeepEqual(old.Accounts.SSO, site.Accounts.SSO) {
		return
	}
	a.signOn.current.Store(nil)
	select {
	case a.signOn.changed <- struct{}{}:
	default: // it will be seen
	}
}

// holdToProviders holds the users of sign-on providers to the site in force, once for
// each. What cannot be written is tried again. The caller holds change.
func (a *app) holdToProviders() {
	site := a.current()
	if a.people == nil || a.mapped == site.Revision {
		return
	}
	err := a.people.accounts.Remap(siteFile(), mappingOf(site))
	if err == nil {
		a.mapped = site.Revision
	}
	a.unwritten("users of sign-on providers", err)
}

// mappingOf is what a site gives the groups of its providers.
func mappingOf(s *configs.Site) auth.Mapping {
	m := auth.Mapping{}
	for _, p := range s.Accounts.SSO {
		groups := map[string]auth.Grant{}
		for _, r := range p.Roles {
			groups[r.Group] = grantOf(r.Role, r.Rights, r.All, r.Cameras, r.CameraGroups)
		}
		m[p.ID] = auth.Provider{Issuer: p.Issuer, Groups: groups}
	}
	return m
}

func grantOf(role string, rights []string, all bool, cameras, groups []string) auth.Grant {
	g := auth.Grant{Role: auth.Role(role), All: all, Cameras: cameras, Groups: groups}
	for _, right := range rights {
		g.Rights = append(g.Rights, auth.Right(right))
	}
	return g
}

// errNoSignOn says that there are no providers, or not yet.
var errNoSignOn = &ui.Problem{Status: http.StatusNotFound, Message: "there is no such sign-on provider", Fix: "sign in with name and password"}

// Providers lists the buttons.
func (s *signOns) Providers() []ui.ProviderView {
	if in := s.current.Load(); in != nil {
		return in.Providers()
	}
	return nil
}

// Begin sends somebody to a provider.
func (s *signOns) Begin(w http.ResponseWriter, r *http.Request, provider string) error {
	if in := s.current.Load(); in != nil {
		return in.Begin(w, r, provider)
	}
	return errNoSignOn
}

// Finish says who came back.
func (s *signOns) Finish(w http.ResponseWriter, r *http.Request, provider string) (auth.External, error) {
	if in := s.current.Load(); in != nil {
		return in.Finish(w, r, provider)
	}
	return auth.External{}, errNoSignOn
}

// newSignOn makes what the site file says of sign-on providers; nil when it says
// nothing. It reads their secrets and dials nothing.
func newSignOn(s *configs.Site, hosts func(string) bool, log *slog.Logger) (*signOn, error) {
	if len(s.Accounts.SSO) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	o := sso.Options{Hosts: hosts, Path: ssoPath, Log: log}
	for _, p := range s.Accounts.SSO {
		provider, err := providerOf(p)
		if err != nil {
			return nil, err
		}
		o.Providers = append(o.Providers, provider)
	}
	made, err := sso.New(o)
	if err != nil {
		return nil, err
	}
	return &signOn{made, log}, nil
}

func providerOf(p configs.Provider) (sso.Provider, error) {
	out := sso.Provider{ID: p.ID, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, GroupsClaim: p.GroupsClaim}
	if p.ClientSecretFile != "" {
		secret, err := os.ReadFile(p.ClientSecretFile)
		if err != nil {
			return out, fmt.Errorf("read the secret of sign-on provider %s: %w", p.ID, err)
		}
		out.Secret = strings.TrimRight(string(secret), "\r\n")
	}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return out, fmt.Errorf("read the authorities of sign-on provider %s: %w", p.ID, err)
		}
		out.Authorities = pem
	}
	for _, r := range p.Roles {
		out.Roles = append(out.Roles, sso.GroupRole{Group: r.Group, Grant: sso.Grant{
			Role: r.Role, Rights: r.Rights, All: r.All, Cameras: r.Cameras, CameraGroups: r.CameraGroups,
		}})
	}
	return out, nil
}

// signOn is what the server asks of package sso.
type signOn struct {
	sso *sso.SSO
	log *slog.Logger
}

// Providers lists the buttons.
func (s signOn) Providers() []ui.ProviderView {
	buttons := s.sso.Buttons()
	all := make([]ui.ProviderView, len(buttons))
	for i, b := range buttons {
		all[i] = ui.ProviderView{ID: b.ID, Name: b.Name}
	}
	return all
}

// Begin sends somebody to a provider.
func (s signOn) Begin(w http.ResponseWriter, r *http.Request, provider string) error {
	return s.refused(provider, s.sso.Begin(w, r, provider))
}

// Finish says who came back.
func (s signOn) Finish(w http.ResponseWriter, r *http.Request, provider string) (auth.External, error) {
	who, err := s.sso.Finish(w, r, provider)
	if err != nil {
		return auth.External{Provider: who.Provider, Subject: who.Subject, Name: who.Name}, s.refused(provider, err)
	}
	g := who.Grant
	return auth.External{
		Provider: who.Provider, Issuer: who.Issuer, Subject: who.Subject, Group: who.Group, Name: who.Name, Display: who.Display,
		Grant: grantOf(g.Role, g.Rights, g.All, g.Cameras, g.CameraGroups),
	}, nil
}

// signOnRefusal is told to people as the problem, and written down as what was wrong.
type signOnRefusal struct {
	problem *ui.Problem
	wrong   error
}

// Error says what was wrong.
func (r *signOnRefusal) Error() string { return r.wrong.Error() }

// Unwrap gives what people are told.
func (r *signOnRefusal) Unwrap() error { return r.problem }

// refused tells people what a refusal means; log and audit have what was wrong.
func (s signOn) refused(provider string, err error) error {
	refusal := (*sso.Refusal)(nil)
	if !errors.As(err, &refusal) {
		return err
	}
	s.log.Warn("sign-in with a provider refused", "provider", provider, "error", err)
	status := http.StatusForbidden
	switch {
	case errors.Is(err, sso.ErrUnknownProvider):
		status = http.StatusNotFound
	case errors.Is(err, sso.ErrUnavailable), errors.Is(err, sso.ErrForeign):
		status = http.StatusBadGateway
	}
	return &signOnRefusal{&ui.Problem{Status: status, Message: refusal.Message, Fix: refusal.Fix}, err}
}
