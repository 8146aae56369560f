package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// soon bounds what waits for commits in tests.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// place puts a hold in force.
func place(t testing.TB, s *storage.Store, camera string, from, to time.Time) storage.Hold {
	t.Helper()
	h, err := s.PlaceHold(soon(t), storage.Hold{Camera: camera, From: from, To: to, By: "kim", Why: "theft"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// holds lists what is held.
func holds(t testing.TB, s *storage.Store) []storage.Hold {
	t.Helper()
	list, err := s.Holds()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// tenHours records a segment an hour of each camera, from ten hours ago on.
func tenHours(t testing.TB, s *storage.Store, cameras ...string) (zero time.Time) {
	t.Helper()
	zero = now().Add(-10 * time.Hour).Truncate(time.Hour)
	for i := range 4 {
		for _, camera := range cameras {
			record(t, s, meta(camera, zero.Add(time.Duration(i)*time.Hour)), 1, 10)
		}
	}
	return zero
}

// S5: a hold outlives a restart, the index, and the checkpoints, and so does
// its end; what it covered goes after it, and not before.
func TestHoldOutlivesTheDatabases(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(testing.TB, storage.Options){
		"restart": func(testing.TB, storage.Options) {}, "no index": lose, "no index and no checkpoints": loseAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			s := open(t, o)
			zero := tenHours(t, s.Store, "gate", "free")
			kept := place(t, s.Store, "gate", zero.Add(time.Hour), zero.Add(time.Hour+time.Second/2))
			ended := place(t, s.Store, "gate", zero.Add(2*time.Hour), zero.Add(3*time.Hour))
			if err := s.RemoveHold(soon(t), ended.ID, "lee", "case closed"); err != nil {
				t.Fatal(err)
			}
			if err := s.RemoveHold(soon(t), ended.ID, "lee", "again"); !errors.Is(err, storage.ErrNoHold) {
				t.Errorf("ended twice: %v", err)
			}
			volume := s.Status().Volumes[0].ID
			s.stop()
			lost(t, o)
			o.Retention.Keep = time.Hour
			s = open(t, o)
			eventually(t, "deletion", func() bool { return starts(t, s.Store, "free", zero) == "" })
			eventually(t, "deletion of what is not held any more", func() bool { return starts(t, s.Store, "gate", zero) == "1" })
			if diff := cmp.Diff([]storage.Hold{kept}, holds(t, s.Store)); diff != "" {
				t.Error(diff)
			}
			if err := s.RemoveHold(soon(t), kept.ID, "lee", "case closed too"); err != nil {
				t.Fatal(err)
			}
			s.SetRetention(o.Retention)
			eventually(t, "the rest", func() bool { return starts(t, s.Store, "gate", zero) == "" })
			s.stop()
			var lines []string
			for _, l := range chain(t, vfs.OS{}, o.Volumes[0].Path, "gate", volume) {
				if l["id"] != nil {
					lines = append(lines, strings.TrimSpace(fmt.Sprintln(l["kind"], l["id"] == kept.ID, l["by"], l["why"], l["ended_by"], l["ended_why"])))
				}
			}
			want := []string{
				"hold true kim theft <nil> <nil>", "hold false kim theft <nil> <nil>",
				"hold-ended false kim theft lee case closed", "hold-ended true kim theft lee case closed too",
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every volume knows of a hold, also one that comes later, and of its end; the
// index may be lost in between.
func TestHoldOnVolumesThatComeLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	both := o.Volumes
	o.Volumes = both[:1]
	s := open(t, o)
	zero := tenHours(t, s.Store, "gate")
	h, lifted := place(t, s.Store, "gate", zero, zero.Add(9*time.Hour)), place(t, s.Store, "gate", zero, zero.Add(time.Hour))
	s.stop()
	o.Volumes = both
	s = open(t, o)
	stated := func(kind, id string) bool {
		list, _ := filepath.Glob(both[1].Path + "/gate/ledger/*")
		for _, name := range list {
			b, _ := os.ReadFile(name)
			for line := range strings.Lines(string(b)) {
				if strings.Contains(line, id) && strings.Contains(line, `"kind":"`+kind+`"`) {
					return true
				}
			}
		}
		return false
	}
	eventually(t, "the later volume to be told", func() bool { return stated("hold", h.ID) && stated("hold", lifted.ID) })
	s.stop()

	// The later volume is away while one hold ends: it is told when it is back.
	if err := os.Rename(both[1].Path, both[1].Path+"-away"); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if err := s.RemoveHold(soon(t), lifted.ID, "lee", "closed"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(both[1].Path+"-away", both[1].Path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end to be told", func() bool { return stated("hold-ended", lifted.ID) })
	s.stop()

	// That volume alone, without any database, knows what is held.
	o.Volumes, o.State, o.Retention.Keep = both[1:], t.TempDir(), time.Hour
	s = open(t, o)
	eventually(t, "the holds", func() bool { list := holds(t, s.Store); return len(list) == 1 && list[0].ID == h.ID })
}

// A hold covers what is being written, and what is still to come.
func TestHoldOfWhatIsToCome(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	start := now().Add(-time.Hour)
	w := begin(t, s.Store, meta("gate", start))
	add(t, w, start.Add(time.Second), 10)
	place(t, s.Store, "gate", start.Add(5*time.Second), start.Add(30*time.Minute))
	record(t, s.Store, meta("gate", start.Add(-time.Hour)), 1, 10)
	add(t, w, start.Add(10*time.Second), 10)
	seal(t, w)
	record(t, s.Store, meta("gate", start.Add(20*time.Minute)), 1, 10)
	record(t, s.Store, meta("gate", start.Add(30*time.Minute)), 1, 10)
	s.SetRetention(storage.Retention{Keep: time.Millisecond})
	eventually(t, "deletion", func() bool { return len(all(t, s.Store, "gate")) == 2 })
	list := all(t, s.Store, "gate")
	if !list[0].Start.Equal(start) || !list[1].Start.Equal(start.Add(20*time.Minute)) {
		t.Errorf("%v", list)
	}
}

// S7: a step of the clock ends no hold, until it is confirmed.
func TestHoldExpiresByAClockThatIsTrusted(t *testing.T) {
	t.Parallel()
	o := options(t)
	shift := shifted(&o)
	s := open(t, o)
	zero := tenHours(t, s.Store, "gate", "free")
	h, err := s.PlaceHold(soon(t), storage.Hold{Camera: "gate", From: zero, To: zero.Add(time.Second), Expires: now().Add(30 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	shift.Store(int64(time.Hour))
	s.SetRetention(storage.Retention{Keep: time.Hour})
	eventually(t, "suspension", func() bool { return s.Status().Suspended != "" })
	for _, reason := range []storage.Reason{storage.ReasonAuth, storage.ReasonProtocol} { // a restart changes nothing
		if got := holds(t, s.Store); len(got) != 1 || got[0].ID != h.ID {
			t.Fatalf("%+v", got)
		}
		s.stop()
		o.Retention.Keep = time.Hour
		s = open(t, o)
		since := s.Status().Volumes[0].Commits
		s.SetGap("free", "main", now(), reason, "")
		eventually(t, "work", func() bool { return s.Status().Volumes[0].Commits > since })
	}
	s.ConfirmClock()
	eventually(t, "its end", func() bool { return len(holds(t, s.Store)) == 0 })
	shift.Store(0) // what ended does not come back with the clock
	s.ConfirmClock()
	s.SetRetention(storage.Retention{Keep: time.Hour})
	eventually(t, "deletion", func() bool { return starts(t, s.Store, "gate", zero) == "" })
	s.stop()
	lose(t, o)
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	if got := holds(t, s.Store); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// While holds cannot be read nothing is deleted, and that is said.
func TestHoldsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := tenHours(t, s.Store, "gate", "free")
	place(t, s.Store, "gate", zero, zero.Add(time.Second))
	s.stop()
	storage.SpoilHolds(t, o.State)
	o.Retention.Keep = time.Hour
	s = open(t, o)
	if why := s.Status().NoDeletion; !strings.Contains(why, "hold") {
		t.Errorf("nobody says that nothing is deleted: %q", why)
	}
	if s.Status().HoldsError == "" {
		t.Error("nobody says why")
	}
	if _, err := s.Holds(); err == nil {
		t.Error("holds are listed")
	}
	plan := storage.DeletionPlan{Camera: "free", Take: all(t, s.Store, "free")}
	if d, err := s.Delete(soon(t), plan, "kim", "no more use"); err != nil || d.Waiting != 4 {
		t.Errorf("deletion by hand: %+v, %v", d, err)
	}
	since := s.Status().Volumes[0].Commits
	s.SetGap("free", "main", now(), storage.ReasonAuth, "")
	eventually(t, "work", func() bool { return s.Status().Volumes[0].Commits > since })
	if got := starts(t, s.Store, "free", zero); got != "0 1 2 3" {
		t.Errorf("left: %s", got)
	}
	s.stop()
	lose(t, o) // what the ledgers say is read again
	s = open(t, o)
	eventually(t, "deletion", func() bool { return starts(t, s.Store, "free", zero) == "" && starts(t, s.Store, "gate", zero) == "0" })
}

// What makes no sense is refused, and an index of before holds takes them.
func TestHoldIsRefused(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	at := now()
	good := storage.Hold{Camera: "gate", From: at, To: at.Add(time.Hour), By: "kim", Why: "theft"}
	for name, change := range map[string]func(*storage.Hold){
		"camera":        func(h *storage.Hold) { h.Camera = "../gate" },
		"no length":     func(h *storage.Hold) { h.To = h.From },
		"before 1970":   func(h *storage.Hold) { h.From = time.Unix(-1, 0) },
		"for ever":      func(h *storage.Hold) { h.To = time.Unix(1<<34, 0) },
		"long reason":   func(h *storage.Hold) { h.Why = strings.Repeat("x", 513) },
		"id":            func(h *storage.Hold) { h.ID = "x" },
		"expired":       func(h *storage.Hold) { h.Expires = at.Add(-time.Minute) },
		"expires never": func(h *storage.Hold) { h.Expires = time.Unix(1<<34, 0) },
	} {
		h := good
		change(&h)
		if _, err := s.PlaceHold(soon(t), h); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	good.By = strings.Repeat("k", 300) // is cut, as in a hold's end
	h, err := s.PlaceHold(soon(t), good)
	if err != nil || len(h.By) != 256 {
		t.Fatal(h, err)
	}
	if _, err := s.PlaceHold(soon(t), h); err == nil {
		t.Error("an id is used twice")
	}
	s.stop()
	storage.MakeIndexOld(t, o.State)
	s = open(t, o)
	place(t, s.Store, "gate", at, at.Add(time.Minute))
}

// A volume that takes no lines leaves a hold in force, and says so.
func TestHoldThatCannotBeStated(t *testing.T) {
	t.Parallel()
	o := options(t)
	st, err := storage.OpenStore(o) // which does not run: nothing is committed
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = st.PlaceHold(ctx, storage.Hold{Camera: "gate", From: now(), To: now().Add(time.Hour)})
	if !errors.Is(err, storage.ErrHoldWaits) || len(holds(t, st)) != 1 {
		t.Errorf("%v, %v", err, holds(t, st))
	}
	s := run(t, st)
	h := holds(t, s.Store)[0]
	if err := s.RemoveHold(soon(t), h.ID, "kim", ""); err != nil {
		t.Error(err)
	}
}
