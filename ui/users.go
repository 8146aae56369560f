package ui

import (
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// userTold is a user with the one-time code that lets them in to set a password.
type userTold struct {
	User auth.User `json:"user"`
	Code string    `json:"code"`
}

func (s *Server) getUsers(w http.ResponseWriter, r *http.Request) {
	listOf[auth.User](s, w, r, "users")(s.opt.Accounts.Users(principal(r)))
}

func (s *Server) postUser(w http.ResponseWriter, r *http.Request) {
	var sent auth.NewUser
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	user, code, err := s.opt.Accounts.AddUser(principal(r), sent)
	answer[userTold](s, w, r)(userTold{user, code}, err)
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	answer[auth.User](s, w, r)(s.opt.Accounts.User(principal(r), r.PathValue("user")))
}

func (s *Server) putUser(w http.ResponseWriter, r *http.Request) {
	var sent auth.NewUser
	if err := readBody(r, &sent); err != nil {
		s.fail(w, r, err)
		return
	}
	answer[auth.User](s, w, r)(s.opt.Accounts.ChangeUser(principal(r), r.PathValue("user"), sent))
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.RemoveUser(principal(r), r.PathValue("user")))
}

// postUserReset gives a new one-time code. On the box it is the recovery of an
// account that nobody can get into.
func (s *Server) postUserReset(w http.ResponseWriter, r *http.Request) {
	if err := readNothing(r); err != nil {
		s.fail(w, r, err)
		return
	}
	code, err := s.reset(principal(r), r.PathValue("user"))
	answer[map[string]string](s, w, r)(map[string]string{"code": code}, err)
}

func (s *Server) reset(p auth.Principal, id string) (code string, err error) {
	if !p.Local {
		return s.opt.Accounts.ResetUser(p, id)
	}
	u, err := s.opt.Accounts.User(p, id)
	if err != nil {
		return "", err
	}
	return s.opt.Accounts.RecoverUser(p, u.Name)
}

func (s *Server) getUserSessions(w http.ResponseWriter, r *http.Request) {
	listOf[auth.Session](s, w, r, "sessions")(s.opt.Accounts.UserSessions(principal(r), r.PathValue("user")))
}

func (s *Server) deleteUserSessions(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.EndUserSessions(principal(r), r.PathValue("user")))
}

func (s *Server) getUserTokens(w http.ResponseWriter, r *http.Request) {
	listOf[auth.Token](s, w, r, "tokens")(s.opt.Accounts.UserTokens(principal(r), r.PathValue("user")))
}

func (s *Server) deleteUserTokens(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.EndUserTokens(principal(r), r.PathValue("user")))
}
