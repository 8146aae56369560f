package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// keepCopy keeps a directory as it is now; back puts that there again.
func keepCopy(t testing.TB, dir string) (back func()) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
	}
}

// S5: a power cut leaves a deletion in the ledger alone, with the index of
// before and the files there. The volume comes back after somebody held what the
// index lists, or after the index was lost too: what is held stays, the rest
// goes, and footage and gaps tile.
func TestHoldBeforeAVolumeComesBackWithItsDeletion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost func(testing.TB, storage.Options)
		late bool // the volume comes when the recorder runs
	}{
		"index of before": {func(testing.TB, storage.Options) {}, true},
		"no index":        {lose, false}, "no index and no checkpoints": {loseAll, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := options(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
			both := o.Volumes
			o.Volumes = both[:1]
			s := open(t, o)
			zero := minutes(t, s.Store, "gate")
			s.stop()
			o.Volumes = both
			s = open(t, o)
			eventually(t, "the other volume", func() bool { return s.Status().NoDeletion == "" })
			s.stop()
			index, files := keepCopy(t, o.State), keepCopy(t, filepath.Join(both[0].Path, "gate/main"))
			s = open(t, o)
			if d, err := s.Delete(soon(t), planned(t, s.Store, "gate", zero, zero.Add(5*time.Minute)), "lee", "why"); err != nil || d.Segments != 5 {
				t.Fatalf("%+v, %v", d, err)
			}
			s.stop()
			index()
			files()

			away := both[0].Path + "-away"
			if err := os.Rename(both[0].Path, away); err != nil {
				t.Fatal(err)
			}
			s = open(t, o)
			h := place(t, s.Store, "gate", zero.Add(70*time.Second), zero.Add(2*time.Minute))
			if got := heldBy(all(t, s.Store, "gate"), h); len(got) != 1 {
				t.Fatalf("listed when it was held: %v", got)
			}
			if !c.late {
				s.stop()
			}
			if err := os.Rename(away, both[0].Path); err != nil {
				t.Fatal(err)
			}
			if !c.late {
				c.lost(t, o)
				s = open(t, o)
			}
			left := func() bool {
				list := all(t, s.Store, "gate")
				names, _ := filepath.Glob(filepath.Join(both[0].Path, "gate/main/*/*/*.mp4"))
				return len(list) == 6 && list[0].Start.Equal(zero.Add(time.Minute)) && len(names) == 6
			}
			eventually(t, "the rest to go", left)
			for range 2 { // and it is so after a restart, and without the index
				content(t, s.Store, all(t, s.Store, "gate")[0])
				eventually(t, "the gap to make room", func() bool {
					for _, g := range gapsOf(t, s.Store, "gate") {
						if g.Reason == storage.ReasonDeleted && g.From.Before(h.To) && g.To.After(h.From) {
							return false
						}
					}
					return true
				})
				tilesOnce(t, s.Store)
				s.stop()
				c.lost(t, o)
				s = open(t, o)
				eventually(t, "reading", func() bool { return !s.Status().Rebuilding })
				if !left() {
					t.Errorf("left: %v", all(t, s.Store, "gate"))
				}
			}
			if err := s.RemoveHold(soon(t), h.ID, "lee", "closed"); err != nil {
				t.Fatal(err)
			}
			s.SetRetention(storage.Retention{Keep: time.Hour})
			eventually(t, "the end of all", func() bool { return len(all(t, s.Store, "gate")) == 0 })
		})
	}
}

// S5: what was stated as deleted and is held, but cannot be read, is looked at
// again while the recorder runs, and holds up no deletion meanwhile.
func TestWhatCannotBeLookedAtIsTriedAgain(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := minutes(t, s.Store, "gate")
	failing(fsys, "remove", "/v/gate", syscall.EIO)
	if d, err := s.Delete(soon(t), planned(t, s.Store, "gate", zero, zero.Add(time.Second)), "kim", "why"); err != nil || d.Segments != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	place(t, s.Store, "gate", zero, zero.Add(time.Second))
	s.stop()
	tried := atomic.Int64{}
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op != "open" || !strings.HasSuffix(c.Name, meta("gate", zero).Start.Format("150405.000000000Z")+"-0a1b2c3d.mp4") {
			return nil
		}
		tried.Add(1)
		return syscall.EIO
	})
	s = open(t, o)
	eventually(t, "a look", func() bool { return tried.Load() > 0 })
	last := all(t, s.Store, "gate")[8]
	if d, err := s.Delete(soon(t), planned(t, s.Store, "gate", last.Start, last.End), "kim", "why"); err != nil || d.Segments != 1 {
		t.Errorf("deletion beside it: %+v, %v", d, err)
	}
	fsys.SetHook(nil)
	eventually(t, "the held one", func() bool { return all(t, s.Store, "gate")[0].Start.Equal(zero) })
}

// Footage that was deleted before somebody held its range is told as deleted:
// who deletes much is told what went, not what the hold came too late for.
func TestDeletedBeforeItWasHeld(t *testing.T) {
	t.Parallel()
	s := open(t, options(t))
	zero := minutes(t, s.Store, "gate")
	last := all(t, s.Store, "gate")[9]
	r, err := s.OpenSegment(last) // keeps the deletion from being done
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := planned(t, s.Store, "gate", zero, zero.Add(time.Hour))
	if d, err := s.Delete(soon(t), p, "lee", "why"); err != nil || d.Segments != 9 || d.Waiting != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	place(t, s.Store, "gate", zero, zero.Add(time.Hour))
	eventually(t, "the hold to come before the last", func() bool {
		d, err := s.Deleted(p)
		return err == nil && d == storage.Deleted{Segments: 9, Bytes: p.Take[0].Bytes * 9, Held: 1}
	})
}
