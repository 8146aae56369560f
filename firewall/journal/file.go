package journal

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// file is the journal's database, which others may delete or damage while it is
// open: then it is written anew, or answers with ErrDamaged, and nothing stops.
type file struct {
	path string

	mu sync.RWMutex // held for reading while db is used, for writing while it is replaced
	db *bbolt.DB
	is os.FileInfo // of the file that is open; nil where it cannot be watched

	writing   sync.Mutex  // held by who writes; before beginning
	beginning sync.Mutex  // held while a transaction begins
	stuck     atomic.Bool // a transaction broke off with bbolt's locks held: who asks again would wait for ever
}

// openFile opens the journal's file, or makes it.
func openFile(path string) (*file, error) {
	db, err := openStore(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, db: db}
	if !strings.HasPrefix(path, "/proc/") { // a file without a name has none to be deleted
		f.is, err = os.Stat(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at journal: %w", err), db.Close())
	}
	return f, nil
}

// View reads. The transaction is short: see queryBudget.
func (f *file) View(use func(*bbolt.Tx) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.transact(false, use)
}

// Update writes.
func (f *file) Update(use func(*bbolt.Tx) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.transact(true, use)
}

// transact is bbolt's View and Update on a file that may be damaged. What breaks
// off is rolled back; where the file lacks what that takes, it is stuck.
func (f *file) transact(write bool, use func(*bbolt.Tx) error) error {
	tx, err := f.begin(write)
	if err != nil {
		return err
	}
	defer func() {
		if tx.DB() == nil {
			return // committed
		}
		// Its error says again what use, or Commit, met.
		if _ = guarded(tx.Rollback); tx.DB() != nil {
			f.stuck.Store(true)
		}
	}()
	return guarded(func() error {
		if err := use(tx); err != nil || !write {
			return err
		}
		return tx.Commit()
	})
}

func (f *file) begin(write bool) (tx *bbolt.Tx, err error) {
	f.beginning.Lock()
	defer f.beginning.Unlock()
	if f.stuck.Load() {
		return nil, errStuck
	}
	told := false
	err = guarded(func() (err error) {
		tx, err = f.db.Begin(write)
		told = true
		return err
	})
	if !told {
		f.stuck.Store(true)
	}
	return tx, err
}

// errStuck says that nothing can be done with the file until it is opened anew.
var errStuck = fmt.Errorf("%w: it was cut off while it was open: move it away and restart nvr, which makes a new one", ErrDamaged)

// Close closes the file. One that is stuck goes with the program.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck.Load() {
		return errStuck
	}
	return f.db.Close()
}

// guarded turns what reading a damaged file ends in, a page that makes no sense
// or that is no longer there, into an error. Our own bugs go on being panics.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // of the file's memory: it was cut off
			err = fmt.Errorf("%w: it ends before its pages do", ErrDamaged)
		case string: // bbolt's
			err = fmt.Errorf("%w: %.200s", ErrDamaged, p)
		default:
			panic(p)
		}
	}()
	return do()
}

// gone reports whether somebody deleted the file, or put another in its place.
func (f *file) gone() bool {
	if f.is == nil {
		return false
	}
	now, err := os.Stat(f.path)
	return errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(now, f.is)
}

// rescue writes a file that was deleted while it is open back to where it was,
// with all that is in it: what is open lives as long as it is open. Another file
// that stands there by now is kept beside it.
func (f *file) rescue() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := f.path + ".rescued"
	err := f.transact(false, func(tx *bbolt.Tx) error { return tx.CopyFile(fresh, 0o600) })
	if err == nil {
		if _, there := os.Lstat(f.path); there == nil {
			err = os.Rename(f.path, f.path+".foreign")
		}
	}
	if err == nil {
		err = os.Rename(fresh, f.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the journal that was deleted back to %s: %w", f.path, err), clean(fresh))
	}
	db, err := openStore(f.path)
	if err != nil {
		return err
	}
	old := f.db
	f.db = db
	if f.is, err = os.Stat(f.path); err != nil {
		return errors.Join(fmt.Errorf("look at journal: %w", err), old.Close())
	}
	return old.Close()
}

func clean(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
