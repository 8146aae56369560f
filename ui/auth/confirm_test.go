package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// twoPersons is a site with two admins that asks for both.
func twoPersons(t *testing.T) (s *site, a, b *person) {
	t.Helper()
	s = newSite(t)
	a = s.setup()
	b = a.add(adminNamed("second"), 2)
	s.ask(func(p *auth.Policy) { p.TwoPersons = true })
	return s, a, b
}

func TestASecondAdminConfirmsAnAdmin(t *testing.T) {
	s, a, b := twoPersons(t)
	_, _, err := s.AddUser(a.Principal, adminNamed("third"))
	pending := wantKind(t, err, auth.Pending)
	if list := must(s.Users(a.Principal))(t); len(list) != 2 {
		t.Fatalf("%d users before it is confirmed", len(list))
	}
	list := must(s.Confirmations(b.Principal))(t)
	if len(list) != 1 || list[0].ID != pending.Confirmation || list[0].By != "admin" || list[0].Object != "user:third" {
		t.Fatalf("waits: %+v", list)
	}
	auditor := a.add(auth.NewUser{Name: "auditor", Grant: auth.Grant{Role: auth.Auditor}}, 7)
	for who, p := range map[string]auth.Principal{
		"whoever asked": a.Principal, "the same in another session": s.signIn("admin", 1).Principal,
		"the box": auth.LocalPrincipal("root"), "a program": b.token(auth.NewToken{Reads: true}),
		"an auditor": auditor.Principal,
	} {
		if _, err := s.Confirm(p, pending.Confirmation); err == nil || wantAny(t, err).Kind != auth.Denied {
			t.Errorf("%s: %v", who, err)
		}
	}
	refused := 0
	for _, e := range s.log("confirmation.confirm") {
		if e.Outcome == "refused" && e.Actor == "admin" {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d own confirmations audited as refused", refused)
	}
	code := must(s.Confirm(b.Principal, pending.Confirmation))(t)
	third := s.first("third", code, 3)
	if !third.Is(auth.Admin) {
		t.Errorf("third is %+v", third.Principal)
	}
	add := s.log("user.add")
	if e := add[len(add)-1]; e.Actor != "admin" || e.Detail != "confirmed by second" {
		t.Errorf("audited as %+v", e)
	}
	if e := s.log("confirmation.confirm"); e[len(e)-1].Actor != "second" {
		t.Errorf("audited as %+v", e[len(e)-1])
	}
	_, err = s.Confirm(b.Principal, pending.Confirmation)
	wantKind(t, err, auth.NotFound)
}

func TestWhatMakesAnAdminNeedsTwo(t *testing.T) {
	s, a, b := twoPersons(t)
	kim := a.add(viewer("kim"), 3)
	off := adminNamed("")
	off.Disabled = true
	must(s.ChangeUser(a.Principal, b.User.ID, off))(t) // taking needs one

	n := adminNamed("")
	_, err := s.ChangeUser(a.Principal, b.User.ID, n)
	if e := wantKind(t, err, auth.Conflict); e.Fix == "" { // nobody is left to confirm
		t.Error("no fix")
	}
	s.ask(func(p *auth.Policy) { p.TwoPersons = false })
	must(s.ChangeUser(a.Principal, b.User.ID, n))(t)
	s.ask(func(p *auth.Policy) { p.TwoPersons = true })
	b = s.signIn("second", 2)

	_, err = s.ChangeUser(a.Principal, kim.User.ID, n)
	pending := wantKind(t, err, auth.Pending)
	must(s.ChangeUser(a.Principal, kim.User.ID, auth.NewUser{Display: "Kim", Grant: auth.Grant{Role: auth.Viewer, All: true}}))(t)
	if _, err := s.Confirm(b.Principal, pending.Confirmation); err != nil {
		t.Fatal(err)
	}
	kim.gone() // the role changed
	if u := must(s.User(a.Principal, kim.User.ID))(t); u.Role != auth.Admin {
		t.Errorf("kim is %+v", u)
	}
	// A change of an admin that makes none needs nobody.
	n.Display = "Kim Cheol-su"
	must(s.ChangeUser(a.Principal, kim.User.ID, n))(t)

	_, err = s.ChangeUser(a.Principal, a.add(viewer("lee"), 4).User.ID, adminNamed("other"))
	wantKind(t, err, auth.Invalid)
	_, _, err = s.AddUser(auth.LocalPrincipal("root"), adminNamed("from-the-box"))
	wantKind(t, err, auth.Pending)

	// Whoever resets an admin could confirm as them.
	_, err = s.ResetUser(a.Principal, b.User.ID)
	wantKind(t, err, auth.Denied)
	must(s.ResetUser(auth.LocalPrincipal("root"), b.User.ID))(t)
	_, err = s.ResetUser(a.Principal, b.User.ID) // nor one who has only a code
	wantKind(t, err, auth.Denied)
}

// Who lowers an admin, resets them and raises them again would be both persons.
func TestNobodyBecomesTheSecondPersonByAReset(t *testing.T) {
	s, a, b := twoPersons(t)
	c := s.add3(a, b)
	must(s.ChangeUser(a.Principal, c.User.ID, viewer("")))(t)
	code := must(s.ResetUser(a.Principal, c.User.ID))(t)
	_, err := s.ChangeUser(a.Principal, c.User.ID, adminNamed(""))
	wantKind(t, err, auth.Conflict)
	s.pass(time.Minute)
	s.first("third", code, 1) // it may well be a who signs in
	_, err = s.ChangeUser(a.Principal, c.User.ID, adminNamed(""))
	id := wantKind(t, err, auth.Pending).Confirmation
	list := must(s.Confirmations(b.Principal))(t)
	if d := list[0].Detail; !strings.Contains(d, "given out by admin at 2026-11-23T09:00:00Z") {
		t.Errorf("the second is told %q", d)
	}
	// A reset after it was asked for is not what was asked for.
	s.pass(time.Second)
	must(s.ResetUser(a.Principal, c.User.ID))(t)
	_, err = s.Confirm(b.Principal, id)
	wantKind(t, err, auth.Conflict)
	if u := must(s.User(b.Principal, c.User.ID))(t); u.Role != auth.Viewer {
		t.Errorf("third is %+v", u)
	}
	// Another admin may ask at once: then two have had a part in it.
	_, err = s.ChangeUser(b.Principal, c.User.ID, adminNamed(""))
	wantKind(t, err, auth.Pending)
}

// add3 makes a third admin, whom a asks for and b confirms.
func (s *site) add3(a, b *person) *person {
	s.t.Helper()
	_, _, err := s.AddUser(a.Principal, adminNamed("third"))
	code := must(s.Confirm(b.Principal, wantKind(s.t, err, auth.Pending).Confirmation))(s.t)
	return s.first("third", code, 3)
}

func TestAConfirmationEnds(t *testing.T) {
	tests := map[string]func(s *site, a, b *person, id string){
		"by time": func(s *site, _, _ *person, _ string) { s.pass(15 * time.Minute) },
		"withdrawn by who asked": func(s *site, a, _ *person, id string) {
			if err := s.Withdraw(a.Principal, id); err != nil {
				s.t.Error(err)
			}
		},
		"withdrawn by another admin": func(s *site, _, b *person, id string) {
			if err := s.Withdraw(b.Principal, id); err != nil {
				s.t.Error(err)
			}
		},
		"when who asked is no admin any more": func(s *site, a, b *person, _ string) {
			must(s.ChangeUser(b.Principal, a.User.ID, viewer("")))(s.t)
		},
		"when who asked is gone": func(s *site, a, b *person, _ string) {
			if err := s.RemoveUser(b.Principal, a.User.ID); err != nil {
				s.t.Error(err)
			}
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			s, a, b := twoPersons(t)
			_, _, err := s.AddUser(a.Principal, adminNamed("third"))
			id := wantKind(t, err, auth.Pending).Confirmation
			end(s, a, b, id)
			if _, err := s.Confirm(b.Principal, id); err == nil {
				t.Error("confirmed")
			}
			for _, u := range must(s.Users(b.Principal))(t) {
				if u.Name == "third" {
					t.Error("added")
				}
			}
		})
	}
}

func TestOthersWithdrawNothing(t *testing.T) {
	s, a, _ := twoPersons(t)
	kim := a.add(viewer("kim"), 3)
	_, _, err := s.AddUser(a.Principal, adminNamed("third"))
	id := wantKind(t, err, auth.Pending).Confirmation
	wantKind(t, s.Withdraw(kim.Principal, id), auth.Denied)
	wantKind(t, s.Withdraw(auth.Principal{}, id), auth.SignedOut)
	wantKind(t, s.Withdraw(a.token(auth.NewToken{Reads: true}), id), auth.Denied)
}

func TestOneWhoAsksFillsNoList(t *testing.T) {
	s, a, b := twoPersons(t)
	for i := range 10 {
		_, _, err := s.AddUser(a.Principal, adminNamed(fmt.Sprint("new", i)))
		wantKind(t, err, auth.Pending)
	}
	_, _, err := s.AddUser(a.Principal, adminNamed("more"))
	wantKind(t, err, auth.Conflict)
	_, _, err = s.AddUser(b.Principal, adminNamed("other"))
	wantKind(t, err, auth.Pending)
}

func TestOthersThingsWaitForASecondAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := twoPersons(t)
		s.mu.Lock()
		s.clock = time.Time{}
		s.mu.Unlock()
		a, b := s.signIn("admin", 1), s.signIn("second", 2)
		if _, err := s.RequestConfirmation(a.Principal, "user.add", "user:x", ""); err == nil {
			t.Error("a caller files what is ours")
		}
		wait := func(p auth.Principal) (id string, done chan error) {
			id = must(s.RequestConfirmation(p, "hold.remove", "hold:7", "evidence, case 12"))(t)
			done = make(chan error, 1)
			go func() { done <- s.AwaitConfirmation(t.Context(), id) }()
			synctest.Wait()
			return id, done
		}
		t.Log("confirmed")
		id, done := wait(a.Principal)
		wantKind(t, must2(s.Confirm(a.Principal, id)), auth.Denied)
		if code := must(s.Confirm(b.Principal, id))(t); code != "" {
			t.Error("a code for nobody")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantKind(t, s.AwaitConfirmation(t.Context(), id), auth.Denied) // done once

		t.Log("asked for on the box")
		id, done = wait(auth.LocalPrincipal("root"))
		must(s.Confirm(b.Principal, id))(t)
		if err := <-done; err != nil {
			t.Error(err)
		}
		t.Log("withdrawn")
		id, done = wait(a.Principal)
		if err := s.Withdraw(b.Principal, id); err != nil {
			t.Error(err)
		}
		wantKind(t, <-done, auth.Denied)

		t.Log("nobody comes")
		asked := time.Now()
		_, done = wait(a.Principal)
		wantKind(t, <-done, auth.Denied)
		if d := time.Since(asked); d < 15*time.Minute || d > 15*time.Minute+2*time.Second {
			t.Errorf("waited %v", d)
		}
		t.Log("given up")
		id = must(s.RequestConfirmation(b.Principal, "disarm", "containment", ""))(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.AwaitConfirmation(ctx, id) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestWhatIsDoneElsewhereIsGivenBackOnce(t *testing.T) {
	s, a, b := twoPersons(t)
	what := map[string]string{"hold": "7"}
	if err := s.AskSecond(a.Principal, "user.add", "user:x", "", what); err == nil || errors.As(err, new(*auth.Error)) {
		t.Error("a caller files what is ours:", err)
	}
	kim := a.add(viewer("kim"), 3)
	wantKind(t, s.AskSecond(kim.Principal, "hold.remove", "hold:7", "", what), auth.Denied)
	ask := func(p auth.Principal) string {
		t.Helper()
		return wantKind(t, s.AskSecond(p, "hold.remove", "hold:7", "case closed", what), auth.Pending).Confirmation
	}
	id := ask(a.Principal)
	if _, ok, err := s.TakeConfirmed(id); ok || err != nil {
		t.Error("taken before it was confirmed:", err)
	}
	wantKind(t, must2(s.Confirm(a.Principal, id)), auth.Denied)
	s.restart()
	must(s.Confirm(b.Principal, id))(t)
	c, ok, err := s.TakeConfirmed(id)
	if err != nil || !ok || c.Kind != "hold.remove" || string(c.What) != `{"hold":"7"}` || c.By.Name() != "admin" || c.Second != "second" {
		t.Errorf("%+v, %v, %v", c, ok, err)
	}
	if _, ok, err := s.TakeConfirmed(id); ok || err != nil {
		t.Error("taken twice:", err)
	}
	wantKind(t, must2(s.Confirm(b.Principal, id)), auth.NotFound)

	lapsed := ask(auth.LocalPrincipal("root"))
	s.pass(16 * time.Minute)
	wantKind(t, must2(s.Confirm(b.Principal, lapsed)), auth.NotFound)
	other := must(s.RequestConfirmation(a.Principal, "disarm", "containment", ""))(t)
	must(s.Confirm(b.Principal, other))(t)
	if _, ok, err := s.TakeConfirmed(other); ok || err != nil {
		t.Error("what somebody else waits for is taken:", err)
	}
}

// must2 gives the error of two results.
func must2[T any](_ T, err error) error { return err }

func TestARequestThatExpiresIsAudited(t *testing.T) {
	s, a, _ := twoPersons(t)
	_, _, err := s.AddUser(a.Principal, adminNamed("third"))
	wantKind(t, err, auth.Pending)
	s.pass(16 * time.Minute)
	s.restart()
	if e := s.log("confirmation.expire"); len(e) != 1 || e[0].Object != "user:third" || e[0].Actor != "admin" {
		t.Errorf("audited as %+v", e)
	}
}
