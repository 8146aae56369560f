package storage_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// One file or directory that cannot be read costs what is in it, not the
// volume; and what was promised of it is there again once it can be read.
func TestBadInode(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		op, under, suffix string
		loses             bool // the index
		unread            bool // of the camera something is not known
	}{
		"open of a segment":          {"open", "/v/cam-3/main/", ".mp4", false, false},
		"read of a segment":          {"read", "/v/cam-3/main/", ".mp4", false, false},
		"stat of a segment":          {"stat", "/v/cam-3/main/", ".mp4", false, false},
		"cut of a segment":           {"truncate", "/v/cam-3/main/", ".mp4", false, false},
		"listing":                    {"readdir", "/v/cam-3/main", "", false, true},
		"listing of the camera":      {"readdir", "/v/cam-3", "", false, true},
		"open of a ledger":           {"open", "/v/cam-3/ledger/", ".ndjson", false, false},
		"write of a ledger":          {"write", "/v/cam-3/ledger/", ".ndjson", false, false},
		"open of a ledger, no index": {"open", "/v/cam-3/ledger/", ".ndjson", true, true},
		"read of a ledger, no index": {"read", "/v/cam-3/ledger/", ".ndjson", true, true},
		"listing, no index":          {"readdir", "/v/cam-3/main", "", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, fsys := faulty(t, true)
			s := open(t, o)
			old := map[string]storage.Segment{}
			for i := range 5 {
				c := fmt.Sprint("cam-", i)
				start := now()
				old[c] = record(t, s.Store, meta(c, start.Add(-100*time.Hour)), 1, 10)
				w := begin(t, s.Store, meta(c, start))
				add(t, w, start.Add(time.Second), 10)
				eventually(t, "durable", func() bool { return len(all(t, s.Store, c)) == 2 })
			}
			crashed := fsys.Crash(rand.New(rand.NewPCG(1, 1)))
			s.stop()
			if tc.loses {
				lose(t, o)
			}
			o.FS, fsys = crashed, crashed
			var healed atomic.Bool
			fsys.SetHook(func(c vfs.Call) error {
				if !healed.Load() && c.Op == tc.op && strings.HasPrefix(c.Name, tc.under) && strings.HasSuffix(c.Name, tc.suffix) {
					return syscall.EIO
				}
				return nil
			})
			o.Retention.Keep = 50 * time.Hour
			s = open(t, o)
			if st := s.Status().Volumes[0]; st.State != storage.VolumeOK {
				t.Fatalf("%v: %s", st.State, st.Error)
			}
			eventually(t, "deletion of other cameras", func() bool { return !s.Status().Rebuilding && len(all(t, s.Store, "cam-1")) == 1 })
			if got := s.Status().Unread; (len(got) == 1 && strings.Contains(got[0], "cam-3")) != tc.unread {
				t.Errorf("unread: %q", got)
			}
			if tc.unread {
				if _, err := fsys.Stat("/v/" + old["cam-3"].Path); err != nil {
					t.Errorf("deleted although not everything is known: %v", err)
				}
			}
			record(t, s.Store, meta("cam-0", now()), 1, 10)
			s.stop()
			healed.Store(true)
			s = open(t, o)
			eventually(t, "the rest", func() bool { return len(all(t, s.Store, "cam-3")) == 1 && len(s.Status().Unread) == 0 })
			if seg := all(t, s.Store, "cam-3")[0]; seg.State != storage.Recovered || seg.End.Sub(seg.Start) != time.Second {
				t.Errorf("%+v", seg)
			}
		})
	}
}
