package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrForeign says that what stands under a name is not a file, or not that one's alone.
var ErrForeign = errors.New("it is a link, no plain file, or has a second name: look who put it there, and remove it")

// OpenIn opens a file of a directory, and makes it, mode 0600, where flag says so. It
// follows no link and takes no file that has a second name elsewhere (ErrForeign):
// root works in directories that belong to a service, and whoever has taken that over
// must not lead it out of them.
func OpenIn(dir *os.Root, name string, flag int) (f *os.File, err error) {
	d, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	// Not by dir: that follows links which stay below it.
	fd, err := unix.Openat(int(d.Fd()), name, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err = errors.Join(err, d.Close()); errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENXIO) {
		err = ErrForeign
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	f = os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name))
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1) {
		err = &os.PathError{Op: "open", Path: f.Name(), Err: ErrForeign}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Read reads a small file as OpenIn opens it: no link, no pipe that would be waited
// for, no file with a second name. More than limit bytes are an error.
func Read(path string, limit int64) (content []byte, err error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	f, err := OpenIn(dir, filepath.Base(path), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	content, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return content, err
}

// GiveToOwner gives what root made in a directory to whom the directory belongs, who
// has to read it later. For anybody else than root, and in root's own directories,
// it does nothing.
func GiveToOwner(dir *os.Root, f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	var owner unix.Stat_t
	if err := errors.Join(unix.Fstat(int(d.Fd()), &owner), d.Close()); err != nil {
		return err
	}
	if owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// Give is GiveToOwner for files by name, opened as OpenIn does.
func Give(dir string, names ...string) (err error) {
	if os.Geteuid() != 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, name := range names {
		f, err := OpenIn(root, name, os.O_RDONLY)
		if err != nil {
			return err
		}
		if err := errors.Join(GiveToOwner(root, f), f.Close()); err != nil {
			return fmt.Errorf("give %s to the user of %s: %w", name, dir, err)
		}
	}
	return nil
}
