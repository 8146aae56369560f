package ui

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
)

// ssoCallback is where a sign-on provider sends people back to.
var ssoCallback = regexp.MustCompile(`^/api/v1/sso/[a-z0-9-]{1,64}/callback$`)

func (s *Server) getSSO(w http.ResponseWriter, r *http.Request) {
	if s.opt.SSO == nil {
		s.fail(w, r, ErrNotFound)
		return
	}
	if err := s.opt.SSO.Begin(w, r, r.PathValue("provider")); err != nil {
		s.refuseSignOn(w, r, err)
	}
}

// refuseSignOn is failSignOn with an entry in the audit that names nobody: who it was
// is not known. What is asked of no provider of ours is a slip of the hand.
func (s *Server) refuseSignOn(w http.ResponseWriter, r *http.Request, err error) {
	if statusOf(err) != http.StatusNotFound {
		s.opt.Accounts.RefuseExternal(r.PathValue("provider"), err.Error(), source(r))
	}
	s.failSignOn(w, r, err)
}

// getSSOCallback signs in whom a provider sent back. The page is opened anew:
// the session's cookie does not go with a request that began elsewhere.
func (s *Server) getSSOCallback(w http.ResponseWriter, r *http.Request) {
	if s.opt.SSO == nil {
		s.fail(w, r, ErrNotFound)
		return
	}
	who, err := s.opt.SSO.Finish(w, r, r.PathValue("provider"))
	if err != nil && who.Subject == "" {
		s.refuseSignOn(w, r, err)
		return
	}
	if err != nil {
		s.failSignOn(w, r, errors.Join(err, s.opt.Accounts.Dismiss(who, source(r))))
		return
	}
	secret, _, err := s.opt.Accounts.SignInExternal(who, source(r))
	if err != nil {
		s.failSignOn(w, r, err)
		return
	}
	setSession(w, r, secret)
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
}

// failSignOn takes a browser back to the sign-in page, which says in its own words
// what the status means: a text in an address would be anybody's to write. Programs
// get the answer itself.
func (s *Server) failSignOn(w http.ResponseWriter, r *http.Request, err error) {
	if r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		s.fail(w, r, err)
		return
	}
	s.log.Info("sign-on failed", "provider", r.PathValue("provider"), "error", err)
	w.Header().Set("Location", "/#/sso/"+strconv.Itoa(statusOf(err)))
	w.WriteHeader(http.StatusSeeOther)
}

// getRoot gives the root certificate that people install to trust this recorder.
func (s *Server) getRoot(w http.ResponseWriter, r *http.Request) {
	var pem []byte
	if s.opt.Root != nil {
		pem = s.opt.Root()
	}
	if pem == nil {
		s.fail(w, r, &Problem{
			http.StatusNotFound, "this recorder has no root certificate of its own",
			"on loopback none is needed; with own certificate files ask who made them",
		})
		return
	}
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	w.Header().Set("Content-Disposition", `attachment; filename="stockade-root.crt"`)
	_, _ = w.Write(pem)
}
