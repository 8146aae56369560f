package ui

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func (s *Server) getConfirmations(w http.ResponseWriter, r *http.Request) {
	listOf[auth.Confirmation](s, w, r, "confirmations")(s.opt.Accounts.Confirmations(principal(r)))
}

// postConfirmation confirms as the second admin. When that adds a user, the
// answer has the code that lets them in; what is done by us is done by then.
func (s *Server) postConfirmation(w http.ResponseWriter, r *http.Request) {
	if err := readNothing(r); err != nil {
		s.fail(w, r, err)
		return
	}
	code, err := s.opt.Accounts.Confirm(principal(r), r.PathValue("confirmation"))
	if err == nil {
		err = s.confirmed(r, r.PathValue("confirmation"))
	}
	answer[any](s, w, r)(struct {
		Code string `json:"code,omitempty"`
	}{code}, err)
}

func (s *Server) deleteConfirmation(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, s.opt.Accounts.Withdraw(principal(r), r.PathValue("confirmation")))
}

// Credentials are what an admin gives at the box's own terminal.
type Credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Code     string `json:"code"` // of the second factor, if the account has one
}

// postDisarm checks that two admins stand behind a disarming. Disarming itself
// is done by the command on the box that asks.
func (s *Server) postDisarm(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Admins []Credentials
		Reason string
	}
	err := readBody(r, &sent)
	var names []string
	if err == nil {
		names, err = TwoAdmins(s.opt.Accounts, sent.Admins, source(r))
	}
	if err == nil {
		err = s.note(r, entryOf(principal(r), "firewall.disarm-confirmed", strings.Join(names, " and "), sent.Reason))
	}
	answer[map[string][]string](s, w, r)(map[string][]string{"admins": names}, err)
}

// postContainmentCommand writes down what a command on the box did to the
// containment: the command works on the kernel by itself, and the daemon has the
// audit open.
func (s *Server) postContainmentCommand(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Command, Detail string }
	err := readBody(r, &sent)
	switch {
	case err != nil:
	case sent.Command != "arm" && sent.Command != "disarm":
		err = &Problem{http.StatusBadRequest, fmt.Sprintf("there is no command %.20q", sent.Command), "give arm or disarm"}
	case len(sent.Detail) > maxCommandDetail:
		err = &Problem{http.StatusBadRequest, "the detail is too long", fmt.Sprintf("give at most %d bytes", maxCommandDetail)}
	default:
		err = s.note(r, entryOf(principal(r), "firewall."+sent.Command, "containment", sent.Detail))
	}
	answer[any](s, w, r)(struct{}{}, err)
}

// maxCommandDetail is what a command may say of itself: a reason and some names.
const maxCommandDetail = 4 << 10

// TwoAdmins checks the credentials of two different admins and gives their
// names. Each is signed in and out again, so that lock-out and audit see it.
func TwoAdmins(accounts *auth.Accounts, given []Credentials, from auth.Source) ([]string, error) {
	if len(given) != 2 {
		return nil, &Problem{http.StatusBadRequest, "two admins are needed", "give name, password and code of two"}
	}
	var names, ids []string
	for _, c := range given {
		u, err := oneAdmin(accounts, c, from)
		if err != nil {
			return nil, err
		}
		names, ids = append(names, u.Name), append(ids, u.ID)
	}
	if ids[0] == ids[1] {
		return nil, &Problem{http.StatusForbidden, "both times the same admin", "a second person has to confirm"}
	}
	return names, nil
}

func oneAdmin(accounts *auth.Accounts, c Credentials, from auth.Source) (u auth.User, err error) {
	secret, p, err := accounts.SignIn(c.Name, c.Password, from)
	if err != nil {
		return u, err
	}
	if slices.Contains(p.Need, auth.NeedTOTP) {
		var next string
		if next, p, err = accounts.TOTP(secret, c.Code, from); next != "" {
			secret = next
		}
	}
	err = errors.Join(err, accounts.SignOut(secret, from))
	if err == nil && !p.Is(auth.Admin) {
		err = &Problem{
			http.StatusForbidden, "that is not an admin who can sign in here with a password",
			"give the name of an admin; one who has only a passkey sets up a code first",
		}
	}
	return p.User, err
}
