package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func external(subject, name string, role auth.Role) auth.External {
	return auth.External{Provider: "corp", Subject: subject, Name: name, Grant: auth.Grant{Role: role, All: true}}
}

func TestAProvidersUsersComeAndChange(t *testing.T) {
	s := newSite(t)
	_, _, err := s.SignInExternal(external("s1", "kim", auth.Admin), at(1))
	wantKind(t, err, auth.Denied) // nobody becomes the first admin that way

	admin := s.setup()
	cookie, p, err := s.SignInExternal(external("s1", "kim", auth.Viewer), at(2))
	if err != nil {
		t.Fatal(err)
	}
	if p.User.Name != "kim" || p.User.Source != "corp" || p.Method != "sso:corp" || !p.May(auth.Live, "gate", nil) || p.User.HasPassword {
		t.Errorf("comes as %+v", p)
	}
	id := p.User.ID
	_, p, err = s.SignInExternal(external("s1", "kim-renamed", auth.Operator), at(2))
	if err != nil || p.User.ID != id || p.User.Role != auth.Operator || p.User.Name != "kim" {
		t.Errorf("comes again as %+v, %v", p, err)
	}
	if _, err := s.Authenticate(cookie, at(2)); err == nil {
		t.Error("the session of the old role still works")
	}
	// What the provider says is not changed here, but for disabling.
	_, err = s.ChangeUser(admin.Principal, id, viewer("kim"))
	wantKind(t, err, auth.Conflict)
	must(s.ChangeUser(admin.Principal, id, auth.NewUser{Grant: p.User.Grant, Disabled: true}))(t)
	_, _, err = s.SignInExternal(external("s1", "kim", auth.Admin), at(2))
	wantKind(t, err, auth.Denied)
	if u := must(s.User(admin.Principal, id))(t); u.Role != auth.Operator {
		t.Errorf("a disabled user was raised: %+v", u)
	}
	if log := s.log("sign-in"); log[len(log)-1].Outcome != "refused" {
		t.Error("not audited")
	}
}

func TestAProvidersNameTakesOverNobody(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	_, p, err := s.SignInExternal(external("evil", "ADMIN", auth.Viewer), at(2))
	if err != nil {
		t.Fatal(err)
	}
	if p.User.ID == admin.User.ID || p.User.Name != "ADMIN@corp" || p.Is(auth.Admin) {
		t.Errorf("comes as %+v", p)
	}
	other := external("evil", "ADMIN", auth.Viewer)
	other.Provider = "partner"
	_, q, err := s.SignInExternal(other, at(3))
	if err != nil || q.User.ID == p.User.ID {
		t.Errorf("another provider's subject of the same name is %+v, %v", q, err)
	}
	if _, _, err := s.SignIn("ADMIN@corp", "", at(2)); err == nil {
		t.Error("signs in with an empty password")
	}
	_, err = s.ChangePassword(p, "", password)
	wantKind(t, err, auth.Denied)
	if u := must(s.User(admin.Principal, admin.User.ID))(t); u.Source != auth.SourceLocal || u.Role != auth.Admin {
		t.Errorf("the admin is %+v", u)
	}
}

func TestAProvidersNamesAreMadeToFit(t *testing.T) {
	s := newSite(t)
	s.setup()
	n := 0
	for given, want := range map[string]string{
		"Kim Cheol-su": "Kim-Cheol-su", "<script>": "script-", "": "user", "\x00\n": "user", "../../x": "x",
		strings.Repeat("정", 100): strings.Repeat("정", 64), "kim@example.org": "kim@example.org",
	} {
		n++
		_, p, err := s.SignInExternal(external(fmt.Sprint("subject ", n), given, auth.Viewer), at(2))
		if err != nil {
			t.Errorf("%q: %v", given, err)
		} else if got, _ := strings.CutSuffix(p.User.Name, "@corp"); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
	for _, subject := range []string{"", strings.Repeat("x", 256), "a\x00b"} {
		if _, _, err := s.SignInExternal(external(subject, "x", auth.Viewer), at(2)); err == nil {
			t.Errorf("subject %q taken", subject)
		}
	}
	for _, provider := range []string{"", "local", "box", "a b"} {
		x := external("s", "x", auth.Viewer)
		x.Provider = provider
		if _, _, err := s.SignInExternal(x, at(2)); err == nil {
			t.Errorf("provider %q taken", provider)
		}
	}
}

func TestAProviderAnswersForTheSecondFactorOnlyIfItSays(t *testing.T) {
	s := newSite(t)
	s.setup()
	s.ask(func(p *auth.Policy) { p.SecondFactor = map[auth.Role]bool{auth.Operator: true} })
	x := external("s1", "kim", auth.Operator)
	cookie, p, err := s.SignInExternal(x, at(2))
	if err != nil || needs(p) != "[enrol]" {
		t.Fatalf("needs %v, %v", p.Need, err)
	}
	kim := &person{s, cookie, p}
	k := newAuthenticator(t)
	kim.addPasskey(k)
	if kim.again(); !kim.Is(auth.Operator) {
		t.Errorf("after enrolling comes %+v", kim.Principal)
	}
	// Its passkey is a second factor, not a way round the provider.
	k.count++
	wantKind(t, s.passkeyErr(k), auth.Denied)
	cookie, p, _ = s.SignInExternal(x, at(2))
	if needs(p) != "[passkey]" {
		t.Errorf("needs %v", p.Need)
	}
	k.count++
	if _, p, err = s.byPasskey(k, cookie, 2); err != nil || !p.Is(auth.Operator) {
		t.Errorf("comes %+v, %v", p, err)
	}
	x.MultiFactor = true
	if _, p, _ = s.SignInExternal(x, at(2)); needs(p) != "[]" {
		t.Errorf("needs %v though the provider asked", p.Need)
	}
}

func TestAProviderMakesNoAdminAlone(t *testing.T) {
	s, a, _ := twoPersons(t)
	x := external("s1", "kim", auth.Admin)
	_, _, err := s.SignInExternal(x, at(3))
	id := wantKind(t, err, auth.Pending).Confirmation
	_, _, err = s.SignInExternal(x, at(3))
	if again := wantKind(t, err, auth.Pending).Confirmation; again != id {
		t.Error("asked twice")
	}
	must(s.Confirm(a.Principal, id))(t)
	if _, p, err := s.SignInExternal(x, at(3)); err != nil || !p.Is(auth.Admin) {
		t.Errorf("comes %+v, %v", p, err)
	}
	// Lowered by the provider, and raised again: that is once more an admin made.
	if _, _, err := s.SignInExternal(external("s1", "kim", auth.Viewer), at(3)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.SignInExternal(x, at(3))
	id = wantKind(t, err, auth.Pending).Confirmation
	s.pass(15*time.Minute + time.Second)
	b := s.signIn("second", 2)
	if _, err := s.Confirm(b.Principal, id); err == nil {
		t.Error("confirmed too late")
	}
}

// What goes past the provider must not outlast its word for long: it cannot be asked
// whether it let somebody go.
func TestTokensEndWithTheProvidersWord(t *testing.T) {
	s := newSite(t)
	s.setup()
	x := auth.External{Provider: "corp", Subject: "1", Name: "kim", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}}}
	come := func() auth.Principal {
		t.Helper()
		_, p, err := s.SignInExternal(x, at(4))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	token := func(p auth.Principal) string {
		t.Helper()
		_, secret, err := s.AddToken(p, auth.NewToken{Name: "x", Expires: s.now().AddDate(0, 0, 7)}, "")
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	secret := token(come())
	s.pass(6 * 24 * time.Hour)
	must(s.AuthenticateToken(secret, at(9)))(t)
	s.pass(24 * time.Hour)
	_, err := s.AuthenticateToken(secret, at(9))
	wantKind(t, err, auth.SignedOut)
	p := come() // they are still there
	secret = token(p)
	must(s.AuthenticateToken(secret, at(9)))(t)

	if err := s.Dismiss(auth.External{Provider: "corp", Subject: "1", Name: "kim"}, at(4)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Sessions(p)
	wantKind(t, err, auth.SignedOut)
	_, err = s.AuthenticateToken(secret, at(9))
	wantKind(t, err, auth.SignedOut)
	if e := s.log("user.change"); len(e) != 1 || !strings.HasPrefix(e[0].Detail, "no role at the provider: 2 sessions and 2 tokens ended") || len(e[0].After.(auth.User).Cameras) != 0 {
		t.Errorf("audited as %+v", e)
	}
	for range 20 { // nobody fills the audit with it
		if err := s.Dismiss(auth.External{Provider: "corp", Subject: "2", Name: "lee"}, at(5)); err != nil {
			t.Fatal(err)
		}
	}
	if e := s.log("sign-in"); len(e) > 10 {
		t.Errorf("%d entries", len(e))
	}
}
