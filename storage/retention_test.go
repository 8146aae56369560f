package storage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// starts lists when a camera's segments start, in hours after an instant.
func starts(t testing.TB, s *storage.Store, camera string, zero time.Time) string {
	t.Helper()
	var hours []string
	for _, seg := range all(t, s, camera) {
		hours = append(hours, fmt.Sprint(int(seg.Start.Sub(zero).Hours())))
	}
	return strings.Join(hours, " ")
}

func TestRetentionByAge(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := now().Add(-10 * time.Hour)
	for i := range 6 {
		for _, camera := range []string{"gate", "yard", "vault"} {
			record(t, s.Store, meta(camera, zero.Add(time.Duration(i)*time.Hour)), 1, 10)
		}
	}
	pinned := all(t, s.Store, "yard")[1]
	r, err := s.OpenSegment(pinned)
	if err != nil {
		t.Fatal(err)
	}
	s.SetRetention(storage.Retention{
		Keep: 7*time.Hour + 30*time.Minute, Cameras: map[string]time.Duration{"yard": 5*time.Hour + 30*time.Minute, "vault": 0},
	})
	eventually(t, "deletion", func() bool {
		return starts(t, s.Store, "gate", zero) == "3 4 5" && starts(t, s.Store, "yard", zero) == "1 5"
	})
	if got := starts(t, s.Store, "vault", zero); got != "0 1 2 3 4 5" {
		t.Errorf("vault: %s", got)
	}
	root := o.Volumes[0].Path
	eventually(t, "files gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(root, "gate/main/*/*/*.mp4"))
		return len(left) == 3
	})
	eventually(t, "directories gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(root, "gate/main/*/*"))
		return len(left) == 3
	})
	if b := make([]byte, 4); true {
		if _, err := r.ReadAt(b, 0); err != nil || string(b) != "HEAD" {
			t.Errorf("pinned segment: %q %v", b, err)
		}
	}
	r.Close()
	r.Close()
	s.SetRetention(storage.Retention{Keep: time.Hour, Cameras: map[string]time.Duration{"vault": 0}})
	eventually(t, "new retention, and the unpinned one", func() bool {
		return starts(t, s.Store, "gate", zero) == "" && starts(t, s.Store, "yard", zero) == ""
	})
	if _, err := s.OpenSegment(pinned); !errors.Is(err, storage.ErrGone) {
		t.Errorf("deleted segment: %v", err)
	}
	eventually(t, "every file gone", func() bool { return s.Status().Volumes[0].Deleted == 12 })
	volume := s.Status().Volumes[0]
	want := listing(t, s.Store)["vault"]
	s.stop()
	deleted := 0
	for _, l := range chain(t, vfs.OS{}, root, "gate", volume.ID) {
		if l["kind"] == "deleted" {
			deleted++
		}
	}
	if deleted != 6 {
		t.Errorf("%d lines of deletion for 6", deleted)
	}
	lose(t, o)
	s = open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	if starts(t, s.Store, "gate", zero) != "" || len(all(t, s.Store, "vault")) != len(want.([]storage.Segment)) {
		t.Error("what was deleted is listed again")
	}
}

// A crash between the statement and the unlinking is finished at the next start.
func TestDeletionIsFinished(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := now().Add(-10 * time.Hour)
	seg := record(t, s.Store, meta("gate", zero), 1, 10)
	record(t, s.Store, meta("gate", now()), 1, 10)
	s.stop()
	failing(fsys, "remove", "/v/gate", errors.New("crash"))
	o.Retention.Keep = time.Hour
	s = open(t, o)
	eventually(t, "statement", func() bool { return len(all(t, s.Store, "gate")) == 1 })
	s.stop()
	if _, err := fsys.Stat("/v/" + seg.Path); err != nil {
		t.Fatal("removed in spite of the fault")
	}
	fsys.SetHook(nil)
	s = open(t, o)
	eventually(t, "unlinking", func() bool {
		_, err := fsys.Stat("/v/" + seg.Path)
		return errors.Is(err, os.ErrNotExist)
	})
	if len(all(t, s.Store, "gate")) != 1 {
		t.Error("listed again")
	}
}

func TestRetentionByReserve(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	fsys.SetCapacity(40 << 20)
	o.Volumes[0].Reserve = 10 << 20
	s := open(t, o)
	zero := now().Add(-100 * time.Hour).Truncate(time.Hour)
	var pinned *storage.SegmentReader
	n := 0
	for ; n < 60; n++ {
		camera := []string{"gate", "yard"}[n%2]
		seg := record(t, s.Store, meta(camera, zero.Add(time.Duration(n)*time.Hour)), 1, 1<<20)
		if n == 0 {
			var err error
			if pinned, err = s.OpenSegment(seg); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "room", func() bool { sp, _ := fsys.Space("/v"); return sp.Free > 5<<20 })
	}
	if st := s.Status().Volumes[0]; st.Deleted < 20 || st.DeletedBytes < 20<<20 {
		t.Errorf("deleted %d segments, %d bytes", st.Deleted, st.DeletedBytes)
	}
	eventually(t, "the reserve", func() bool { sp, _ := fsys.Space("/v"); return sp.Free >= 10<<20 })
	gate, yard := all(t, s.Store, "gate"), all(t, s.Store, "yard")
	if !gate[0].Start.Equal(zero) {
		t.Error("the segment that is read was deleted")
	}
	// Oldest first over both cameras: what is left is the newest.
	oldest := gate[1].Start
	if d := oldest.Sub(yard[0].Start).Abs(); d != time.Hour {
		t.Errorf("gate is kept from %v, yard from %v", oldest.Sub(zero), yard[0].Start.Sub(zero))
	}
	if left := len(gate) + len(yard); left < 10 {
		t.Errorf("only %d of %d left: more was deleted than needed", left, n)
	}
	pinned.Close()
}

// A reserve that is raised while the store runs makes room at once, and no more.
func TestAReserveIsRaisedWhileTheStoreRuns(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	fsys.SetCapacity(40 << 20)
	o.Volumes[0].Reserve = 4 << 20
	s := open(t, o)
	zero := now().Add(-100 * time.Hour).Truncate(time.Hour)
	for n := range 30 {
		record(t, s.Store, meta("gate", zero.Add(time.Duration(n)*time.Hour)), 1, 1<<20)
	}
	before := s.Status().Volumes[0].Deleted
	s.SetReserve("/other", 20<<20)
	s.SetReserve("/v/", 20<<20)
	eventually(t, "the larger reserve", func() bool { sp, _ := fsys.Space("/v"); return sp.Free >= 20<<20 })
	v := s.Status().Volumes[0]
	if before != 0 || v.Reserve != 20<<20 || len(all(t, s.Store, "gate")) < 10 {
		t.Errorf("%d segments were deleted before; then the reserve is %d, and %d are left", before, v.Reserve, len(all(t, s.Store, "gate")))
	}
}

// S5: what a hold covers is not deleted; neither is anything of a camera whose
// ledger has lines of a later version.
func TestHeldIsNotDeleted(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := open(t, o)
	zero := now().Add(-10 * time.Hour).Truncate(time.Hour)
	for i := range 4 {
		for _, camera := range []string{"held", "later", "free"} {
			record(t, s.Store, meta(camera, zero.Add(time.Duration(i)*time.Hour)), 1, 10)
		}
	}
	volume := s.Status().Volumes[0].ID
	s.stop()
	root := o.Volumes[0].Path
	from, to := zero.Add(time.Hour), zero.Add(time.Hour+time.Second/2)
	storage.AppendLedgerLine(t, root, volume, "held", "hold", from, to)
	storage.AppendLedgerLine(t, root, volume, "later", "hologram", from, to)
	lose(t, o)
	for _, name := range []string{".stockade-checkpoint-a", ".stockade-checkpoint-b"} {
		os.Remove(filepath.Join(root, name))
	}
	o.Retention.Keep = time.Hour
	s = open(t, o)
	eventually(t, "deletion", func() bool { return starts(t, s.Store, "free", zero) == "" && !s.Status().Rebuilding })
	eventually(t, "deletion of what is not held", func() bool { return starts(t, s.Store, "held", zero) == "1" })
	if got := starts(t, s.Store, "later", zero); got != "0 1 2 3" {
		t.Errorf("left of the camera with unknown lines: %q", got)
	}
}
