package storage

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// Segments lists what overlaps [from, to), oldest first. Open segments are
// included up to what is durable (S3).
func (s *Store) Segments(camera, stream string, from, to time.Time) ([]Segment, error) {
	if err := checkKey(camera, stream); err != nil {
		return nil, err
	}
	key := streamKey{camera, stream}
	list := s.growing(key) // before the index, so that nothing is missed in between
	live := map[SegmentMeta]bool{}
	for _, seg := range list {
		live[seg.SegmentMeta] = true
	}
	list = slices.DeleteFunc(list, func(seg Segment) bool {
		return !seg.Start.Before(to) || !seg.End.After(from)
	})
	names, err := s.volumeNames()
	if err != nil {
		return nil, err
	}
	err = s.index.each(key, from, to, func(row located) bool {
		if !live[row.SegmentMeta] {
			row.Volume = names[row.number]
			list = append(list, row.Segment)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Segment) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Run, b.Run))
	})
	return list, nil
}

// growing lists the segments of a stream that the index does not have yet.
func (s *Store) growing(key streamKey) []Segment {
	var list []Segment
	for _, v := range s.volumes {
		ses := v.session()
		if ses == nil {
			continue
		}
		ses.mu.Lock()
		for _, w := range ses.segments {
			if w.meta.key() != key {
				continue
			}
			if seg, ok := w.snapshotLocked(); ok {
				list = append(list, seg)
			}
		}
		ses.mu.Unlock()
	}
	return list
}

func (s *Store) volumeNames() (map[uint16]string, error) {
	rows, err := s.index.volumes()
	if err != nil {
		return nil, err
	}
	names := map[uint16]string{}
	for _, row := range rows {
		names[row.Number] = row.ID
	}
	return names, nil
}

// Streams lists every stream of which something is known, ordered by camera.
// Open segments count with what is durable.
func (s *Store) Streams() ([]StreamSummary, error) {
	var growing []Segment
	for _, v := range s.volumes {
		ses := v.session()
		if ses == nil {
			continue
		}
		ses.mu.Lock()
		for _, w := range ses.segments {
			if seg, ok := w.snapshotLocked(); ok {
				growing = append(growing, seg)
			}
		}
		ses.mu.Unlock()
	}
	list, err := s.index.streams()
	if err != nil {
		return nil, err
	}
	at := map[streamKey]int{}
	for i := range list {
		key := streamKey{list[i].Camera, list[i].Stream}
		at[key] = i
		if list[i].Last, err = s.index.lastEnd(key, lastTime()); err != nil {
			return nil, err
		}
	}
	for _, seg := range growing {
		i, ok := at[seg.key()]
		if !ok {
			i = len(list)
			at[seg.key()] = i
			list = append(list, StreamSummary{Camera: seg.Camera, Stream: seg.Stream})
		}
		if known, err := s.index.has(seg.SegmentMeta); known || err != nil {
			continue // it came into the index meanwhile
		}
		list[i].add(seg)
	}
	slices.SortFunc(list, func(a, b StreamSummary) int {
		return cmp.Or(cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Stream, b.Stream))
	})
	return list, nil
}

// add counts a segment that the index does not have.
func (s *StreamSummary) add(seg Segment) {
	s.Segments++
	s.Bytes += seg.Bytes
	if s.First.IsZero() || seg.Start.Before(s.First) {
		s.First = seg.Start
	}
	if seg.End.After(s.Last) {
		s.Last = seg.End
	}
}

// SegmentReader reads a segment's file up to its durable length. It is an
// io.ReaderAt and may be used by several goroutines.
type SegmentReader struct {
	*io.SectionReader
	file  vfs.File
	unpin func()
	once  sync.Once
	err   error
}

// Close lets the segment be deleted. Closing again does nothing.
func (r *SegmentReader) Close() error {
	r.once.Do(func() {
		r.err = r.file.Close()
		r.unpin()
	})
	return r.err
}

// OpenSegment opens a segment of a listing for reading, up to the length that
// was durable then. It is not deleted until the reader is closed. ErrGone says
// that retention came first.
func (s *Store) OpenSegment(seg Segment) (*SegmentReader, error) {
	if _, err := parsePath(seg.Path); err != nil {
		return nil, err
	}
	key := fileKey{seg.Volume, seg.Path}
	s.mu.Lock()
	if _, doomed := s.doomed[key]; doomed {
		s.mu.Unlock()
		return nil, ErrGone
	}
	s.pins[key]++
	s.mu.Unlock()
	file, err := s.openFile(key)
	if err != nil {
		s.unpin(key)
		return nil, err
	}
	return &SegmentReader{
		SectionReader: io.NewSectionReader(file, 0, seg.Bytes),
		file:          file,
		unpin:         func() { s.unpin(key) },
	}, nil
}

func (s *Store) openFile(key fileKey) (vfs.File, error) {
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil && ses.id == key.volume {
			f, err := ses.fs.OpenFile(ses.abs(key.path), os.O_RDONLY, 0)
			if missing(err) {
				return nil, ErrGone
			}
			if err != nil {
				return nil, fmt.Errorf("open segment: %w", err)
			}
			return f, nil
		}
	}
	return nil, fmt.Errorf("open segment %s: volume %s is not available", key.path, key.volume)
}

func (s *Store) unpin(key fileKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[key]--; s.pins[key] <= 0 {
		delete(s.pins, key)
	}
}

// condemn marks a segment as about to be deleted, unless somebody reads it or it
// is held (S5). A hold that is placed later is asked for again before the
// deletion is stated.
func (s *Store) condemn(key fileKey, seg Segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, doomed := s.doomed[key]; doomed || s.pins[key] > 0 || s.holds.covers(seg) {
		return false
	}
	s.doomed[key] = seg
	return true
}

func (s *Store) forgetDoomed(key fileKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doomed, key)
}
