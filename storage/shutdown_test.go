package storage_test

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/storage/vfs"
)

// What was sealed before the context ended is told how it ended, also when the
// disk takes no more.
func TestSealIsAnsweredAtShutdown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		failures int64 // writes of the checkpoint that find no room; the rest succeed
		reason   storage.Reason
	}{
		"room":           {0, ""},
		"room once more": {1, ""},
		"full":           {1 << 30, storage.ReasonDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			o, fsys := faulty(t, true)
			st, err := storage.OpenStore(o)
			if err != nil {
				t.Fatal(err)
			}
			var failed atomic.Int64
			fsys.SetHook(func(c vfs.Call) error {
				if c.Op == "write" && strings.HasPrefix(c.Name, "/v/.stockade-checkpoint") && failed.Add(1) <= tc.failures {
					return syscall.ENOSPC
				}
				return nil
			})
			w := begin(t, st, meta("gate", now()))
			add(t, w, now().Add(time.Second), 10)
			answers := make(chan error, 2)
			if err := w.Seal([][]byte{trailer()}, func(_ storage.Segment, err error) { answers <- err }); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // before it began: what is queued is written all the same
			if err := st.Run(ctx); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-answers:
				if (err != nil) != (tc.reason != "") || err != nil && storage.ReasonOf(err) != tc.reason {
					t.Errorf("sealed with %v", err)
				}
			default:
				t.Error("nobody was told")
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			if len(answers) != 0 {
				t.Error("told twice")
			}
			fsys.SetHook(nil)
			s := open(t, o)
			if n := len(all(t, s.Store, "gate")); n != 1 {
				t.Errorf("%d segments at the next start", n)
			}
		})
	}
}
