package playback

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/stockade-nvr/stockade/storage"
)

// MaxRange is the longest range that [Player.Open] takes.
const MaxRange = 24 * time.Hour

var (
	// ErrNotFound says that there is no footage; it is normal.
	ErrNotFound = errors.New("no footage")
	// ErrRange says that a range is empty or too long; the message says what to ask for.
	ErrRange = errors.New("range cannot be played")
)

// Store is what playback needs of the storage.
type Store interface {
	// Segments lists what overlaps [from, to), oldest first, growing ones up to
	// what is durable.
	Segments(camera, stream string, from, to time.Time) ([]storage.Segment, error)
	// Gaps lists the gaps that overlap [from, to), oldest first.
	Gaps(camera, stream string, from, to time.Time) ([]storage.Gap, error)
	// OpenSegment opens a segment, which is not deleted until the reader is closed.
	OpenSegment(storage.Segment) (SegmentReader, error)
}

// SegmentReader reads the durable bytes of a segment: see storage.SegmentReader.
type SegmentReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// OnDisk makes the storage a Store.
func OnDisk(s *storage.Store) Store { return onDisk{s} }

type onDisk struct{ *storage.Store }

func (d onDisk) OpenSegment(s storage.Segment) (SegmentReader, error) {
	r, err := d.Store.OpenSegment(s)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Options says where footage is.
type Options struct {
	Store Store
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default none
}

// Player plays what a store keeps.
type Player struct {
	store Store
	now   func() time.Time
	log   *slog.Logger
}

// New makes a player. It does no I/O.
func New(o Options) *Player {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Player{store: o.Store, now: o.Now, log: o.Log}
}

// checkRange refuses what cannot be a range of a movie.
func checkRange(from, to time.Time) error {
	switch length := to.Sub(from); {
	case length <= 0:
		return fmt.Errorf("%w: it ends at %s, not after its beginning: give a later end",
			ErrRange, to.UTC().Format(time.RFC3339Nano))
	case length > MaxRange:
		return fmt.Errorf("%w: %s at once: ask for at most %s, and for the rest after it", ErrRange, length, MaxRange)
	}
	return nil
}
