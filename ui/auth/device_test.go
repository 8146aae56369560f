package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// known reports whether somebody comes in from there while strangers are locked out.
func (s *site) known(name string, from auth.Source) bool {
	s.t.Helper()
	for i := range 6 {
		s.fails(name, at(50_000+i))
	}
	_, _, err := s.SignIn(name, password, from)
	s.pass(30 * time.Minute)
	return err == nil
}

// in signs somebody in from a browser and gives the browser as it is then.
func (s *site) in(name string, from auth.Source) auth.Source {
	s.t.Helper()
	_, p, err := s.SignIn(name, password, from)
	if err != nil {
		s.t.Fatal(err)
	}
	from.Devices = must(s.Remember(p))(s.t)
	return from
}

func TestABrowserIsKnownForTheAccountsOfItsUsersOnly(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	for _, name := range []string{"early", "late", "other"} {
		admin.add(viewer(name), 5)
	}
	post := s.in("late", s.in("early", at(1)))
	if strings.Count(post.Devices, ".") != 1 {
		t.Errorf("two accounts are remembered as %q", post.Devices)
	}
	if again := s.in("early", post); len(again.Devices) != len(post.Devices) {
		t.Errorf("a second sign-in of the same account is remembered apart: %q", again.Devices)
	}
	for name, want := range map[string]bool{"early": true, "late": true, "other": false} {
		if s.known(name, post) != want {
			t.Errorf("%s is known: %v", name, !want)
		}
	}
	// What somebody planted is not taken over by who signs in next.
	planted := s.in("other", at(2))
	victim := s.in("late", auth.Source{IP: at(3).IP, Devices: planted.Devices})
	if !s.known("late", victim) || s.known("late", planted) {
		t.Error("a planted secret is known for its victim")
	}
}

func TestDevicesAreForgotten(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	first := admin.device(1)
	s.pass(auth.DeviceLife - time.Hour)
	if first = s.in("admin", first); !s.known("admin", first) {
		t.Error("a device is forgotten though it is used")
	}
	s.restart()
	if !s.known("admin", first) {
		t.Error("a device is forgotten by a restart")
	}
	s.pass(auth.DeviceLife)
	if s.known("admin", first) {
		t.Error("a device is remembered for ever")
	}
	// One user does not fill the database with them, nor one browser the header.
	first = s.in("admin", at(1))
	for i := range 16 {
		s.in("admin", at(100+i))
	}
	if s.known("admin", first) {
		t.Error("more than 16 devices of an account are remembered")
	}
	browser := at(2)
	for i := range 20 {
		name := fmt.Sprint("user", i)
		p := s.signIn("admin", 3)
		p.add(viewer(name), 5)
		browser = s.in(name, browser)
	}
	if n := strings.Count(browser.Devices, ".") + 1; n != 16 {
		t.Errorf("a browser keeps %d secrets", n)
	}
	if !s.known("user19", browser) || s.known("user0", browser) {
		t.Error("not the latest accounts are kept")
	}
}

func TestHalfASignInIsNotRemembered(t *testing.T) {
	s := newSite(t)
	secret := s.setup().enrolTOTP()
	half := s.signIn("admin", 1)
	if _, err := s.Remember(half.Principal); err == nil {
		t.Fatal("remembered without the second factor")
	}
	_, p, err := s.TOTP(half.cookie, codeAt(t, secret, s.now()), at(1))
	if err != nil {
		t.Fatal(err)
	}
	whole := &person{s, "", p}
	if !s.known("admin", whole.device(1)) {
		t.Error("not remembered with the second factor")
	}
	if _, err := s.Remember(auth.LocalPrincipal("root")); err == nil {
		t.Error("the box is remembered as a browser")
	}
}

// Two admins at the box's own terminal are kept from disarming by nobody's failures.
func TestNobodyIsLockedOutOnTheBox(t *testing.T) {
	s := newSite(t)
	s.setup()
	if !s.known("admin", auth.Source{Local: true}) {
		t.Error("locked out on the box")
	}
	tried := 0
	for range 9 {
		if ok, _ := s.fails("admin", auth.Source{Local: true}); ok {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d tries on the box", tried)
	}
}
