package ui

import (
	"encoding/json"
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// States of whoever asks.
const (
	sessionOpen      = "open"       // no accounts here: everybody may read everything
	sessionSetup     = "setup"      // no admin exists yet: POST /setup
	sessionSignedOut = "signed-out" // nobody
	sessionPartial   = "partial"    // Need says what is still to be given
	sessionSignedIn  = "signed-in"
)

// sessionView is what a page needs to know first.
type sessionView struct {
	State     string         `json:"state"`
	Need      []auth.Need    `json:"need"`
	User      *auth.User     `json:"user,omitempty"`
	CSRF      string         `json:"csrf,omitempty"`
	Method    string         `json:"method,omitempty"`
	Providers []ProviderView `json:"providers"`
	Site      struct {
		Name     string `json:"name"`
		Language string `json:"language"`
	} `json:"site"`
}

// ProviderView is a sign-on provider, as its button shows it.
type ProviderView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Server) getSession(w http.ResponseWriter, r *http.Request) {
	p := principal(r)
	if nobody(p) && sessionSecret(r) != "" {
		setSession(w, r, "") // it has ended: no use in sending it again
	}
	s.tellSession(w, r, p)
}

// tellSession answers with how things are for a principal.
func (s *Server) tellSession(w http.ResponseWriter, r *http.Request, p auth.Principal) {
	site := s.opt.Site()
	v := sessionView{State: sessionSignedIn, Need: orEmpty(p.Need), Providers: []ProviderView{}}
	v.Site.Name, v.Site.Language = site.Name, site.Language
	if s.opt.SSO != nil {
		v.Providers = orEmpty(s.opt.SSO.Providers())
	}
	switch {
	case s.opt.Accounts == nil:
		v.State = sessionOpen
	case nobody(p):
		v.State = sessionSignedOut
		needed, err := s.opt.Accounts.NeedsSetup()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if needed {
			v.State = sessionSetup
		}
	default:
		if len(p.Need) > 0 {
			v.State = sessionPartial
		}
		v.User, v.CSRF, v.Method = &p.User, p.CSRF, p.Method
	}
	writeJSON(w, v)
}

// signIn answers the outcome of a step of signing in: with a new secret for the
// browser, and how things are now.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, secret string, p auth.Principal, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	setSession(w, r, secret)
	s.remember(w, r, p)
	s.tellSession(w, r, p)
}

// remember has the browser keep that somebody signed in here. That it cannot be
// written keeps nobody out.
func (s *Server) remember(w http.ResponseWriter, r *http.Request, p auth.Principal) {
	if len(p.Need) > 0 {
		return
	}
	devices, err := s.opt.Accounts.Remember(p)
	if err != nil {
		s.log.Warn("browser cannot be remembered", "user", p.User.ID, "error", err)
		return
	}
	setCookie(w, r, deviceCookie, devices, auth.DeviceLife)
}

func (s *Server) postSetup(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Code, Name, Password, Language string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	u := auth.NewUser{Name: sent.Name, Language: sent.Language, Grant: auth.Grant{Role: auth.Admin}}
	secret, p, err := s.opt.Accounts.Setup(sent.Code, u, sent.Password, source(r))
	s.signIn(w, r, secret, p, err)
}

func (s *Server) postSession(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Name, Password string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, p, err := s.opt.Accounts.SignIn(sent.Name, sent.Password, source(r))
	s.signIn(w, r, secret, p, err)
}

func (s *Server) postSessionTOTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Code string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, p, err := s.opt.Accounts.TOTP(sessionSecret(r), sent.Code, source(r))
	s.signIn(w, r, secret, p, err)
}

// ceremonyView begins what a browser does with a passkey.
type ceremonyView struct {
	ID        string          `json:"id"`
	PublicKey json.RawMessage `json:"publicKey"`
}

func (s *Server) postSessionPasskeyBegin(w http.ResponseWriter, r *http.Request) {
	if err := readNothing(r); err != nil {
		s.fail(w, r, err)
		return
	}
	id, options, err := s.opt.Accounts.BeginPasskey(sessionSecret(r), source(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, ceremonyView{id, options})
}

func (s *Server) postSessionPasskey(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		ID         string
		Credential json.RawMessage
	}
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, p, err := s.opt.Accounts.FinishPasskey(sessionSecret(r), sent.ID, sent.Credential, source(r))
	s.signIn(w, r, secret, p, err)
}

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) {
	if err := s.opt.Accounts.SignOut(sessionSecret(r), source(r)); err != nil {
		s.fail(w, r, err)
		return
	}
	setSession(w, r, "")
	s.tellSession(w, r, auth.Principal{})
}
