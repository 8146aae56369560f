package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestTheFirstAdminIsMadeWithTheCodeOnce(t *testing.T) {
	s := newSite(t)
	if !must(s.NeedsSetup())(t) {
		t.Fatal("an empty database needs no setup")
	}
	old := must(s.SetupCode())(t)
	code := must(s.SetupCode())(t)
	for name, wrong := range map[string]string{"empty": "", "an older one": old, "invented": "AAAA-BBBB-CCCC-DDDD"} {
		_, _, err := s.Setup(wrong, adminNamed("admin"), password, at(9))
		if wantKind(t, err, auth.Denied); len(s.log("setup")) == 0 {
			t.Error("not audited:", name)
		}
	}
	_, _, err := s.Setup(code, adminNamed("admin"), "short", at(1))
	wantKind(t, err, auth.Invalid)

	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	_, p, err := s.Setup(typed, auth.NewUser{Name: "admin", Grant: auth.Grant{Role: auth.Viewer}}, password, at(1))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Is(auth.Admin) || !p.User.All || !p.May(auth.PTZ, "any", nil) || p.CSRF == "" {
		t.Errorf("the first admin is %+v", p)
	}
	if must(s.NeedsSetup())(t) {
		t.Error("setup is still needed")
	}
	_, _, err = s.Setup(code, adminNamed("second"), password, at(2))
	wantKind(t, err, auth.Denied)
	_, err = s.SetupCode()
	wantKind(t, err, auth.Conflict)
	s.restart()
	if must(s.NeedsSetup())(t) {
		t.Error("setup is needed again after a restart")
	}
}

func TestASetupCodeEndsWithTheProcess(t *testing.T) {
	s := newSite(t)
	code := must(s.SetupCode())(t)
	s.restart()
	_, _, err := s.Setup(code, adminNamed("admin"), password, at(1))
	wantKind(t, err, auth.Denied)
}

func TestNobodyShutsTheFirstAdminOut(t *testing.T) {
	s := newSite(t)
	code := must(s.SetupCode())(t)
	for range 100 {
		_, _, err := s.Setup("AAAA-BBBB-CCCC-DDDD", adminNamed("admin"), password, at(1))
		wantKind(t, err, auth.Denied)
	}
	if n := len(s.log("setup")); n != 5 {
		t.Errorf("%d refusals audited", n)
	}
	if _, _, err := s.Setup(code, adminNamed("admin"), password, at(1)); err != nil {
		t.Error(err)
	}
}

func TestTwoWhoSetUpAtOnceMakeOneAdmin(t *testing.T) {
	s := newSite(t)
	code := must(s.SetupCode())(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			_, _, errs[i] = s.Setup(code, adminNamed([]string{"a1", "b2", "c3", "d4"}[i]), password, at(i))
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d admins made: %v", made, errs)
	}
}

func TestSignIn(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	admin.add(viewer("김철수"), 2)
	disabled := admin.add(viewer("gone"), 3)
	n := viewer("gone")
	n.Disabled = true
	must(s.ChangeUser(admin.Principal, disabled.User.ID, n))(t)
	disabled.gone()

	tests := []struct {
		name           string
		user, password string
		right          bool
	}{
		{"right", "admin", password, true},
		{"the name in capitals", "ADMIN", password, true},
		{"the name in full-width letters", "ａｄｍｉｎ", password, true},
		{"Hangul, composed otherwise", "김철수", password, true},
		{"wrong password", "admin", password2, false},
		{"password in capitals", "admin", strings.ToUpper(password), false},
		{"no password", "admin", "", false},
		{"unknown name", "nobody", password, false},
		{"no name", "", password, false},
		{"a name that is too long", strings.Repeat("a", 1<<20), password, false},
		{"a password that is too long", "admin", strings.Repeat("a", 1<<20), false},
		{"disabled", "gone", password, false},
		{"what is no text", "admin", "\xff\xfe", false},
	}
	var answers []string
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cookie, p, err := s.SignIn(tt.user, tt.password, at(100+i))
			if tt.right {
				if err != nil {
					t.Fatal(err)
				}
				if got := must(s.Authenticate(cookie, at(100+i)))(t); got.User.ID != p.User.ID || got.CSRF != p.CSRF {
					t.Errorf("the cookie gives %+v, signing in gave %+v", got, p)
				}
				return
			}
			answers = append(answers, wantKind(t, err, auth.Denied).Error())
			if cookie != "" || p.Is(auth.Admin, auth.Viewer) {
				t.Error("signed in all the same")
			}
		})
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("the answers tell what was wrong: %q, %q", a, answers[0])
		}
	}
	refused := 0
	for _, e := range s.log("sign-in") {
		if e.Outcome == "refused" {
			refused++
		}
	}
	if refused != len(answers) {
		t.Errorf("%d refusals audited of %d", refused, len(answers))
	}
}

func TestAPasswordIsOneHoweverItIsComposed(t *testing.T) {
	s := newSite(t)
	composed, decomposed := "북쪽 정문의 낡은 등불 셋이", ""
	for _, r := range composed { // by hand: syllable to jamo
		if r >= 0xAC00 && r <= 0xD7A3 {
			i := r - 0xAC00
			decomposed += string(0x1100+i/588) + string(0x1161+i%588/28)
			if i%28 > 0 {
				decomposed += string(0x11A7 + i%28)
			}
		} else {
			decomposed += string(r)
		}
	}
	if composed == decomposed {
		t.Fatal("nothing was decomposed")
	}
	code := must(s.SetupCode())(t)
	if _, _, err := s.Setup(code, adminNamed("admin"), composed, at(1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SignIn("admin", decomposed, at(1)); err != nil {
		t.Error(err)
	}
}

func TestAOneTimeCodeSetsAPasswordOnce(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	u, code, err := s.AddUser(admin.Principal, viewer("kim"))
	if err != nil {
		t.Fatal(err)
	}
	if u.HasPassword {
		t.Error("a new user has a password")
	}
	cookie, p, err := s.SignIn("kim", code, at(2))
	if err != nil {
		t.Fatal(err)
	}
	if needs(p) != "[password]" || p.Is(auth.Viewer) || p.May(auth.Live, "gate", nil) {
		t.Errorf("by a code comes %+v", p)
	}
	if _, _, err := s.SignIn("kim", code, at(2)); err == nil {
		t.Error("the code works twice")
	}
	if _, err := s.Tokens(p); err == nil {
		t.Error("tokens before there is a password")
	}
	newCookie := must(s.ChangePassword(p, "", password))(t)
	if _, err := s.Authenticate(cookie, at(2)); err == nil {
		t.Error("the cookie of before the password still works")
	}
	if p := must(s.Authenticate(newCookie, at(2)))(t); !p.May(auth.Live, "gate", nil) {
		t.Errorf("with a password comes %+v", p)
	}
	_, err = s.ChangePassword(must(s.Authenticate(newCookie, at(2)))(t), "", password2)
	wantKind(t, err, auth.Denied)
}

func TestAOneTimeCodeExpires(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	_, code, err := s.AddUser(admin.Principal, viewer("kim"))
	if err != nil {
		t.Fatal(err)
	}
	s.pass(72*time.Hour + time.Second)
	_, _, err = s.SignIn("kim", code, at(2))
	wantKind(t, err, auth.Denied)
}

func TestSignOutEndsTheSession(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	for _, cookie := range []string{"", "what is none", admin.cookie, admin.cookie} {
		if err := s.SignOut(cookie, at(1)); err != nil {
			t.Error(err)
		}
	}
	admin.gone()
	if n := len(s.log("sign-out")); n != 1 {
		t.Errorf("%d sign-outs audited", n)
	}
}

func TestWhatCannotBeAuditedDoesNotHappen(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	before := must(s.Users(admin.Principal))(t)
	full := errors.New("disk is full")
	s.auditErr = full
	if _, _, err := s.AddUser(admin.Principal, viewer("kim")); !errors.Is(err, full) {
		t.Errorf("add: %v", err)
	}
	if _, _, err := s.SignIn("admin", password, at(1)); !errors.Is(err, full) {
		t.Errorf("sign in: %v", err)
	}
	if err := s.RemoveUser(auth.LocalPrincipal("root"), admin.User.ID); err == nil {
		t.Error("removed")
	}
	s.auditErr = nil
	if diff := cmp.Diff(before, must(s.Users(admin.Principal))(t)); diff != "" {
		t.Error(diff)
	}
}
