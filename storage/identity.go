package storage

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// identity is the content of a volume's identity file. It tells a disk that
// was swapped, or a mount point without its disk, from the volume that the
// index knows under that path.
type identity struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"` // 32 hexadecimal digits
	Created time.Time `json:"created"`
}

const identityFormat = 1

var (
	errNotMounted = errors.New("identity file is missing: the disk is not mounted, or was replaced")
	errSwapped    = errors.New("another volume is mounted here")
	errNotEmpty   = errors.New("directory is not empty and has no identity file (" + identityName + ")")
)

// readIdentity reads a volume's identity file; there may be none (fs.ErrNotExist).
func readIdentity(fsys vfs.FS, root string) (identity, error) {
	var id identity
	name := path.Join(root, identityName)
	if _, err := fsys.Stat(name); err != nil {
		return id, fmt.Errorf("read identity: %w", err)
	}
	content, err := readFile(fsys, name)
	if err != nil {
		return id, fmt.Errorf("read identity: %w", err)
	}
	if err := json.Unmarshal(content, &id); err != nil {
		return id, fmt.Errorf("read identity %s: %w", name, err)
	}
	if raw, err := hex.DecodeString(id.ID); err != nil || len(raw) != 16 || id.Format != identityFormat {
		return id, fmt.Errorf("read identity %s: not in a known format", name)
	}
	return id, nil
}

// identify reads a volume's identity, or gives it one on first use: that is
// when the index knows no volume under the path and the directory is empty.
func identify(fsys vfs.FS, root, known string, now time.Time) (id identity, fresh bool, err error) {
	id, err = readIdentity(fsys, root)
	switch {
	case err == nil && known != "" && id.ID != known:
		return id, false, fmt.Errorf("volume is %s, not %s: %w", id.ID, known, errSwapped)
	case err == nil || !missing(err):
		return id, false, err
	case known != "":
		return id, false, errNotMounted
	}
	list, err := fsys.ReadDir(root)
	if err != nil {
		return id, false, fmt.Errorf("list volume: %w", err)
	}
	for _, e := range list {
		if e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), ownPrefix) {
			return id, false, errNotEmpty
		}
	}
	id, err = writeIdentity(fsys, root, now)
	return id, true, err
}

// writeIdentity gives a volume an identity, all or nothing.
func writeIdentity(fsys vfs.FS, root string, now time.Time) (identity, error) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	id := identity{Format: identityFormat, ID: hex.EncodeToString(raw[:]), Created: now.UTC().Truncate(time.Second)}
	content, err := json.Marshal(id)
	if err != nil {
		return id, fmt.Errorf("write identity: %w", err)
	}
	name := path.Join(root, identityName)
	f, err := fsys.OpenFile(name+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return id, fmt.Errorf("write identity: %w", err)
	}
	_, err = f.WriteBuffersAt([][]byte{append(content, '\n')}, 0)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = fsys.Rename(name+".tmp", name)
	}
	if err == nil {
		err = syncDir(fsys, root)
	}
	if err != nil {
		return id, fmt.Errorf("write identity: %w", err)
	}
	return id, nil
}

// lockVolume keeps other processes off a volume until the file is closed.
func lockVolume(fsys vfs.FS, root string) (vfs.File, error) {
	f, err := fsys.OpenFile(path.Join(root, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock volume: %w", err)
	}
	if err := f.TryLock(); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("volume %s: %w", root, ErrLocked)
		}
		return nil, fmt.Errorf("lock volume: %w", err)
	}
	return f, nil
}

// syncDir makes a directory's entries durable.
func syncDir(fsys vfs.FS, name string) error {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeDirs makes a directory below root with its parents, and gives those
// whose entries changed. Root itself is not made: it may be a mount point.
func makeDirs(fsys vfs.FS, root, rel string) (changed []string, err error) {
	at := root
	for part := range strings.SplitSeq(rel, "/") {
		parent := at
		at = path.Join(at, part)
		err := fsys.Mkdir(at, 0o750)
		switch {
		case err == nil:
			changed = append(changed, parent)
		case !errors.Is(err, os.ErrExist):
			return changed, err
		}
	}
	return changed, nil
}
