package storage

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// sparedDetail stands in the line of a segment that had been stated as deleted.
const sparedDetail = "kept: held before it was gone"

// spare looks through what an earlier session stated as deleted and did not
// unlink. While its volume was away, or the index did not know of it, the footage
// was listed and may have been held (S5): that is stated anew, as the last word
// of the ledger. The rest goes. Nothing does before all that is held is known,
// and as long as rows wait for the index.
func (r *reaper) spare() error {
	if r.store.noDeletion() != "" {
		return nil
	}
	r.mu.Lock()
	var list []Segment
	if !r.behind {
		list, r.earlier = r.stillUnsure(r.earlier), nil
	}
	r.mu.Unlock()
	var errs []error
	for _, seg := range list {
		if err := r.spareOne(seg); err != nil {
			// Its mark in the index stays. It holds nothing up: the next batch may go.
			r.unsure = append(r.unsure, seg)
			errs = append(errs, fmt.Errorf("look whether %s is held: %w", seg.Path, err))
		}
	}
	return errors.Join(append(errs, r.trimSpared())...)
}

// stillUnsure adds to a list what could not be looked at, when it is time for
// that; a ledger that was read meanwhile may have brought the same anew.
func (r *reaper) stillUnsure(list []Segment) []Segment {
	now := time.Now()
	anew := map[string]bool{}
	for _, seg := range list {
		anew[seg.Path] = true
	}
	r.unsure = slices.DeleteFunc(r.unsure, func(seg Segment) bool { return anew[seg.Path] })
	if len(r.unsure) == 0 || now.Sub(r.lastUnsure) < spareEvery {
		return list
	}
	list = append(list, r.unsure...)
	r.unsure, r.lastUnsure = nil, now
	return list
}

func (r *reaper) spareOne(seg Segment) error {
	if r.store.isUnread(seg.Camera) {
		return errors.New("what is held of its camera is not known")
	}
	if known, err := r.store.index.has(seg.SegmentMeta); known || err != nil {
		return err // kept already: found twice
	}
	perhaps := seg
	if seg.End.IsZero() {
		perhaps.End = lastTime() // the index marks names only
	}
	r.mu.Lock()
	adopted := r.segments[seg.Path] != nil
	r.mu.Unlock()
	if adopted {
		return nil
	}
	if r.store.holds.covers(perhaps) {
		found, err := (&rebuilding{session: r.session}).probe(seg.SegmentMeta)
		switch {
		case missing(err): // unlinked, and not forgotten yet
		case err != nil:
			return err
		case !found.End.IsZero() && r.store.holds.covers(found):
			return r.restate(seg, found)
		}
	}
	r.mu.Lock()
	r.toUnlink = append(r.toUnlink, seg)
	r.mu.Unlock()
	return nil
}

// restate hands a segment that is kept after all to the next commit.
func (r *reaper) restate(was, found Segment) error {
	w := r.newSegment(found.SegmentMeta)
	w.stage, w.closed, w.spared = stageEnded, true, true
	w.written, w.writtenEnd, w.sealed = found.Bytes, found.End, found.State == Sealed
	if was.Bytes == found.Bytes {
		w.sha256 = was.SHA256
	}
	if err := r.adopt(w); err != nil {
		return err
	}
	r.spared = append(r.spared, found)
	r.log.Warn("deletion taken back: a hold covers it", "camera", found.Camera, "segment", w.path)
	return nil
}

// trimSpared takes out of gaps what was kept, once the index has it (S6).
func (r *reaper) trimSpared() error {
	r.mu.Lock()
	waits := slices.ContainsFunc(r.spared, func(seg Segment) bool { return r.segments[seg.path()] != nil })
	r.mu.Unlock()
	if waits || len(r.spared) == 0 {
		return nil
	}
	if err := r.store.trimFound(r.spared); err != nil {
		return err
	}
	r.spared = nil
	return nil
}
