package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"time"
)

// opKind is what the writer is to do.
type opKind uint8

const (
	opCreate opKind = iota + 1
	opAppend
	opSeal
	opAbort
)

// op is one entry of a volume's queue.
type op struct {
	kind    opKind
	segment *SegmentWriter
	append  Append // of a seal: the trailer
	bytes   int64  // what it counts against the budget
	done    func(Segment, error)
}

// finish gives the buffers back.
func (o op) finish() {
	if o.append.Done != nil {
		o.append.Done()
	}
}

// opCost is what an append counts beside its bytes, so that empty ones are bounded too.
const opCost = 512

// push queues an operation without waiting. S4: the queue is bounded by the
// volume's memory budget; what is over it is refused and counted. Creating and
// ending a segment is always taken: both are bounded by the number of streams.
func (s *session) push(o op) error {
	w := o.segment
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case s.err != nil:
		return s.err
	case w.closed:
		return ErrEnded
	case s.closing:
		return ErrClosed
	case o.kind == opCreate && s.segments[w.path] != nil:
		return errExists
	case o.kind == opAppend && s.queued+o.bytes > s.vol.budget:
		s.vol.countOverload()
		return fmt.Errorf("volume %s: %w", s.root, ErrOverload)
	}
	switch o.kind {
	case opCreate:
		s.segments[w.path] = w
	case opAppend:
		if o.append.End.After(w.queuedEnd) {
			w.queuedEnd = o.append.End
		}
	case opSeal, opAbort:
		w.closed, w.done = true, o.done
	}
	s.queue = append(s.queue, o)
	s.queued += o.bytes
	s.vol.countQueued(s.queued)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// write does what is queued until stop is closed and the queue is empty. After
// a failure it only gives buffers back.
func (s *session) write(stop <-chan struct{}) {
	for last := false; ; {
		s.mu.Lock()
		ops := s.queue
		s.queue = nil
		s.mu.Unlock()
		for i := range ops {
			s.do(&ops[i])
			ops[i].finish()
			s.mu.Lock()
			s.queued -= ops[i].bytes
			s.mu.Unlock()
			ops[i] = op{} // the buffers are the pool's again
		}
		if len(ops) > 0 {
			continue
		}
		if last {
			return
		}
		select {
		case <-s.wake:
		case <-stop:
			last = true
		}
	}
}

// do performs one operation.
func (s *session) do(o *op) {
	w := o.segment
	s.mu.Lock()
	skip := w.err != nil || s.err != nil || w.stage == stageEnded
	s.mu.Unlock()
	if skip {
		return
	}
	var err error
	switch o.kind {
	case opCreate:
		err = s.create(w)
	case opAppend:
		err = s.appendPart(w, o.append)
	case opSeal, opAbort:
		err = s.end(w, o.append.Buffers, o.kind == opSeal)
	}
	if err != nil {
		s.failSegment(w, err)
	}
}

// create makes a segment's file. Retention may remove an empty directory at
// the same time, so making directories is tried again.
func (s *session) create(w *SegmentWriter) error {
	// A disk that was unmounted under us must not be replaced by what its
	// mount point hides.
	st, err := s.fs.Stat(s.root)
	if err == nil && st.Device != s.device {
		err = errNotMounted
	}
	if err != nil {
		return fmt.Errorf("create segment: %w", err)
	}
	for range 3 {
		w.file, err = s.fs.OpenFile(s.abs(w.path), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
		if !missing(err) {
			break
		}
		made, mkErr := makeDirs(s.fs, s.root, path.Dir(w.path))
		s.soil(made...)
		if mkErr != nil && !missing(mkErr) {
			return fmt.Errorf("create segment: %w", mkErr)
		}
	}
	if err != nil {
		return fmt.Errorf("create segment: %w", err)
	}
	s.soil(path.Dir(s.abs(w.path)))
	w.sum = sha256.New()
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.stage == stageQueued {
		w.stage = stageGrowing
	}
	return nil
}

// appendPart writes a part with one pwritev.
func (s *session) appendPart(w *SegmentWriter, a Append) error {
	n, err := s.writeAt(w, a.Buffers)
	if err != nil {
		return fmt.Errorf("append part: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.written += n
	if a.End.After(w.writtenEnd) {
		w.writtenEnd = a.End
	}
	return nil
}

// writeAt writes behind what the segment has, and hashes it (S8). Only the
// writer changes written, so it may be read here without the lock; the caller
// moves it on together with what else the bytes mean.
func (s *session) writeAt(w *SegmentWriter, bufs [][]byte) (int64, error) {
	var length int64
	for _, b := range bufs {
		length += int64(len(b))
	}
	if length == 0 {
		return 0, nil
	}
	s.reserve(w, w.written+length)
	start := time.Now()
	n, err := w.file.WriteBuffersAt(bufs, w.written)
	s.vol.countWrite(n, time.Since(start))
	if err != nil {
		return 0, err
	}
	for _, b := range bufs {
		w.sum.Write(b)
	}
	w.hashed += n
	return n, nil
}

// firstStep is the first space that is set aside for a segment; each step
// doubles up to Options.Preallocate, so that a sub stream does not take what a
// main stream needs, and 1,300 new segments do not ask for everything at once.
const firstStep = 2 << 20

// reserve sets space aside ahead of a write. It is a help to the file system
// only: what fails here is told by the write.
func (s *session) reserve(w *SegmentWriter, size int64) {
	most := s.store.opts.Preallocate
	if most < 0 || size <= w.reserved {
		return
	}
	w.step = min(max(2*w.step, firstStep), most)
	from := max(w.reserved, w.written)
	to := max(w.reserved+w.step, size)
	if err := w.file.Preallocate(from, to-from); err == nil {
		w.reserved = to
	} else {
		w.reserved = 1 << 62 // full, or not supported: not tried again
	}
}

// end writes the trailer, gives back what was set aside, and leaves the
// segment to the committer.
func (s *session) end(w *SegmentWriter, trailer [][]byte, seal bool) error {
	n, err := s.writeAt(w, trailer)
	if err != nil {
		return fmt.Errorf("seal segment: %w", err)
	}
	if err := w.file.Truncate(w.written + n); err != nil {
		return fmt.Errorf("seal segment: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.written += n
	w.stage, w.sealed = stageEnded, seal
	copy(w.sha256[:], w.sum.Sum(nil))
	return nil
}

// failSegment ends a segment that could not be written. A full disk costs
// this segment its next part only; anything else ends the volume's session,
// since it may fail in any way from here on.
func (s *session) failSegment(w *SegmentWriter, cause error) {
	if w.file != nil {
		if err := w.file.Truncate(w.written); err != nil {
			cause = errors.Join(cause, err)
		}
	}
	e := &DiskError{Path: s.root, Reason: diskReason(cause), Err: cause}
	if e.Reason != ReasonDiskFull && !errors.Is(cause, os.ErrExist) {
		s.fail(cause)
		return
	}
	if e.Reason == ReasonDiskFull {
		s.vol.full(e)
	}
	s.mu.Lock()
	if w.sum != nil && w.hashed == w.written {
		copy(w.sha256[:], w.sum.Sum(nil))
	}
	calls := w.failLocked(e, false)
	s.mu.Unlock()
	for _, call := range calls {
		call()
	}
	s.log.Error("segment ended", "camera", w.meta.Camera, "stream", w.meta.Stream, "segment", w.path, "error", cause)
}
