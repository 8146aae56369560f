package storage

import (
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// putHolds takes what a volume's ledger says of holds.
func (w *indexWriter) putHolds(tx *bolt.Tx, b *batch) error {
	held := tx.Bucket([]byte("held"))
	for _, l := range b.holds {
		var row heldRow
		if v := held.Get([]byte(l.ID)); v != nil {
			if err := json.Unmarshal(v, &row); err != nil {
				return fmt.Errorf("read hold %s: %w", l.ID, err)
			}
		}
		row.take(l, b.volume)
		value, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("write hold %s: %w", l.ID, err)
		}
		if err := held.Put([]byte(l.ID), value); err != nil {
			return err
		}
	}
	whole := tx.Bucket([]byte("holds"))
	for _, camera := range b.whole {
		if err := whole.Put(wholeKey(camera), timeKey(lastTime())); err != nil {
			return err
		}
	}
	return nil
}

// wholeKey is the key of a camera that is kept whole: a hold of the form that
// earlier versions had, from 1970 on.
func wholeKey(camera string) []byte { return append([]byte(camera+"/"), make([]byte, 8)...) }

// holds lists what may not be deleted, ended holds included, and the cameras
// that are kept whole.
func (ix *index) holds() (rows []heldRow, whole []string, err error) {
	err = ix.db.View(func(tx *bolt.Tx) error {
		err := tx.Bucket([]byte("held")).ForEach(func(k, v []byte) error {
			var row heldRow
			if err := json.Unmarshal(v, &row); err != nil || row.ID != string(k) || row.check() != nil {
				return fmt.Errorf("hold %q: %w", k, errIndexRow)
			}
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket([]byte("holds")).ForEach(func(k, v []byte) error {
			n := len(k) - 9
			if n < 1 || len(v) != 8 {
				return errIndexRow
			}
			camera, from, to := string(k[:n]), keyTime(k[n+1:]), keyTime(v)
			if from.UnixNano() == 0 || !from.Before(to) {
				whole = append(whole, camera)
				return nil
			}
			rows = append(rows, heldRow{Hold: Hold{ID: placeID(camera, from), Camera: camera, From: from, To: to, Created: from}})
			return nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list holds: %w", err)
	}
	return rows, whole, nil
}
