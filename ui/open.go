package ui

import (
	"context"
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// whileAllowed gives the context of an answer that stays open: a film, a live
// picture, events, an export of the audit. It ends with the request, and within two seconds of the
// principal's session, token or right, with auth.ErrRevoked for its cause.
// allowed is asked again at each change and each second, so that a camera that
// the site file takes away counts too; it gets the principal as it is then.
func (s *Server) whileAllowed(r *http.Request, allowed func(auth.Principal) bool) (context.Context, context.CancelFunc) {
	if s.opt.Accounts == nil {
		return context.WithCancel(r.Context())
	}
	return s.opt.Accounts.Follow(r.Context(), principal(r), allowed)
}

// whileCamera is whileAllowed for what needs a right on one camera.
func (s *Server) whileCamera(r *http.Request, right auth.Right, camera string) (context.Context, context.CancelFunc) {
	return s.whileAllowed(r, func(p auth.Principal) bool { return s.mayCamera(p, right, camera) == nil })
}

// whileReader is whileAllowed for what only those read who read the audit.
func (s *Server) whileReader(r *http.Request) (context.Context, context.CancelFunc) {
	return s.whileAllowed(r, func(p auth.Principal) bool { return mayRole(readers, p) == nil })
}
