package storage

import (
	"errors"
	"os"
	"path/filepath"
)

// openIndexSomewhere opens the index, and where its directory takes none one for this
// run only: it is a cache, and what it caches is recorded all the same. lost says why
// it is such a one. It lies on a volume, for it may be larger than memory, without a
// name, so that nothing of it is left. One that another process has open is an error.
func openIndexSomewhere(o Options) (ix *index, lost, err error) {
	ix, lost = openIndex(o.State, o.Now())
	if lost == nil || errors.Is(lost, ErrLocked) {
		return ix, nil, lost
	}
	places := []string{}
	for _, v := range o.Volumes {
		places = append(places, v.Path)
	}
	err = lost
	for _, dir := range append(places, os.TempDir()) {
		made, failed := openUnnamed(dir)
		if failed == nil {
			return made, lost, nil
		}
		err = errors.Join(err, failed)
	}
	return nil, nil, err
}

// openUnnamed makes an index in a directory that is there, and takes its name away.
func openUnnamed(dir string) (*index, error) {
	own, err := os.MkdirTemp(dir, ".nvr-index-*")
	if err != nil {
		return nil, err
	}
	ix, err := openBolt(filepath.Join(own, indexName))
	if removed := os.RemoveAll(own); removed != nil && err == nil {
		// A volume is not to be found with what is none of its own.
		return nil, errors.Join(removed, ix.db.Close())
	}
	return ix, err
}
