package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// killed is what the list adds up to for who starts after a kill -9 now.
func (j *Journal) killed(t *testing.T) uint64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	must(0, os.WriteFile(path, must(os.ReadFile(j.db.path))(t), 0o600))(t)
	left := must(Open(path, Options{}))(t)
	defer left.Close()
	return left.total(t)
}

// inFile counts the attempts in the file one by one.
func (j *Journal) inFile(t *testing.T) (n int) {
	t.Helper()
	must(0, j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketAttempts).ForEach(func(_, _ []byte) error { n++; return nil })
	}))(t)
	return n
}

// What is folded leaves the file together with the writing of what it was folded
// into: between the two a kill loses nothing that was written.
func TestAKillLosesNoCountOfWhatWasFolded(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		o     Options
		later time.Duration
	}{
		"into a scan": {}, "for want of room": {Options{MaxPerDevice: 60}, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			at := now
			c.o.Now = func() time.Time { return at }
			path := filepath.Join(t.TempDir(), "journal.db")
			j := must(Open(path, c.o))(t)
			for port := range 60 {
				j.Add(testHit(at, 1000+port))
			}
			must(0, j.Flush())(t)
			if c.later > 0 { // what is in memory is not old
				must(0, j.Close())(t)
				j = must(Open(path, c.o))(t)
			}
			at = at.Add(c.later)
			for port := range 20 {
				j.Add(testHit(at, 2000+port))
			}
			j.turn(false)
			if len(j.table.gone) < 10 {
				t.Fatalf("%d rows were folded", len(j.table.gone))
			}
			if n, left := j.total(t), j.killed(t); n != 80 || left != 60 {
				t.Errorf("%d hits are listed, want 80; %d of 60 written ones after a kill", n, left)
			}
			j.table.evict()
			j.Add(testHit(at, 1000)) // comes again
			j.turn(false)
			j.turn(true)
			if n, left := j.total(t), j.killed(t); n != 81 || left != 81 || len(j.table.gone) > 0 {
				t.Errorf("%d hits are listed, %d after a kill, want 81; %d rows wait to be deleted", n, left, len(j.table.gone))
			}
			if n := j.inFile(t); n != j.Totals().Attempts {
				t.Errorf("the file has %d attempts, account %+v", n, j.Totals())
			}
			must(0, j.Close())(t)
		})
	}
}

// A row that is written while new ones are counted counts once, and what is not
// indexed yet is more.
func TestNewOnesAreCountedOnce(t *testing.T) {
	j := openTest(t, Options{})
	at := time.Now()
	for port := range 10 {
		j.Add(testHit(at, 1000+port))
	}
	j.turn(false)
	n, apart := j.table.begunAfter(at.Add(-time.Minute))
	must(0, j.Flush())(t)
	if n, more, err := j.begunInFile(at.Add(-time.Minute), n, apart); err != nil || n != 10 || more {
		t.Errorf("%d new ones (%v), want 10; %v", n, more, err)
	}
	j.indexed.Store(false)
	if n, more, err := j.Unreviewed(at.Add(-time.Minute)); err != nil || n != 10 || !more {
		t.Errorf("%d new ones (%v) while not all are indexed; %v", n, more, err)
	}
}

// A row that cannot be read stays in the file, and in the account.
func TestAnUnreadableRowIsNotFolded(t *testing.T) {
	j := openTest(t, Options{})
	at := time.Now()
	for port := range 60 {
		j.Add(testHit(at, 1000+port))
	}
	must(0, j.Flush())(t)
	must(0, j.db.Update(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketAttempts).Cursor().First()
		return tx.Bucket(bucketAttempts).Put(k, []byte("{"))
	}))(t)
	for port := range 20 {
		j.Add(testHit(at, 2000+port))
	}
	must(0, j.Flush())(t)
	if n := j.inFile(t); n != 2 || j.Totals().Attempts != n {
		t.Errorf("the file has %d attempts, want the scan and the unreadable one; account %+v", n, j.Totals())
	}
}
