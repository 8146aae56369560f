package ui

import (
	"encoding/json"
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) { writeJSON(w, principal(r).User) }

func (s *Server) putAccount(w http.ResponseWriter, r *http.Request) {
	var sent auth.Preferences
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	answer[auth.User](s, w, r)(s.opt.Accounts.SetPreferences(principal(r), sent))
}

func (s *Server) putAccountPassword(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Old, New string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, err := s.opt.Accounts.ChangePassword(principal(r), sent.Old, sent.New)
	s.renewed(w, r, secret, err)
}

func (s *Server) postAccountTOTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Password string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, uri, err := s.opt.Accounts.BeginTOTP(principal(r), sent.Password)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, map[string]string{"secret": secret, "uri": uri})
}

func (s *Server) putAccountTOTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Code string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	secret, err := s.opt.Accounts.ConfirmTOTP(principal(r), sent.Code)
	s.renewed(w, r, secret, err)
}

func (s *Server) deleteAccountTOTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Password string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	s.finish(w, r, s.opt.Accounts.RemoveTOTP(principal(r), sent.Password))
}

func (s *Server) postAccountPasskeyBegin(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Password string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	id, options, err := s.opt.Accounts.BeginAddPasskey(principal(r), sent.Password)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, ceremonyView{id, options})
}

func (s *Server) postAccountPasskey(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		ID, Name   string
		Credential json.RawMessage
	}
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	_, secret, err := s.opt.Accounts.FinishAddPasskey(principal(r), sent.ID, sent.Name, sent.Credential)
	s.renewed(w, r, secret, err)
}

func (s *Server) putAccountPasskey(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Name string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	s.finish(w, r, s.opt.Accounts.RenamePasskey(principal(r), r.PathValue("passkey"), sent.Name))
}

func (s *Server) deleteAccountPasskey(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Password string }
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	s.finish(w, r, s.opt.Accounts.RemovePasskey(principal(r), r.PathValue("passkey"), sent.Password))
}

func (s *Server) getAccountSessions(w http.ResponseWriter, r *http.Request) {
	listOf[auth.Session](s, w, r, "sessions")(s.opt.Accounts.Sessions(principal(r)))
}

func (s *Server) deleteAccountSession(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.EndSession(principal(r), r.PathValue("session")))
}

func (s *Server) getAccountTokens(w http.ResponseWriter, r *http.Request) {
	listOf[auth.Token](s, w, r, "tokens")(s.opt.Accounts.Tokens(principal(r)))
}

func (s *Server) postAccountToken(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		auth.NewToken
		Password string
	}
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	token, secret, err := s.opt.Accounts.AddToken(principal(r), sent.NewToken, sent.Password)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, struct {
		Token  auth.Token `json:"token"`
		Secret string     `json:"secret"` // shown this once
	}{token, secret})
}

func (s *Server) deleteAccountToken(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.RemoveToken(principal(r), r.PathValue("token")))
}

// renewed answers a change that gave the session a new secret: with that, and
// with how things are now, for what the page must repeat has changed too.
func (s *Server) renewed(w http.ResponseWriter, r *http.Request, secret string, err error) {
	if err == nil && secret == "" {
		secret = sessionSecret(r)
	}
	var p auth.Principal
	if err == nil {
		p, err = s.opt.Accounts.Authenticate(secret, source(r))
	}
	s.signIn(w, r, secret, p, err)
}

// finish answers a change that has nothing to tell.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	done(w)
}

// answer gives a function that answers with a value, or with what went wrong.
func answer[T any](s *Server, w http.ResponseWriter, r *http.Request) func(T, error) {
	return func(v T, err error) {
		if err != nil {
			s.fail(w, r, err)
			return
		}
		writeJSON(w, v)
	}
}

// listOf is answer for a list: {KEY: [row...]}.
func listOf[Row any](s *Server, w http.ResponseWriter, r *http.Request, key string) func([]Row, error) {
	return func(rows []Row, err error) {
		answer[map[string][]Row](s, w, r)(map[string][]Row{key: orEmpty(rows)}, err)
	}
}
