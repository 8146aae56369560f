package journal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// How far new attempts are counted, and how many are looked at for it, chatter included.
const (
	maxUnreviewed = 10_000
	maxLookedAt   = 50_000
)

// maxReviews bounds who may have signed off: users of a site, past ones too.
const maxReviews = 10_000

// Review says that a user has looked at all attempts up to an instant.
type Review struct {
	User string    `json:"user"` // id
	Name string    `json:"name"` // at that time
	UpTo time.Time `json:"up_to"`
	At   time.Time `json:"at"`
}

// ErrReview says that a sign-off cannot be taken.
var ErrReview = errors.New("not to be signed off")

// SetReviewed writes a user's sign-off. It only goes forward, and never into the
// future: what was not there yet, nobody can have looked at.
func (j *Journal) SetReviewed(r Review) error {
	r.UpTo, r.At = r.UpTo.UTC(), r.At.UTC()
	if r.User == "" || r.UpTo.After(j.opts.Now()) {
		return fmt.Errorf("%w: %s is in the future, or nobody signs", ErrReview, r.UpTo.Format(time.RFC3339))
	}
	err := j.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketReviewed)
		var was Review
		if v := b.Get([]byte(r.User)); v != nil && json.Unmarshal(v, &was) == nil && was.UpTo.After(r.UpTo) {
			return fmt.Errorf("%w: it was already up to %s", ErrReview, was.UpTo.Format(time.RFC3339Nano))
		} else if v == nil && b.Stats().KeyN >= maxReviews {
			return fmt.Errorf("%w: there are too many who did", ErrReview)
		}
		v, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return b.Put([]byte(r.User), v)
	})
	if err != nil {
		return fmt.Errorf("sign off attempts: %w", err)
	}
	return nil
}

// Reviews lists the sign-offs, the latest first.
func (j *Journal) Reviews() ([]Review, error) {
	var list []Review
	err := j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketReviewed).ForEach(func(_, v []byte) error {
			var r Review
			if json.Unmarshal(v, &r) == nil { // one that is damaged hides no other
				list = append(list, r)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read who signed off: %w", err)
	}
	slices.SortFunc(list, func(a, b Review) int { return cmp.Or(b.UpTo.Compare(a.UpTo), strings.Compare(a.User, b.User)) })
	return list, nil
}

// Unreviewed counts the attempts that began after an instant, chatter apart; more
// says that it did not count to the end, or that rows of an earlier format are not
// counted yet.
func (j *Journal) Unreviewed(after time.Time) (n int, more bool, err error) {
	n, apart := j.table.begunAfter(after)
	return j.begunInFile(after, n, apart)
}

// begunInFile adds to n what the file has, but those apart.
func (j *Journal) begunInFile(after time.Time, n int, apart map[rowID]bool) (_ int, more bool, err error) {
	more = !j.indexed.Load()
	err = j.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketByFirst).Cursor()
		from := timeKey(after.Add(1))
		looked := 0
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			if looked++; looked > maxLookedAt {
				more = true
				return nil
			}
			if len(k) != placeSize || bytes.Equal(v, chatterMark(true)) || apart[rowID(k[8:])] {
				continue
			}
			if n++; n > maxUnreviewed {
				n, more = maxUnreviewed, true
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("count new attempts: %w", err)
	}
	return n, more, nil
}

// begunAfter counts the attempts that the file does not have yet. By the time it is
// read it may: those apart are not to be counted in it, nor what was folded.
func (t *table) begunAfter(after time.Time) (n int, apart map[rowID]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	apart = maps.Clone(t.gone)
	for _, r := range t.waiting {
		if !r.written && !r.attempt.Chatter && r.attempt.First.After(after) {
			n++
			apart[r.id] = true
		}
	}
	return n, apart
}
