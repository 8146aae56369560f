package playback

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"sync"
	"time"
)

// Movie is footage as one MP4. Size and layout are fixed when it is opened.
type Movie struct {
	head      []byte
	fragments []fragment
	parts     []part
	size      int64
	sources   []*source
	section   *io.SectionReader

	pieces  []Piece
	end     time.Time
	length  time.Duration
	next    time.Time
	etag    string
	skipped []Skipped
	log     *slog.Logger

	mu     sync.Mutex // guards what is below
	closed bool
	cached int // fragment whose layout is kept, or -1
	layout []extent
}

var (
	_ io.ReadSeekCloser = (*Movie)(nil)
	_ io.ReaderAt       = (*Movie)(nil)
)

// newMovie lays the head before the fragments and lets go of what is not played.
func newMovie(first *source, sources []*source, p *plan, next time.Time) *Movie {
	lead := first.leading()
	total := p.ends.ticks[first.file.Leading]
	fragments := join(p.parts, append(p.ticks, total), p.random)
	head := make([]byte, 0, len(first.file.Init)+sidxSize(len(fragments))*len(first.file.Tracks))
	head = append(head, first.file.Init...)
	head = appendIndex(head, first.file, p.first, fragments)
	size := int64(len(head))
	for i := range fragments {
		fragments[i].at = size
		size += fragments[i].size
	}
	length := duration(total, lead.ClockRate)
	last := &p.pieces[len(p.pieces)-1]
	last.Duration = length - last.Media

	m := &Movie{
		head: head, fragments: fragments, parts: p.parts, size: size,
		pieces: p.pieces, end: p.last.End, length: length, next: next, etag: p.etag(),
		skipped: p.skipped, cached: -1,
	}
	m.section = io.NewSectionReader(m, 0, m.size)
	used := map[*source]bool{}
	for i := range p.parts {
		used[p.parts[i].leg.source] = true
	}
	for _, s := range sources {
		if used[s] {
			m.sources = append(m.sources, s)
		} else {
			_ = s.reader.Close() // nothing was read of it that could be wrong
		}
		s.file.Parts = nil
	}
	return m
}

// Size is the length in bytes, to the byte.
func (m *Movie) Size() int64 { return m.size }

// ETag names the content, without quotes; "" while footage of the range may still
// come, since the movie of the same range is longer then.
func (m *Movie) ETag() string { return m.etag }

// Start is the wall time of media time 0.
func (m *Movie) Start() time.Time { return m.pieces[0].Start }

// End is the wall time at which the last part ends. A movie of the same beginning
// up to End stays the same for ever, and has an ETag.
func (m *Movie) End() time.Time { return m.end }

// Duration is the media time at which the leading track ends.
func (m *Movie) Duration() time.Duration { return m.length }

// Pieces lead from media time to wall time, in order and without a hole in media
// time; wall time is right to a tenth of a second. The caller must not change them.
func (m *Movie) Pieces() []Piece { return m.pieces }

// Next is when footage of another format begins, which cannot be in this movie:
// open another one from there. Zero if the movie ends for no such reason.
func (m *Movie) Next() time.Time { return m.next }

// Skipped is what could not be read and is left out, as far as opening tells: the
// damage of a part's own boxes shows when it is read, and is logged.
func (m *Movie) Skipped() []Skipped { return m.skipped }

// Read is io.Reader.
func (m *Movie) Read(b []byte) (int, error) { return m.section.Read(b) }

// Seek is io.Seeker.
func (m *Movie) Seek(offset int64, whence int) (int64, error) { return m.section.Seek(offset, whence) }

// Close lets the segments be deleted.
func (m *Movie) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return closeAll(m.sources)
}

var errOffset = errors.New("read movie: negative offset")

// ReadAt is io.ReaderAt. An error is one of reading a segment: damage is none, what
// is not as it was written is left out.
func (m *Movie) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errOffset
	}
	read := 0
	if at < int64(len(m.head)) {
		read = copy(b, m.head[at:])
	}
	for read < len(b) {
		pos := at + int64(read)
		if pos >= m.size {
			return read, io.EOF
		}
		i := sort.Search(len(m.fragments), func(i int) bool { return m.fragments[i].at > pos }) - 1
		extents, err := m.layoutOf(i)
		if err != nil {
			return read, err
		}
		n, err := readExtents(extents, b[read:], pos-m.fragments[i].at)
		read += n
		if err != nil {
			return read, fmt.Errorf("read movie at %d: %w", pos, err)
		}
	}
	return read, nil
}

// layoutOf gives the layout of a fragment, which nobody changes. The last one is
// kept: reading goes on where it was.
func (m *Movie) layoutOf(i int) ([]extent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("read movie: %w", os.ErrClosed)
	}
	if m.cached == i {
		return m.layout, nil
	}
	f := &m.fragments[i]
	extents, damage, err := layout(m.parts[f.first:f.first+f.n], uint32(i)+1)
	if err != nil {
		return nil, fmt.Errorf("play segment %s: %w", damage.leg.segment.Path, err)
	}
	if damage != nil {
		m.log.Warn("part cannot be played", "segment", damage.leg.segment.Path, "offset", damage.offset, "error", errMoof)
	}
	m.cached, m.layout = i, extents
	return extents, nil
}
