package storage_test

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

func TestDiskFull(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	fsys.SetCapacity(4 << 20)
	s := open(t, o)
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	var freed atomic.Int64
	sent := 0
	for i := 1; ; i++ {
		end := start.Add(time.Duration(i) * time.Second)
		err := w.Append(storage.Append{
			Buffers: [][]byte{part(end, make([]byte, 100<<10))}, End: end,
			Done: func() { freed.Add(1) },
		})
		sent++
		if err != nil {
			break
		}
		if i > 1000 {
			t.Fatal("never full")
		}
		time.Sleep(time.Millisecond)
	}
	<-w.Failed()
	var de *storage.DiskError
	if !errors.As(w.Err(), &de) || de.Reason != storage.ReasonDiskFull || storage.ReasonOf(w.Err()) != storage.ReasonDiskFull {
		t.Fatal(w.Err())
	}
	eventually(t, "buffers given back", func() bool { return int(freed.Load()) == sent })
	if st := s.Status().Volumes[0]; st.State != storage.VolumeFull {
		t.Errorf("state %v", st.State)
	}
	if _, err := s.Create(meta("yard", now())); storage.ReasonOf(err) != storage.ReasonDiskFull {
		t.Errorf("create: %v", err)
	}
	var seg storage.Segment
	fsys.SetCapacity(8 << 20) // even the commit needs room here, where nothing is set aside
	eventually(t, "what was written", func() bool {
		list := all(t, s.Store, "gate")
		if len(list) == 1 && list[0].State == storage.Recovered {
			seg = list[0]
		}
		return !seg.Start.IsZero()
	})
	if !seg.End.Equal(w.End()) || seg.Bytes < 3<<20 {
		t.Errorf("kept %d bytes to %v, writer says %v", seg.Bytes, seg.End, w.End())
	}
	b := content(t, s.Store, seg)
	if res, _ := probe(bytes.NewReader(b), int64(len(b)), 0); res.Good != seg.Bytes || !res.End.Equal(seg.End) {
		t.Errorf("%+v", res)
	}
	eventually(t, "it is used again", func() bool {
		w, err := s.Create(meta("yard", now()))
		if err == nil {
			w.Abort()
		}
		return err == nil
	})
}

// S4: a volume that fails does not touch the other.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		op   string
		name string
		err  error
	}{
		{"write", "/v/gate/main", syscall.EIO},
		{"write", "/v/.stockade-checkpoint", syscall.EIO},
		{"open", "/v/gate/main", syscall.EROFS},
		{"syncfs", "/v", syscall.EIO},
		{"sync", "/v/.stockade-checkpoint", syscall.EIO},
		{"write", "/v/gate/ledger", nil}, // ledger lines wait in the checkpoint: no failure at all
	} {
		t.Run(tc.op+tc.name, func(t *testing.T) {
			o, fsys := faulty(t, true)
			fsys.Mount("/w")
			o.Volumes = append(o.Volumes, storage.VolumeOptions{Path: "/w"})
			s := open(t, o)
			start := now()
			begun := map[bool]*storage.SegmentWriter{} // by whether on /v
			for i := 0; len(begun) < 2; i++ {
				m := meta("gate", start.Add(time.Duration(i)))
				w := begin(t, s.Store, m)
				add(t, w, start.Add(time.Second), 100)
				eventually(t, "open", func() bool { return len(all(t, s.Store, "gate")) == i+1 })
				for _, seg := range all(t, s.Store, "gate") {
					if seg.Start.Equal(m.Start) {
						begun[seg.Volume == s.Status().Volumes[0].ID] = w
					}
				}
			}
			fail := tc.err
			if fail == nil {
				fail = syscall.EIO
			}
			fsys.SetHook(func(c vfs.Call) error {
				// Nor is it attached again, or its state would depend on our pace.
				if c.Op == tc.op && strings.HasPrefix(c.Name, tc.name) || c.Op == "lock" && strings.HasPrefix(c.Name, "/v") {
					return fail
				}
				return nil
			})
			bad, good := begun[true], begun[false]
			later := start.Add(2 * time.Second)
			for _, w := range begun {
				add(t, w, later, 100)
			}
			if tc.op == "open" { // only new segments meet it
				for range 4 {
					if w, err := s.Create(meta("gate", now())); err == nil {
						defer w.Abort()
					}
				}
			}
			if tc.err != nil {
				<-bad.Failed()
				if storage.ReasonOf(bad.Err()) != storage.ReasonDiskError || !errors.Is(bad.Err(), tc.err) {
					t.Errorf("%v", bad.Err())
				}
				if end := bad.End(); end.After(later) || end.Before(start.Add(time.Second)) {
					t.Errorf("kept to %v", end.Sub(start))
				}
				if st := s.Status().Volumes[0]; st.State != storage.VolumeError || st.Error == "" {
					t.Errorf("%+v", st)
				}
			} else {
				seal(t, bad)
			}
			seg := seal(t, good)
			if !seg.End.Equal(later) {
				t.Errorf("the good volume kept to %v", seg.End)
			}
			if good.Err() != nil || s.Status().Volumes[1].State != storage.VolumeOK {
				t.Errorf("the good volume: %v", good.Err())
			}
			record(t, s.Store, meta("yard", now()), 1, 10)
		})
	}
}

// S2: after a failed sync nothing since the last good commit counts, also if
// it can still be read.
func TestSyncErrorLosesWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	add(t, w, start.Add(time.Second), 100)
	eventually(t, "durable", func() bool { return len(all(t, s.Store, "gate")) == 1 })
	durable := all(t, s.Store, "gate")[0]
	failing(fsys, "syncfs", "/v", syscall.EIO)
	add(t, w, start.Add(2*time.Second), 100)
	<-w.Failed()
	if !w.End().Equal(start.Add(time.Second)) {
		t.Errorf("kept to %v", w.End().Sub(start))
	}
	fsys.SetHook(nil)
	eventually(t, "the volume is back", func() bool { return s.Status().Volumes[0].State == storage.VolumeOK })
	durable.State = storage.Recovered
	if diff := cmp.Diff([]storage.Segment{durable}, all(t, s.Store, "gate")); diff != "" {
		t.Error(diff)
	}
	if _, err := fsys.Stat("/v/" + durable.Path); err != nil {
		t.Error(err)
	}
	record(t, s.Store, meta("gate", now()), 1, 10)
}

// The writer goes on while the disk takes its time to sync, and a slow volume
// takes no new segments while there is another.
func TestSlowSync(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	release := make(chan struct{})
	block(fsys, "syncfs", "/v", release)
	start := now()
	w := begin(t, s.Store, meta("gate", start))
	for i := range 50 {
		add(t, w, start.Add(time.Duration(i+1)*time.Second), 1<<20)
		eventually(t, "queue", func() bool { return s.Status().Volumes[0].QueueBytes < 8<<20 })
	}
	if len(all(t, s.Store, "gate")) != 0 {
		t.Error("listed before it was durable")
	}
	close(release)
	if seg := seal(t, w); !seg.End.Equal(start.Add(50 * time.Second)) {
		t.Errorf("%+v", seg)
	}
	if st := s.Status().Volumes[0]; st.Commits == 0 || st.CommitTimeMax == 0 {
		t.Errorf("%+v", st)
	}
}

// A disk that is unmounted under the recorder is not written into by mistake.
func TestUnmounted(t *testing.T) {
	t.Parallel()
	o, fsys := faulty(t, true)
	s := open(t, o)
	record(t, s.Store, meta("gate", now()), 1, 10)
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == "stat" && c.Name == "/v" {
			return syscall.ENOENT
		}
		return nil
	})
	w, err := s.Create(meta("gate", now()))
	if err != nil {
		t.Fatal(err)
	}
	<-w.Failed()
	if s.Status().Volumes[0].State == storage.VolumeOK {
		t.Error("still ok")
	}
}
