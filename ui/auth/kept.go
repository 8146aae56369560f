package auth

import (
	"bytes"
	"errors"
	"slices"
)

// kept is a session or token of a user, usable or not, and where it is kept.
type kept[Record any] struct {
	hash   []byte
	record Record
}

// keptOf lists what a user has in a bucket by its index, in no order; what has
// expired too.
func keptOf[Record any](t *tx, index, records []byte, userID string) (list []kept[Record], err error) {
	prefix := pair(userID, "")
	c := t.bucket(index).Cursor()
	for k, hash := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, hash = c.Next() {
		x := kept[Record]{hash: slices.Clone(hash)}
		if ok, err := t.get(records, hash, &x.record); err != nil {
			return nil, err
		} else if ok {
			list = append(list, x)
		}
	}
	return list, nil
}

// unkeep removes one of them.
func (t *tx) unkeep(index, records, hash []byte, userID, id string) error {
	return errors.Join(t.remove(records, hash), t.remove(index, pair(userID, id)))
}

// listed reads a list about a user, for an admin or auditor.
func listed[Row any](a *Accounts, p Principal, id string, read func(*tx, *account) ([]Row, error)) (list []Row, err error) {
	err = a.view(func(t *tx) error {
		acc, err := t.asReader(p, id)
		if err != nil {
			return err
		}
		list, err = read(t, acc)
		return err
	})
	return list, err
}
