package storage_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// aside lists the files that recovery put aside in a segment's hour.
func aside(t testing.TB, fsys vfs.FS, m storage.SegmentMeta) (names []string) {
	t.Helper()
	list, err := fsys.ReadDir("/v/" + m.Camera + "/main/" + m.Start.Format("2006-01-02/15"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".mp4") {
			names = append(names, e.Name())
		}
	}
	return names
}

// S2: a file that was written but never synced, since the disk refused to, is
// never footage: not when the volume is attached again, not after a restart of
// the recorder in between, and not while there is no room to commit.
func TestUnsyncedFileIsPutAside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		killed bool // before the volume is attached again
		full   bool // the first commit after that finds no room
	}{
		"attached again":       {false, false},
		"restart":              {true, false},
		"restart and no room":  {true, true},
		"attached and no room": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, fsys := faulty(t, true)
			s := open(t, o)
			first := record(t, s.Store, meta("gate", now()), 1, 10)
			syncs := failingAs(fsys, "syncfs", "/v", syscall.EIO)
			m := meta("gate", now())
			w := begin(t, s.Store, m)
			add(t, w, m.Start.Add(time.Second), 100<<10)
			<-w.Failed()
			if !w.End().Equal(m.Start) {
				t.Errorf("kept to %v", w.End())
			}
			if tc.killed {
				s.stop()
			}
			hook := func(vfs.Call) error { return nil }
			if tc.full {
				hook = func(c vfs.Call) error {
					if c.Op == "write" && strings.HasPrefix(c.Name, "/v/.stockade-checkpoint") {
						return syscall.ENOSPC
					}
					return nil
				}
			}
			syncs(hook)
			if tc.killed {
				s = open(t, o)
			}
			eventually(t, "the volume is back", func() bool {
				st := s.Status().Volumes[0].State
				return st == storage.VolumeOK || tc.full && st == storage.VolumeFull
			})
			if tc.full {
				s.stop() // before any commit succeeded
				fsys.SetHook(nil)
				s = open(t, o)
			}
			if got := aside(t, fsys, m); len(got) != 1 {
				t.Errorf("put aside: %v", got)
			}
			eventually(t, "commit", func() bool { return s.Status().Volumes[0].Commits > 0 })
			s.stop()
			for _, lost := range []bool{false, true} {
				if lost {
					lose(t, o)
				}
				s = open(t, o)
				eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
				if diff := cmp.Diff([]storage.Segment{first}, all(t, s.Store, "gate")); diff != "" {
					t.Errorf("index lost %v: %s", lost, diff)
				}
				s.stop()
			}
			stated := 0
			for _, l := range chain(t, fsys, "/v", "gate", first.Volume) {
				if l["kind"] == "lost" && strings.HasSuffix(l["path"].(string), m.Start.Format("150405.000000000Z")+"-0a1b2c3d.mp4") {
					stated++
				}
			}
			if stated != 1 {
				t.Errorf("stated %d times", stated)
			}
			o.Retention.Keep = time.Nanosecond // what lies aside goes with its hour
			s = open(t, o)
			eventually(t, "the hour is gone", func() bool {
				_, err := fsys.Stat("/v/gate/main/" + m.Start.Format("2006-01-02/15"))
				return err != nil
			})
		})
	}
}

// failingAs has calls of an operation under a path fail until another hook is given.
func failingAs(fsys *vfs.Fault, op, under string, err error) (next func(func(vfs.Call) error)) {
	failing(fsys, op, under, err)
	return fsys.SetHook
}

// A file that a checkpoint promised and that is not there any more is stated.
func TestPromisedFileIsGone(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	add(t, w, start.Add(time.Second), 10)
	eventually(t, "durable", func() bool { return len(all(t, s.Store, "gate")) == 1 })
	seg := all(t, s.Store, "gate")[0]
	s.stop()
	if err := fsys.Remove("/v/" + seg.Path); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	s.stop()
	lines := chain(t, fsys, "/v", "gate", seg.Volume)
	if l := lines[0]; l["kind"] != "lost" || l["path"] != seg.Path || l["bytes"] != float64(seg.Bytes) {
		t.Errorf("%v", l)
	}
}
