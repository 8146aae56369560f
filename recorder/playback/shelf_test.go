package playback_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/playback"
	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

var start = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// shelf is a storage of segment files in a directory.
type shelf struct {
	tb       testing.TB
	dir      string
	segments []storage.Segment
	gaps     []storage.Gap
	gone     map[string]bool
	fault    map[string]error // of reading a file
	pinned   atomic.Int32
	blocks   segment.Blocks
}

func newShelf(tb testing.TB) *shelf {
	return &shelf{tb: tb, dir: tb.TempDir(), gone: map[string]bool{}, fault: map[string]error{}}
}

func (s *shelf) player() *playback.Player {
	return playback.New(playback.Options{Store: s, Now: func() time.Time { return at(3600) }, Log: slog.New(slog.DiscardHandler)})
}

func (s *shelf) Segments(camera, stream string, from, to time.Time) ([]storage.Segment, error) {
	var out []storage.Segment
	for _, x := range s.segments {
		if x.Camera == camera && x.Stream == stream && x.Start.Before(to) && x.End.After(from) {
			out = append(out, x)
		}
	}
	return out, nil
}

func (s *shelf) Gaps(_, _ string, _, _ time.Time) ([]storage.Gap, error) { return s.gaps, nil }

type reader struct {
	*os.File
	shelf *shelf
	size  int64
	fault error
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) ReadAt(b []byte, at int64) (int, error) {
	if r.fault != nil {
		return 0, r.fault
	}
	if at >= r.size {
		return 0, io.EOF
	}
	short := b[:min(int64(len(b)), r.size-at)]
	n, err := r.File.ReadAt(short, at)
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return n, err
}

func (r *reader) Close() error {
	r.shelf.pinned.Add(-1)
	return r.File.Close()
}

func (s *shelf) OpenSegment(x storage.Segment) (playback.SegmentReader, error) {
	if s.gone[x.Path] {
		return nil, storage.ErrGone
	}
	f, err := os.Open(filepath.Join(s.dir, x.Path))
	if err != nil {
		return nil, err
	}
	s.pinned.Add(1)
	return &reader{File: f, shelf: s, size: x.Bytes, fault: s.fault[x.Path]}, nil
}

// lay gives the bytes of a segment of parts, and where each part begins.
func (s *shelf) lay(parts []*media.Part, sealed bool) (b []byte, borders []int64) {
	s.tb.Helper()
	w, err := segment.NewWriter(parts[0], "test", &s.blocks)
	if err != nil {
		s.tb.Fatal(err)
	}
	b = bytes.Clone(w.Head())
	for _, p := range parts {
		borders = append(borders, int64(len(b)))
		block, err := w.Add(p)
		if err != nil {
			s.tb.Fatal(err)
		}
		for _, piece := range block.Buffers {
			b = append(b, piece...)
		}
	}
	borders = append(borders, int64(len(b)))
	if sealed {
		b = append(b, w.Trailer()...)
	}
	return b, borders
}

// add keeps parts as one segment; change may damage its bytes.
func (s *shelf) add(parts []*media.Part, state storage.SegmentState, change func(b []byte, borders []int64)) {
	s.tb.Helper()
	b, borders := s.lay(parts, state == storage.Sealed)
	if change != nil {
		change(b, borders)
	}
	first, last := parts[0], parts[len(parts)-1]
	path := first.Start.Format("150405.000000000") + "-" + first.Run.ID + ".mp4"
	if err := os.WriteFile(filepath.Join(s.dir, path), b, 0o600); err != nil {
		s.tb.Fatal(err)
	}
	s.segments = append(s.segments, storage.Segment{
		SegmentMeta: storage.SegmentMeta{Camera: "gate", Stream: "main", Run: first.Run.ID, Start: first.Start},
		End:         last.End, Volume: "v1", Path: path, Bytes: int64(len(b)), State: state,
	})
}

// open opens a movie that is closed with the test.
func (s *shelf) open(tb testing.TB, from, to time.Time) *playback.Movie {
	tb.Helper()
	m, err := s.player().Open("gate", "main", from, to)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Close(); err != nil {
			tb.Error(err)
		}
	})
	return m
}

// all reads a movie whole.
func all(tb testing.TB, m io.ReadSeeker) []byte {
	tb.Helper()
	if _, err := m.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// pictures counts the video samples of parts.
func pictures(parts ...*media.Part) int {
	n := 0
	for _, p := range parts {
		for _, t := range p.Tracks {
			if p.Format.Tracks[t.Track].Codec.Video() {
				n += len(t.Samples)
			}
		}
	}
	return n
}

func run(id string, begin time.Time) *media.Run { return footage.Run("gate", id, begin) }

// keepRun cuts the parts of one run into segments that end before each index of cuts.
func (s *shelf) keepRun(parts []*media.Part, cuts ...int) {
	s.tb.Helper()
	from := 0
	for _, to := range append(cuts, len(parts)) {
		s.add(parts[from:to], storage.Sealed, nil)
		from = to
	}
}
