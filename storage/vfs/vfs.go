package vfs

import (
	"io/fs"
	"os"
)

// FS is a file system. Names are slash-separated paths; errors wrap the system's
// error numbers and io/fs sentinels.
type FS interface {
	// OpenFile opens a file, or a directory for reading, like os.OpenFile.
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Mkdir(name string, perm os.FileMode) error
	Rename(from, to string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// ReadDir gives a directory's entries sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (Stat, error)
	// Space tells how much room the file system under name has.
	Space(name string) (Space, error)
}

// File is an open file, or an open directory of which only the syncs and Close work.
type File interface {
	// ReadAt is io.ReaderAt.
	ReadAt(p []byte, off int64) (int, error)
	// WriteBuffersAt writes the buffers one behind the other at an offset: with
	// one pwritev(2), unless there are more than IOV_MAX of them or the
	// kernel takes only a part. It returns the bytes written.
	WriteBuffersAt(bufs [][]byte, off int64) (int64, error)
	Truncate(size int64) error
	// Preallocate sets aside space without a change of size (FALLOC_FL_KEEP_SIZE).
	Preallocate(off, length int64) error
	Size() (int64, error)
	// Datasync makes contents and size durable (fdatasync(2)).
	Datasync() error
	// Sync makes contents and inode durable; of a directory, its entries.
	Sync() error
	// SyncFS makes durable everything on the file's file system (syncfs(2)).
	SyncFS() error
	// TryLock takes the exclusive lock that goes with the descriptor (flock(2));
	// if another holds it the error wraps syscall.EWOULDBLOCK.
	TryLock() error
	Close() error
}

// Stat is what is asked of a path.
type Stat struct {
	Size   int64
	Dir    bool
	Device uint64 // tells file systems apart
}

// Space is a file system's room, in bytes.
type Space struct {
	Free  int64 // for an ordinary process
	Total int64
}
