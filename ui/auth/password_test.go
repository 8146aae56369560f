package auth_test

import (
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestWhatAPasswordMustBe(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	tests := []struct {
		name, password string
		good           bool
	}{
		{"words", "a lamp, a boat, a fence", true},
		{"Hangul, twelve syllables", "가나다라마바사아자차카타", true},
		{"with an emoji", "🐈 sat on the mat 🐈", true},
		{"256 characters", strings.Repeat("lamp boat ", 25) + "fences", true},
		{"a word and more than a tail", "password is a bad one", true},
		{"eleven characters", "lamp boat f", false},
		{"Hangul, eleven syllables in 33 bytes", "가나다라마바사아자차카", false},
		{"257 characters", strings.Repeat("lamp boat ", 25) + "fences!", false},
		{"megabytes", strings.Repeat("lamp boat ", 1<<20), false},
		{"the name", "administrator.kim", false},
		{"the name in capitals", "ADMINISTRATOR.KIM", false},
		{"the name with a tail", "administrator.kim2026!", false},
		{"a common one", "Qwertyuiop123", false},
		{"a word and a tail", "Password2026!!", false},
		{"a Korean word and a tail", "비밀번호12345678", false},
		{"digits only", "739284650173", false},
		{"few characters", "abababababab", false},
		{"a line end", "three lamps\nand a kettle", false},
		{"what is no text", "three lamps and a kettle\xff", false},
		{"the old one", password, false},
	}
	u := adminNamed("administrator.kim")
	kim := admin.add(u, 2)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cookie, err := s.ChangePassword(kim.Principal, password, tt.password)
			if !tt.good {
				wantKind(t, err, auth.Invalid)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			kim.cookie = cookie
			kim.again()
			if _, _, err := s.SignIn("administrator.kim", tt.password, at(2)); err != nil {
				t.Error(err)
			}
			// Back, for the next one.
			kim.cookie = must(s.ChangePassword(kim.Principal, tt.password, password))(t)
			kim.again()
		})
	}
}

func TestAPasswordIsChangedWithTheOldOneOnly(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	for range 5 {
		_, err := s.ChangePassword(admin.Principal, "not the old password", password2)
		wantKind(t, err, auth.Denied)
	}
	_, err := s.ChangePassword(admin.Principal, password, password2)
	wantKind(t, err, auth.Locked)
	if _, err := s.BeginAddPasskeyErr(admin, password); err == nil {
		t.Error("locked for one thing only")
	}
}

// BeginAddPasskeyErr is BeginAddPasskey without the options.
func (s *site) BeginAddPasskeyErr(p *person, password string) (string, error) {
	id, _, err := s.BeginAddPasskey(p.Principal, password)
	return id, err
}

func TestAChangedPasswordEndsTheOtherSessions(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	other := s.signIn("admin", 2)
	old := *admin
	admin.cookie = must(s.ChangePassword(admin.Principal, password, password2))(t)
	other.gone()
	old.gone()
	if now := admin.again(); now.Session != old.Session || now.CSRF == old.CSRF {
		t.Errorf("the session that did it became %+v", now.Principal)
	}
	_, _, err := s.SignIn("admin", password, at(1))
	wantKind(t, err, auth.Denied)
}
