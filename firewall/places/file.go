package places

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 256 << 20

// readFile reads a file whole: a map of its pages would end the program when
// somebody shortens it.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no file", path, ErrDamaged)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %w", path, ErrTooLarge)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if n, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read %s, %d of %d bytes: %w", path, n, len(b), err)
	}
	return b, nil
}

// ErrDamaged says that a file is not of its kind, or not whole.
var ErrDamaged = errors.New("not what it should be, or damaged")

// ErrTooLarge says that a file has more than is held in memory.
var ErrTooLarge = fmt.Errorf("more than %d MiB", maxFile>>20)

// fixOf says what to do about a file that cannot be used.
func fixOf(err error) string {
	switch {
	case errors.Is(err, ErrTooLarge):
		return "give one of countries, or of networks (ASN), not of cities"
	case errors.Is(err, fs.ErrPermission):
		return "let the user that nvr runs as read it"
	}
	return "put a whole one in its place, written beside it and moved over it; what was read before is used meanwhile"
}
