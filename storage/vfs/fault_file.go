package vfs

import (
	"io"
	"io/fs"
	"syscall"
)

// faultFile is an open file or directory of a Fault.
type faultFile struct {
	fs       *Fault
	node     *node
	name     string
	writable bool
	closed   bool
}

// enter asks the hook, locks, and refuses closed files.
func (h *faultFile) enter(op string, write bool) error {
	if err := h.fs.enter(op, h.name); err != nil {
		return err
	}
	var err error
	switch {
	case h.closed:
		err = fs.ErrClosed
	case write && !h.writable:
		err = syscall.EBADF
	default:
		return nil
	}
	h.fs.mu.Unlock()
	return &fs.PathError{Op: op, Path: h.name, Err: err}
}

func (h *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := h.enter("read", false); err != nil {
		return 0, err
	}
	defer h.fs.mu.Unlock()
	if off >= int64(len(h.node.content)) {
		return 0, io.EOF
	}
	n := copy(p, h.node.content[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteBuffersAt writes what there is room for.
func (h *faultFile) WriteBuffersAt(bufs [][]byte, off int64) (int64, error) {
	if err := h.enter("write", true); err != nil {
		return 0, err
	}
	defer h.fs.mu.Unlock()
	var done int64
	for _, b := range bufs {
		grow := off + done + int64(len(b)) - int64(len(h.node.content))
		if room := h.fs.capacity - h.fs.used; grow > 0 && grow > room {
			b = b[:max(0, int64(len(b))-grow+max(0, room))]
			done += h.put(b, off+done)
			return done, &fs.PathError{Op: "pwritev", Path: h.name, Err: syscall.ENOSPC}
		}
		done += h.put(b, off+done)
	}
	return done, nil
}

func (h *faultFile) put(b []byte, off int64) int64 {
	h.fs.used += h.node.write(b, off)
	return int64(len(b))
}

func (h *faultFile) Truncate(size int64) error {
	if err := h.enter("truncate", true); err != nil {
		return err
	}
	defer h.fs.mu.Unlock()
	h.fs.used += size - int64(len(h.node.content))
	h.node.truncate(size)
	return nil
}

// Preallocate has nothing to do but fail when told to.
func (h *faultFile) Preallocate(int64, int64) error {
	if err := h.enter("preallocate", true); err != nil {
		return err
	}
	h.fs.mu.Unlock()
	return nil
}

func (h *faultFile) Size() (int64, error) {
	if err := h.enter("stat", false); err != nil {
		return 0, err
	}
	defer h.fs.mu.Unlock()
	return int64(len(h.node.content)), nil
}

func (h *faultFile) Datasync() error { return h.Sync() }

// Sync makes a file's content, or a directory's entries, durable. As POSIX has
// it, the entry that names a new file is not part of the file.
func (h *faultFile) Sync() error {
	if err := h.enter("sync", false); err != nil {
		return err
	}
	defer h.fs.mu.Unlock()
	h.node.sync()
	return nil
}

// SyncFS makes everything on the file's own file system durable, and nothing on others.
func (h *faultFile) SyncFS() error {
	if err := h.enter("syncfs", false); err != nil {
		return err
	}
	defer h.fs.mu.Unlock()
	h.fs.root.syncTree(h.node.device)
	return nil
}

func (h *faultFile) TryLock() error {
	if err := h.enter("lock", false); err != nil {
		return err
	}
	defer h.fs.mu.Unlock()
	if h.node.lockedBy != nil && h.node.lockedBy != h {
		return &fs.PathError{Op: "flock", Path: h.name, Err: syscall.EWOULDBLOCK}
	}
	h.node.lockedBy = h
	return nil
}

// Close also gives up the lock. It works after a crash, so that owners can clean up.
func (h *faultFile) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.closed {
		return &fs.PathError{Op: "close", Path: h.name, Err: fs.ErrClosed}
	}
	h.closed = true
	if h.node.lockedBy == h {
		h.node.lockedBy = nil
	}
	return nil
}
