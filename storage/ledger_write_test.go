package storage_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// A ledger that cannot be written for a while has every line afterwards, in
// order, whichever of the writes were refused.
func TestLedgerWriteErrorsPass(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]func(n int64) bool{
		"two in a row":  func(n int64) bool { return n == 1 || n == 2 },
		"every other":   func(n int64) bool { return n%2 == 0 && n < 20 },
		"the second":    func(n int64) bool { return n == 2 },
		"most of them":  func(n int64) bool { return n%4 != 0 && n < 40 },
		"until the end": func(n int64) bool { return n > 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, fsys := faulty(t, true)
			s := open(t, o)
			base := now().Add(-time.Hour)
			record(t, s.Store, meta("gate", base), 1, 10)
			var n atomic.Int64
			fsys.SetHook(func(c vfs.Call) error {
				if c.Op == "write" && strings.HasPrefix(c.Name, "/v/gate/ledger") && refused(n.Add(1)) {
					return syscall.ENOSPC
				}
				return nil
			})
			for i := 1; i < 12; i++ {
				record(t, s.Store, meta("gate", base.Add(time.Duration(i)*time.Minute)), 1, 10)
			}
			volume := s.Status().Volumes[0].ID
			s.stop()
			fsys.SetHook(nil)
			s = open(t, o) // writes what the checkpoint still has
			s.stop()
			if lines := chain(t, fsys, "/v", "gate", volume); len(lines) < 12 {
				t.Errorf("%d lines for 12 segments", len(lines))
			}
		})
	}
}
