package storage_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// shifted has a store's clock differ from the machine's.
func shifted(o *storage.Options) *atomic.Int64 {
	var shift atomic.Int64
	o.Now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	return &shift
}

// S7: the clock before the newest footage suspends deletion by age.
func TestClockSuspendsDeletion(t *testing.T) {
	t.Parallel()
	o := options(t)
	shift := shifted(&o)
	s := open(t, o)
	record(t, s.Store, meta("gate", now().Add(-100*time.Hour)), 1, 10)
	record(t, s.Store, meta("gate", now()), 1, 10)
	s.stop()

	o.Retention.Keep = 50 * time.Hour
	shift.Store(int64(-30 * time.Hour)) // but what is oldest is too old even so
	s = open(t, o)
	if s.Status().Suspended == "" {
		t.Error("not suspended at once")
	}
	s.ConfirmClock()
	if s.Status().Suspended != "" {
		t.Error("suspended after it was confirmed")
	}
	eventually(t, "deletion", func() bool { return len(all(t, s.Store, "gate")) == 1 })
}

// S7: a step of the clock suspends deletion by age until it is confirmed, over
// restarts, over kills and without the index; and so does a clock that moved
// far while the recorder was down. Nothing is deleted meanwhile.
func TestClockStepOverRestart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		running  bool // it steps while the recorder runs, not while it is down
		loseToo  bool // the index
		restarts int
	}{
		"while down":            {false, false, 1},
		"while down, no index":  {false, true, 1},
		"while up":              {true, false, 1},
		"while up, no index":    {true, true, 2},
		"while up, many starts": {true, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, fsys := faulty(t, true)
			o.Retention.Keep = 240 * time.Hour
			shift := shifted(&o)
			s := open(t, o)
			record(t, s.Store, meta("gate", now().Add(-time.Hour)), 1, 10)
			if tc.running {
				shift.Store(int64(4000 * time.Hour))
				s.SetRetention(o.Retention) // has the reaper look now
				eventually(t, "suspension", func() bool { return strings.Contains(s.Status().Suspended, "stepped") })
				record(t, s.Store, meta("gate", o.Now()), 1, 10)
			}
			s.stop()
			shift.Store(int64(4000 * time.Hour))
			looked := rounds(fsys, nil)
			for range tc.restarts {
				if tc.loseToo {
					lose(t, o)
				}
				s = open(t, o)
				since := looked.Load()
				eventually(t, "rounds", func() bool { return looked.Load() >= since+3 && !s.Status().Rebuilding })
				if got := s.Status().Suspended; !strings.Contains(got, "stepped") {
					t.Errorf("suspended %q", got)
				}
				if n := statedDeletions(t, fsys, "/v", "gate"); n != 0 {
					t.Fatalf("%d segments were deleted", n)
				}
				s.stop()
			}
			s = open(t, o)
			s.ConfirmClock()
			eventually(t, "deletion", func() bool { return statedDeletions(t, fsys, "/v", "gate") == 1 })
			s.stop()
			s = open(t, o)
			if got := s.Status().Suspended; got != "" {
				t.Errorf("suspended after it was confirmed: %s", got)
			}
		})
	}
}

// A step back to the right time needs nobody.
func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	o.Retention.Keep = 240 * time.Hour
	shift := shifted(&o)
	s := open(t, o)
	record(t, s.Store, meta("gate", now().Add(-300*time.Hour)), 1, 10)
	for _, step := range []time.Duration{4000 * time.Hour, -4000 * time.Hour} {
		shift.Add(int64(step))
		s.SetRetention(o.Retention)
		eventually(t, "look", func() bool { return (s.Status().Suspended != "") == (step > 0) })
	}
	eventually(t, "deletion of what is too old", func() bool { return statedDeletions(t, fsys, "/v", "gate") == 1 })
}
