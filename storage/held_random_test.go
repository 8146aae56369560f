package storage_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/long"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// TestHeldIsNeverDeleted has people hold, release and delete at random while
// retention deletes all the time, cuts the power in the middle or not, and
// checks S5: what was listed when a hold was confirmed is there as long as
// nobody asked for its end. In the end all that is not held is gone, so that
// the deleting was real.
func TestHeldIsNeverDeleted(t *testing.T) {
	t.Parallel()
	seeds := uint64(long.Times(16, 600))
	var promised, cuts atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(seed, 5))
				w := newHeldWorld(t, r, seed)
				cut := w.disturb(t, r, seed%4 != 0)
				if cut {
					cuts.Add(1)
				}
				promised.Add(int64(len(w.promises)))
				w.check(t, r, seed)
			})
		}
	})
	if promised.Load() == 0 || cuts.Load() == 0 {
		t.Errorf("%d holds, %d power cuts: the test tests nothing", promised.Load(), cuts.Load())
	}
}

// heldWorld is a store with old footage, and what was promised of it.
type heldWorld struct {
	o        storage.Options
	fsys     *vfs.Fault
	zero     time.Time
	promises map[string][]storage.Segment // by hold: listed when it was confirmed
	holds    map[string]storage.Hold
	ending   map[string]bool // somebody asked for their end
}

var heldCameras = []string{"gate", "yard"}

const heldHours = 24

func newHeldWorld(t *testing.T, r *rand.Rand, seed uint64) *heldWorld {
	o, fsys := faulty(t, seed%2 == 0)
	o.Durability = 5 * time.Millisecond
	s := open(t, o)
	w := &heldWorld{
		o: o, fsys: fsys, zero: now().Add(-(heldHours + 2) * time.Hour).Truncate(time.Hour),
		promises: map[string][]storage.Segment{}, holds: map[string]storage.Hold{}, ending: map[string]bool{},
	}
	sealed := make(chan error, 2*heldHours)
	for i := range heldHours {
		for _, camera := range heldCameras {
			m := meta(camera, w.zero.Add(time.Duration(i)*time.Hour))
			sw := begin(t, s.Store, m)
			add(t, sw, m.Start.Add(time.Duration(1+r.IntN(3600))*time.Second), 100)
			if err := sw.Seal([][]byte{trailer()}, func(_ storage.Segment, err error) { sealed <- err }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 * heldHours {
		if err := <-sealed; err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	return w
}

// span is a random stretch of the footage.
func (w *heldWorld) span(r *rand.Rand) (from, to time.Time) {
	from = w.zero.Add(time.Duration(r.Int64N(int64(heldHours * time.Hour))))
	return from, from.Add(time.Duration(1 + r.Int64N(int64(3*time.Hour))))
}

// disturb runs the store with retention, people and perhaps a power cut.
func (w *heldWorld) disturb(t *testing.T, r *rand.Rand, mayCut bool) (wasCut bool) {
	st, err := storage.OpenStore(w.o)
	if err != nil {
		t.Fatal(err)
	}
	cut := new(atomic.Bool)
	if mayCut {
		cut = cutAfter(w.fsys, 50+r.IntN(900))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- st.Run(ctx) }()
	for step := 0; step < 25 && !cut.Load(); step++ {
		camera := heldCameras[r.IntN(len(heldCameras))]
		from, to := w.span(r)
		soon, over := context.WithTimeout(ctx, time.Second)
		switch r.IntN(4) {
		case 0, 1:
			h, err := st.PlaceHold(soon, storage.Hold{Camera: camera, From: from, To: to, By: "kim", Why: "random"})
			if err == nil {
				w.holds[h.ID], w.promises[h.ID] = h, heldBy(all(t, st, camera), h)
			} else if !errors.Is(err, storage.ErrHoldWaits) {
				t.Error(err)
			}
		case 2:
			for id := range w.holds {
				if !w.ending[id] {
					w.ending[id] = true
					_ = st.RemoveHold(soon, id, "lee", "random") // cut short by the power
					break
				}
			}
		default:
			p, err := st.PlanDeletion(camera, from, to)
			if err == nil {
				_, err = st.Delete(soon, p, "lee", "random")
			}
			if err != nil {
				t.Error(err)
			}
		}
		over()
		// Older and older footage is too old: retention has work at each step.
		age := time.Duration(heldHours+2-step) * time.Hour
		st.SetRetention(storage.Retention{Keep: max(age, time.Hour)})
		w.compare(t, st)
	}
	cancel()
	if err := errors.Join(<-ended, st.Close()); err != nil {
		t.Error(err)
	}
	if cut.Load() {
		w.fsys = w.fsys.Crash(r)
		w.o.FS = w.fsys
	} else {
		w.fsys.SetHook(nil)
	}
	return cut.Load()
}

// heldBy gives what a hold covers.
func heldBy(list []storage.Segment, h storage.Hold) (held []storage.Segment) {
	for _, seg := range list {
		if seg.Camera == h.Camera && seg.Start.Before(h.To) && seg.End.After(h.From) {
			held = append(held, seg)
		}
	}
	return held
}

// compare checks that all is there that was promised.
func (w *heldWorld) compare(t *testing.T, s *storage.Store) {
	t.Helper()
	there := map[string]bool{}
	for _, camera := range heldCameras {
		for _, seg := range all(t, s, camera) {
			there[seg.Path] = true
		}
	}
	for id, list := range w.promises {
		for _, seg := range list {
			if !w.ending[id] && !there[seg.Path] {
				t.Errorf("S5: %s is gone, hold %s covers it", seg.Path, id)
			}
		}
	}
}

// check opens what is left, with the index or without, deletes all that is too
// old, and compares.
func (w *heldWorld) check(t *testing.T, r *rand.Rand, seed uint64) {
	t.Helper()
	if seed%3 != 0 {
		storage.ForgetDistrust(t, w.o.State)
	}
	if r.IntN(2) == 0 {
		os.Remove(filepath.Join(w.o.State, "index.db"))
	}
	w.o.Retention.Keep = time.Hour
	s := open(t, w.o)
	defer s.stop()
	eventually(t, "reading", func() bool { return s.Status().NoDeletion == "" && !s.Status().Rebuilding })
	known := map[string]storage.Hold{}
	for _, h := range holds(t, s.Store) {
		known[h.ID] = h
	}
	for id, h := range w.holds {
		if got, ok := known[id]; !w.ending[id] && (!ok || got != h) {
			t.Errorf("S5: hold %s is %+v, was confirmed as %+v", id, got, h)
		}
	}
	eventually(t, "the end of what is not held", func() bool {
		s.SetRetention(w.o.Retention) // looks at once
		for _, camera := range heldCameras {
			for _, seg := range all(t, s.Store, camera) {
				covered := false
				for h := range maps.Values(known) {
					covered = covered || len(heldBy([]storage.Segment{seg}, h)) > 0
				}
				if !covered {
					return false
				}
			}
		}
		return true
	})
	w.compare(t, s.Store)
	for id, list := range w.promises {
		for _, seg := range list {
			if !w.ending[id] {
				content(t, s.Store, seg)
			}
		}
	}
}
