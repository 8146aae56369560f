package auth

import "slices"

// Need is what a sign-in still lacks.
type Need string

// The needs. While there is one, the principal may do nothing but meet it.
const (
	NeedTOTP     Need = "totp"     // a code, or a passkey when that is listed too
	NeedPasskey  Need = "passkey"  // a passkey, or a code when that is listed too
	NeedEnrol    Need = "enrol"    // set up a code or a passkey: the role must have one
	NeedPassword Need = "password" // set a password: the sign-in was by a one-time code
)

// Principal is who asks: a user with a session, a program with a token, or
// somebody on the box itself. It is a snapshot; Follow watches it.
type Principal struct {
	User           User
	Session, Token string // public id of the one that is used, the other empty
	Need           []Need // any one of them; then there may be others
	CSRF           string // what a changing request of the session must repeat; empty for tokens
	Method         string // how it signed in: password, password+totp, passkey, code, sso:ID, token, box
	Local          bool   // through the daemon's own socket

	scope *scope // what the token is limited to; nil without one
	from  Source
}

// scope is the part of its user's rights that a token has.
type scope struct {
	rights  []Right
	cameras []string // nil: all of the user's
	reads   bool
}

// LocalPrincipal is somebody who came through the daemon's socket, whose other
// end the kernel vouches for. Root on the box can change everything anyway.
func LocalPrincipal(username string) Principal {
	rights, _ := Admin.Rights()
	return Principal{
		User: User{
			Name: "box:" + username, Source: "box", Passkeys: []Passkey{},
			Grant: Grant{Role: Admin, Rights: rights, All: true, Cameras: []string{}, Groups: []string{}},
		},
		Method: "box",
		Local:  true,
	}
}

// Is reports whether the principal has one of the roles. It is false while
// something is still needed. A token is never an admin: at most it reads what
// its user reads, as an auditor does.
func (p Principal) Is(roles ...Role) bool {
	return len(p.Need) == 0 && p.known() && slices.Contains(roles, p.role())
}

// role is the user's, narrowed by the token.
func (p Principal) role() Role {
	switch {
	case p.scope == nil || !p.User.Role.fixed():
		return p.User.Role
	case p.scope.reads:
		return Auditor
	default:
		return Operator
	}
}

// May reports whether the principal has the right on the camera, which is in
// the groups. It is false while something is still needed.
func (p Principal) May(r Right, camera string, groups []string) bool {
	if len(p.Need) > 0 || !p.known() || !p.User.may(r, camera, groups) {
		return false
	}
	return p.scope == nil || slices.Contains(p.scope.rights, r) &&
		(p.scope.cameras == nil || slices.Contains(p.scope.cameras, camera))
}

// Name names the principal for the audit: the user's name, or box:USERNAME.
func (p Principal) Name() string { return p.User.Name }

// Via names what was used: session:ID, token:ID, box, or nothing.
func (p Principal) Via() string {
	switch {
	case p.Local:
		return "box"
	case p.Token != "":
		return "token:" + p.Token
	case p.Session != "":
		return "session:" + p.Session
	default:
		return ""
	}
}

// From is where the request came from.
func (p Principal) From() Source { return p.from }

// known is false for the zero Principal: nobody.
func (p Principal) known() bool { return p.Local || p.Session != "" || p.Token != "" }

// person reports whether it is a user with a session of their own: no program,
// and not the box.
func (p Principal) person() bool { return p.Session != "" && !p.Local && p.Token == "" }
