package storage

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// recovery finds out how far the segments are good that were growing when the
// volume was last in use.
type recovery struct {
	session  *session
	point    *checkpoint
	distrust bool

	mu    sync.Mutex
	found []Segment // guarded by mu
}

// recoverThreads is how many segments are looked at at a time: the time goes
// into seeks.
const recoverThreads = 8

// openSegments recovers what the checkpoint lists as growing.
func (r *recovery) openSegments() error {
	var group errgroup.Group
	group.SetLimit(recoverThreads)
	for _, o := range r.point.open {
		group.Go(func() error { return r.segment(o) })
	}
	return group.Wait()
}

// newSegments recovers what was created after the checkpoint. Only the hours
// since then are listed.
func (r *recovery) newSegments(cameras []string) error {
	s := r.session
	skip := map[string]bool{} // stated as deleted, file still there
	for _, d := range slices.Concat(s.earlier, s.toUnlink) {
		skip[d.Path] = true
	}
	for _, o := range r.point.open {
		skip[o.path()] = true
	}
	floor := r.floor()
	var group errgroup.Group
	group.SetLimit(recoverThreads)
	for _, camera := range cameras {
		if s.store.isUnread(camera) {
			continue // what its ledger states is not known
		}
		group.Go(func() error {
			err := s.walk(camera, floor, func(m SegmentMeta) error {
				if skip[m.path()] {
					return nil
				}
				if known, err := s.store.index.has(m); known || err != nil {
					return err
				}
				return r.segment(openSegment{SegmentMeta: m})
			})
			if err != nil {
				s.unread(camera, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// floor is the earliest hour in which a segment may have begun that the
// checkpoint does not know: a capture time may lie a little before the commit.
// Without a checkpoint there is none.
func (r *recovery) floor() time.Time {
	at := r.point.at
	if at.IsZero() {
		return lastTime()
	}
	for _, o := range r.point.open {
		if o.Start.Before(at) {
			at = o.Start
		}
	}
	return at.Add(-10 * time.Minute).UTC().Truncate(time.Hour)
}

// walk calls do with each segment's file of a camera from an hour on. A
// directory that cannot be read, and an error of do, do not keep it from the rest.
func (s *session) walk(camera string, floor time.Time, do func(SegmentMeta) error) error {
	return s.walkDir(camera, 4, func(rel string) bool {
		// CAMERA/STREAM[/DAY[/HOUR]]
		parts := strings.Split(rel, "/")
		switch len(parts) {
		case 2:
			return parts[1] != ledgerDir
		case 3:
			return parts[2] >= floor.Format(dayLayout)
		default:
			return parts[2]+parts[3] >= floor.Format(dayLayout+hourLayout)
		}
	}, do)
}

// walkDir goes down the wanted directories and calls do with the segments in
// the lowest.
func (s *session) walkDir(rel string, depth int, want func(string) bool, do func(SegmentMeta) error) error {
	list, err := s.fs.ReadDir(s.abs(rel))
	if missing(err) {
		return nil // removed since
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", rel, err)
	}
	var errs []error
	for _, e := range list {
		below := path.Join(rel, e.Name())
		switch {
		case depth > 1 && e.IsDir() && want(below):
			errs = append(errs, s.walkDir(below, depth-1, want, do))
		case depth == 1 && !e.IsDir():
			if m, err := parsePath(below); err == nil {
				errs = append(errs, do(m))
			}
		}
	}
	return errors.Join(errs...)
}

// segment cuts one file behind its last good part and hands it to the next
// commit. A file without footage, of which nothing was promised, is removed. One
// that cannot be read is left for the next start or a rebuild.
func (r *recovery) segment(o openSegment) error {
	s, rel := r.session, o.path()
	if r.suspect(o) {
		r.putAside(o)
		return nil
	}
	f, err := s.fs.OpenFile(s.abs(rel), os.O_RDWR, 0)
	if missing(err) {
		if !o.end.IsZero() {
			s.log.Error("segment is missing", "camera", o.Camera, "segment", rel)
			r.lose(o)
		}
		return nil
	}
	if err != nil {
		r.leave(o, err)
		return nil
	}
	keep, err := r.cut(o, f)
	if err != nil {
		r.leave(o, err)
	}
	if keep == nil || err != nil {
		_ = f.Close()
		return nil
	}
	w := s.newSegment(o.SegmentMeta)
	w.file, w.stage, w.closed = f, stageEnded, true
	w.written, w.writtenEnd, w.sealed = keep.Good, keep.End, keep.Sealed
	s.soilPath(rel)
	if err := s.adopt(w); err != nil {
		_ = f.Close()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, Segment{SegmentMeta: o.SegmentMeta, End: keep.End, Volume: s.id, Path: rel, Bytes: keep.Good})
	return nil
}

// leave keeps what was promised of a file that cannot be read in the checkpoints.
func (r *recovery) leave(o openSegment, err error) {
	r.session.log.Error("segment cannot be recovered now", "camera", o.Camera, "stream", o.Stream, "segment", o.path(), "error", err)
	r.session.mu.Lock()
	defer r.session.mu.Unlock()
	r.session.carried[o.path()] = o
}

// cut finds how far a file is good and truncates it there. Nil means that
// there is nothing to keep, or nothing that can be read.
func (r *recovery) cut(o openSegment, f vfs.File) (*ProbeResult, error) {
	s, rel := r.session, o.path()
	log := s.log.With("camera", o.Camera, "stream", o.Stream, "segment", rel)
	promised := o
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("recover segment: %w", err)
	}
	res := ProbeResult{Good: o.bytes}
	if !r.distrust || size < o.bytes || o.end.IsZero() {
		if size < o.bytes {
			log.Error("durable bytes are missing", "promised", o.bytes, "size", size)
			o.bytes, o.end = 0, time.Time{}
		}
		if res, err = s.store.opts.Probe(f, size, o.bytes); err != nil {
			log.Error("segment cannot be read", "error", err)
			if o.bytes == 0 {
				return nil, nil //nolint:nilnil // left as it is, for a person to look at
			}
			res = ProbeResult{}
		}
		res.Good = min(max(res.Good, o.bytes), size)
	}
	if o.end.After(res.End) {
		res.End = o.end
	}
	if res.End.IsZero() || !validTime(res.End) {
		log.Info("segment without footage removed", "bytes", size)
		if err := s.fs.Remove(s.abs(rel)); err != nil {
			return nil, fmt.Errorf("remove segment without footage: %w", err)
		}
		if !promised.end.IsZero() {
			r.lose(promised)
		}
		s.soilPath(rel)
		return nil, nil //nolint:nilnil // nothing to keep
	}
	if !res.End.After(o.Start) {
		res.End = o.Start.Add(1)
	}
	// Also when the size stays: it gives back what was set aside behind the end.
	if err := f.Truncate(res.Good); err != nil {
		return nil, fmt.Errorf("recover segment: %w", err)
	}
	log.Info("segment recovered", "bytes", res.Good, "cut", size-res.Good, "end", res.End)
	return &res, nil
}

// adopt hands a segment that was found on the volume to the next commit. A
// session that has failed takes none: nobody would close it.
func (s *session) adopt(w *SegmentWriter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.segments[w.path] = w
	delete(s.carried, w.path)
	return nil
}

// soilPath notes every directory above a path: after a crash any of them may
// be known to the kernel only.
func (s *session) soilPath(rel string) {
	for rel != "." {
		rel = path.Dir(rel)
		s.soil(s.abs(rel))
	}
}

// newSegment makes a segment's writer; nothing is queued yet.
func (s *session) newSegment(m SegmentMeta) *SegmentWriter {
	return &SegmentWriter{ses: s, meta: m, path: m.path(), failed: make(chan struct{}), stage: stageQueued}
}
