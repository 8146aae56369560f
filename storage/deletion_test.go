package storage_test

import (
	"fmt"
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

// breakIndex has every write of the index fail until the returned function is
// called: its descriptor is replaced by one that only reads.
func breakIndex(t testing.TB, o storage.Options) (repair func()) {
	t.Helper()
	name, err := filepath.EvalSymlinks(filepath.Join(o.State, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		link, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || link != name {
			continue
		}
		var fd int
		fmt.Sscan(e.Name(), &fd)
		replace := func(flag int) {
			f, err := os.OpenFile(name, flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := syscall.Dup3(int(f.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
		}
		replace(os.O_RDONLY)
		return func() { replace(os.O_RDWR) }
	}
	t.Fatal("index is not open")
	return nil
}

// statedDeletions counts a camera's lines of deletion.
func statedDeletions(t testing.TB, fsys vfs.FS, root, camera string) (n int) {
	t.Helper()
	list, _ := fsys.ReadDir(root + "/" + camera + "/ledger")
	for _, e := range list {
		n += strings.Count(string(read(t, fsys, root+"/"+camera+"/ledger/"+e.Name())), `"kind":"deleted"`)
	}
	return n
}

// crowded is a volume with 200 segments of 100 KiB that is a little short of its reserve.
func crowded(t testing.TB) (storage.Options, *vfs.Fault) {
	t.Helper()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := now().Add(-1000 * time.Hour).Truncate(time.Hour)
	for n := range 200 {
		w := begin(t, s.Store, meta("gate", zero.Add(time.Duration(n)*time.Hour)))
		add(t, w, zero.Add(time.Duration(n)*time.Hour+time.Second), 100<<10)
		if err := w.Seal([][]byte{trailer()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	sp, err := fsys.Space("/v")
	if err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(sp.Total - sp.Free + 9<<20)
	o.Volumes[0].Reserve = 10 << 20
	return o, fsys
}

// rounds counts how often a volume's reaper has looked.
func rounds(fsys *vfs.Fault, more func(vfs.Call) error) *atomic.Int64 {
	var n atomic.Int64
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == "space" {
			n.Add(1)
		}
		if more != nil {
			return more(c)
		}
		return nil
	})
	return &n
}

// An index that cannot be written holds one batch up; it does not have the
// rest of the archive stated as deleted, batch by batch.
func TestIndexNotWritableWhileDeleting(t *testing.T) {
	o, fsys := crowded(t) // not parallel: it changes a descriptor
	st, err := storage.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	repair := breakIndex(t, o)
	looked := rounds(fsys, nil)
	s := run(t, st)
	eventually(t, "statement", func() bool { return statedDeletions(t, fsys, "/v", "gate") > 0 })
	since := looked.Load()
	eventually(t, "more rounds", func() bool { return looked.Load() >= since+4 })
	stated := statedDeletions(t, fsys, "/v", "gate")
	if stated > 64 || s.Status().Volumes[0].Deleted != 0 || s.Status().IndexError == "" {
		t.Errorf("%d stated as deleted, %d unlinked, index: %q", stated, s.Status().Volumes[0].Deleted, s.Status().IndexError)
	}
	repair()
	eventually(t, "unlinking", func() bool { return s.Status().Volumes[0].Deleted >= int64(stated) })
	eventually(t, "the reserve", func() bool { sp, _ := fsys.Space("/v"); return sp.Free >= 10<<20 })
	if n := len(all(t, s.Store, "gate")); n < 200-64 {
		t.Errorf("%d of 200 segments left", n)
	}
}

// While a commit takes its time, what it deletes is not chosen for again.
func TestSlowCommitWhileDeleting(t *testing.T) {
	t.Parallel()
	o, fsys := crowded(t)
	release := make(chan struct{})
	var slow atomic.Bool
	looked := rounds(fsys, func(c vfs.Call) error {
		if c.Op == "syncfs" && slow.Load() {
			<-release
		}
		return nil
	})
	st, err := storage.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	slow.Store(true)
	s := run(t, st)
	eventually(t, "rounds during one commit", func() bool { return looked.Load() >= 5 })
	close(release)
	eventually(t, "the reserve", func() bool { sp, _ := fsys.Space("/v"); return sp.Free >= 10<<20 })
	since := looked.Load()
	eventually(t, "more rounds", func() bool { return looked.Load() >= since+3 })
	// 1 MiB and what ledgers and headroom take: about 35 segments with twice
	// roomAgain; two batches would be far more.
	sp, _ := fsys.Space("/v")
	if sp.Free > 11<<20+(200<<10) {
		t.Errorf("%d KiB free where 10 MiB are wanted, %d deleted", sp.Free>>10, s.Status().Volumes[0].Deleted)
	}
}

// What is too old of many streams is deleted a batch at a time.
func TestAgeKeepsToTheBatch(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := now().Add(-10 * time.Hour)
	for c := range 100 {
		m := meta(fmt.Sprintf("cam-%d", c), zero)
		w := begin(t, s.Store, m)
		add(t, w, zero.Add(time.Second), 10)
		if err := w.Seal([][]byte{trailer()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	release := make(chan struct{})
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == "remove" {
			<-release
		}
		return nil
	})
	o.Retention.Keep = time.Hour
	s = open(t, o)
	left := func() (n int) {
		for c := range 100 {
			n += len(all(t, s.Store, fmt.Sprintf("cam-%d", c)))
		}
		return n
	}
	eventually(t, "the first batch", func() bool { return left() < 100 })
	if n := left(); n != 100-64 {
		t.Errorf("%d of 100 left by one batch of 64", n)
	}
	close(release)
	eventually(t, "the rest", func() bool { return left() == 0 })
}

// A file system without inodes left shows free space, and takes no new file:
// the oldest footage makes room all the same (S5).
func TestNoInodesLeft(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	zero := now().Add(-100 * time.Hour).Truncate(time.Hour)
	for i := range 100 {
		w := begin(t, s.Store, meta("gate", zero.Add(time.Duration(i)*time.Minute)))
		add(t, w, zero.Add(time.Duration(i)*time.Minute+time.Second), 10)
		if err := w.Seal([][]byte{trailer()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "footage", func() bool { return len(all(t, s.Store, "gate")) == 100 })
	var removed atomic.Int64
	fsys.SetHook(func(c vfs.Call) error {
		switch {
		case !strings.HasSuffix(c.Name, ".mp4"):
		case c.Op == "remove":
			removed.Add(1)
		case c.Op == "open" && strings.HasPrefix(c.Name, "/v/new/") && removed.Load() == 0:
			return syscall.ENOSPC
		}
		return nil
	})
	eventually(t, "a new segment", func() bool {
		w, err := s.Create(meta("new", now()))
		if err != nil {
			return false
		}
		if err := w.Append(storage.Append{Buffers: [][]byte{header(), part(now().Add(time.Second), nil)}, End: now().Add(time.Second)}); err != nil {
			return false
		}
		answer := make(chan error, 1)
		if w.Seal([][]byte{trailer()}, func(_ storage.Segment, err error) { answer <- err }) != nil {
			return false
		}
		return <-answer == nil
	})
	left := 0
	eventually(t, "the batch to be gone", func() bool { left = len(all(t, s.Store, "gate")); return left <= 100-64 })
	if left != 100-64 {
		t.Errorf("%d of 100 segments left after one batch of 64", left)
	}
}
