package recorder

import (
	"io"
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
)

// Store is what the recorder needs of the storage. No call waits for a disk.
type Store interface {
	// Create begins a segment.
	Create(storage.SegmentMeta) (SegmentWriter, error)
	// SetGap says that from at on there is no footage, and why. A gap open for
	// another reason ends there.
	SetGap(camera, stream string, at time.Time, reason storage.Reason, detail string) error
	// CloseGap says that footage begins at an instant.
	CloseGap(camera, stream string, at time.Time) error
}

// SegmentWriter is a growing segment: see storage.SegmentWriter.
type SegmentWriter interface {
	Append(storage.Append) error
	Seal(trailer [][]byte, done func(storage.Segment, error)) error
	Abort()
	End() time.Time
}

// OnDisk makes the storage a Store.
func OnDisk(s *storage.Store) Store { return onDisk{s} }

type onDisk struct{ *storage.Store }

func (d onDisk) Create(m storage.SegmentMeta) (SegmentWriter, error) {
	w, err := d.Store.Create(m)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Probe tells the storage how far a segment's file is good; it is a storage.Probe.
func Probe(f io.ReaderAt, size, from int64) (storage.ProbeResult, error) {
	e, err := segment.Probe(f, size, from)
	if err != nil {
		return storage.ProbeResult{}, err
	}
	return storage.ProbeResult{Good: e.Good, Start: e.Start, End: e.End, Parts: e.Parts, Sealed: e.Sealed}, nil
}
