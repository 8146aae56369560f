package auth_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// fails tries a wrong password and reports whether it was tried at all.
func (s *site) fails(name string, from auth.Source) (tried bool, wait time.Duration) {
	s.t.Helper()
	_, _, err := s.SignIn(name, password2, from)
	var e *auth.Error
	if !errors.As(err, &e) {
		s.t.Fatalf("a wrong password gives %v", err)
	}
	return e.Kind != auth.Locked, e.RetryAfter
}

func TestWaitsDoubleAfterFiveFailures(t *testing.T) {
	s := newSite(t)
	s.setup()
	for i := range 5 {
		if tried, _ := s.fails("admin", at(9)); !tried {
			t.Fatalf("locked after %d", i)
		}
	}
	for want := 2 * time.Second; ; want *= 2 {
		want = min(want, 15*time.Minute)
		tried, wait := s.fails("admin", at(9))
		if tried || wait != want {
			t.Fatalf("tried %v, wait %v, want %v", tried, wait, want)
		}
		_, _, err := s.SignIn("admin", password, at(9))
		if e := wantKind(t, err, auth.Locked); e.RetryAfter != want {
			t.Errorf("the right password waits %v, a wrong one %v", e.RetryAfter, want)
		}
		s.pass(want)
		if want == 15*time.Minute {
			break
		}
		if tried, _ := s.fails("admin", at(9)); !tried {
			t.Fatalf("still locked after %v", want)
		}
	}
	s.signIn("admin", 9)
}

func TestManyAddressesGetNoMoreTries(t *testing.T) {
	s := newSite(t)
	s.setup()
	tried := 0
	for i := range 100 {
		if ok, _ := s.fails("admin", at(100+i)); ok {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d tries from 100 addresses", tried)
	}
	log := s.log("sign-in")
	if e := log[len(log)-1]; len(log) != 5 || e.Detail != "wrong password; locked for 2s" || e.Actor != "admin" {
		t.Errorf("%d audited, the last %+v", len(log), e)
	}
}

func TestOneSourceGetsNoMoreTriesWithManyNames(t *testing.T) {
	s := newSite(t)
	s.setup()
	net := netip.MustParseAddr("2001:db8:1:2::")
	tried := 0
	for i := range 20 {
		b := net.As16()
		b[15] = byte(i)
		if ok, _ := s.fails(fmt.Sprint("user", i), auth.Source{IP: netip.AddrFrom16(b)}); ok {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d tries from one /64", tried)
	}
	if ok, _ := s.fails("user99", auth.Source{IP: netip.MustParseAddr("2001:db8:1:3::1")}); !ok {
		t.Error("another /64 is locked too")
	}
	// The same address, written as IPv6.
	for range 5 {
		s.fails("somebody", at(7))
	}
	if ok, _ := s.fails("somebody else", auth.Source{IP: netip.AddrFrom16(at(7).IP.As16())}); ok {
		t.Error("a mapped address counts apart")
	}
}

func TestOwnSignInsForgiveASourceNothing(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	admin.add(viewer("mallory"), 5)
	tried := 0
	for i := range 12 {
		if ok, _ := s.fails(fmt.Sprint("user", i), at(6)); ok {
			tried++
		}
		_, _, _ = s.SignIn("mallory", password, at(6)) // an account of their own
	}
	if tried != 5 {
		t.Errorf("%d tries between own sign-ins", tried)
	}
}

func TestNobodyLocksAnAdminOutOnTheirDevice(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	device := admin.device(1)
	for i := range 40 {
		s.fails("admin", at(1000+i))
		s.fails(fmt.Sprint("name", i), at(1)) // where the admin is
	}
	for _, stranger := range []auth.Source{at(1), at(2)} {
		_, _, err := s.SignIn("admin", password, stranger)
		wantKind(t, err, auth.Locked)
	}
	for _, address := range []int{1, 2} { // a telephone is carried about
		device.IP = at(address).IP
		if _, _, err := s.SignIn("admin", password, device); err != nil {
			t.Fatalf("the device at address %d: %v", address, err)
		}
	}
	// But there it is guessed no more than elsewhere, from whatever addresses.
	tried := 0
	for i := range 20 {
		device.IP = at(i).IP
		if ok, _ := s.fails("admin", device); ok {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d tries from a known device", tried)
	}
	// And a sign-in there does not help who is locked elsewhere.
	s.pass(2 * time.Second)
	if _, _, err := s.SignIn("admin", password, device); err != nil {
		t.Fatal(err)
	}
	s.fails("admin", at(5000))
	if ok, wait := s.fails("admin", at(5001)); ok || wait != 4*time.Second {
		t.Errorf("strangers begin anew after a sign-in elsewhere: tried %v, wait %v", ok, wait)
	}
	// Whoever is reset may have lost the device.
	if _, err := s.RecoverUser(auth.LocalPrincipal("root"), "admin"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.fails("admin", at(6000))
	}
	if ok, _ := s.fails("admin", device); ok {
		t.Error("a device is known after a reset")
	}
}

// What strangers are told of a name is the same whether there is one or not, also
// where its owner signed in, in a browser that knows another account, and while the
// owner comes in elsewhere.
func TestUnknownNamesAreLockedAsKnownOnesAre(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	owner := admin.device(1)
	mallory := admin.add(viewer("mallory"), 5).device(5)
	forged := at(1)
	forged.Devices = strings.Repeat("A", 43) + "." + owner.Devices[:42] + "x"
	answers := map[string][]string{}
	for n, name := range []string{"admin", "nobody"} {
		tell := func(from auth.Source) {
			from.IP = at(1000*(n+1) + len(answers[name])).IP // else the source waits, and hides the name
			_, _, err := s.SignIn(name, password2, from)
			e := wantAny(t, err)
			answers[name] = append(answers[name], fmt.Sprint(e.Kind, e.RetryAfter, err))
		}
		strangers := []auth.Source{at(1), mallory, forged, at(9)}
		for i := range 3 {
			tell(strangers[i])
		}
		if name == "admin" {
			if _, _, err := s.SignIn(name, password, owner); err != nil { // on a known device
				t.Fatal(err)
			}
			s.signIn(name, 77) // and on a new one
		}
		for i := range 12 {
			tell(strangers[i%len(strangers)])
			s.pass(700 * time.Millisecond)
		}
	}
	if fmt.Sprint(answers["admin"]) != fmt.Sprint(answers["nobody"]) {
		t.Errorf("admin: %q\nnobody: %q", answers["admin"], answers["nobody"])
	}
}

func TestARestartDoesNotBeginAnew(t *testing.T) {
	s := newSite(t)
	s.setup()
	for i := range 5 {
		s.fails("admin", at(100+i))
	}
	s.pass(2 * time.Second)
	s.fails("admin", at(200))
	s.restart()
	tried, wait := s.fails("admin", at(300))
	if tried || wait != 4*time.Second {
		t.Errorf("after a restart: tried %v, wait %v", tried, wait)
	}
	s.pass(25 * time.Hour)
	s.restart()
	for i := range 5 {
		if tried, _ := s.fails("admin", at(400+i)); !tried {
			t.Errorf("a day later: locked after %d", i)
		}
	}
}

func TestAThousandTriesAtOnceAreNoMoreThanFive(t *testing.T) {
	s := newSite(t)
	s.setup()
	var mu sync.Mutex
	var wg sync.WaitGroup
	tried := 0
	for i := range 1000 {
		wg.Go(func() {
			_, _, err := s.SignIn("admin", password2, at(1000+i))
			var e *auth.Error
			if errors.As(err, &e) && e.Kind == auth.Denied {
				mu.Lock()
				tried++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if tried > 5 {
		t.Errorf("%d tries", tried)
	}
}

func TestAClockSetBackMakesNoWaitOfAYear(t *testing.T) {
	s := newSite(t)
	s.setup()
	for i := range 5 {
		s.fails("admin", at(100+i))
	}
	s.pass(-365 * 24 * time.Hour)
	if _, wait := s.fails("admin", at(9)); wait > 15*time.Minute {
		t.Errorf("wait %v", wait)
	}
}

func TestAFloodOfSignInsIsRefusedNotQueued(t *testing.T) {
	s := newSite(t)
	device := s.setup().device(1)
	s.dear = true
	s.restart()
	var mu sync.Mutex
	var wg sync.WaitGroup
	kinds := map[auth.Kind]int{}
	for i := range 400 {
		wg.Go(func() {
			_, _, err := s.SignIn(fmt.Sprint("user", i), password2, at(1000+i))
			var e *auth.Error
			if !errors.As(err, &e) {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			kinds[e.Kind]++
		})
	}
	// On their device the admin comes through meanwhile.
	if _, _, err := s.SignIn("admin", password, device); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if kinds[auth.Denied]+kinds[auth.Locked] != 400 || kinds[auth.Denied] == 0 {
		t.Errorf("kinds of answers: %v", kinds)
	}
}

// A source that has used its tries up must not push the counters of names that are
// locked out of their table: each name that it goes on with would take a place.
func TestAFloodFromOneSourceEndsNobodysLock(t *testing.T) {
	s := newSite(t)
	s.setup()
	for i := range 5 {
		s.fails("admin", at(100+i))
	}
	for i := range 5 {
		s.fails(fmt.Sprint("user", i), at(7))
	}
	for i := range 2 * auth.MaxCounters {
		if tried, _ := s.fails(fmt.Sprint("flood", i), at(7)); tried {
			t.Fatalf("name %d was tried from a source that is locked", i)
		}
	}
	if tried, wait := s.fails("admin", at(200)); tried || wait != 2*time.Second {
		t.Errorf("after the flood: tried %v, wait %v", tried, wait)
	}
}

// Who has enough sources for a table full of names ends no lock-out either.
func TestAFullTableForgetsNobodyWhoWaits(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	l := auth.NewLockout()
	l.Fail("admin", at(1), 5, now)
	for i := range auth.MaxCounters + 500 {
		if !l.Fail(fmt.Sprint("flood", i), at(1000+i), 1, now) {
			t.Fatalf("name %d was not tried though others wait for nothing", i)
		}
	}
	if wait := l.Wait("admin", at(2), now); wait != 2*time.Second {
		t.Errorf("admin waits %v", wait)
	}
	// When all wait, nobody new is tried, rather than uncounted.
	for i := range auth.MaxCounters {
		l.Fail(fmt.Sprint("lock", i), at(100_000+i), 5, now)
	}
	if l.Fail("another", at(3), 1, now) {
		t.Error("tried without being counted")
	}
	if !l.Fail("another", at(3), 1, now.Add(3*time.Second)) {
		t.Error("not tried when the waits are over")
	}
}
