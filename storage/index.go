package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// index is the bbolt file index.db: a cache of what the ledgers state (S3).
//
//	meta       version, and complete once every volume was read
//	volumes    number            → volumeRow (JSON)
//	streams    camera/stream     → streamRow
//	segments   camera/stream → { start 8, run 4 → row }
//	order      volume 2, start 8, run 4, camera/stream → nothing: deletion's order
//	doomed     volume 2, path    → nothing: stated as deleted, file perhaps still there
//	gaps       camera/stream → { from 8 → gap }
//	heads      volume 2, camera  → how far the ledger is in the index
//	held       hold's id         → heldRow (JSON), ended ones too
//	holds      camera, 0         → nothing but an end: never delete anything of it
//	wanted     volume 2, path    → byHand (JSON): to be deleted by hand
//
// Integers in keys are big endian, times nanoseconds since 1970. Transactions
// that read are short, since bbolt cannot reuse pages while they last.
type index struct {
	db *bolt.DB
	// learn is told of holds that were stated, once the index has them.
	learn func(volume uint16, lines []holdLine, whole []string)
}

const (
	indexName    = "index.db"
	indexVersion = "1"
)

var indexBuckets = []string{"volumes", "streams", "segments", "order", "doomed", "gaps", "heads", "holds", "held", "wanted"} //nolint:gochecknoglobals // a constant list

// volumeRow is what the index knows of a volume.
type volumeRow struct {
	ID      string    `json:"id"`
	Path    string    `json:"path"`
	Seen    time.Time `json:"seen"`
	Rebuild bool      `json:"rebuild,omitempty"` // its ledgers are not all in the index
	// Distrust: it failed, and no commit has succeeded since: what the kernel's
	// cache has of it may not be on the disk.
	Distrust bool   `json:"distrust,omitempty"`
	Number   uint16 `json:"-"`
}

// openIndex opens or makes the index. A file that is not an index any more is
// put aside under another name, and a new one begun.
func openIndex(dir string, now time.Time) (*index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	name := filepath.Join(dir, indexName)
	ix, err := openBolt(name)
	if err != nil && unreadable(err) {
		aside := name + now.UTC().Format(".broken-20060102T150405Z")
		if err := os.Rename(name, aside); err != nil {
			return nil, fmt.Errorf("put broken index aside: %w", err)
		}
		ix, err = openBolt(name)
	}
	return ix, err
}

func unreadable(err error) bool {
	return errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrVersionMismatch) ||
		errors.Is(err, berrors.ErrChecksum) || errors.Is(err, errTruncated) || errors.Is(err, errIndexVersion)
}

var (
	errTruncated    = errors.New("index is truncated")
	errIndexVersion = errors.New("index is of another version")
)

func openBolt(name string) (ix *index, err error) {
	// bbolt reads through a memory map: a page that is not there must not be
	// touched, so the length is compared before anything else.
	if err := checkLength(name); err != nil {
		return nil, err
	}
	defer func() { // a freelist that is garbage makes bbolt panic
		if r := recover(); r != nil {
			ix, err = nil, fmt.Errorf("open index: %v: %w", r, berrors.ErrInvalid)
		}
	}()
	db, err := bolt.Open(name, 0o600, &bolt.Options{
		Timeout:      time.Second,
		FreelistType: bolt.FreelistMapType,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("index %s: %w", name, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	ix = &index{db: db}
	if err := ix.prepare(); err != nil {
		_ = db.Close()
		return nil, err
	}
	return ix, nil
}

// checkLength compares the file's size with what its meta pages say.
func checkLength(name string) error {
	b, err := os.Open(name)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	defer b.Close()
	st, err := b.Stat()
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	// Meta page: page header 16 bytes, magic 4, version 4, page size 4, flags 4,
	// root 16, freelist 8, high-water page 8.
	const pageSizeAt, highWaterAt = 16 + 8, 16 + 40
	head := make([]byte, 64)
	if n, err := b.ReadAt(head, 0); st.Size() == 0 || n == 0 && err != nil {
		return nil // bbolt makes a new one
	} else if n < len(head) {
		return errTruncated
	}
	pageSize := int64(binary.NativeEndian.Uint32(head[pageSizeAt:]))
	if pageSize < 512 || pageSize > 1<<20 {
		return errTruncated
	}
	var needed int64
	for meta := range int64(2) {
		if _, err := b.ReadAt(head, meta*pageSize); err == nil {
			pages := binary.NativeEndian.Uint64(head[highWaterAt:])
			if pages < 1<<40 {
				needed = max(needed, int64(pages)*pageSize)
			}
		}
	}
	if st.Size() < needed {
		return errTruncated
	}
	return nil
}

// prepare makes the buckets of a new index.
func (ix *index) prepare() error {
	err := ix.db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if meta != nil {
			if v := string(meta.Get([]byte("version"))); v != indexVersion {
				return fmt.Errorf("version %q: %w", v, errIndexVersion)
			}
		}
		meta, err := tx.CreateBucketIfNotExists([]byte("meta"))
		if err != nil {
			return err
		}
		for _, name := range indexBuckets { // of an older index some are missing
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return meta.Put([]byte("version"), []byte(indexVersion))
	})
	if err != nil {
		return fmt.Errorf("prepare index: %w", err)
	}
	return nil
}

// setDistrust changes that of a known volume.
func (ix *index) setDistrust(number uint16, distrust bool) error {
	err := ix.db.Update(func(tx *bolt.Tx) error {
		volumes, key := tx.Bucket([]byte("volumes")), binary.BigEndian.AppendUint16(nil, number)
		var row volumeRow
		if err := json.Unmarshal(volumes.Get(key), &row); err != nil {
			return err
		}
		row.Distrust = distrust
		value, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return volumes.Put(key, value)
	})
	if err != nil {
		return fmt.Errorf("change volume: %w", err)
	}
	return nil
}

// complete reports whether every volume that was configured has been read once:
// an index that was lost does not know what it lacks.
func (ix *index) complete() (complete bool, err error) {
	err = ix.db.View(func(tx *bolt.Tx) error {
		complete = tx.Bucket([]byte("meta")).Get([]byte("complete")) != nil
		return nil
	})
	return complete, err
}

func (ix *index) setComplete() error {
	if complete, err := ix.complete(); complete || err != nil {
		return err
	}
	err := ix.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("complete"), []byte{1})
	})
	if err != nil {
		return fmt.Errorf("mark index as complete: %w", err)
	}
	return nil
}

func (ix *index) close() error { return ix.db.Close() }

// volumes lists the known volumes.
func (ix *index) volumes() ([]volumeRow, error) {
	var rows []volumeRow
	err := ix.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("volumes")).ForEach(func(k, v []byte) error {
			var row volumeRow
			if err := json.Unmarshal(v, &row); err != nil {
				return err
			}
			row.Number = binary.BigEndian.Uint16(k)
			rows = append(rows, row)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read volumes: %w", err)
	}
	return rows, nil
}

// putVolume adds a volume, or changes one by its identity, and gives its number.
func (ix *index) putVolume(row volumeRow) (uint16, error) {
	rows, err := ix.volumes()
	if err != nil {
		return 0, err
	}
	row.Number = 1
	for _, known := range rows {
		if known.ID == row.ID {
			row.Number = known.Number
			break
		}
		row.Number = max(row.Number, known.Number+1)
	}
	value, err := json.Marshal(row)
	if err != nil {
		return 0, fmt.Errorf("put volume: %w", err)
	}
	err = ix.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("volumes")).Put(binary.BigEndian.AppendUint16(nil, row.Number), value)
	})
	if err != nil {
		return 0, fmt.Errorf("put volume: %w", err)
	}
	return row.Number, nil
}
