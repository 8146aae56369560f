package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func (p *person) token(n auth.NewToken) auth.Principal {
	p.s.t.Helper()
	if n.Name == "" {
		n.Name = "program"
	}
	if n.Expires.IsZero() {
		n.Expires = p.s.now().Add(time.Hour)
	}
	_, secret, err := p.s.AddToken(p.Principal, n, password)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return must(p.s.AuthenticateToken(secret, at(77)))(p.s.t)
}

func TestATokenIsLessThanItsUser(t *testing.T) {
	everything := []auth.Right{auth.Live, auth.Playback, auth.Export, auth.PTZ}
	tests := []struct {
		name  string
		user  auth.Grant
		token auth.NewToken
		may   string // right@camera in groups
		is    string
	}{
		{
			"all that an admin's can",
			auth.Grant{Role: auth.Admin},
			auth.NewToken{Rights: everything, Reads: true},
			"live@gate live@yard export@gate ptz@gate", "auditor",
		},
		{
			"an admin's that reads no pages",
			auth.Grant{Role: auth.Admin},
			auth.NewToken{Rights: everything},
			"live@gate live@yard export@gate ptz@gate", "operator",
		},
		{
			"one right on one camera",
			auth.Grant{Role: auth.Operator, All: true},
			auth.NewToken{Rights: []auth.Right{auth.Live}, Cameras: []string{"gate"}},
			"live@gate", "operator",
		},
		{
			"no rights", auth.Grant{Role: auth.Operator, All: true}, auth.NewToken{}, "", "operator",
		},
		{
			"all of a user's cameras",
			auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}},
			auth.NewToken{Rights: []auth.Right{auth.Live}},
			"live@gate", "viewer",
		},
		{
			"cameras that the user's groups may have",
			auth.Grant{Role: auth.Viewer, Groups: []string{"outside"}},
			auth.NewToken{Rights: []auth.Right{auth.Live}, Cameras: []string{"gate", "safe"}},
			"live@gate", "viewer",
		},
		{
			"an auditor's",
			auth.Grant{Role: auth.Auditor},
			auth.NewToken{Rights: []auth.Right{auth.Live}, Reads: true},
			"live@gate live@yard", "auditor",
		},
	}
	groups := map[string][]string{"gate": {"outside"}, "yard": {"inside"}, "safe": {"vault"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			p := s.setup().add(auth.NewUser{Name: "kim", Grant: tt.user}, 2).token(tt.token)
			for _, try := range []string{"live@gate", "live@yard", "live@safe", "export@gate", "ptz@gate"} {
				if try == "live@safe" && (tt.user.Role == auth.Admin || tt.user.Role == auth.Auditor) {
					continue
				}
				right, camera, _ := strings.Cut(try, "@")
				want := strings.Contains(" "+tt.may+" ", " "+try+" ")
				if got := p.May(auth.Right(right), camera, groups[camera]); got != want {
					t.Errorf("%s: %v, want %v", try, got, want)
				}
			}
			for _, role := range []auth.Role{auth.Admin, auth.Auditor, auth.Operator, auth.Viewer} {
				if p.Is(role) != (string(role) == tt.is) {
					t.Errorf("is %s: %v", role, p.Is(role))
				}
			}
		})
	}
}

func TestATokenChangesNothingOfAccounts(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(adminNamed("kim"), 2)
	p := admin.token(auth.NewToken{Rights: []auth.Right{auth.Live}, Reads: true})
	if _, err := s.Users(p); err != nil {
		t.Error("it reads no users:", err)
	}
	tries := map[string]func() error{
		"add user":        func() error { _, _, err := s.AddUser(p, viewer("lee")); return err },
		"change user":     func() error { _, err := s.ChangeUser(p, kim.User.ID, viewer("kim")); return err },
		"remove user":     func() error { return s.RemoveUser(p, kim.User.ID) },
		"reset user":      func() error { _, err := s.ResetUser(p, kim.User.ID); return err },
		"recover user":    func() error { _, err := s.RecoverUser(p, "kim"); return err },
		"end sessions":    func() error { return s.EndUserSessions(p, kim.User.ID) },
		"change password": func() error { _, err := s.ChangePassword(p, password, password2); return err },
		"begin TOTP":      func() error { _, _, err := s.BeginTOTP(p, password); return err },
		"confirm TOTP":    func() error { _, err := s.ConfirmTOTP(p, "123456"); return err },
		"remove TOTP":     func() error { return s.RemoveTOTP(p, password) },
		"begin passkey":   func() error { _, _, err := s.BeginAddPasskey(p, password); return err },
		"finish passkey":  func() error { _, _, err := s.FinishAddPasskey(p, "x", "x", nil); return err },
		"rename passkey":  func() error { return s.RenamePasskey(p, "x", "y") },
		"remove passkey":  func() error { return s.RemovePasskey(p, "x", password) },
		"list sessions":   func() error { _, err := s.Sessions(p); return err },
		"end session":     func() error { return s.EndSession(p, admin.Session) },
		"list tokens":     func() error { _, err := s.Tokens(p); return err },
		"add token": func() error {
			_, _, err := s.AddToken(p, auth.NewToken{Name: "x", Expires: s.now().Add(1)}, password)
			return err
		},
		"remove token":     func() error { return s.RemoveToken(p, p.Token) },
		"set preferences":  func() error { _, err := s.SetPreferences(p, auth.Preferences{}); return err },
		"confirm":          func() error { _, err := s.Confirm(p, "x"); return err },
		"ask for a second": func() error { _, err := s.RequestConfirmation(p, "hold", "x", ""); return err },
	}
	before := fmt.Sprint(must(s.Users(admin.Principal))(t))
	for name, do := range tries {
		if err := do(); err == nil {
			t.Error("a token can", name)
		} else if k := wantAny(t, err).Kind; k != auth.Denied && k != auth.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := fmt.Sprint(must(s.Users(admin.Principal))(t)); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func TestWhatATokenMustBe(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(auth.NewUser{Name: "kim", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}}}, 2)
	day := s.now().Add(24 * time.Hour)
	tests := map[string]auth.NewToken{
		"no name":                {Expires: day},
		"a name in two lines":    {Name: "a\nb", Expires: day},
		"no expiry":              {Name: "x"},
		"expired":                {Name: "x", Expires: s.now()},
		"for longer than a year": {Name: "x", Expires: s.now().AddDate(1, 0, 0).Add(time.Second)},
		"a right that is not kim's": {
			Name: "x", Expires: day, Rights: []auth.Right{auth.Playback},
		},
		"a right that is none":          {Name: "x", Expires: day, Rights: []auth.Right{"root"}},
		"a camera that is not kim's":    {Name: "x", Expires: day, Cameras: []string{"safe"}},
		"pages that a viewer reads not": {Name: "x", Expires: day, Reads: true},
	}
	for name, n := range tests {
		if _, _, err := s.AddToken(kim.Principal, n, password); err == nil {
			t.Error("taken:", name)
		} else {
			wantKind(t, err, auth.Invalid)
		}
	}
	for range 50 {
		kim.token(auth.NewToken{})
	}
	_, _, err := s.AddToken(kim.Principal, auth.NewToken{Name: "one more", Expires: day}, password)
	wantKind(t, err, auth.Conflict)
	if list := must(s.Tokens(kim.Principal))(t); len(list) != 50 {
		t.Errorf("%d tokens", len(list))
	}
}

func TestATokenEnds(t *testing.T) {
	tests := map[string]func(s *site, admin, kim *person, id string){
		"by time":                func(s *site, _, _ *person, _ string) { s.pass(time.Hour) },
		"when it is removed":     func(s *site, _, kim *person, id string) { _ = s.RemoveToken(kim.Principal, id) },
		"when its user is gone":  func(s *site, admin, kim *person, _ string) { _ = s.RemoveUser(admin.Principal, kim.User.ID) },
		"when its user is reset": func(s *site, admin, kim *person, _ string) { _, _ = s.ResetUser(admin.Principal, kim.User.ID) },
		"when its user is disabled": func(s *site, admin, kim *person, _ string) {
			n := viewer("")
			n.Disabled = true
			_, _ = s.ChangeUser(admin.Principal, kim.User.ID, n)
			_, _ = s.ChangeUser(admin.Principal, kim.User.ID, viewer("")) // and it stays ended
		},
		"when the password is changed": func(s *site, _, kim *person, _ string) {
			_, _ = s.ChangePassword(kim.Principal, password, password2)
		},
		"when an admin ends all": func(s *site, admin, kim *person, _ string) { _ = s.EndUserTokens(admin.Principal, kim.User.ID) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			admin := s.setup()
			kim := admin.add(viewer("kim"), 2)
			made, secret, err := s.AddToken(kim.Principal, auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}, password)
			if err != nil {
				t.Fatal(err)
			}
			s.pass(time.Minute)
			must(s.AuthenticateToken(secret, at(9)))(t)
			if list := must(s.Tokens(kim.Principal))(t); !list[0].LastUsed.Equal(s.now()) {
				t.Errorf("last used %v", list[0].LastUsed)
			}
			end(s, admin, kim, made.ID)
			_, err = s.AuthenticateToken(secret, at(9))
			wantKind(t, err, auth.SignedOut)
		})
	}
}

func TestATokenFollowsItsUser(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	n := auth.NewUser{Name: "kim", Grant: auth.Grant{Role: auth.Operator, All: true}}
	kim := admin.add(n, 2)
	_, secret, err := s.AddToken(kim.Principal, auth.NewToken{Name: "x", Rights: []auth.Right{auth.Export}, Expires: s.now().Add(time.Hour)}, password)
	if err != nil {
		t.Fatal(err)
	}
	if p := must(s.AuthenticateToken(secret, at(9)))(t); !p.May(auth.Export, "gate", nil) {
		t.Error("may not export")
	}
	n.Rights = []auth.Right{auth.Live}
	must(s.ChangeUser(admin.Principal, kim.User.ID, n))(t)
	if p := must(s.AuthenticateToken(secret, at(9)))(t); p.May(auth.Export, "gate", nil) || p.May(auth.Live, "gate", nil) {
		t.Error("has more than its user, or than itself")
	}
}

// A token and the loss of a passkey outlast a session that somebody left open.
func TestWhatOutlastsASessionNeedsThePasswordAgain(t *testing.T) {
	s := newSite(t)
	kim := s.setup().add(viewer("kim"), 2)
	kim.addPasskey(newAuthenticator(t))
	kim.again()
	n := auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}
	for _, wrong := range []string{"", password2} {
		_, _, err := s.AddToken(kim.Principal, n, wrong)
		wantKind(t, err, auth.Denied)
		wantKind(t, s.RemovePasskey(kim.Principal, kim.User.Passkeys[0].ID, wrong), auth.Denied)
	}
	if list := must(s.Tokens(kim.Principal))(t); len(list) != 0 || len(kim.again().User.Passkeys) != 1 {
		t.Errorf("tokens %+v, kim %+v", list, kim.User)
	}
	if e := s.log("password.prove"); len(e) != 4 || e[0].Outcome != "refused" {
		t.Errorf("audited as %+v", e)
	}
}

func TestASignInWithoutAPasswordMakesTokensWhileItIsFresh(t *testing.T) {
	s := newSite(t)
	s.setup()
	x := auth.External{Provider: "corp", Subject: "1", Name: "kim", Grant: auth.Grant{Role: auth.Viewer}}
	_, p, err := s.SignInExternal(x, at(4))
	if err != nil {
		t.Fatal(err)
	}
	n := auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}
	if _, _, err := s.AddToken(p, n, ""); err != nil {
		t.Fatal(err)
	}
	s.pass(11 * time.Minute)
	_, _, err = s.AddToken(p, n, "")
	wantKind(t, err, auth.Denied)
}

func TestAdminsEndTokensOfOthersAndAuditorsSeeThem(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	auditor := admin.add(auth.NewUser{Name: "auditor", Grant: auth.Grant{Role: auth.Auditor}}, 3)
	kim := admin.add(viewer("kim"), 2)
	kim.token(auth.NewToken{Name: "one"})
	own := kim.token(auth.NewToken{Name: "two"})
	for _, p := range []auth.Principal{admin.Principal, auditor.Principal} {
		if list := must(s.UserTokens(p, kim.User.ID))(t); len(list) != 2 {
			t.Errorf("%s sees %+v", p.Name(), list)
		}
		_, err := s.UserTokens(p, "unknown")
		wantKind(t, err, auth.NotFound)
	}
	for _, p := range []auth.Principal{kim.Principal, own} {
		_, err := s.UserTokens(p, kim.User.ID)
		wantKind(t, err, auth.Denied)
	}
	for _, p := range []auth.Principal{kim.Principal, own, auditor.Principal, admin.token(auth.NewToken{Reads: true})} {
		wantKind(t, s.EndUserTokens(p, kim.User.ID), auth.Denied)
	}
	if err := s.EndUserTokens(admin.Principal, kim.User.ID); err != nil {
		t.Fatal(err)
	}
	if list := must(s.Tokens(kim.Principal))(t); len(list) != 0 { // whose session stays
		t.Errorf("left: %+v", list)
	}
	if e := s.log("token.end-all"); len(e) != 1 || e[0].Object != "user:kim" || e[0].Actor != "admin" || e[0].Detail != "2 tokens" {
		t.Errorf("audited as %+v", e)
	}
}
