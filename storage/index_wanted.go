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
				value, err := json.Marshal(hand)
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
		var hand byHand
		if err := json.Unmarshal(v, &hand); err != nil {
			return err
		}
		list = append(list, wantedSegment{m, hand})
		return nil
	})
	return list, err
}
