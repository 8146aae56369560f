package storage

import (
	"strings"
	"testing"
	"time"
)

func TestClockGuard(t *testing.T) {
	base := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	const (
		fine    = ""
		stepped = "stepped"
		before  = "before the newest footage"
	)
	for _, tc := range []struct {
		name      string
		last      time.Time // of the last checkpoint
		was       clockState
		newest    time.Duration // after base
		wall      []time.Duration
		suspended string // after the last of wall
	}{
		{"first start", time.Time{}, clockState{}, 0, []time.Duration{time.Minute}, fine},
		{"restart", base, clockState{}, 0, []time.Duration{time.Hour}, fine},
		{"off for a month, or a wrong clock", base, clockState{}, 0, []time.Duration{30 * 24 * time.Hour}, stepped},
		{"no checkpoint, but footage", time.Time{}, clockState{}, 0, []time.Duration{30 * 24 * time.Hour}, stepped},
		{"set back while off", base, clockState{}, -48 * time.Hour, []time.Duration{-time.Hour}, stepped},
		{"small correction while off", base, clockState{}, -48 * time.Hour, []time.Duration{-time.Minute}, fine},
		{"stepped before", base, clockState{step: time.Hour}, 0, []time.Duration{time.Minute}, stepped},
		{"stepped back while off", base, clockState{step: -30 * time.Hour}, -48 * time.Hour, []time.Duration{30 * time.Hour}, fine},
		{"steps", base, clockState{}, 0, []time.Duration{time.Second, 4000 * time.Hour}, stepped},
		{"steps and back", base, clockState{}, 0, []time.Duration{time.Second, 4000 * time.Hour, 3 * time.Second}, fine},
		{"steps by little", base, clockState{}, 0, []time.Duration{time.Second, 9 * time.Minute}, fine},
		{"footage ahead", base, clockState{}, time.Hour, []time.Duration{0}, before},
		{"footage ahead, confirmed", base, clockState{confirmed: base.Add(time.Hour)}, time.Hour, []time.Duration{0}, fine},
		{"newer footage ahead", base, clockState{confirmed: base.Add(time.Hour)}, 2 * time.Hour, []time.Duration{0}, before},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClockGuard()
			if !tc.last.IsZero() {
				c.restore(tc.last, tc.was)
			}
			var got string
			for _, wall := range tc.wall {
				got = c.check(base.Add(wall), base.Add(tc.newest))
			}
			if got != c.suspended() || (got == "") != (tc.suspended == "") || !strings.Contains(got, tc.suspended) {
				t.Errorf("suspended %q, want %q", got, tc.suspended)
			}
			again := newClockGuard() // and after a restart
			again.restore(base.Add(tc.wall[len(tc.wall)-1]), c.state())
			if got := again.check(base.Add(tc.wall[len(tc.wall)-1]), base.Add(tc.newest)); (got == "") != (tc.suspended == "") {
				t.Errorf("after a restart: suspended %q", got)
			}
			c.confirm(base.Add(tc.wall[len(tc.wall)-1]), base.Add(tc.newest))
			if got := c.check(base.Add(tc.wall[len(tc.wall)-1]), base.Add(tc.newest)); got != "" {
				t.Errorf("after it was confirmed: %q", got)
			}
		})
	}
}

// An index that was lost and a volume that comes late: its checkpoint tells of
// the clock what nobody knew at the first check.
func TestClockGuardOfAVolumeThatComesLate(t *testing.T) {
	base := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		newest  time.Time     // that the index knew at the first check
		last    time.Duration // the volume's checkpoint, before the first check
		stepped bool
	}{
		"a clock that is wrong":                {time.Time{}, 30 * 24 * time.Hour, true},
		"a clock that was set back":            {time.Time{}, -time.Hour, true},
		"a short stop":                         {time.Time{}, time.Hour, false},
		"another volume told when we last ran": {base.Add(-time.Minute), 30 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newClockGuard()
			if got := g.check(base, c.newest); got != "" {
				t.Fatalf("suspended at first: %q", got)
			}
			g.restore(base.Add(-c.last), clockState{})
			got := g.check(base.Add(time.Second), base.Add(-time.Minute))
			if (got != "") != c.stepped {
				t.Errorf("suspended %q", got)
			}
			g.confirm(base.Add(2*time.Second), base)
			g.restore(base.AddDate(0, -1, 0), clockState{})
			if got := g.check(base.Add(3*time.Second), base); got != "" {
				t.Errorf("after it was confirmed: %q", got)
			}
		})
	}
}
