package auth_test

import (
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// addPasskey registers the authenticator with the person's account.
func (p *person) addPasskey(x *authenticator) auth.Passkey {
	t := p.s.t
	t.Helper()
	made, err := p.tryPasskey(x)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (p *person) tryPasskey(x *authenticator) (auth.Passkey, error) {
	id, options, err := p.s.BeginAddPasskey(p.Principal, password)
	if err != nil {
		return auth.Passkey{}, err
	}
	made, cookie, err := p.s.FinishAddPasskey(p.Principal, id, "laptop", x.create(options))
	if cookie != "" {
		p.cookie = cookie
	}
	return made, err
}

// byPasskey signs in by a passkey, cookie being that of a partial session or none.
func (s *site) byPasskey(x *authenticator, cookie string, source int) (string, auth.Principal, error) {
	id, options, err := s.BeginPasskey(cookie, at(source))
	if err != nil {
		return "", auth.Principal{}, err
	}
	return s.FinishPasskey(cookie, id, x.get(options), at(source))
}

func TestAPasskeySignsInAlone(t *testing.T) {
	s := newSite(t)
	s.ask(func(p *auth.Policy) { p.SecondFactor = map[auth.Role]bool{auth.Admin: true} })
	admin := s.setup()
	x := newAuthenticator(t)
	old := *admin
	made := admin.addPasskey(x)
	old.gone() // it was enrolling: its rise has a new cookie
	if admin.again(); !admin.Is(auth.Admin) || len(admin.User.Passkeys) != 1 || admin.User.Passkeys[0].ID != made.ID {
		t.Fatalf("after enrolling comes %+v", admin.Principal)
	}
	x.count++
	s.pass(time.Hour)
	cookie, p, err := s.byPasskey(x, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Is(auth.Admin) || p.Method != "passkey" || p.User.Passkeys[0].LastUsed != s.now() {
		t.Errorf("by a passkey comes %+v", p)
	}
	if got := must(s.Authenticate(cookie, at(2)))(t); got.User.ID != admin.User.ID {
		t.Errorf("the cookie is %s's", got.User.Name)
	}
	wantKind(t, s.RenamePasskey(p, "other", "blue key"), auth.NotFound)
	wantKind(t, s.RenamePasskey(p, made.ID, " "), auth.Invalid)
	if err := s.RenamePasskey(p, made.ID, "blue key"); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Authenticate(cookie, at(2)))(t); got.User.Passkeys[0].Name != "blue key" {
		t.Errorf("it is called %q", got.User.Passkeys[0].Name)
	}
	wantKind(t, s.RemovePasskey(p, made.ID, password), auth.Conflict)
	s.ask(func(p *auth.Policy) { p.SecondFactor = nil })
	wantKind(t, s.RemovePasskey(p, "other", password), auth.NotFound)
	if err := s.RemovePasskey(p, made.ID, password); err != nil {
		t.Fatal(err)
	}
	x.count++
	_, _, err = s.byPasskey(x, "", 2)
	wantKind(t, err, auth.Denied)
}

func TestAPasskeyIsASecondFactor(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	x := newAuthenticator(t)
	x.flags = 0 // a key without a PIN is a factor, but not two
	admin.addPasskey(x)
	x.count++
	_, _, err := s.byPasskey(x, "", 2)
	wantKind(t, err, auth.Denied)

	p := s.signIn("admin", 2)
	if needs(p.Principal) != "[passkey]" {
		t.Fatalf("needs %v", p.Need)
	}
	_, _, err = s.TOTP(p.cookie, "000000", at(2))
	wantKind(t, err, auth.Conflict)
	x.count++
	cookie, full, err := s.byPasskey(x, p.cookie, 2)
	if err != nil {
		t.Fatal(err)
	}
	p.gone()
	if !full.Is(auth.Admin) || full.Method != "password+passkey" {
		t.Errorf("comes %+v", full)
	}
	both := &person{s, cookie, full}
	secret := both.enrolTOTP()
	if q := s.signIn("admin", 2); needs(q.Principal) != "[totp passkey]" {
		t.Errorf("needs %v", q.Need)
	} else if _, q, err := s.TOTP(q.cookie, codeAt(t, secret, s.now()), at(2)); err != nil || !q.Is(auth.Admin) {
		t.Errorf("one of the two: %+v, %v", q, err)
	}
}

func TestWhatAPasskeyIsRefusedFor(t *testing.T) {
	tests := []struct {
		name string
		do   func(s *site, x *authenticator) error
	}{
		{"a counter that stands still", func(s *site, x *authenticator) error {
			return s.passkeyErr(x)
		}},
		{"a counter that goes back", func(s *site, x *authenticator) error {
			x.count = 3
			return s.passkeyErr(x)
		}},
		{"no verified user", func(s *site, x *authenticator) error {
			x.count++
			x.flags = 0
			return s.passkeyErr(x)
		}},
		{"another site's page", func(s *site, x *authenticator) error {
			x.count++
			x.origin = "https://nvr.example.evil"
			return s.passkeyErr(x)
		}},
		{"another party", func(s *site, x *authenticator) error {
			x.count++
			x.rp = "evil.example"
			return s.passkeyErr(x)
		}},
		{"another key with its id", func(s *site, x *authenticator) error {
			y := newAuthenticator(s.t)
			y.id, y.handle, y.count = x.id, x.handle, x.count+1
			return s.passkeyErr(y)
		}},
		{"another user's handle", func(s *site, x *authenticator) error {
			x.count++
			x.handle = []byte(s.signIn("kim", 2).User.ID)
			return s.passkeyErr(x)
		}},
		{"an unknown handle", func(s *site, x *authenticator) error {
			x.count++
			x.handle = []byte("nobody")
			return s.passkeyErr(x)
		}},
		{"an older challenge", func(s *site, x *authenticator) error {
			_, old, _ := s.BeginPasskey("", at(2))
			id, _, _ := s.BeginPasskey("", at(2))
			x.count++
			_, _, err := s.FinishPasskey("", id, x.get(old), at(2))
			return err
		}},
		{"a partial session's challenge, signed out", func(s *site, x *authenticator) error {
			id, options, _ := s.BeginPasskey(s.signIn("admin", 2).cookie, at(2))
			x.count++
			_, _, err := s.FinishPasskey("", id, x.get(options), at(2))
			if err != nil && wantAny(s.t, err).Kind == auth.SignedOut {
				err = &auth.Error{Kind: auth.Denied, Message: "-", Fix: "-"}
			}
			return err
		}},
		{"another session's challenge", func(s *site, x *authenticator) error {
			id, options, _ := s.BeginPasskey(s.signIn("admin", 2).cookie, at(2))
			x.count++
			_, _, err := s.FinishPasskey(s.signIn("admin", 2).cookie, id, x.get(options), at(2))
			return err
		}},
		{"a user who is disabled", func(s *site, x *authenticator) error {
			box := auth.LocalPrincipal("root")
			kim := s.signIn("kim", 2)
			y := newAuthenticator(s.t)
			kim.addPasskey(y)
			n := viewer("")
			n.Disabled = true
			must(s.ChangeUser(box, kim.User.ID, n))(s.t)
			y.count++
			return s.passkeyErr(y)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			admin := s.setup()
			admin.add(viewer("kim"), 2)
			x := newAuthenticator(t)
			x.count = 4
			admin.addPasskey(x)
			before := len(s.log("sign-in"))
			err := tt.do(s, x)
			wantKind(t, err, auth.Denied)
			if log := s.log("sign-in"); len(log) == before {
				t.Error("not audited")
			} else if last := log[len(log)-1]; last.Outcome == "refused" {
				t.Log(last.Detail)
			}
		})
	}
}

func (s *site) passkeyErr(x *authenticator) error {
	_, _, err := s.byPasskey(x, "", 2)
	return err
}

func TestAnAnswerOfAPasskeyIsTakenOnce(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	x := newAuthenticator(t)
	admin.addPasskey(x)
	id, options, err := s.BeginPasskey("", at(2))
	if err != nil {
		t.Fatal(err)
	}
	x.count++
	answer := x.get(options)
	if _, _, err := s.FinishPasskey("", id, answer, at(2)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.FinishPasskey("", id, answer, at(2))
	wantKind(t, err, auth.Invalid)

	id, options, _ = s.BeginPasskey("", at(2))
	s.pass(5 * time.Minute)
	x.count++
	_, _, err = s.FinishPasskey("", id, x.get(options), at(2))
	wantKind(t, err, auth.Invalid)
}

func TestOneFloodOfBegunPasskeysEndsNobodyElses(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	x := newAuthenticator(t)
	admin.addPasskey(x)
	id, options, err := s.BeginPasskey("", at(2))
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if _, _, err := s.BeginPasskey("", at(3)); err != nil {
			t.Fatal(err)
		}
	}
	x.count++
	if _, _, err := s.FinishPasskey("", id, x.get(options), at(2)); err != nil {
		t.Error(err)
	}
}

func TestARegistrationIsForItsSessionAndOnce(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(viewer("kim"), 2)
	x := newAuthenticator(t)
	id, options, err := s.BeginAddPasskey(admin.Principal, password)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.FinishAddPasskey(kim.Principal, id, "stolen", x.create(options))
	wantKind(t, err, auth.Invalid)
	_, _, err = s.FinishAddPasskey(admin.Principal, id, "late", x.create(options))
	wantKind(t, err, auth.Invalid)
	_, _, err = s.BeginAddPasskey(admin.Principal, password2)
	wantKind(t, err, auth.Denied)

	admin.addPasskey(x)
	_, err = kim.tryPasskey(x)
	wantKind(t, err, auth.Conflict)
	_, options, err = s.BeginAddPasskey(admin.Principal, password)
	if err != nil {
		t.Fatal(err)
	}
	if o := readOptions(t, options); len(o.Exclude) != 1 {
		t.Errorf("options do not exclude what is registered: %s", options)
	}
	evil := newAuthenticator(t)
	evil.origin = "https://evil.example"
	_, err = kim.tryPasskey(evil)
	wantKind(t, err, auth.Invalid)
	for range 19 {
		admin.addPasskey(newAuthenticator(t))
	}
	_, err = admin.tryPasskey(newAuthenticator(t))
	wantKind(t, err, auth.Conflict)
}

func TestPasskeysNeedAName(t *testing.T) {
	for _, name := range []string{"", "10.0.0.1", "2001:db8::1"} {
		s := newSite(t)
		admin := s.setup()
		s.ask(func(p *auth.Policy) { p.RPID = name })
		_, _, err := s.BeginPasskey("", at(1))
		wantKind(t, err, auth.Conflict)
		_, _, err = s.BeginAddPasskey(admin.Principal, password)
		wantKind(t, err, auth.Conflict)
	}
}
