package guarded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// ErrDamaged says that a database holds what bbolt never wrote. Restore it.
var ErrDamaged = errors.New("the database is damaged")

// Open opens a database. When it is damaged its file is not locked afterwards.
func Open(path string, mode fs.FileMode, o bbolt.Options) (db *bbolt.DB, err error) {
	var file *os.File
	o.OpenFile = func(name string, flag int, mode fs.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		file = f
		return f, err
	}
	err = Do(func() error {
		db, err = bbolt.Open(path, mode, &o)
		return err
	})
	if errors.Is(err, ErrDamaged) && file != nil {
		// Closing alone does not unlock: the memory map, which stays, holds the file.
		db, err = nil, errors.Join(err, unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
	}
	return db, err
}

// View is bbolt's.
func View(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	return Do(func() error { return db.View(fn) })
}

// Update is bbolt's. There is no Batch: that commits in a goroutine of its own,
// where nobody can catch what it panics at.
func Update(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	return Do(func() error { return db.Update(fn) })
}

// Do does something with a database.
func Do(what func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return what()
}
