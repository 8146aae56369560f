package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// StopWaiting has the store not wait any longer for volumes that are not there.
func (s *Store) StopWaiting() {
	s.mu.Lock()
	s.awaitUntil = time.Time{}
	s.mu.Unlock()
	s.startRebuild()
}

// Deleted says what became of a plan by now.
func (s *Store) Deleted(p DeletionPlan) (Deleted, error) { return s.deleted(p.Take) }

// ForgetDistrust makes an index as a power cut leaves it, which gives nobody
// time to note that the disk failed.
func ForgetDistrust(t testing.TB, state string) {
	t.Helper()
	ix, err := openIndex(state, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ix.volumes()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := ix.setDistrust(row.Number, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := ix.close(); err != nil {
		t.Fatal(err)
	}
}

// AppendLedgerLine writes a line of any kind behind a camera's ledger, as a
// later version may have.
func AppendLedgerLine(t testing.TB, root, volume, camera, kind string, from, to time.Time) {
	t.Helper()
	head, _, err := readLedgers(vfs.OS{}, root, volume, camera, ledgerHead{}, func(ledgerLine) {})
	if err != nil {
		t.Fatal(err)
	}
	l := ledgerLine{Kind: lineKind(kind), At: time.Now(), Camera: camera, Start: from, End: to}
	b, _, err := appendLine(nil, l, head.hash)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(root, ledgerPath(camera, head.day)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

// SpoilHolds makes an index of which the holds cannot be read.
func SpoilHolds(t testing.TB, state string) {
	t.Helper()
	changeIndex(t, state, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("held")).Put([]byte("spoilt"), []byte("{"))
	})
}

// MakeIndexOld makes an index as it was before there were holds.
func MakeIndexOld(t testing.TB, state string) {
	t.Helper()
	changeIndex(t, state, func(tx *bolt.Tx) error {
		return errors.Join(tx.DeleteBucket([]byte("held")), tx.DeleteBucket([]byte("wanted")))
	})
}

func changeIndex(t testing.TB, state string, change func(*bolt.Tx) error) {
	t.Helper()
	ix, err := openIndex(state, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ix.db.Update(change), ix.close()); err != nil {
		t.Fatal(err)
	}
}
