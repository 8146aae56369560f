package storage

import (
	"context"
	"errors"
	"time"
)

// rebuilding is the rebuild of one camera on one volume.
type rebuilding struct {
	*session
	camera string

	files   map[string]SegmentMeta // there, and not in a writer's hands
	stated  map[string]Segment     // by the ledgers, not deleted
	deleted map[string]Segment
	batch   *batch
}

// run reads files first, then what the writer has, then the ledgers: a segment
// that moves from one to the next meanwhile is seen at least once.
func (b *rebuilding) run(ctx context.Context) error {
	b.files, b.stated, b.deleted = map[string]SegmentMeta{}, map[string]Segment{}, map[string]Segment{}
	walkErr := b.walk(b.camera, time.Time{}, func(m SegmentMeta) error {
		b.files[m.path()] = m
		return nil
	})
	b.mu.Lock()
	for p := range b.segments {
		delete(b.files, p)
	}
	lagging := b.lagging[b.camera]
	b.mu.Unlock()
	if lagging {
		return errors.New("its last lines could not be written into the ledger yet")
	}
	b.batch = &batch{volume: b.number}
	head, damaged, err := readLedgers(b.fs, b.root, b.id, b.camera, ledgerHead{}, b.line)
	if err != nil {
		return err
	}
	if damaged > 0 {
		b.log.Error("ledger is damaged", "camera", b.camera, "volume", b.root, "lines", damaged)
		b.batch.whole = append(b.batch.whole, b.camera)
	}
	if head.day != "" {
		b.batch.heads = map[string]ledgerHead{b.camera: head}
	}
	b.fromLedger()
	if err := b.dropAbsent(); err != nil {
		return err
	}
	if err := b.store.index.apply(b.batch); err != nil {
		return err
	}
	b.mu.Lock()
	b.earlier = append(b.earlier, b.batch.doomed...)
	b.mu.Unlock()
	b.wakeReaper()
	return errors.Join(walkErr, b.unstated(ctx))
}

// line takes one line of the ledgers: the last word about a path counts.
func (b *rebuilding) line(l ledgerLine) {
	switch l.Kind {
	case lineSealed, lineRecovered, lineDeleted, lineLost:
		seg, err := l.segment(b.id)
		if err != nil {
			return
		}
		delete(b.stated, seg.Path)
		delete(b.deleted, seg.Path)
		switch l.Kind {
		case lineDeleted:
			b.deleted[seg.Path] = seg
		case lineLost:
		default:
			b.stated[seg.Path] = seg
		}
	default:
		b.batch.add(l, b.id)
	}
}

// fromLedger makes rows of what is stated and there; what is stated as deleted
// and still there is to be unlinked.
func (b *rebuilding) fromLedger() {
	for p, seg := range b.stated {
		_, there := b.files[p]
		if !there { // sealed since the files were listed, or gone
			_, err := b.fs.Stat(b.abs(p))
			there = err == nil
		}
		if !there {
			b.log.Error("segment is missing", "camera", b.camera, "segment", p)
			delete(b.stated, p)
			continue
		}
		b.batch.put = append(b.batch.put, seg)
		delete(b.files, p)
	}
	for p, seg := range b.deleted {
		if _, there := b.files[p]; there {
			b.batch.doomed = append(b.batch.doomed, seg)
			delete(b.files, p)
		}
	}
}

// dropAbsent finds the rows of the camera whose file is gone.
func (b *rebuilding) dropAbsent() error {
	streams, err := b.store.index.streams()
	if err != nil {
		return err
	}
	for _, st := range streams {
		if st.Camera != b.camera {
			continue
		}
		var rows []Segment
		err := b.store.index.each(streamKey{st.Camera, st.Stream}, time.Time{}, lastTime(), func(row located) bool {
			if _, ok := b.stated[row.Path]; !ok && row.number == b.number {
				rows = append(rows, row.Segment)
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := b.fs.Stat(b.abs(row.Path)); missing(err) {
				b.batch.absent = append(b.batch.absent, row)
			}
		}
	}
	return nil
}

// unstated reads the files that no ledger knows and hands them to the next
// commit, which states them. What began after the last checkpoint is recovered
// like any crashed segment. Of older files nothing is cut or removed: what
// cannot be read is left for a person to look at.
func (b *rebuilding) unstated(ctx context.Context) error {
	var paths []string
	for p, m := range b.files {
		if err := errors.Join(ctx.Err(), b.failure()); err != nil {
			return err
		}
		b.mu.Lock()
		o, carried := b.carried[p]
		b.mu.Unlock()
		if carried || !m.Start.Before(b.crash.floor()) {
			o.SegmentMeta = m
			if err := b.crash.segment(o); err != nil {
				return err
			}
			b.store.recovered([]Segment{{SegmentMeta: m}})
			paths = append(paths, p)
			continue
		}
		log := b.log.With("camera", b.camera, "stream", m.Stream, "segment", p)
		seg, err := b.probe(m)
		if err != nil || seg.End.IsZero() {
			log.Error("file cannot be read as a segment", "error", err)
			continue
		}
		w := b.newSegment(m)
		w.stage, w.closed = stageEnded, true
		w.written, w.writtenEnd, w.sealed = seg.Bytes, seg.End, seg.State == Sealed
		b.soilPath(p)
		if err := b.adopt(w); err != nil {
			return err
		}
		b.store.recovered([]Segment{seg})
		paths = append(paths, p)
		log.Warn("segment was in no ledger", "bytes", seg.Bytes)
	}
	return b.stateThem(ctx, paths)
}

// stateThem waits until commits have brought segments into ledger and index.
func (b *rebuilding) stateThem(ctx context.Context, paths []string) error {
	if len(paths) > 0 && !b.store.running.Load() {
		return b.commit()
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for len(paths) > 0 {
		b.mu.Lock()
		_, waits := b.segments[paths[0]]
		b.mu.Unlock()
		if !waits {
			paths = paths[1:]
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.dead:
			return b.failure()
		case <-ticker.C:
		}
	}
	return nil
}

// probe reads a whole file; a zero End says that there is no footage.
func (b *rebuilding) probe(m SegmentMeta) (Segment, error) {
	seg := Segment{SegmentMeta: m, State: Recovered}
	f, err := b.fs.OpenFile(b.abs(m.path()), 0, 0)
	if err != nil {
		return seg, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return seg, err
	}
	res, err := b.store.opts.Probe(f, size, 0)
	if err != nil {
		return seg, err
	}
	if err := f.Datasync(); err != nil { // S3: nobody promised it yet
		return seg, err
	}
	seg.Bytes, seg.End = min(res.Good, size), res.End
	if res.Sealed {
		seg.State = Sealed
	}
	if !validTime(seg.End) || !seg.End.After(m.Start) {
		seg.End = time.Time{}
	}
	return seg, nil
}
