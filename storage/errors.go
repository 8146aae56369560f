package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// The errors that callers tell apart.
var (
	// ErrOverload: a volume cannot keep up and its memory budget is used up.
	// The caller ends the segment, not the run (S4), and notes a gap.
	ErrOverload = errors.New("storage: writer's memory budget is used up")
	// ErrEnded: the segment was sealed or aborted already.
	ErrEnded = errors.New("storage: segment has ended")
	// ErrClosed: the store is shutting down.
	ErrClosed = errors.New("storage: closed")
	// ErrGone: retention deleted the segment; normal for a listing some seconds old.
	ErrGone = errors.New("storage: segment was deleted")
	// ErrLocked: another process uses the volume or the index.
	ErrLocked = errors.New("storage: in use by another process")
)

// DiskError tells why a volume does not take footage.
type DiskError struct {
	Path   string // of the volume
	Reason Reason // disk-full or disk-error
	Err    error
}

// Error names the volume and the cause.
func (e *DiskError) Error() string {
	return fmt.Sprintf("volume %s: %s: %v", e.Path, e.Reason, e.Err)
}

// Unwrap gives the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// ReasonOf gives the reason of the gap that an error of Create, Append or Seal
// leaves behind.
func ReasonOf(err error) Reason {
	var ve *DiskError
	switch {
	case errors.Is(err, ErrOverload):
		return ReasonOverload
	case errors.Is(err, ErrClosed):
		return ReasonRecorderDown
	case errors.As(err, &ve):
		return ve.Reason
	default:
		return diskReason(err)
	}
}

// diskReason tells a full disk from a failing one.
func diskReason(err error) Reason {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return ReasonDiskFull
	}
	return ReasonDiskError
}

// missing reports whether an error says that a file or directory is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
