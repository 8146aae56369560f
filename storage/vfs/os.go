package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OS is the operating system's file system.
type OS struct{}

// OpenFile opens a file or directory.
func (OS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Mkdir makes a directory.
func (OS) Mkdir(name string, perm os.FileMode) error { return os.Mkdir(name, perm) }

// Rename replaces to by from.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove deletes a file or an empty directory.
func (OS) Remove(name string) error { return os.Remove(name) }

// ReadDir lists a directory.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat describes a path, following links.
func (OS) Stat(name string) (Stat, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(name, &st) }); err != nil {
		return Stat{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return Stat{Size: st.Size, Dir: st.Mode&unix.S_IFMT == unix.S_IFDIR, Device: st.Dev}, nil
}

// Space asks statfs(2).
func (OS) Space(name string) (Space, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(name, &st) }); err != nil {
		return Space{}, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return Space{Free: int64(st.Bavail) * st.Bsize, Total: int64(st.Blocks) * st.Bsize}, nil
}

// osFile adds to os.File the calls that it lacks.
type osFile struct{ *os.File }

// iovMax is the most buffers that one pwritev takes (UIO_MAXIOV).
const iovMax = 1024

// WriteBuffersAt writes with as few pwritev calls as the kernel allows.
func (f osFile) WriteBuffersAt(bufs [][]byte, off int64) (int64, error) {
	var done int64
	var skip int // bytes of bufs[0] already written
	for len(bufs) > 0 {
		batch := bufs[:min(len(bufs), iovMax)]
		if skip > 0 {
			batch = append([][]byte{bufs[0][skip:]}, batch[1:]...)
		}
		n, err := unix.Pwritev(int(f.Fd()), batch, off+done)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: err}
		}
		done += int64(n)
		bufs, skip = rest(bufs, skip, n)
		if n == 0 && len(bufs) > 0 {
			return done, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: unix.EIO}
		}
	}
	return done, nil
}

// rest drops n written bytes, of which the first buffer already lacks skip.
func rest(bufs [][]byte, skip, n int) (left [][]byte, newSkip int) {
	n += skip
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	return bufs, n
}

// Preallocate calls fallocate(2) with FALLOC_FL_KEEP_SIZE.
func (f osFile) Preallocate(off, length int64) error {
	return f.call("fallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, length)
	})
}

// Size asks fstat(2).
func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("size: %w", err)
	}
	return st.Size(), nil
}

// Datasync calls fdatasync(2).
func (f osFile) Datasync() error { return f.call("fdatasync", unix.Fdatasync) }

// SyncFS calls syncfs(2), which tells of write-back errors since the file was opened.
func (f osFile) SyncFS() error { return f.call("syncfs", unix.Syncfs) }

// TryLock calls flock(2) with LOCK_EX and LOCK_NB.
func (f osFile) TryLock() error {
	return f.call("flock", func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

func (f osFile) call(op string, do func(fd int) error) error {
	if err := retry(func() error { return do(int(f.Fd())) }); err != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: err}
	}
	return nil
}

// retry repeats a system call that a signal interrupted.
func retry(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
