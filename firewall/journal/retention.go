package journal

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Bounds of forgetting.
const (
	pruneTxs = 50        // transactions at one time: 50,000 rows a minute
	fresh    = time.Hour // rows hit since are never forgotten for want of room: they may be in memory
	maxStep  = 10 * time.Minute
	maxPause = 30 * 24 * time.Hour
)

// clockGuard keeps a clock that is wrong from making everything old: after a
// step, or a start long after the newest hit, nothing is forgotten by age until
// the next start.
type clockGuard struct {
	mu      sync.Mutex // guards all below
	began   time.Time
	suspect bool
}

func (c *clockGuard) start(now, newest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = now
	c.suspect = !newest.IsZero() && (now.Sub(newest) > maxPause || newest.Sub(now) > maxStep)
}

// trust reports whether now may be believed.
func (c *clockGuard) trust(now time.Time) bool {
	c.mu.Lock()
	began := c.began
	c.mu.Unlock()
	return c.trustStep(now, now.Sub(began)) // by the monotonic clock, where both have it
}

// trustStep does so for a wall clock that shows now when elapsed has passed
// since the start.
func (c *clockGuard) trustStep(now time.Time, elapsed time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began.IsZero() {
		return true // Run has not begun
	}
	wall := now.Round(0).Sub(c.began.Round(0)) // Round takes the monotonic reading off
	if step := wall - elapsed; step > maxStep || step < -maxStep {
		c.suspect = true
	}
	return !c.suspect
}

// prune lets idle rows leave memory and old ones the file.
func (j *Journal) prune() error {
	j.work.Lock()
	defer j.work.Unlock()
	j.table.evict()
	now := j.opts.Now()
	var byAge time.Time
	if j.clock.trust(now) {
		byAge = now.Add(-j.opts.Keep)
	}
	for range pruneTxs {
		room := int(j.stored.Load()) - j.opts.MaxStored
		if j.bytesUsed() > j.opts.MaxBytes {
			room = max(room, rowsPerTx)
		}
		n, err := j.prunePart(byAge, now.Add(-fresh), room)
		if err != nil {
			return err
		}
		if n < rowsPerTx {
			break
		}
	}
	if byAge.IsZero() {
		return nil
	}
	return errors.Join(j.names.prune(byAge), j.asked.prune(j.db, byAge))
}

// prunePart deletes at most rowsPerTx rows, the oldest first: those last hit
// before byAge, and excess more of those before byRoom.
func (j *Journal) prunePart(byAge, byRoom time.Time, excess int) (int, error) {
	if !j.anyToPrune(byAge, byRoom, excess) {
		return 0, nil // an empty transaction would still cost a sync
	}
	freed := make(map[string]int)
	n := 0
	err := j.db.Update(func(tx *bbolt.Tx) error {
		clear(freed)
		n = 0
		for n < rowsPerTx {
			k, _ := tx.Bucket(bucketByLast).Cursor().First()
			if len(k) != 8+len(rowID{}) {
				return nil
			}
			last, id := readTime(k), rowID(k[8:])
			if !last.Before(byAge) && (n >= excess || !last.Before(byRoom)) {
				return nil
			}
			r, err := getRecord(tx, id)
			if err != nil || r == nil {
				r = &record{Attempt: Attempt{Last: last}} // only the index knows it
				err = tx.Bucket(bucketByLast).Delete(k)
			} else {
				err = deleteRecord(tx, id, r)
				if !r.Overflow && !j.table.gone[id] { // its share lost that when it was folded
					freed[r.Bucket]++
				}
			}
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget attempts: %w", err)
	}
	j.stored.Add(int64(-n))
	j.table.mu.Lock()
	defer j.table.mu.Unlock()
	for name, k := range freed {
		if j.table.stored[name] -= k; j.table.stored[name] <= 0 {
			delete(j.table.stored, name)
		}
	}
	return n, nil
}

// bytesUsed is how much of the file holds something.
func (j *Journal) bytesUsed() (n int64) {
	_ = j.db.View(func(tx *bbolt.Tx) error { // a closed file holds nothing
		s := tx.DB().Stats()
		n = tx.Size() - int64(s.FreePageN+s.PendingPageN)*int64(tx.DB().Info().PageSize)
		return nil
	})
	return n
}

// anyToPrune looks whether prunePart would find something.
func (j *Journal) anyToPrune(byAge, byRoom time.Time, excess int) bool {
	oldest, ok := j.oldest()
	return ok && (oldest.Before(byAge) || excess > 0 && oldest.Before(byRoom))
}

// oldest gives the last hit of the row that would be forgotten first.
func (j *Journal) oldest() (at time.Time, ok bool) {
	_ = j.db.View(func(tx *bbolt.Tx) error { // a closed file has none
		k, _ := tx.Bucket(bucketByLast).Cursor().First()
		if ok = len(k) == 8+len(rowID{}); ok {
			at = readTime(k)
		}
		return nil
	})
	return at, ok
}
