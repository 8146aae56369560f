package storage_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// A volume that dies while its files are being read into the index takes the
// rebuild with it, in order, and is rebuilt when it is back.
func TestVolumeDiesDuringItsRebuild(t *testing.T) {
	t.Parallel()
	for round := range 8 {
		o, fsys := faulty(t, true)
		s := open(t, o)
		for i := range 60 {
			m := meta(fmt.Sprintf("cam-%d", i%3), now().Add(-time.Duration(i)*time.Minute))
			w := begin(t, s.Store, m)
			add(t, w, m.Start.Add(time.Second), 10)
			if err := w.Seal([][]byte{trailer()}, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.stop()
		lose(t, o)
		for c := range 3 { // so that every file is probed and handed to a commit
			dir := fmt.Sprintf("/v/cam-%d/ledger", c)
			list, _ := fsys.ReadDir(dir)
			for _, e := range list {
				if err := fsys.Remove(dir + "/" + e.Name()); err != nil {
					t.Fatal(err)
				}
			}
		}
		fsys.Remove("/v/.stockade-checkpoint-a")
		fsys.Remove("/v/.stockade-checkpoint-b")
		st, err := storage.OpenStore(o)
		if err != nil {
			t.Fatal(err)
		}
		opened := 0 // by the one goroutine that rebuilds
		dying := make(chan struct{})
		fsys.SetHook(func(c vfs.Call) error {
			if c.Op == "open" && strings.HasSuffix(c.Name, ".mp4") {
				if opened++; opened == 5+round*6 {
					close(dying)
				}
			}
			select {
			case <-dying:
				if c.Op == "syncfs" {
					return syscall.EIO
				}
			default:
			}
			return nil
		})
		s = run(t, st)
		<-dying
		eventually(t, "failure", func() bool { return s.Status().Volumes[0].State == storage.VolumeError })
		s.stop()
		fsys.SetHook(nil)
		s = open(t, o)
		eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
		n := 0
		for c := range 3 {
			n += len(all(t, s.Store, fmt.Sprintf("cam-%d", c)))
		}
		if n == 0 {
			t.Error("nothing is left")
		}
		s.stop()
	}
}
