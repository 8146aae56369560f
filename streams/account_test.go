package streams

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// uses are turns of one account.
func uses(a *Accounts, password string, n int) []*turn {
	a.random = func() float64 { return 0 }
	out := make([]*turn, n)
	for i := range out {
		o := Options{Accounts: a, RTSP: rtsp.Config{Pinned: netip.MustParseAddr("10.20.1.11"), Username: "viewer", Password: password}}
		o.fill()
		out[i] = a.turn(&o)
	}
	return out
}

// tries runs each turn's attempts against a camera until the time is up, and
// gives when they were made, since the beginning.
func tries(t *testing.T, turns []*turn, during, takes time.Duration, answer func(i int, u *turn) time.Duration) (at []time.Duration, held int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	began := time.Now()
	tried, waits := make(chan time.Duration, 10000), make(chan struct{}, 10000)
	for i, u := range turns {
		go func() {
			for u.wait(ctx, func(time.Duration) { waits <- struct{}{} }) == nil {
				tried <- time.Since(began)
				_ = sleep(ctx, takes)
				_ = sleep(ctx, answer(i, u))
			}
		}()
	}
	<-ctx.Done()
	synctest.Wait()
	for len(tried) > 0 {
		at = append(at, <-tried)
	}
	return at, len(waits)
}

// TestWrongPassword: the streams of a device try a wrong password like one, and
// ever more seldom.
func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, held := tries(t, uses(NewAccounts(), "wrong", 8), 70*time.Minute, 10*time.Millisecond,
			func(_ int, u *turn) time.Duration { return u.refused() })
		want := []time.Duration{0, 1, 3, 7, 15, 30, 45, 60}
		if len(at) != len(want) {
			t.Fatalf("tried at %v", at)
		}
		for i, m := range want {
			if d := at[i] - m*time.Minute; d < 0 || d > time.Second {
				t.Errorf("try %d at %v, want %v min", i, at[i], m)
			}
		}
		if held < 7 {
			t.Errorf("%d streams said why they wait", held)
		}
	})
}

// TestRightPassword: once it is taken nobody waits for anybody.
func TestRightPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, held := tries(t, uses(NewAccounts(), "right", 8), time.Minute, 10*time.Millisecond,
			func(_ int, u *turn) time.Duration { u.taken(); return time.Hour })
		if len(at) != 8 || at[7] > time.Second || held != 0 {
			t.Errorf("tried at %v, %d held", at, held)
		}
	})
}

// TestDeadCamera: one that does not answer says nothing of the password, so its
// streams do not wait long for each other.
func TestDeadCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, held := tries(t, uses(NewAccounts(), "right", 4), 20*time.Second, 15*time.Second,
			func(_ int, u *turn) time.Duration { u.untold(); return time.Hour })
		if len(at) != 4 || at[3] > 3*slowAnswer || held != 0 {
			t.Errorf("tried at %v, %d held", at, held)
		}
	})
}

// TestOneStreamRefused: what one stream may not view keeps no other one from
// coming back, and in turn each gets its try.
func TestOneStreamRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := uses(NewAccounts(), "right", 2)
		times := [2]int{}
		tries(t, turns, 10*time.Minute, 10*time.Millisecond, func(i int, u *turn) time.Duration {
			times[i]++
			if i == 0 {
				return u.refused()
			}
			u.taken()
			return 10 * time.Second // it breaks, often
		})
		if times[1] < 50 || times[0] > 8 {
			t.Errorf("the good stream was opened %d times, the other one tried %d times", times[1], times[0])
		}
	})
}

// TestNewPassword: another password is another account, and a stream that is made
// anew tries at once.
func TestNewPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccounts()
		old := uses(a, "wrong", 1)[0]
		old.refused()
		if h := old.take(); h == nil || h.delay != time.Minute || !h.refused {
			t.Errorf("after the refusal: %+v", h)
		}
		old.leave()
		if h := uses(a, "right", 1)[0].take(); h != nil {
			t.Errorf("with another password: %+v", h)
		}
		if h := uses(a, "wrong", 1)[0].take(); h != nil {
			t.Errorf("after a change: %+v", h)
		}
	})
}
