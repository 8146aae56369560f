package storage

import (
	"encoding/json"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// want notes segments of a volume that somebody wants to be deleted.
func (ix *index) want(volume uint16, list []Segment, hand byHand) error {
	for part := range slices.Chunk(list, maxTransaction) {
		err := ix.db.Update(func(tx *bolt.Tx) error {
			wanted := tx.Bucket([]byte("wanted"))
			for _, seg := range part {
				value, err := json.Marshal(wantedRow{hand, seg.End, seg.Bytes, seg.State})
				if err != nil {
					return err
				}
				if err := wanted.Put(volumeKey(volume, seg.Path), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("note what is to be deleted: %w", err)
		}
	}
	return nil
}

// unwant forgets paths of a volume that were wanted to be deleted.
func (ix *index) unwant(volume uint16, paths []string) error {
	err := ix.db.Update(func(tx *bolt.Tx) error {
		wanted := tx.Bucket([]byte("wanted"))
		for _, p := range paths {
			if err := wanted.Delete(volumeKey(volume, p)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget what was to be deleted: %w", err)
	}
	return nil
}

// wanted lists what somebody wants to be deleted of a volume; beside an error
// stands what could be read.
func (ix *index) wanted(volume uint16) (list []wantedSegment, err error) {
	err = ix.eachOf("wanted", volume, func(name string, v []byte) error {
		m, err := parsePath(name)
		if err != nil {
			return err
		}
		var row wantedRow
		if err := json.Unmarshal(v, &row); err != nil {
			return err
		}
		seg := Segment{SegmentMeta: m, End: row.End, Path: name, Bytes: row.Bytes, State: row.State}
		list = append(list, wantedSegment{seg, row.byHand})
		return nil
	})
	return list, err
}
