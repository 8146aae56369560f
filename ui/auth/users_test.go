package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestWhatARoleIsGiven(t *testing.T) {
	all := []auth.Right{auth.Live, auth.Playback, auth.Export, auth.PTZ}
	none := []string{}
	tests := []struct {
		name  string
		asked auth.Grant
		want  auth.Grant // without a role: refused
	}{
		{
			"an admin has everything",
			auth.Grant{Role: auth.Admin, Rights: []auth.Right{auth.Live}, Cameras: []string{"gate"}},
			auth.Grant{Role: auth.Admin, Rights: all, All: true, Cameras: none, Groups: none},
		},
		{
			"an auditor sees everything",
			auth.Grant{Role: auth.Auditor},
			auth.Grant{Role: auth.Auditor, Rights: []auth.Right{auth.Live, auth.Playback}, All: true, Cameras: none, Groups: none},
		},
		{
			"an operator usually has all rights",
			auth.Grant{Role: auth.Operator, All: true},
			auth.Grant{Role: auth.Operator, Rights: all, All: true, Cameras: none, Groups: none},
		},
		{
			"a viewer usually looks only",
			auth.Grant{Role: auth.Viewer, Groups: []string{"b", "a", "b"}},
			auth.Grant{Role: auth.Viewer, Rights: []auth.Right{auth.Live}, Cameras: none, Groups: []string{"a", "b"}},
		},
		{
			"rights in their order, once",
			auth.Grant{Role: auth.Operator, Rights: []auth.Right{auth.PTZ, auth.Live, auth.PTZ}, Cameras: []string{"y", "x"}},
			auth.Grant{Role: auth.Operator, Rights: []auth.Right{auth.Live, auth.PTZ}, Cameras: []string{"x", "y"}, Groups: none},
		},
		{
			"none at all",
			auth.Grant{Role: auth.Operator, Rights: []auth.Right{}},
			auth.Grant{Role: auth.Operator, Rights: []auth.Right{}, Cameras: none, Groups: none},
		},
		{"a viewer cannot export", auth.Grant{Role: auth.Viewer, Rights: []auth.Right{auth.Export}}, auth.Grant{}},
		{"no such right", auth.Grant{Role: auth.Operator, Rights: []auth.Right{"root"}}, auth.Grant{}},
		{"no such role", auth.Grant{Role: "root"}, auth.Grant{}},
		{"no role", auth.Grant{}, auth.Grant{}},
		{"an empty camera", auth.Grant{Role: auth.Viewer, Cameras: []string{""}}, auth.Grant{}},
		{"a camera with a line end", auth.Grant{Role: auth.Viewer, Cameras: []string{"a\nb"}}, auth.Grant{}},
		{"a long camera", auth.Grant{Role: auth.Viewer, Cameras: []string{strings.Repeat("x", 129)}}, auth.Grant{}},
		{"too many cameras", auth.Grant{Role: auth.Viewer, Cameras: strings.Fields(strings.Repeat("x ", 5001))}, auth.Grant{}},
	}
	s := newSite(t)
	admin := s.setup()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, _, err := s.AddUser(admin.Principal, auth.NewUser{Name: fmt.Sprint("user", i), Grant: tt.asked})
			if tt.want.Role == "" {
				wantKind(t, err, auth.Invalid)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, must(s.User(admin.Principal, u.ID))(t).Grant); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatANameMustBe(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	for _, name := range []string{"kim", "김철수", "a.b-c_d+e@example.org", "7", strings.Repeat("x", 64), "Łukasz"} {
		if _, _, err := s.AddUser(admin.Principal, viewer(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{
		"", " kim", "kim ", "kim lee", "box:root", "<script>", "kim\x00", "kim\n", "-kim", "../kim", strings.Repeat("x", 65),
		strings.Repeat("정", 65), "a\u202eb", "\xff", "kim/lee", "kim\u200b",
	} {
		_, _, err := s.AddUser(admin.Principal, viewer(name))
		if err == nil || wantAny(t, err).Kind != auth.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"KIM", "ｋｉｍ", "김철수"} {
		_, _, err := s.AddUser(admin.Principal, viewer(name))
		wantKind(t, err, auth.Conflict)
	}
}

func TestOnlyAdminsChangeUsersAndAuditorsRead(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	people := map[auth.Role]*person{auth.Admin: admin}
	for i, role := range []auth.Role{auth.Auditor, auth.Operator, auth.Viewer} {
		people[role] = admin.add(auth.NewUser{Name: string(role), Grant: auth.Grant{Role: role, All: true}}, 2+i)
	}
	target := admin.add(viewer("kim"), 9)
	id := target.User.ID
	reads := map[string]func(p auth.Principal) error{
		"users":         func(p auth.Principal) error { _, err := s.Users(p); return err },
		"user":          func(p auth.Principal) error { _, err := s.User(p, id); return err },
		"sessions":      func(p auth.Principal) error { _, err := s.UserSessions(p, id); return err },
		"confirmations": func(p auth.Principal) error { _, err := s.Confirmations(p); return err },
	}
	writes := map[string]func(p auth.Principal) error{
		"add":          func(p auth.Principal) error { _, _, err := s.AddUser(p, viewer("lee")); return err },
		"change":       func(p auth.Principal) error { _, err := s.ChangeUser(p, id, viewer("kim")); return err },
		"reset":        func(p auth.Principal) error { _, err := s.ResetUser(p, id); return err },
		"end sessions": func(p auth.Principal) error { return s.EndUserSessions(p, id) },
		"remove":       func(p auth.Principal) error { return s.RemoveUser(p, id) },
	}
	nobody := auth.Principal{User: auth.User{ID: admin.User.ID, Name: "admin", Grant: auth.Grant{Role: auth.Admin}}}
	for name, do := range reads {
		for role, p := range people {
			if err := do(p.Principal); (err == nil) != (role == auth.Admin || role == auth.Auditor) {
				t.Errorf("%s reads %s: %v", role, name, err)
			}
		}
		if err := do(auth.LocalPrincipal("root")); err != nil {
			t.Errorf("the box reads %s: %v", name, err)
		}
		wantKind(t, do(nobody), auth.SignedOut)
	}
	for _, name := range []string{"add", "change", "reset", "end sessions", "remove"} {
		for _, role := range []auth.Role{auth.Auditor, auth.Operator, auth.Viewer} {
			wantKind(t, writes[name](people[role].Principal), auth.Denied)
		}
		wantKind(t, writes[name](nobody), auth.SignedOut)
		if err := writes[name](admin.Principal); err != nil {
			t.Errorf("an admin cannot %s: %v", name, err)
		}
	}
	// A principal that was read before its role was taken is worth what it is now.
	old := people[auth.Auditor]
	must(s.ChangeUser(admin.Principal, old.User.ID, auth.NewUser{Grant: auth.Grant{Role: auth.Viewer}}))(t)
	_, err := s.Users(old.Principal)
	wantKind(t, err, auth.SignedOut)
}

func TestTheLastAdminStays(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	id := admin.User.ID
	// Admins who cannot sign in with what is kept here do not count.
	_, code, err := s.AddUser(admin.Principal, adminNamed("never-signed-in"))
	if err != nil {
		t.Fatal(err)
	}
	off := admin.add(adminNamed("disabled"), 3)
	n := adminNamed("")
	n.Disabled = true
	must(s.ChangeUser(admin.Principal, off.User.ID, n))(t)
	if _, _, err := s.SignInExternal(auth.External{Provider: "corp", Subject: "1", Name: "boss", Grant: auth.Grant{Role: auth.Admin}}, at(4)); err != nil {
		t.Fatal(err)
	}
	box := auth.LocalPrincipal("root")
	for who, p := range map[string]auth.Principal{"themselves": admin.Principal, "the box": box} {
		wantKind(t, s.RemoveUser(p, id), auth.Conflict)
		_, err = s.ChangeUser(p, id, n)
		wantKind(t, err, auth.Conflict)
		_, err = s.ChangeUser(p, id, auth.NewUser{Grant: auth.Grant{Role: auth.Auditor}})
		wantKind(t, err, auth.Conflict)
		_, err = s.ResetUser(p, id)
		if wantKind(t, err, auth.Conflict); !admin.again().Is(auth.Admin) {
			t.Errorf("%s lowered the last admin", who)
		}
	}
	second := s.first("never-signed-in", code, 5)
	if _, err := s.ChangeUser(admin.Principal, id, auth.NewUser{Grant: auth.Grant{Role: auth.Viewer}}); err != nil {
		t.Fatal(err)
	}
	// Who lowers themselves stays signed in, as what they are now.
	if admin.again(); admin.Is(auth.Admin) || !admin.Is(auth.Viewer) {
		t.Errorf("now %+v", admin.Principal)
	}
	wantKind(t, s.RemoveUser(second.Principal, second.User.ID), auth.Conflict)
}

func TestTwoAdminsWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	s := newSite(t)
	a := s.setup()
	b := a.add(adminNamed("b"), 2)
	done := make(chan error, 2)
	go func() { done <- s.RemoveUser(a.Principal, b.User.ID) }()
	go func() { done <- s.RemoveUser(b.Principal, a.User.ID) }()
	if x, y := <-done, <-done; (x == nil) == (y == nil) {
		t.Errorf("%v, %v", x, y)
	}
}

func TestAResetTakesEverythingButTheName(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(viewer("kim"), 2)
	x := newAuthenticator(t)
	kim.addPasskey(x)
	kim.enrolTOTP()
	_, secret, err := s.AddToken(kim.Principal, auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}, password)
	if err != nil {
		t.Fatal(err)
	}
	code := must(s.ResetUser(admin.Principal, kim.User.ID))(t)
	kim.gone()
	if _, err := s.AuthenticateToken(secret, at(2)); err == nil {
		t.Error("the token still works")
	}
	if _, _, err := s.SignIn("kim", password, at(2)); err == nil {
		t.Error("the password still works")
	}
	x.count++
	if s.passkeyErr(x) == nil {
		t.Error("the passkey still works")
	}
	kim = s.first("kim", code, 2)
	if u := kim.User; u.HasTOTP || len(u.Passkeys) > 0 || !u.HasPassword || !kim.May(auth.Live, "gate", nil) {
		t.Errorf("kim is %+v", u)
	}
	kim.addPasskey(x) // it may be registered anew
}

// A reset asks for no password: by a session left open it would be a way into the
// account, past the change of password that does ask.
func TestNobodyResetsThemselves(t *testing.T) {
	for _, two := range []bool{false, true} {
		s := newSite(t)
		admin := s.setup()
		second := admin.add(adminNamed("second"), 2)
		s.ask(func(p *auth.Policy) { p.TwoPersons = two })
		_, err := s.ResetUser(second.Principal, second.User.ID)
		wantKind(t, err, auth.Denied)
		s.signIn("second", 2)
		if second.again(); !second.Is(auth.Admin) {
			t.Errorf("second is %+v", second.Principal)
		}
		must(s.ResetUser(auth.LocalPrincipal("root"), second.User.ID))(t)
	}
}

func TestRecoveryIsOnTheBox(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	_, err := s.RecoverUser(admin.Principal, "admin")
	wantKind(t, err, auth.Denied)
	box := auth.LocalPrincipal("root")
	_, err = s.RecoverUser(box, "nobody")
	wantKind(t, err, auth.NotFound)
	for i := range 40 {
		s.fails("admin", at(100+i))
	}
	code := must(s.RecoverUser(box, "ADMIN"))(t)
	admin.gone()
	// Recovery ends the lock-out too, and setup stays closed meanwhile.
	if must(s.NeedsSetup())(t) {
		t.Error("setup is open")
	}
	s.first("admin", code, 500)
	if e := s.log("user.recover")[0]; e.Actor != "box:root" || e.Via != "box" || e.Object != "user:admin" {
		t.Errorf("audited as %+v", e)
	}
}

func TestChangesAreAuditedBeforeAndAfter(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(viewer("kim"), 2)
	n := viewer("kim")
	n.Display, n.Rights = "<b>Kim</b>", []auth.Right{auth.Live, auth.Playback}
	must(s.ChangeUser(admin.Principal, kim.User.ID, n))(t)
	e := s.log("user.change")[0]
	before, after := e.Before.(auth.User), e.After.(auth.User)
	if len(before.Rights) != 1 || len(after.Rights) != 2 || before.Display != "" || after.Display != "<b>Kim</b>" {
		t.Errorf("before %+v, after %+v", before, after)
	}
	want := auth.Event{
		Time: s.now(), Actor: "admin", ActorID: admin.User.ID, Via: "session:" + admin.Session, Source: "10.0.0.1",
		Action: "user.change", Object: "user:kim", Outcome: "ok", Before: before, After: after,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	_, err := s.ChangeUser(admin.Principal, kim.User.ID, viewer("kim2"))
	wantKind(t, err, auth.Invalid)
	_, err = s.ChangeUser(admin.Principal, "unknown", viewer("x"))
	wantKind(t, err, auth.NotFound)
}
