package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The journal's file, format 2. Times in keys are nanoseconds of Unix time, big
// endian, so that keys sort by time.
//
//	meta       "format"                     → "2"
//	meta       "indexed"                    → id up to which rows of format 1 are in the indexes; nothing when all are
//	attempts   id                           → record, JSON
//	evidence   id                           → beginning of the first packet, from the IP header on
//	history    id                           → timeline and rhythm (package pattern)
//	by-first   first hit, id                → 1 for chatter, else 0
//	by-last    last hit, id                 → nothing
//	by-device  device, 0, last hit, id      → nothing
//	by-value   field, value, 0, hour of the last hit, id → nothing
//	counts     bucket name                  → number of attempts in it; key 0 for the rows "other"
//	reviewed   user                         → Review, JSON
//	names      host name                    → nameRecord, JSON
//	questions  device, 0, asker, type, name → Question, JSON
var (
	bucketMeta      = []byte("meta")
	bucketAttempts  = []byte("attempts")
	bucketEvidence  = []byte("evidence")
	bucketHistory   = []byte("history")
	bucketByFirst   = []byte("by-first")
	bucketByLast    = []byte("by-last")
	bucketByDevice  = []byte("by-device")
	bucketByValue   = []byte("by-value")
	bucketCounts    = []byte("counts")
	bucketReviewed  = []byte("reviewed")
	bucketNames     = []byte("names")
	bucketQuestions = []byte("questions")
)

// storeFormat is the format this program writes.
const storeFormat = "2"

// indexedKey is in meta while rows of format 1 wait to be indexed.
const indexedKey = "indexed"

// How the file is opened and worked on.
const (
	lockWait  = time.Second
	rowsPerTx = 1000 // rows written, settled or pruned in one transaction
)

// Errors that tell why the file cannot be opened.
var (
	ErrLocked  = errors.New("another process has the journal open")
	ErrDamaged = errors.New("the file is no journal, or damaged")
)

// record is an attempt as the file has it.
type record struct {
	Attempt
	Bucket string `json:"bucket"`
}

// openStore opens the file and makes what is missing in it.
func openStore(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open journal %s: %w", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("open journal %s: %w (%w): move it away, a new one is made", path, ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("open journal: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{
			bucketMeta, bucketAttempts, bucketEvidence, bucketHistory, bucketByFirst, bucketByLast, bucketByDevice, bucketByValue,
			bucketCounts, bucketReviewed, bucketNames, bucketQuestions,
		} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
		}
		meta := tx.Bucket(bucketMeta)
		switch have := meta.Get([]byte("format")); {
		case have == nil:
			return meta.Put([]byte("format"), []byte(storeFormat))
		case string(have) == "1": // its rows are indexed by and by
			return errors.Join(meta.Put([]byte("format"), []byte(storeFormat)), meta.Put([]byte(indexedKey), []byte{}))
		case string(have) != storeFormat:
			return fmt.Errorf("%w: format %q is not %s", ErrDamaged, have, storeFormat)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare journal %s: %w", path, err), db.Close())
	}
	return db, nil
}

// load reads what must be in memory: counts, names, questions.
func (j *Journal) load() error {
	return j.db.View(func(tx *bbolt.Tx) error {
		j.indexed.Store(tx.Bucket(bucketMeta).Get([]byte(indexedKey)) == nil)
		err := tx.Bucket(bucketCounts).ForEach(func(k, v []byte) error {
			n := int(readCount(v))
			j.stored.Add(int64(n))
			if string(k) != othersKey {
				j.table.stored[string(k)] = n
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := j.names.load(tx); err != nil {
			return err
		}
		return j.asked.load(tx)
	})
}

// newest gives the time of the newest hit in the file, zero when there is none.
func (j *Journal) newest() (at time.Time) {
	_ = j.db.View(func(tx *bbolt.Tx) error { // a closed file has none
		if k, _ := tx.Bucket(bucketByLast).Cursor().Last(); len(k) == 8+len(rowID{}) {
			at = readTime(k)
		}
		return nil
	})
	return at
}

// othersKey counts the rows "other", which no bucket's bound counts.
const othersKey = "\x00"

func countKey(bucket string, other bool) []byte {
	if other {
		return []byte(othersKey)
	}
	return []byte(bucket)
}

// addCount changes one of the counts by delta.
func addCount(tx *bbolt.Tx, key []byte, delta int64) error {
	counts := tx.Bucket(bucketCounts)
	n := max(int64(readCount(counts.Get(key)))+delta, 0)
	if n == 0 {
		return counts.Delete(key)
	}
	return counts.Put(key, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func readCount(v []byte) uint64 {
	if len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// timeKey writes a time so that keys sort by it. What is before 1970, or too far in
// the future for nanoseconds, is at the end of the keys on its side.
func timeKey(t time.Time) []byte {
	nanos := uint64(0)
	switch begin, end := time.Unix(0, 0), time.Unix(0, math.MaxInt64); {
	case t.After(end):
		nanos = math.MaxInt64
	case t.After(begin):
		nanos = uint64(t.UnixNano())
	}
	return binary.BigEndian.AppendUint64(nil, nanos)
}

// readTime reads the first eight bytes of what timeKey wrote.
func readTime(k []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(k))).UTC() }

func lastKey(last time.Time, id rowID) []byte { return append(timeKey(last), id[:]...) }

func deviceKey(device string, last time.Time, id rowID) []byte {
	k := append([]byte(device), 0)
	return append(append(k, timeKey(last)...), id[:]...)
}

// getRecord reads an attempt; nil when the file has none by that id.
func getRecord(tx *bbolt.Tx, id rowID) (*record, error) {
	v := tx.Bucket(bucketAttempts).Get(id[:])
	if v == nil {
		return nil, nil
	}
	r := new(record)
	if err := json.Unmarshal(v, r); err != nil {
		return nil, fmt.Errorf("read attempt %s: %w", id, err)
	}
	return r, nil
}

// putRecord writes an attempt and its index entries. It reports whether the row
// is new to the file.
func putRecord(tx *bbolt.Tx, id rowID, r *record, other bool) (isNew bool, err error) {
	v, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("write attempt %s: %w", id, err)
	}
	attempts := tx.Bucket(bucketAttempts)
	isNew = attempts.Get(id[:]) == nil
	was, err := getRecord(tx, id)
	if err != nil {
		was = nil // it could not be read: it is written anew
	}
	err = errors.Join(index(tx, id, was, r), attempts.Put(id[:], v))
	if err == nil && isNew {
		err = addCount(tx, countKey(r.Bucket, other), 1)
	}
	if err != nil {
		return false, fmt.Errorf("write attempt %s: %w", id, err)
	}
	return isNew, nil
}

// deleteRecord removes an attempt and all that belongs to it.
func deleteRecord(tx *bbolt.Tx, id rowID, r *record) error {
	err := errors.Join(
		tx.Bucket(bucketAttempts).Delete(id[:]),
		tx.Bucket(bucketEvidence).Delete(id[:]),
		tx.Bucket(bucketHistory).Delete(id[:]),
		index(tx, id, r, nil),
		addCount(tx, countKey(r.Bucket, r.Overflow), -1),
	)
	if err != nil {
		return fmt.Errorf("delete attempt %s: %w", id, err)
	}
	return nil
}
