package storage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
)

func TestGapsTile(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now().Add(-time.Hour)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	set := func(n int, r storage.Reason, detail string) {
		t.Helper()
		if err := s.SetGap("gate", "main", at(n), r, detail); err != nil {
			t.Fatal(err)
		}
	}
	end := func(n int) {
		t.Helper()
		if err := s.CloseGap("gate", "main", at(n)); err != nil {
			t.Fatal(err)
		}
	}
	gap := func(from, to int, r storage.Reason, detail string) storage.Gap {
		g := storage.Gap{Camera: "gate", Stream: "main", From: at(from), Reason: r, Detail: detail}
		if to > 0 {
			g.To = at(to)
		}
		return g
	}
	record(t, s.Store, meta("gate", start), 40, 1)
	end(0) // without an open gap: nothing
	set(1, storage.ReasonCameraOffline, "no route")
	set(2, storage.ReasonCameraOffline, "still")
	set(3, storage.ReasonAuth, "401")
	end(5)
	set(7, storage.ReasonOverload, "")
	set(7, storage.ReasonDiskFull, "")
	end(9)
	set(20, storage.ReasonProtocol, "")
	set(15, storage.ReasonClockStep, "back by 5 s") // the clock was set back: the gap from 20 vanishes
	end(16)
	set(25, storage.ReasonDiskError, "later") // a lost tail comes to light after the gap that follows it
	set(22, storage.ReasonDiskError, "tail")
	end(23)
	set(25, storage.ReasonDiskError, "later")
	end(26)
	set(30, storage.ReasonNotScheduled, "")
	end(40)
	set(40, storage.ReasonNoTracks, "")

	want := []storage.Gap{
		gap(1, 3, storage.ReasonCameraOffline, "no route"),
		gap(3, 5, storage.ReasonAuth, "401"),
		gap(7, 9, storage.ReasonDiskFull, ""),
		gap(15, 16, storage.ReasonClockStep, "back by 5 s"),
		gap(22, 23, storage.ReasonDiskError, "tail"),
		gap(25, 26, storage.ReasonDiskError, "later"),
		gap(40, 0, storage.ReasonNoTracks, ""),
	}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, gapsOf(t, s.Store, "gate")); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check("at once")
	record(t, s.Store, meta("other", start), 1, 1) // its commit takes the gaps along
	check("after a commit")
	part, err := s.Gaps("gate", "main", at(4), at(15))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[1:3], part); diff != "" {
		t.Errorf("range: %s", diff)
	}
	s.stop()
	s = open(t, o)
	check("after a restart")
	s.stop()
	lose(t, o)
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	check("after the index was lost")
}

func TestRecorderDown(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now().Add(-time.Hour)
	seg := record(t, s.Store, meta("gate", start), 3, 10)
	old := record(t, s.Store, meta("retired", start), 3, 10)
	record(t, s.Store, meta("offline", start), 3, 10)
	s.SetGap("offline", "main", seg.End.Add(time.Second), storage.ReasonCameraOffline, "")
	s.SetGap("retired", "main", old.End, storage.ReasonNotScheduled, "")
	s.SetGap("never", "main", start, storage.ReasonAuth, "")
	s.stop()

	down := func(camera string, from, to time.Time) storage.Gap {
		return storage.Gap{Camera: camera, Stream: "main", From: from, To: to, Reason: storage.ReasonRecorderDown}
	}
	for _, lost := range []bool{false, true} {
		if lost {
			lose(t, o)
		}
		s = open(t, o)
		eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
		for camera, want := range map[string][]storage.Gap{
			"gate":    {down("gate", seg.End, time.Time{})},
			"retired": nil,
			"offline": {
				down("offline", seg.End, seg.End.Add(time.Second)),
				{Camera: "offline", Stream: "main", From: seg.End.Add(time.Second), Reason: storage.ReasonCameraOffline},
			},
			"never": {{Camera: "never", Stream: "main", From: start, Reason: storage.ReasonAuth}},
		} {
			if diff := cmp.Diff(want, gapsOf(t, s.Store, camera)); diff != "" {
				t.Errorf("index lost %v, %s: %s", lost, camera, diff)
			}
		}
		s.stop()
	}
	s = open(t, o)
	again := now()
	s.CloseGap("gate", "main", again)
	if diff := cmp.Diff([]storage.Gap{down("gate", seg.End, again)}, gapsOf(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
}

// A stream that records before the rebuild has found its last footage.
func TestRecorderDownWhileRebuilding(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now().Add(-time.Hour)
	seg := record(t, s.Store, meta("gate", start), 3, 10)
	s.stop()
	lose(t, o)

	st, err := storage.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	again := now()
	st.CloseGap("gate", "main", again)
	w := begin(t, st, meta("gate", again))
	add(t, w, again.Add(time.Second), 10)
	s = run(t, st)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	seal(t, w)
	want := []storage.Gap{{
		Camera: "gate", Stream: "main", From: seg.End, To: again, Reason: storage.ReasonRecorderDown,
	}}
	if diff := cmp.Diff(want, gapsOf(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
	if list := all(t, s.Store, "gate"); len(list) != 2 {
		t.Errorf("%d segments", len(list))
	}
}
