package auth_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"
	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/ui/auth"
)

const (
	password  = "three lamps and a kettle"
	password2 = "the grey boat sails north"
)

// site is a database with accounts, and a clock that the test turns.
type site struct {
	t    testing.TB
	path string
	db   *bbolt.DB
	*auth.Accounts

	mu       sync.Mutex
	clock    time.Time // when tests turn it; zero: time.Now
	policy   auth.Policy
	events   []auth.Event
	auditErr error
	dear     bool // hashes cost what they cost in earnest
}

// newSite opens accounts on an empty database.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{
		t: t, path: filepath.Join(t.TempDir(), "state.db"),
		clock: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		policy: auth.Policy{
			RPID: "nvr.example", Origins: []string{"https://nvr.example"}, SiteName: "Camp North",
		},
	}
	s.open()
	t.Cleanup(func() { s.db.Close() })
	return s
}

func (s *site) open() {
	s.t.Helper()
	var err error
	// A test's database need not survive the power.
	s.db, err = bbolt.Open(s.path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, Timeout: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Accounts, err = auth.Open(auth.Options{
		DB: s.db, Now: s.now,
		Policy: func() auth.Policy {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.policy
		},
		Audit: s.audit,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if !s.dear {
		auth.CheapHashes(s.Accounts)
	}
}

// restart is what a restart of the daemon does.
func (s *site) restart() {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock.IsZero() {
		return time.Now()
	}
	return s.clock
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

func (s *site) ask(change func(*auth.Policy)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.policy)
}

func (s *site) audit(_ *bbolt.Tx, e auth.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auditErr != nil {
		return s.auditErr
	}
	s.events = append(s.events, e)
	return nil
}

// log gives the events of an action.
func (s *site) log(action string) (found []auth.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Action == action {
			found = append(found, e)
		}
	}
	return found
}

// at is a source; whom has an address of their own, by number.
func at(n int) auth.Source {
	return auth.Source{IP: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), Agent: "Browser 1"}
}

// must fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantKind fails the test unless err is of the kind.
func wantKind(t testing.TB, err error, kind auth.Kind) *auth.Error {
	t.Helper()
	var e *auth.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got error %v, want one of kind %d", err, kind)
	}
	if e.Message == "" || e.Fix == "" {
		t.Errorf("error %+v has no message or no fix", e)
	}
	return e
}

// person is somebody signed in.
type person struct {
	s      *site
	cookie string
	auth.Principal
}

// setup makes the first admin, admin, from source 1.
func (s *site) setup() *person {
	s.t.Helper()
	code := must(s.SetupCode())(s.t)
	cookie, p, err := s.Setup(code, auth.NewUser{Name: "admin"}, password, at(1))
	if err != nil {
		s.t.Fatal(err)
	}
	return &person{s, cookie, p}
}

// add has the admin add a user, who then sets the password and is signed in from
// the source.
func (p *person) add(n auth.NewUser, source int) *person {
	p.s.t.Helper()
	_, code, err := p.s.AddUser(p.Principal, n)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return p.s.first(n.Name, code, source)
}

// first signs somebody in by a one-time code and sets the password.
func (s *site) first(name, code string, source int) *person {
	s.t.Helper()
	_, p, err := s.SignIn(name, code, at(source))
	if err != nil {
		s.t.Fatal(err)
	}
	cookie := must(s.ChangePassword(p, "", password))(s.t)
	p = must(s.Authenticate(cookie, at(source)))(s.t)
	return &person{s, cookie, p}
}

// signIn signs somebody in by password.
func (s *site) signIn(name string, source int) *person {
	s.t.Helper()
	cookie, p, err := s.SignIn(name, password, at(source))
	if err != nil {
		s.t.Fatal(err)
	}
	return &person{s, cookie, p}
}

// device gives the person's browser, as one that is remembered from now on.
func (p *person) device(source int) auth.Source {
	p.s.t.Helper()
	from := at(source)
	from.Devices = must(p.s.Remember(p.Principal))(p.s.t)
	return from
}

// again reads the person's principal anew.
func (p *person) again() *person {
	p.s.t.Helper()
	p.Principal = must(p.s.Authenticate(p.cookie, p.From()))(p.s.t)
	return p
}

// gone fails the test unless the cookie is worth nothing.
func (p *person) gone() {
	p.s.t.Helper()
	_, err := p.s.Authenticate(p.cookie, p.From())
	wantKind(p.s.t, err, auth.SignedOut)
}

// codeAt is what a generator shows.
func codeAt(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	return must(hotp.GenerateCode(secret, uint64(at.Unix()/30)))(t)
}

// enrolTOTP sets a generator up; it leaves the clock a step later, so that the
// next code is a new one.
func (p *person) enrolTOTP() (secret string) {
	t := p.s.t
	t.Helper()
	secret, _, err := p.s.BeginTOTP(p.Principal, password)
	if err != nil {
		t.Fatal(err)
	}
	cookie, err := p.s.ConfirmTOTP(p.Principal, codeAt(t, secret, p.s.now()))
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		p.cookie = cookie
	}
	p.s.pass(time.Minute)
	p.again()
	return secret
}

func viewer(name string) auth.NewUser {
	return auth.NewUser{Name: name, Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}}}
}

func adminNamed(name string) auth.NewUser {
	return auth.NewUser{Name: name, Grant: auth.Grant{Role: auth.Admin}}
}

func needs(p auth.Principal) string { return fmt.Sprint(p.Need) }

// wantAny fails the test unless err is an answer of this package.
func wantAny(t testing.TB, err error) *auth.Error {
	t.Helper()
	var e *auth.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an answer", err)
	}
	return e
}
