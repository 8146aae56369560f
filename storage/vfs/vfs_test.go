package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

const rw = os.O_RDWR | os.O_CREATE

// TestSame runs the same calls on the real file system and on the one in memory.
func TestSame(t *testing.T) {
	for _, tc := range []struct {
		name string
		fs   vfs.FS
		root string
	}{
		{"os", vfs.OS{}, t.TempDir()},
		{"fault", vfs.NewFault(1 << 30), "/"},
	} {
		t.Run(tc.name, func(t *testing.T) { same(t, tc.fs, tc.root) })
	}
}

func same(t *testing.T, fsys vfs.FS, root string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("got error %v, want %v", err, want)
		}
	}
	dir, name := path.Join(root, "d"), path.Join(root, "d", "f")
	_, err := fsys.OpenFile(name, rw, 0o600)
	is(err, syscall.ENOENT)
	must(fsys.Mkdir(dir, 0o700))
	is(fsys.Mkdir(dir, 0o700), syscall.EEXIST)
	f, err := fsys.OpenFile(name, rw|os.O_EXCL, 0o600)
	must(err)
	_, err = fsys.OpenFile(name, rw|os.O_EXCL, 0o600)
	is(err, syscall.EEXIST)

	var bufs [][]byte
	for i := range 3000 { // more than IOV_MAX
		bufs = append(bufs, bytes.Repeat([]byte{byte(i)}, i%7))
	}
	want := bytes.Join(bufs, nil)
	n, err := f.WriteBuffersAt(bufs, 10)
	must(err)
	if n != int64(len(want)) {
		t.Fatalf("wrote %d, want %d", n, len(want))
	}
	must(f.Preallocate(n, 1<<20))
	size, err := f.Size()
	must(err)
	if size != n+10 {
		t.Fatalf("size %d after Preallocate, want %d", size, n+10)
	}
	got := make([]byte, n+100)
	k, err := f.ReadAt(got, 10)
	is(err, io.EOF)
	if !bytes.Equal(got[:k], want) {
		t.Fatal("read back something else")
	}
	must(f.Truncate(20))
	st, err := fsys.Stat(name)
	must(err)
	if st.Size != 20 || st.Dir {
		t.Fatalf("stat %+v", st)
	}
	must(f.Datasync())
	must(f.Sync())
	must(f.SyncFS())

	must(f.TryLock())
	g, err := fsys.OpenFile(name, os.O_RDWR, 0)
	must(err)
	is(g.TryLock(), syscall.EWOULDBLOCK)
	must(f.Close())
	must(g.TryLock())
	must(g.Close())

	is(fsys.Remove(dir), syscall.ENOTEMPTY)
	must(fsys.Rename(name, path.Join(dir, "g")))
	list, err := fsys.ReadDir(dir)
	must(err)
	if len(list) != 1 || list[0].Name() != "g" || list[0].IsDir() {
		t.Fatalf("listing %v", list)
	}
	d, err := fsys.OpenFile(dir, os.O_RDONLY, 0)
	must(err)
	must(d.Sync())
	must(d.Close())
	must(fsys.Remove(path.Join(dir, "g")))
	must(fsys.Remove(dir))
	if sp, err := fsys.Space(root); err != nil || sp.Total == 0 || sp.Free == 0 {
		t.Fatalf("space %+v %v", sp, err)
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	lostWrite, lostEntry, torn := 0, 0, 0
	for seed := range uint64(300) {
		fsys := vfs.NewFault(1 << 20)
		f, _ := fsys.OpenFile("/a", rw, 0o600)
		f.WriteBuffersAt([][]byte{bytes.Repeat([]byte{1}, 6000)}, 0)
		f.Sync()
		d, _ := fsys.OpenFile("/", os.O_RDONLY, 0)
		d.Sync()
		f.WriteBuffersAt([][]byte{bytes.Repeat([]byte{2}, 6000)}, 6000)
		fsys.OpenFile("/b", rw, 0o600)

		after := fsys.Crash(rand.New(rand.NewPCG(seed, 0)))
		if _, err := f.WriteBuffersAt([][]byte{{1}}, 0); !errors.Is(err, vfs.ErrPowerLost) {
			t.Fatalf("write after the crash: %v", err)
		}
		g, err := after.OpenFile("/a", os.O_RDONLY, 0)
		if err != nil {
			t.Fatalf("seed %d: synced entry: %v", seed, err)
		}
		got := make([]byte, 20000)
		n, _ := g.ReadAt(got, 0)
		if n < 6000 || !bytes.Equal(got[:6000], bytes.Repeat([]byte{1}, 6000)) {
			t.Fatalf("seed %d: synced bytes are gone", seed)
		}
		if n == 6000 {
			lostWrite++
		} else if bytes.Count(got[6000:n], []byte{2}) != 6000 {
			torn++
		}
		if _, err := after.Stat("/b"); err != nil {
			lostEntry++
		}
	}
	if lostWrite == 0 || lostWrite == 300 || lostEntry == 0 || lostEntry == 300 || torn == 0 {
		t.Fatalf("of 300: %d writes lost, %d torn, %d entries lost: not every kind of loss", lostWrite, torn, lostEntry)
	}
}

// A file system is synced without the others.
func TestSyncFSIsOfOneFileSystem(t *testing.T) {
	fsys := vfs.NewFault(1 << 20)
	fsys.Mount("/v")
	fsys.Mount("/w")
	lost := 0
	for seed := range uint64(50) {
		for _, name := range []string{"/v/a", "/w/a"} {
			f, err := fsys.OpenFile(name, rw, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteBuffersAt([][]byte{[]byte("x")}, 0); err != nil {
				t.Fatal(err)
			}
			if name == "/v/a" {
				if err := f.SyncFS(); err != nil {
					t.Fatal(err)
				}
			}
		}
		fsys = fsys.Crash(rand.New(rand.NewPCG(seed, 0)))
		if st, err := fsys.Stat("/v/a"); err != nil || st.Size != 1 {
			t.Fatalf("%+v: %v", st, err)
		}
		if _, err := fsys.Stat("/w/a"); err != nil {
			lost++
		} else if err := fsys.Remove("/w/a"); err != nil {
			t.Fatal(err)
		}
	}
	if lost == 0 {
		t.Error("nothing that was not synced was ever lost")
	}
}

func TestFaults(t *testing.T) {
	fsys := vfs.NewFault(100)
	f, err := fsys.OpenFile("/a", rw, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.WriteBuffersAt([][]byte{make([]byte, 60), make([]byte, 60)}, 0)
	if n != 100 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("wrote %d: %v", n, err)
	}
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == "sync" {
			time.Sleep(time.Millisecond)
			return syscall.EIO
		}
		return nil
	})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := fsys.Remove("/a"); err != nil {
		t.Fatal(err)
	}
	if sp, _ := fsys.Space("/"); sp.Free != 100 {
		t.Fatalf("%d bytes free after removal", sp.Free)
	}
}
