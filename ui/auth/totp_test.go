package auth_test

import (
	"encoding/base32"
	"net/url"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestACodeIsAskedForAndRaisesTheSession(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	secret := admin.enrolTOTP()
	if !admin.User.HasTOTP || needs(admin.Principal) != "[]" {
		t.Errorf("who set it up is %+v", admin.Principal)
	}
	p := s.signIn("admin", 2)
	if needs(p.Principal) != "[totp]" || p.Is(auth.Admin) || p.May(auth.Live, "gate", nil) {
		t.Errorf("by the password alone comes %+v", p.Principal)
	}
	if _, err := s.Users(p.Principal); err == nil {
		t.Error("a partial session lists users")
	}
	_, _, err := s.TOTP(p.cookie, "000000", at(2))
	wantKind(t, err, auth.Denied)

	old := *p
	cookie, full, err := s.TOTP(p.cookie, codeAt(t, secret, s.now()), at(2))
	if err != nil {
		t.Fatal(err)
	}
	// Fixation: the cookie of before is worth nothing.
	old.gone()
	if !full.Is(auth.Admin) || full.Method != "password+totp" || full.CSRF == old.CSRF || full.Session != old.Session {
		t.Errorf("with the code comes %+v", full)
	}
	_, _, err = s.TOTP(cookie, codeAt(t, secret, s.now().Add(30*time.Second)), at(2))
	wantKind(t, err, auth.Conflict)
}

func TestACodeIsTakenOnce(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	secret := admin.enrolTOTP()
	code := codeAt(t, secret, s.now())
	if _, _, err := s.TOTP(s.signIn("admin", 2).cookie, code, at(2)); err != nil {
		t.Fatal(err)
	}
	later := s.signIn("admin", 3)
	_, _, err := s.TOTP(later.cookie, code, at(3))
	wantKind(t, err, auth.Denied)
	// An older one that was not used is no better.
	_, _, err = s.TOTP(later.cookie, codeAt(t, secret, s.now().Add(-30*time.Second)), at(3))
	wantKind(t, err, auth.Denied)
	s.restart()
	_, _, err = s.TOTP(later.cookie, code, at(3))
	wantKind(t, err, auth.Denied)
	if _, _, err = s.TOTP(later.cookie, codeAt(t, secret, s.now().Add(30*time.Second)), at(3)); err != nil {
		t.Error(err)
	}
}

func TestTheCodeThatEnrolsIsUsed(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	secret, _, err := s.BeginTOTP(admin.Principal, password)
	if err != nil {
		t.Fatal(err)
	}
	code := codeAt(t, secret, s.now())
	must(s.ConfirmTOTP(admin.Principal, code))(t)
	_, _, err = s.TOTP(s.signIn("admin", 1).cookie, code, at(1))
	wantKind(t, err, auth.Denied)
}

func TestCodesOfAClockThatIsOff(t *testing.T) {
	tests := map[time.Duration]bool{
		-60 * time.Second: false, -30 * time.Second: true, 0: true, 30 * time.Second: true, 60 * time.Second: false,
	}
	for off, good := range tests {
		s := newSite(t)
		admin := s.setup()
		secret := admin.enrolTOTP()
		s.pass(10 * time.Minute)
		_, _, err := s.TOTP(s.signIn("admin", 2).cookie, codeAt(t, secret, s.now().Add(off)), at(2))
		if (err == nil) != good {
			t.Errorf("off by %v: %v", off, err)
		}
	}
}

func TestCodesAreNotGuessed(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	secret, device := admin.enrolTOTP(), admin.device(1)
	tried, right := 0, codeAt(t, secret, s.now())
	for i := range 30 {
		p := &person{s: s}
		var err error
		if p.cookie, p.Principal, err = s.SignIn("admin", password, at(100+i)); err != nil {
			t.Fatal(err) // the password is right: only codes are locked
		}
		wrong := string([]byte{byte('0' + i/10), byte('0' + i%10)}) + "0000"
		if wrong == right {
			continue
		}
		if _, _, err = s.TOTP(p.cookie, wrong, at(100+i)); err != nil && wantAny(t, err).Kind == auth.Denied {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d codes tried", tried)
	}
	s.restart()
	_, _, err := s.TOTP(s.signIn("admin", 500).cookie, right, at(500))
	wantKind(t, err, auth.Locked)
	// On a device where they signed in before they have their own tries.
	cookie, _, err := s.SignIn("admin", password, device)
	if err == nil {
		_, _, err = s.TOTP(cookie, right, device)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestARoleThatMustHaveASecondFactorEnrolsFirst(t *testing.T) {
	s := newSite(t)
	s.ask(func(p *auth.Policy) { p.SecondFactor = map[auth.Role]bool{auth.Admin: true} })
	admin := s.setup()
	if needs(admin.Principal) != "[enrol]" || admin.Is(auth.Admin) {
		t.Fatalf("after setup comes %+v", admin.Principal)
	}
	_, err := s.Sessions(admin.Principal)
	wantKind(t, err, auth.Denied)
	old := *admin
	secret, _, err := s.BeginTOTP(admin.Principal, "") // the password was proved just now
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ConfirmTOTP(admin.Principal, "123")
	wantKind(t, err, auth.Denied)
	admin.cookie = must(s.ConfirmTOTP(admin.Principal, codeAt(t, secret, s.now())))(t)
	old.gone()
	if admin.again(); !admin.Is(auth.Admin) {
		t.Errorf("after enrolling comes %+v", admin.Principal)
	}
	wantKind(t, s.RemoveTOTP(admin.Principal, password), auth.Conflict)
	admin.add(viewer("kim"), 2) // needs none

	// The site asks for more: it counts at once.
	kim := s.signIn("kim", 2)
	s.ask(func(p *auth.Policy) { p.SecondFactor[auth.Viewer] = true })
	if kim.again(); needs(kim.Principal) != "[enrol]" {
		t.Errorf("kim needs %v", kim.Need)
	}
}

func TestATOTPIsRemovedWithThePassword(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	admin.enrolTOTP()
	_, _, err := s.BeginTOTP(admin.Principal, password)
	wantKind(t, err, auth.Conflict)
	wantKind(t, s.RemoveTOTP(admin.Principal, password2), auth.Denied)
	if err := s.RemoveTOTP(admin.Principal, password); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.RemoveTOTP(admin.Principal, password), auth.NotFound)
	if p := s.signIn("admin", 1); needs(p.Principal) != "[]" {
		t.Errorf("still needs %v", p.Need)
	}
}

func TestTheAddressOfAGenerator(t *testing.T) {
	s := newSite(t)
	s.ask(func(p *auth.Policy) { p.SiteName = "Camp North: 정문 & more" })
	admin := s.setup()
	secret, uri, err := s.BeginTOTP(admin.Principal, password)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme != "otpauth" || u.Host != "totp" || q.Get("secret") != secret || q.Get("issuer") != "Camp North: 정문 & more" {
		t.Errorf("address %s", uri)
	}
	if b, err := base32.StdEncoding.DecodeString(secret); err != nil || len(b) != 20 {
		t.Errorf("secret of %d bytes, %v", len(b), err)
	}
	s.pass(15*time.Minute + time.Second)
	_, err = s.ConfirmTOTP(admin.Principal, codeAt(t, secret, s.now()))
	wantKind(t, err, auth.Invalid)
	// Another session cannot end what this one began.
	secret, _, _ = s.BeginTOTP(admin.Principal, password)
	_, err = s.ConfirmTOTP(s.signIn("admin", 2).Principal, codeAt(t, secret, s.now()))
	wantKind(t, err, auth.Invalid)
}

func TestWrongCodesOfANewGeneratorAreAuditedNotWithoutEnd(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	if _, _, err := s.BeginTOTP(admin.Principal, password); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, err := s.ConfirmTOTP(admin.Principal, "12345")
		wantKind(t, err, auth.Denied)
	}
	if e := s.log("totp.add"); len(e) != 5 || e[0].Outcome != "refused" || e[0].Object != "user:admin" {
		t.Errorf("%d entries: %+v", len(e), e)
	}
}
