package configs

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/durable"
)

//go:embed default.yaml
var defaultFile string

// Default is a commented example to start from.
func Default() []byte { return []byte(defaultFile) }

// ErrConflict says that the file was changed by somebody else meanwhile.
var ErrConflict = errors.New("the site file has changed: read it again")

// Load reads and parses a site file.
func Load(path string) (*Site, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the site file: %w", err)
	}
	s, err := Parse(file)
	if err != nil {
		return nil, err
	}
	s.Path = path
	return s, nil
}

// Write replaces the file atomically if it still has the given revision (empty:
// if there is none yet), and keeps the earlier one in PATH.d under its revision.
// The new file has the old one's owner and mode, or the recorder could not read
// what an administrator wrote as root. An invalid file is refused: its error is
// a Problems.
func Write(path string, file []byte, revision string) (*Site, error) {
	site, err := Parse(file)
	if err != nil {
		return nil, err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays a link
	}
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("lock the site file: %w", err)
	}
	defer unlock()
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && revision == "":
	case err != nil:
		return nil, fmt.Errorf("read the site file: %w", err)
	case Revision(old) != revision:
		return nil, ErrConflict
	default:
		history := path + ".d"
		if err := os.MkdirAll(history, 0o700); err != nil {
			return nil, fmt.Errorf("keep the earlier revision: %w", err)
		}
		if err := replace(filepath.Join(history, revision+".yaml"), old); err != nil {
			return nil, fmt.Errorf("keep the earlier revision: %w", err)
		}
	}
	if err := replace(path, file); err != nil {
		return nil, fmt.Errorf("write the site file: %w", err)
	}
	return site, nil
}

// lock keeps other writers (the page, the command line) out between comparing
// the revision and replacing the file. It ends with the process at the latest.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return func() { _ = d.Close() }, nil // closing unlocks; nothing was written through it
}

// replace publishes a file as whom the old one belongs to.
func replace(path string, content []byte) error {
	return durable.Replace(path, content, func(f *os.File) error { return likeOld(f, path) })
}

// likeOld gives f the owner and mode of what it is to replace, if there is such.
func likeOld(f *os.File, path string) error {
	var old unix.Stat_t
	switch err := unix.Stat(path, &old); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if err := f.Chmod(os.FileMode(old.Mode & 0o777)); err != nil {
		return err
	}
	if int(old.Uid) == os.Geteuid() && int(old.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(old.Uid), int(old.Gid))
}
