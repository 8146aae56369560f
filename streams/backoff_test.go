package streams

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	o := Options{}
	o.fill()
	b := newBackoff(o)
	b.random = func() float64 { return 0.5 } // no jitter
	for i, c := range []struct {
		cause  Cause
		played time.Duration
		want   time.Duration
	}{
		{CauseOffline, 0, 500 * time.Millisecond},
		{CauseOffline, 0, 850 * time.Millisecond},
		{CauseNetworkLoss, time.Second, 0},                       // it played: at once
		{CauseNetworkLoss, time.Second, 1445 * time.Millisecond}, // but not again and again
		{CauseNetworkLoss, time.Minute, 0},                       // a stable run earns that anew
		{CauseAuth, 0, 67500 * time.Millisecond},                 // never sooner than in a minute, or the account is locked
		{CauseAuth, 0, 135 * time.Second},
		{CauseNetworkLoss, 2 * time.Second, 500 * time.Millisecond},
		{CauseAuth, 0, 67500 * time.Millisecond}, // it was let in meanwhile
		{CauseNetworkLoss, 2 * time.Second, 850 * time.Millisecond},
	} {
		if got := b.after(c.cause, c.played).Round(time.Millisecond); got != c.want {
			t.Errorf("step %d, %s after %v: %v, want %v", i, c.cause, c.played, got, c.want)
		}
	}
	for range 20 {
		if d := b.after(CauseOffline, 0); d > 15*time.Second {
			t.Fatalf("delay %v", d)
		}
	}
	for range 10 {
		b.after(CauseAuth, 0)
	}
	for _, r := range []float64{0, 0.999} {
		b.random = func() float64 { return r }
		if d := b.after(CauseAuth, 0); d < 15*time.Minute || d > 19*time.Minute {
			t.Errorf("delay after many refusals %v with jitter %v", d, r)
		}
	}
	for _, r := range []float64{0, 0.999} {
		b.random = func() float64 { return r }
		if d := b.after(CauseOffline, 0); d < 11*time.Second || d > 19*time.Second {
			t.Errorf("delay %v with jitter %v", d, r)
		}
	}
}
