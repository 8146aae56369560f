package storage

import (
	"fmt"
	"hash"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// stage is how far a segment's life has come.
type stage uint8

const (
	stageQueued  stage = iota + 1 // no file yet
	stageGrowing                  // has a file
	stageEnded                    // its file does not change any more
)

// SegmentWriter is a growing segment. Its methods never wait for the disk;
// Append, Seal and Abort are for one goroutine.
type SegmentWriter struct {
	ses    *session
	meta   SegmentMeta
	path   string
	failed chan struct{}

	// The writer's alone until the segment has ended; then the committer's.
	file     vfs.File
	sum      hash.Hash
	hashed   int64 // bytes in sum
	reserved int64 // bytes set aside
	step     int64 // bytes to set aside next

	// Guarded by ses.mu.
	stage      stage
	closed     bool      // sealed or aborted by its owner
	queuedEnd  time.Time // capture time reached by what was taken
	written    int64
	writtenEnd time.Time
	durable    int64
	durableEnd time.Time
	sealed     bool
	sha256     [32]byte
	spared     bool     // was stated as deleted
	final      *Segment // what the ledger states, once it does
	err        *DiskError
	lost       bool // err cost what was not durable
	done       func(Segment, error)
}

// Append queues one part. Done is called exactly once whatever happens, before
// Append returns if that is an error: ErrOverload, ErrEnded, ErrClosed, or the
// *DiskError that ended the segment; see ReasonOf. After ErrOverload the
// segment can still be sealed.
func (w *SegmentWriter) Append(a Append) error {
	o := op{kind: opAppend, segment: w, append: a, bytes: opCost}
	for _, b := range a.Buffers {
		o.bytes += int64(len(b))
	}
	var err error
	switch {
	case a.End.IsZero(): // a header: no footage
	case !validTime(a.End) || a.End.Before(w.meta.Start):
		err = fmt.Errorf("storage: part of %s ends at %v", w.path, a.End)
	}
	if err == nil {
		err = w.ses.push(o)
	}
	if err != nil {
		o.finish()
	}
	return err
}

// Seal queues the trailer and ends the segment; a full memory budget does not
// refuse it. Unless Seal returns an error, done (may be nil) is called once,
// from another goroutine, when the segment is durable and in the ledger, or
// with the error that ended it. The trailer's buffers must not change until then.
func (w *SegmentWriter) Seal(trailer [][]byte, done func(Segment, error)) error {
	return w.ses.push(op{kind: opSeal, segment: w, append: Append{Buffers: trailer}, done: done})
}

// Abort ends the segment without trailer: what was appended stays, as Recovered;
// a segment without footage is removed. It does nothing if the segment has ended.
func (w *SegmentWriter) Abort() { _ = w.ses.push(op{kind: opAbort, segment: w}) }

// Failed is closed when the disk ended the segment; Err then says why.
func (w *SegmentWriter) Failed() <-chan struct{} { return w.failed }

// Err is nil, or the *DiskError that ended the segment.
func (w *SegmentWriter) Err() error {
	w.ses.mu.Lock()
	defer w.ses.mu.Unlock()
	if w.err == nil {
		return nil
	}
	return w.err
}

// End is the capture time up to which the segment is kept: what was taken so
// far or, after an error, what of it is safe. A gap after an error begins there.
func (w *SegmentWriter) End() time.Time {
	w.ses.mu.Lock()
	defer w.ses.mu.Unlock()
	end := w.queuedEnd
	switch {
	case w.err != nil && w.lost:
		end = w.durableEnd
	case w.err != nil:
		end = w.writtenEnd
	}
	if end.IsZero() {
		return w.meta.Start
	}
	return end
}

// failLocked ends the segment with an error, under ses.mu; the calls are to be
// made after it. With lost, what was written since the last commit is lost too.
func (w *SegmentWriter) failLocked(err *DiskError, lost bool) (calls []func()) {
	if w.final != nil || w.err != nil {
		return nil
	}
	w.err, w.lost, w.stage = err, lost, stageEnded
	close(w.failed)
	if done := w.done; done != nil {
		w.done = nil
		calls = append(calls, func() { done(Segment{}, err) })
	}
	return calls
}

// snapshotLocked is the segment as a reader may see it, under ses.mu (S3).
func (w *SegmentWriter) snapshotLocked() (s Segment, ok bool) {
	if w.final != nil {
		return *w.final, true
	}
	if w.durableEnd.IsZero() {
		return s, false
	}
	return Segment{
		SegmentMeta: w.meta, End: w.durableEnd, Volume: w.ses.id, Path: w.path, Bytes: w.durable, State: Open,
	}, true
}
