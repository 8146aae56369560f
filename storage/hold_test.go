package storage_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// loseAll takes away the index and every checkpoint.
func loseAll(t testing.TB, o storage.Options) {
	t.Helper()
	lose(t, o)
	for _, v := range o.Volumes {
		for _, name := range []string{".stockade-checkpoint-a", ".stockade-checkpoint-b"} {
			if err := os.Remove(filepath.Join(v.Path, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// S5: a hold is stated on one volume and holds footage on another, which is
// not deleted before the first has been read, however late it is mounted.
func TestHoldOnAVolumeThatIsAway(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprintf("away %v", away), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			here, there := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			o := options(t, here, there)
			s := open(t, o)
			zero := now().Add(-10 * time.Hour).Truncate(time.Hour)
			for i := range 8 {
				at := zero.Add(time.Duration(i) * time.Hour)
				w, w2 := begin(t, s.Store, meta("held", at)), begin(t, s.Store, meta("held", at.Add(time.Minute)))
				add(t, w, at.Add(time.Second), 10)
				add(t, w2, at.Add(time.Minute+time.Second), 10)
				seal(t, w)
				seal(t, w2)
			}
			volumes := s.Status().Volumes
			s.stop()
			storage.AppendLedgerLine(t, there, volumes[1].ID, "held", "hold", zero, zero.Add(100*time.Hour))
			if away {
				lose(t, o)
				if err := os.Rename(there, there+"-away"); err != nil {
					t.Fatal(err)
				}
			} else {
				loseAll(t, o)
			}
			o.Retention.Keep = time.Hour
			s = open(t, o)
			if away {
				eventually(t, "the first volume", func() bool { return len(all(t, s.Store, "held")) > 0 })
				if s.Status().NoDeletion == "" {
					t.Error("nobody says that nothing is deleted")
				}
				s.stop() // also after another start, whose index knows the first volume
				s = open(t, o)
				before := len(all(t, s.Store, "held"))
				commits := s.Status().Volumes[0].Commits
				s.SetGap("held", "main", now(), storage.ReasonAuth, "")
				eventually(t, "work", func() bool { return s.Status().Volumes[0].Commits > commits })
				if n := len(all(t, s.Store, "held")); n != before || s.Status().Volumes[0].Deleted != 0 {
					t.Fatalf("%d of %d left while a volume is away", n, before)
				}
				if err := os.Rename(there+"-away", there); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "both volumes", func() bool { return s.Status().NoDeletion == "" })
			record(t, s.Store, meta("free", zero), 1, 10)
			s.SetRetention(storage.Retention{Keep: 2 * time.Hour}) // looks at once
			eventually(t, "deletion", func() bool { return len(all(t, s.Store, "free")) == 0 })
			if n := len(all(t, s.Store, "held")); n != 16 {
				t.Errorf("%d of 16 held segments left", n)
			}
		})
	}
}

// A ledger with a damaged line may have lost a hold: its camera is kept, and said so.
func TestDamagedLedgerHolds(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		o := options(t)
		s := open(t, o)
		zero := now().Add(-10 * time.Hour)
		for _, camera := range []string{"damaged", "free"} {
			for i := range 4 {
				record(t, s.Store, meta(camera, zero.Add(time.Duration(i)*time.Hour)), 1, 10)
			}
		}
		s.stop()
		names, _ := filepath.Glob(filepath.Join(o.Volumes[0].Path, "damaged/ledger/*.ndjson"))
		b, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(b, []byte("\n"))
		lines[1][20] ^= 1
		if err := os.WriteFile(names[0], bytes.Join(lines, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		if lost {
			loseAll(t, o)
		} else {
			lose(t, o)
		}
		const want = 4 // the file of the damaged line is there, and is probed
		o.Retention.Keep = time.Hour
		s = open(t, o)
		eventually(t, "deletion", func() bool { return len(all(t, s.Store, "free")) == 0 && !s.Status().Rebuilding })
		if n := len(all(t, s.Store, "damaged")); n != want {
			t.Errorf("%d of %d segments left of the camera with a damaged ledger", n, want)
		}
		if got := s.Status().KeptWhole; !slices.Equal(got, []string{"damaged"}) {
			t.Errorf("kept whole: %v", got)
		}
		s.stop()
	}
}
