package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stockade-nvr/stockade/internal/long"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// promise is what a camera was told to be durable when the power went.
type promise struct {
	sealed map[string]int64     // paths whose seal was confirmed, with their bytes
	listed map[string]time.Time // ends of open segments as listed
}

// TestPowerLoss records on a disk that forgets, cuts the power at the n-th call
// of the file system, and checks S2, S3 and S6 on what is left: with syncfs and
// without, with the index kept and lost, and recovering is itself cut short once.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	seeds := uint64(long.Times(80, 2000))
	if testing.Short() {
		seeds = 20
	}
	var unsynced, sealed, open int
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		o, fsys := faulty(t, seed%2 == 0)
		o.Durability = 5 * time.Millisecond
		said := recordUntilCut(t, o, fsys, 20+r.IntN(600))
		sealed += len(said.sealed)
		open += len(said.listed)
		fsys = fsys.Crash(r)
		for range r.IntN(3) { // the power goes again while recovering
			again := o
			again.FS = fsys
			s, err := storage.OpenStore(again)
			if err == nil {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			fsys = fsys.Crash(r)
		}
		if seed%5 == 0 {
			os.Remove(filepath.Join(o.State, "index.db"))
		}
		o.FS = fsys
		unsynced += checkAfterCut(t, seed, o, said)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if unsynced == 0 || sealed == 0 || open == 0 {
		t.Errorf("%d files were cut, %d sealed, %d open: the test tests nothing", unsynced, sealed, open)
	}
}

// recordUntilCut records three cameras until the file system was called n
// times, and gives what the store had promised before.
func recordUntilCut(t *testing.T, o storage.Options, fsys *vfs.Fault, n int) promise {
	said := promise{map[string]int64{}, map[string]time.Time{}}
	st, err := storage.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	var calls, cut atomic.Int64
	fsys.SetHook(func(vfs.Call) error {
		if cut.Load() == 1 || calls.Add(1) > int64(n) {
			cut.Store(1)
			return vfs.ErrPowerLost
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- st.Run(ctx) }()
	confirmed := make(chan storage.Segment, 1000)
	at := now().Add(-time.Second)
	for i := 0; cut.Load() == 0; i++ {
		for c := range 3 {
			camera := fmt.Sprintf("cam-%d", c)
			st.CloseGap(camera, "main", at)
			w, err := st.Create(meta(camera, at))
			if err != nil {
				break
			}
			w.Append(storage.Append{Buffers: [][]byte{header()}})
			for p := range 3 + c {
				end := at.Add(time.Duration(p+1) * time.Millisecond)
				w.Append(storage.Append{Buffers: [][]byte{part(end, bytes.Repeat([]byte{byte(i)}, 900*(p+1)))}, End: end})
				time.Sleep(300 * time.Microsecond)
			}
			if c < 2 { // the third camera's segments follow each other
				st.SetGap(camera, "main", w.End(), storage.ReasonCameraOffline, "")
			}
			w.Seal([][]byte{trailer()}, func(seg storage.Segment, err error) {
				if err == nil {
					confirmed <- seg
				}
			})
		}
		at = at.Add(5 * time.Millisecond)
		for c := range 3 {
			for _, seg := range all(t, st, fmt.Sprintf("cam-%d", c)) {
				if seg.State == storage.Open {
					said.listed[seg.Path] = seg.End
				}
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	close(confirmed)
	for seg := range confirmed {
		said.sealed[seg.Path] = seg.Bytes
	}
	return said
}

// checkAfterCut gives how many files were cut shorter than they were written.
func checkAfterCut(t *testing.T, seed uint64, o storage.Options, said promise) (cut int) {
	t.Helper()
	s := open(t, o)
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	got := map[string]storage.Segment{}
	for c := range 3 {
		camera := fmt.Sprintf("cam-%d", c)
		for _, seg := range all(t, s.Store, camera) {
			got[seg.Path] = seg
			b := content(t, s.Store, seg)
			res, err := probe(bytes.NewReader(b), int64(len(b)), 0)
			if err != nil || res.Good != seg.Bytes || !res.End.Equal(seg.End) {
				t.Errorf("S3: %s is listed with %d bytes to %v, good are %+v", seg.Path, seg.Bytes, seg.End, res)
			}
			if res.Sealed != (seg.State == storage.Sealed) {
				t.Errorf("%s is listed as %d", seg.Path, seg.State)
			}
			if seg.State == storage.Recovered {
				cut++
			}
		}
		tiles(t, s.Store, camera)
	}
	for path, n := range said.sealed {
		if got[path].Bytes != n || got[path].State != storage.Sealed {
			t.Errorf("S2: %s was confirmed with %d bytes, is %+v", path, n, got[path])
		}
	}
	for path, end := range said.listed {
		if got[path].End.Before(end) {
			t.Errorf("S2: %s was durable to %v, is %+v", path, end, got[path])
		}
	}
	record(t, s.Store, meta("cam-0", now()), 2, 100) // it goes on
	want := map[string][]storage.Segment{}
	for c := range 3 {
		camera := fmt.Sprintf("cam-%d", c)
		want[camera] = all(t, s.Store, camera)
	}
	volume := s.Status().Volumes[0].ID
	s.stop()
	for c := range 3 {
		chain(t, o.FS, "/v", fmt.Sprintf("cam-%d", c), volume)
	}
	for path, seg := range got {
		if size := len(read(t, o.FS, "/v/"+path)); int64(size) != seg.Bytes {
			t.Errorf("%s has %d bytes, is listed with %d", path, size, seg.Bytes)
		}
	}
	// The ledgers alone say the same.
	o.State = t.TempDir()
	s = open(t, o)
	defer s.stop()
	eventually(t, "rebuild", func() bool { return !s.Status().Rebuilding })
	for c := range 3 {
		camera := fmt.Sprintf("cam-%d", c)
		if diff := cmp.Diff(want[camera], all(t, s.Store, camera), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("S3: %s from the ledgers: %s", camera, diff)
		}
	}
	return cut
}

// tiles checks that footage and gaps follow each other without hole or overlap,
// up to now (S6).
func tiles(t *testing.T, s *storage.Store, camera string) {
	t.Helper()
	type span struct {
		from, to time.Time
		what     any
	}
	var spans []span
	for _, seg := range all(t, s, camera) {
		spans = append(spans, span{seg.Start, seg.End, seg.State})
	}
	for _, g := range gapsOf(t, s, camera) {
		spans = append(spans, span{g.From, g.To, g.Reason})
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for i, sp := range spans {
		switch last := i == len(spans)-1; {
		case last && !sp.to.IsZero():
			t.Errorf("S6: %s: nothing after %v", camera, sp)
		case !last && !sp.to.Equal(spans[i+1].from):
			t.Errorf("S6: %s: %v is followed by %v", camera, sp, spans[i+1])
		}
	}
}
