package auth_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestAnOpenStreamEndsWithTheRight(t *testing.T) {
	mayLive := func(p auth.Principal) bool { return p.May(auth.Live, "gate", []string{"outside"}) }
	change := func(f func(*auth.NewUser)) func(*site, *person, *person) error {
		return func(s *site, admin, kim *person) error {
			n := viewer("kim")
			f(&n)
			_, err := s.ChangeUser(admin.Principal, kim.User.ID, n)
			return err
		}
	}
	tests := []struct {
		name string
		do   func(s *site, admin, kim *person) error
		ends bool
	}{
		{"nothing happens", func(*site, *person, *person) error { return nil }, false},
		{"something else happens", func(s *site, admin, _ *person) error {
			_, _, err := s.AddUser(admin.Principal, viewer("lee"))
			return err
		}, false},
		{"another camera is added", change(func(n *auth.NewUser) { n.Cameras = append(n.Cameras, "yard") }), false},
		{"signed out", func(s *site, _, kim *person) error { return s.SignOut(kim.cookie, at(2)) }, true},
		{"ended elsewhere", func(s *site, _, kim *person) error {
			return s.EndSession(s.signIn("kim", 3).Principal, kim.Session)
		}, true},
		{"ended by an admin", func(s *site, admin, kim *person) error {
			return s.EndUserSessions(admin.Principal, kim.User.ID)
		}, true},
		{"the password changed elsewhere", func(s *site, _, _ *person) error {
			_, err := s.ChangePassword(s.signIn("kim", 3).Principal, password, password2)
			return err
		}, true},
		{"the password changed here", func(s *site, _, kim *person) error {
			_, err := s.ChangePassword(kim.Principal, password, password2)
			return err
		}, false},
		{"disabled", change(func(n *auth.NewUser) { n.Disabled = true }), true},
		{"another role", change(func(n *auth.NewUser) { n.Role = auth.Operator }), true},
		{"the camera is taken", change(func(n *auth.NewUser) { n.Cameras = nil }), true},
		{"the camera is had by its group", change(func(n *auth.NewUser) { n.Cameras, n.Groups = nil, []string{"outside"} }), false},
		{"the right is taken", change(func(n *auth.NewUser) { n.Rights = []auth.Right{auth.Playback} }), true},
		{"removed", func(s *site, admin, kim *person) error { return s.RemoveUser(admin.Principal, kim.User.ID) }, true},
		{"reset", func(s *site, admin, kim *person) error {
			_, err := s.ResetUser(admin.Principal, kim.User.ID)
			return err
		}, true},
		{"the site asks for a second factor", func(s *site, _, _ *person) error {
			s.ask(func(p *auth.Policy) { p.SecondFactor = map[auth.Role]bool{auth.Viewer: true} })
			return nil
		}, true},
		{"the site's sessions are shorter", func(s *site, _, _ *person) error {
			s.ask(func(p *auth.Policy) { p.Max = time.Second })
			return nil
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.clock = time.Time{} // that of the bubble
				admin := s.setup()
				kim := admin.add(viewer("kim"), 2)
				ctx, cancel := s.Follow(t.Context(), kim.Principal, mayLive)
				defer cancel()
				time.Sleep(10 * time.Second)
				if ctx.Err() != nil {
					t.Fatal("ended before anything happened")
				}
				if err := tt.do(s, admin, kim); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				switch {
				case !tt.ends && ctx.Err() != nil:
					t.Error("ended:", context.Cause(ctx))
				case tt.ends && !errors.Is(context.Cause(ctx), auth.ErrRevoked):
					t.Error("after two seconds:", context.Cause(ctx))
				}
			})
		})
	}
}

func TestFollowAsksAtOnceAndEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.clock = time.Time{}
		admin := s.setup()
		token := admin.token(auth.NewToken{Rights: []auth.Right{auth.Live}, Expires: time.Now().Add(time.Minute)})
		for name, p := range map[string]auth.Principal{"session": admin.Principal, "token": token, "box": auth.LocalPrincipal("root")} {
			var asked atomic.Int32
			ctx, cancel := s.Follow(t.Context(), p, func(now auth.Principal) bool {
				if now.Name() != p.Name() || now.CSRF != p.CSRF {
					t.Errorf("%s: asked with %+v", name, now)
				}
				return asked.Add(1) < 5
			})
			time.Sleep(3500 * time.Millisecond)
			if asked.Load() != 4 || ctx.Err() != nil {
				t.Errorf("%s: asked %d times", name, asked.Load())
			}
			time.Sleep(time.Second)
			if !errors.Is(context.Cause(ctx), auth.ErrRevoked) {
				t.Errorf("%s: goes on though the site file says no", name)
			}
			cancel()
		}
		ctx, cancel := s.Follow(t.Context(), token, func(auth.Principal) bool { return true })
		time.Sleep(2 * time.Minute) // it expires
		if !errors.Is(context.Cause(ctx), auth.ErrRevoked) {
			t.Error("an expired token goes on")
		}
		cancel()
		ctx, cancel = s.Follow(t.Context(), auth.Principal{}, func(auth.Principal) bool { return true })
		time.Sleep(time.Second)
		if !errors.Is(context.Cause(ctx), auth.ErrRevoked) {
			t.Error("nobody goes on")
		}
		cancel()
		ctx, cancel = s.Follow(t.Context(), admin.Principal, func(auth.Principal) bool { return true })
		cancel()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Error("cancelled:", context.Cause(ctx))
		}
	})
}

func TestWhoNeedsSomethingFollowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.clock = time.Time{}
		admin := s.setup()
		ctx, cancel := s.Follow(t.Context(), admin.Principal, func(auth.Principal) bool { return true })
		defer cancel()
		s.ask(func(p *auth.Policy) { p.SecondFactor = map[auth.Role]bool{auth.Admin: true} })
		time.Sleep(2 * time.Second)
		if !errors.Is(context.Cause(ctx), auth.ErrRevoked) {
			t.Error("a session that must enrol goes on")
		}
	})
}

// BenchmarkAuthenticate is what every request pays.
func BenchmarkAuthenticate(b *testing.B) {
	p := newSite(b).setup()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.s.Authenticate(p.cookie, at(1)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNoStreamAndNoPollKeepsASessionOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.clock = time.Time{}
		s.policy.Idle, s.policy.Max = 5*time.Minute, 30*time.Minute
		admin := s.setup()
		ctx, cancel := s.Follow(t.Context(), admin.Principal, func(auth.Principal) bool { return true })
		defer cancel()
		// As long as somebody does something it goes on, and what the page asks by itself
		// is answered.
		alone := at(1)
		alone.Unattended = true
		for range 4 {
			time.Sleep(4 * time.Minute)
			must(s.Authenticate(admin.cookie, at(1)))(t)
		}
		for range 4 {
			time.Sleep(time.Minute)
			must(s.Authenticate(admin.cookie, alone))(t)
		}
		if ctx.Err() != nil {
			t.Fatal("ended though it was used")
		}
		time.Sleep(time.Minute + 2*time.Second)
		if !errors.Is(context.Cause(ctx), auth.ErrRevoked) {
			t.Error("the stream goes on though nobody is there")
		}
		_, err := s.Authenticate(admin.cookie, alone)
		wantKind(t, err, auth.SignedOut)
	})
}

func TestWhoIsThereToWatchStaysSignedInWhileWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.clock = time.Time{}
		s.policy.Idle, s.policy.Max = 5*time.Minute, time.Hour
		admin := s.setup()
		guard := admin.add(auth.NewUser{Name: "guard", Grant: auth.Grant{Role: auth.Operator, All: true}}, 2)
		watch := func(p *person) (context.Context, context.CancelFunc) {
			return s.Follow(t.Context(), p.Principal, func(now auth.Principal) bool { s.Watching(now); return true })
		}
		wall, end := watch(guard)
		defer end()
		desk, leave := watch(admin)
		defer leave()
		time.Sleep(50 * time.Minute)
		if !errors.Is(context.Cause(desk), auth.ErrRevoked) {
			t.Error("an admin who left stays signed in by the pictures on the desk")
		}
		if wall.Err() != nil {
			t.Error("a wall that nobody touches went dark")
		}
		time.Sleep(11 * time.Minute)
		if !errors.Is(context.Cause(wall), auth.ErrRevoked) {
			t.Error("watching outlives the most that a session may last")
		}
	})
}
