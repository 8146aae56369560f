package durable

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// Replace publishes a file, mode 0600: a temporary one beside it, synced, renamed, the
// directory synced. dress, unless it is nil, may change owner and mode of the temporary
// file before. After an error the file is the old one or, where only the directory could
// not be synced, the new one; nothing else is left.
func Replace(path string, content []byte, dress func(*os.File) error) (err error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return ReplaceIn(dir, filepath.Base(path), content, dress)
}

// ReplaceIn is Replace in a directory that is open: every step is in that one, also
// where its name or a link on the way to it is changed meanwhile.
func ReplaceIn(dir *os.Root, name string, content []byte, dress func(*os.File) error) (err error) {
	temporary := "." + name + "." + rand.Text()
	f, err := dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	published := false
	defer func() {
		if err != nil && !published {
			err = errors.Join(err, dir.Remove(temporary))
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
	if err := dir.Rename(temporary, name); err != nil {
		return err
	}
	published = true
	return syncDir(dir)
}

func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
