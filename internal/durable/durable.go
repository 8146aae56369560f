package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace publishes a file, mode 0600: a temporary one beside it, synced, renamed, the
// directory synced. dress, unless it is nil, may change owner and mode of the temporary
// file before. After an error the old file is there as it was, and no other.
func Replace(path string, content []byte, dress func(*os.File) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	published := false
	defer func() {
		if err != nil && !published {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil && dress != nil {
		err = dress(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	published = true
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
