package storage

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// syncError marks a failed sync: what was written since the last good one may
// be gone although it can still be read, so the session cannot go on (S2).
type syncError struct{ error }

func (e *syncError) Unwrap() error { return e.error }

// commitLoop commits once per Options.Durability at most (S2). A commit that
// takes longer is followed by the next at once.
func (s *session) commitLoop(ctx context.Context) {
	timer := time.NewTimer(s.store.opts.Durability)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dead:
			return
		case <-timer.C:
		}
		start := time.Now()
		if err := s.commit(); err != nil {
			s.log.Error("commit", "volume", s.root, "error", err)
		}
		timer.Reset(max(0, s.store.opts.Durability-time.Since(start)))
	}
}

// grown is how far a segment was when a commit began.
type grown struct {
	segment *SegmentWriter
	written int64
	end     time.Time
	ended   bool
	state   SegmentState
	sha256  [32]byte
	dirty   bool // differs from what is durable
}

// work is what one commit makes durable.
type work struct {
	at        time.Time
	clock     clockState
	carried   []openSegment
	segments  []grown
	dirs      []string
	deletions []deletion
	holds     []holdLine
	holdsTo   int // serial of the holds that are stated then
	losses    []Segment
	unlinked  []string
	gaps      []Gap
}

// collect takes what is to be committed. From here on the writer goes on
// appending; what it adds belongs to the next commit.
func (s *session) collect() *work {
	c := &work{at: s.store.opts.Now(), clock: s.store.clock.state()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.segments {
		if w.stage == stageQueued || w.final != nil || w.err != nil && w.lost {
			continue
		}
		g := grown{segment: w, written: w.written, end: w.writtenEnd, sha256: w.sha256, state: Recovered}
		g.ended = w.stage == stageEnded
		g.dirty = g.ended || g.written != w.durable
		if w.sealed {
			g.state = Sealed
		}
		c.segments = append(c.segments, g)
	}
	slices.SortFunc(c.segments, func(a, b grown) int {
		return a.segment.meta.Start.Compare(b.segment.meta.Start)
	})
	c.carried = slices.Collect(maps.Values(s.carried))
	c.dirs = slices.Sorted(maps.Keys(s.dirtyDirs))
	clear(s.dirtyDirs)
	c.deletions, s.deletions = s.rescueHeldLocked(s.deletions), nil
	c.holds, c.holdsTo = s.store.holds.lacks(s.number, s.committer.heldTo)
	if len(c.holds) == 0 {
		s.committer.heldTo = c.holdsTo
	}
	c.losses, s.losses = s.losses, nil
	c.unlinked, s.unlinked = s.unlinked, nil
	c.gaps = s.store.gaps.take(s.vol)
	return c
}

func (c *work) empty() bool {
	return len(c.dirs)+len(c.deletions)+len(c.losses)+len(c.unlinked)+len(c.gaps)+len(c.holds) == 0 &&
		!slices.ContainsFunc(c.segments, func(g grown) bool { return g.dirty })
}

// due reports whether a checkpoint is wanted although nothing was recorded: for
// lines that wait, or so that the next start knows of the clock (S7).
func (s *session) due(c *work, now time.Time) bool {
	return len(s.committer.unapplied) > 0 || s.committer.force ||
		c.clock != s.committer.clock || now.Sub(s.committer.lastStart) > clockEvery
}

// giveBack undoes collect after a commit that did not happen.
func (s *session) giveBack(c *work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range c.dirs {
		s.dirtyDirs[d] = true
	}
	s.deletions = append(c.deletions, s.deletions...)
	s.losses = append(c.losses, s.losses...)
	s.unlinked = append(c.unlinked, s.unlinked...)
	s.store.gaps.giveBack(c.gaps)
}

// commit makes durable what was written, in the order of S2 and S3: the
// bytes, then the checkpoint with the ledgers' lines, then the ledgers, then
// the index. Used by the committer alone.
func (s *session) commit() error {
	start := time.Now()
	c := s.collect()
	var err error
	if !c.empty() || s.due(c, start) {
		if err = s.makeDurable(c); err != nil {
			s.giveBack(c)
			s.vol.countCommitError()
			if se := (*syncError)(nil); errors.As(err, &se) || diskReason(err) != ReasonDiskFull {
				s.fail(err)
			} else {
				s.vol.full(&DiskError{Path: s.root, Reason: ReasonDiskFull, Err: err})
			}
		} else {
			if err = s.renameLost(c.losses); err == nil {
				s.vol.trust(s)
			} else {
				s.fail(err)
			}
			s.vol.countCommit(c.at, start, s.committer.lastStart)
			s.committer.lastStart = start
		}
	}
	return errors.Join(err, s.writeIndex())
}

// makeDurable syncs, checkpoints and writes the ledgers.
func (s *session) makeDurable(c *work) error {
	if err := s.sync(c); err != nil {
		return &syncError{err}
	}
	if err := s.failure(); err != nil {
		return err // the writer met an error meanwhile
	}
	lines, finals := s.lines(c)
	point, heads, err := s.checkpoint(c, lines)
	if err != nil {
		return err
	}
	if err := s.checkpoints.write(point); err != nil {
		return err
	}
	s.committer.sequence, s.committer.heads, s.committer.force = point.sequence, heads, false
	s.committer.clock = point.clock
	s.applyLedgers(point.writes)
	s.settle(c, finals, lines)
	return nil
}

// sync makes durable what is on the volume: with one syncfs where the volume
// is a file system of its own, else file by file and directory by directory.
func (s *session) sync(c *work) error {
	ledgers := slices.Collect(maps.Values(s.committer.ledgers))
	if s.own {
		if err := s.dir.SyncFS(); err != nil {
			return err
		}
	} else if err := s.syncEach(c); err != nil {
		return err
	}
	clear(s.committer.ledgers)
	var errs []error
	for _, f := range ledgers {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// syncThreads is how many files are synced at a time: enough for the disk to
// merge their journal commits.
const syncThreads = 4

func (s *session) syncEach(c *work) error {
	var group errgroup.Group
	group.SetLimit(syncThreads)
	for _, g := range c.segments {
		if g.dirty && g.segment.file != nil {
			group.Go(g.segment.file.Datasync)
		}
	}
	for _, f := range s.committer.ledgers {
		group.Go(f.Datasync)
	}
	for _, d := range c.dirs {
		group.Go(func() error {
			if err := syncDir(s.fs, d); !missing(err) { // removed since
				return err
			}
			return nil
		})
	}
	return group.Wait()
}

// lines states what the commit makes true, by camera, and the segments that it finishes.
func (s *session) lines(c *work) (map[string][]ledgerLine, map[*SegmentWriter]Segment) {
	lines := map[string][]ledgerLine{}
	finals := map[*SegmentWriter]Segment{}
	for _, g := range c.segments {
		w := g.segment
		if !g.ended || g.end.IsZero() {
			continue
		}
		final := Segment{
			SegmentMeta: w.meta, End: g.end, Volume: s.id, Path: w.path,
			Bytes: g.written, State: g.state, SHA256: g.sha256,
		}
		kind := lineRecovered
		if g.state == Sealed {
			kind = lineSealed
		}
		finals[w] = final
		line := segmentLine(kind, final, c.at)
		if w.spared {
			line.Detail = sparedDetail
		}
		lines[w.meta.Camera] = append(lines[w.meta.Camera], line)
	}
	for _, g := range c.gaps {
		lines[g.Camera] = append(lines[g.Camera], gapLine(g, c.at))
	}
	for _, h := range c.holds {
		lines[h.Camera] = append(lines[h.Camera], h.ledgerLine())
	}
	for _, d := range c.deletions {
		lines[d.Camera] = append(lines[d.Camera], d.lines(c.at)...)
	}
	for _, l := range c.losses {
		lines[l.Camera] = append(lines[l.Camera], segmentLine(lineLost, l, c.at))
	}
	return lines, finals
}

// checkpoint makes the next checkpoint and the ledgers' heads after it.
func (s *session) checkpoint(c *work, lines map[string][]ledgerLine) (*checkpoint, map[string]ledgerHead, error) {
	point := &checkpoint{
		volume: s.id, sequence: s.committer.sequence + 1, at: c.at, clock: c.clock, volumes: s.store.volumeRefs(),
		heads: maps.Clone(s.committer.heads), writes: slices.Clone(s.committer.unapplied),
		open: c.carried,
	}
	for _, g := range c.segments {
		if !g.ended {
			point.open = append(point.open, openSegment{g.segment.meta, g.written, g.end})
		}
	}
	for camera, of := range lines {
		head, ok := point.heads[camera]
		if !ok {
			head.hash = genesis(s.id, camera)
		}
		write, head, err := writeLines(head, camera, of, c.at)
		if err != nil {
			return nil, nil, err
		}
		point.heads[camera] = head
		point.writes = append(point.writes, write)
	}
	return point, point.heads, nil
}

// settle tells everybody what is durable now.
func (s *session) settle(c *work, finals map[*SegmentWriter]Segment, lines map[string][]ledgerLine) {
	b := &batch{volume: s.number, forget: c.unlinked, gaps: c.gaps, holds: c.holds, heads: map[string]ledgerHead{}}
	for _, d := range c.deletions {
		b.doomed = append(b.doomed, d.Segment)
		b.gaps = append(b.gaps, d.gaps...)
	}
	s.committer.heldTo = c.holdsTo
	for camera := range lines {
		b.heads[camera] = s.committer.heads[camera]
	}
	var calls []func()
	s.mu.Lock()
	for _, g := range c.segments {
		w := g.segment
		w.durable, w.durableEnd = g.written, g.end
		if !g.ended {
			continue
		}
		if final, ok := finals[w]; ok {
			w.final = &final
			b.put = append(b.put, final)
		}
		calls = append(calls, s.finishSegment(w))
	}
	s.mu.Unlock()
	s.committer.unindexed = append(s.committer.unindexed, b)
	if len(c.holds) > 0 {
		s.store.holds.learn(s.number, c.holds, nil)
		s.store.holds.settle(s.store.inUse())
	}
	for _, call := range calls {
		call()
	}
}

// finishSegment, under mu, gives what is left to do outside of it for a
// segment that has ended: close the file, tell the owner, and remove a file
// without footage.
func (s *session) finishSegment(w *SegmentWriter) func() {
	file, done, final := w.file, w.done, w.final
	w.file, w.done = nil, nil
	if final == nil {
		delete(s.segments, w.path)
	}
	return func() {
		if file != nil {
			_ = file.Close() // synced before
		}
		if final == nil && file != nil {
			if err := s.fs.Remove(s.abs(w.path)); err != nil {
				s.log.Warn("remove empty segment", "segment", w.path, "error", err)
			}
			s.soil(path.Dir(s.abs(w.path)))
		}
		switch {
		case done == nil:
		case final == nil:
			done(Segment{}, errNoFootage)
		default:
			done(*final, nil)
		}
	}
}

// errNoFootage: a segment was sealed before any part was appended.
var errNoFootage = errors.New("storage: segment without footage was removed")
