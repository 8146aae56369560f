package ui

import (
	"context"
	"net/http"
	"slices"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// access says who may use a route. openapi.json says the same as x-access.
type access string

// The rules. Each is checked before the handler sees the request.
const (
	public       access = "public"             // anybody
	duringSetup  access = "setup"              // anybody, while no admin exists
	anySession   access = "session"            // a session, also one whose sign-in is not complete
	signedIn     access = "signed-in"          // everybody who is signed in, programs included
	person       access = "person"             // a user with a session: no program, not the box
	enrolling    access = "person-or-enrol"    // also a session that must first set up a second factor
	choosingPass access = "person-or-password" // also a session that must first set a password
	readers      access = "admin-or-auditor"
	admins       access = "admin"
	box          access = "box" // through the daemon's own socket
	watching     access = "camera-live"
	replaying    access = "camera-playback"
	exporting    access = "camera-export"
	holding      access = "camera-hold" // the right export, but no program: a token changes nothing
)

// right gives the right on a camera that a rule asks for, if it is of that kind.
func (a access) right() (auth.Right, bool) {
	switch a {
	case watching:
		return auth.Live, true
	case replaying:
		return auth.Playback, true
	case exporting, holding:
		return auth.Export, true
	default:
		return "", false
	}
}

// meets reports whether a rule lets a sign-in that is not complete do what it lacks.
func (a access) meets(need []auth.Need) bool {
	switch a {
	case anySession:
		return true
	case enrolling:
		return slices.Contains(need, auth.NeedEnrol)
	case choosingPass:
		return slices.Contains(need, auth.NeedPassword)
	default:
		return false
	}
}

// mayUse says why a principal may not use a route of that rule; nil when it may.
func (s *Server) mayUse(who access, p auth.Principal, r *http.Request) error {
	switch {
	case who == public:
		return nil
	case who == duringSetup:
		return s.whileNoAdmin()
	case nobody(p):
		return &Problem{
			http.StatusUnauthorized, "not signed in",
			"sign in on the page, or send Authorization: Bearer with a token of yours",
		}
	case len(p.Need) > 0 && !who.meets(p.Need):
		return &Problem{
			http.StatusUnauthorized, "the sign-in is not complete",
			"GET /api/v1/session says what is still needed",
		}
	}
	if right, ok := who.right(); ok {
		err := s.mayCamera(p, right, cameraOf(r))
		if err == nil && who == holding && p.Token != "" {
			err = &Problem{http.StatusForbidden, "a token changes nothing", "sign in on the page, or do it on the box"}
		}
		return err
	}
	return mayRole(who, p)
}

// mayRole checks the rules that do not depend on what is asked for.
func mayRole(who access, p auth.Principal) error {
	switch who {
	case signedIn:
		return nil
	case anySession, person, enrolling, choosingPass:
		if p.Session != "" && p.Token == "" && !p.Local {
			return nil
		}
		return &Problem{
			http.StatusForbidden, "only somebody who has signed in may do that, and only for themselves",
			"sign in on the page; neither a token nor the box itself has an account to change",
		}
	case readers:
		if p.Is(auth.Admin, auth.Auditor) {
			return nil
		}
	case admins:
		if p.Is(auth.Admin) {
			return nil
		}
	case box:
		if p.Local {
			return nil
		}
		return &Problem{
			http.StatusForbidden, "this is answered on the box itself only",
			"run nvr there; it asks through the daemon's own socket",
		}
	}
	return &Problem{http.StatusForbidden, "your role may not do that", "ask an admin of this recorder"}
}

// mayCamera says why a principal has not the right on a camera. A camera that
// it does not see at all is not told from one that does not exist.
func (s *Server) mayCamera(p auth.Principal, right auth.Right, camera string) error {
	groups, known := s.opt.Groups(camera)
	switch {
	case !known || !sees(p, camera, groups):
		return &Problem{http.StatusNotFound, "there is no such camera", "GET /api/v1/cameras lists the ids"}
	case !p.May(right, camera, groups):
		return &Problem{
			http.StatusForbidden, "you have not the right " + string(right) + " on this camera",
			"ask an admin of this recorder",
		}
	}
	return nil
}

// sees reports whether a principal may know that a camera exists.
func sees(p auth.Principal, camera string, groups []string) bool {
	for _, right := range []auth.Right{auth.Live, auth.Playback, auth.Export, auth.PTZ} {
		if p.May(right, camera, groups) {
			return true
		}
	}
	return false
}

// whileNoAdmin refuses what is for the first run only.
func (s *Server) whileNoAdmin() error {
	needed, err := s.opt.Accounts.NeedsSetup()
	if err == nil && !needed {
		err = &Problem{
			http.StatusConflict, "this recorder has an admin already",
			"sign in; who forgot their password is let in on the box with nvr user reset",
		}
	}
	return err
}

// cameraOf gives the camera that a request names, in its path or its query.
// What else is wrong with the query is the handler's to say.
func cameraOf(r *http.Request) string {
	if id := r.PathValue("camera"); id != "" {
		return id
	}
	return r.URL.Query().Get("camera")
}

// nobody reports whether nobody is signed in.
func nobody(p auth.Principal) bool { return p.Session == "" && p.Token == "" && !p.Local }

// asker is the key of the principal in a request's context.
type asker struct{}

func withPrincipal(ctx context.Context, p auth.Principal) context.Context {
	return context.WithValue(ctx, asker{}, p)
}

// principal gives who asks; the zero Principal is nobody.
func principal(r *http.Request) auth.Principal {
	p, _ := r.Context().Value(asker{}).(auth.Principal) // admit put it there
	return p
}
