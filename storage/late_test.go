package storage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/storage"
)

// S6: a volume that is mounted after the start brings footage into the time for
// which the recorder was taken to be down; nothing overlaps afterwards.
func TestVolumeIsMountedLate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ waited, lost, recording bool }{
		{false, false, false}, {true, false, false}, {true, false, true}, {true, true, true}, {false, true, false},
	} {
		t.Run(fmt.Sprintf("waited %v, index lost %v, recording %v", tc.waited, tc.lost, tc.recording), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
			o := options(t, there)
			s := open(t, o)
			a := now().Add(-2 * time.Minute)
			record(t, s.Store, meta("gate", a), 10, 10)
			w := begin(t, s.Store, meta("gate", a.Add(10*time.Second)))
			add(t, w, a.Add(60*time.Second), 10)
			eventually(t, "durable", func() bool { return len(all(t, s.Store, "gate")) == 2 })
			o.Volumes = append(o.Volumes, storage.VolumeOptions{Path: here})
			s.stop()
			s = open(t, o) // with both, once
			last := all(t, s.Store, "gate")[1].End
			s.stop()
			if tc.lost {
				lose(t, o)
			}
			if err := os.Rename(there, there+"-away"); err != nil {
				t.Fatal(err)
			}
			s = open(t, o)
			if tc.waited {
				s.StopWaiting()
				eventually(t, "what is missing", func() bool { return !s.Status().Rebuilding })
			} else if !s.Status().Rebuilding {
				t.Error("not waited for")
			}
			var began, end time.Time
			if tc.recording {
				began = now()
				end = began.Add(time.Second)
				s.CloseGap("gate", "main", began)
				record(t, s.Store, meta("gate", began), 1, 10)
				s.SetGap("gate", "main", end, storage.ReasonAuth, "")
			}
			if err := os.Rename(there+"-away", there); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the late volume", func() bool {
				return s.Status().Volumes[0].State == storage.VolumeOK && !s.Status().Rebuilding
			})
			want := []storage.Gap{{Camera: "gate", Stream: "main", From: last, To: began, Reason: storage.ReasonRecorderDown}}
			if tc.recording {
				want = append(want, storage.Gap{Camera: "gate", Stream: "main", From: end, Reason: storage.ReasonAuth})
			}
			// Gaps are trimmed right after the last row was read.
			eventually(t, "the gaps", func() bool { return cmp.Equal(want, gapsOf(t, s.Store, "gate")) })
			tiles(t, s.Store, "gate")
		})
	}
}
