package storage

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// unsyncedSlack is how far before the last commit a segment may start that was
// created after it: capture times lie behind by a GOP and a queue.
const unsyncedSlack = time.Minute

// suspect reports whether a file may be in the kernel's cache only: the disk
// refused to sync, and no commit since the file was made has promised anything of it.
func (r *recovery) suspect(o openSegment) bool {
	if !r.distrust || !o.end.IsZero() {
		return false
	}
	listed := slices.ContainsFunc(r.point.open, func(p openSegment) bool { return p.SegmentMeta == o.SegmentMeta })
	return listed || !o.Start.Before(r.point.at.Add(-unsyncedSlack))
}

// putAside takes a file out of the footage of which nothing was promised when
// the disk refused to sync: it reads well out of the kernel's cache, and may be
// gone from the disk. Its time is a gap already. What is in it is kept for a
// person to look at, until retention takes the hour it lies in. It is renamed
// once that is stated: until then the volume is distrusted anyway.
func (r *recovery) putAside(o openSegment) {
	if _, err := r.session.fs.Stat(r.session.abs(o.path())); missing(err) {
		return
	}
	r.session.log.Error("segment was never synced", "camera", o.Camera, "segment", o.path()+asideSuffix)
	r.lose(o)
}

// lose has the next commit state a file that does not count as footage.
func (r *recovery) lose(o openSegment) {
	r.session.mu.Lock()
	defer r.session.mu.Unlock()
	if slices.ContainsFunc(r.session.losses, func(seg Segment) bool { return seg.SegmentMeta == o.SegmentMeta }) {
		return // found by a rebuild too
	}
	r.session.losses = append(r.session.losses, Segment{
		SegmentMeta: o.SegmentMeta, End: laterOf(o.Start, o.end), Path: o.path(), Bytes: o.bytes,
	})
}

// renameLost takes files out of the footage that are stated as lost, durably:
// the volume is trusted after it. Of most there is no file.
func (s *session) renameLost(lost []Segment) error {
	for _, seg := range lost {
		name := s.abs(seg.Path)
		err := s.fs.Rename(name, name+asideSuffix)
		if err == nil {
			err = syncDir(s.fs, path.Dir(name))
		}
		if err != nil && !missing(err) {
			return fmt.Errorf("put unsynced segment aside: %w", err)
		}
	}
	return nil
}
