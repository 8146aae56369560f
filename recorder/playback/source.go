package playback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// Bounds of what a segment may say of time, so that sums of it stay in range (S9).
const (
	maxTicks = 1 << 52
	maxTime  = 100 * 365 * 24 * time.Hour
)

// source is an open segment.
type source struct {
	segment storage.Segment
	reader  SegmentReader
	file    *segment.File
}

func (s *source) leading() *segment.Track { return &s.file.Tracks[s.file.Leading] }

// track gives the index of a track_ID, or -1.
func (s *source) track(id uint32) int {
	for i := range s.file.Tracks {
		if s.file.Tracks[i].ID == id {
			return i
		}
	}
	return -1
}

// continued says whether what is to be played from an instant on depends on the
// segment before this one.
func (s *source) continued(from time.Time) bool {
	for i := range s.file.Parts {
		switch p := &s.file.Parts[i]; {
		case i > 0 && p.Start.After(from):
			return true
		case p.RandomAccess:
			return false
		}
	}
	return len(s.file.Parts) > 0
}

// runTime is where a part begins on the media time of its run, in ticks of the
// leading track.
func (s *source) runTime(p *segment.Part) int64 {
	return int64(s.leading().Base) + int64(p.Decode)
}

// Skipped is recorded time that a movie leaves out because it cannot be read.
type Skipped struct {
	Segment    string    // its path on the volume
	Start, End time.Time // about: what is readable before and after it
	Err        error
}

// openAll opens segments, pinning them. What cannot be opened is named; a segment
// that retention deleted meanwhile is no longer footage, and one of which nothing
// is durable is none yet.
func (x *Player) openAll(segments []storage.Segment) ([]*source, []Skipped) {
	var sources []*source
	var skipped []Skipped
	for _, s := range segments {
		src, err := x.open(s)
		switch {
		case errors.Is(err, storage.ErrGone), errors.Is(err, ErrNotFound):
		case err != nil:
			x.log.Warn("segment cannot be played", "camera", s.Camera, "segment", s.Path, "error", err)
			skipped = append(skipped, Skipped{s.Path, s.Start, s.End, err})
		default:
			sources = append(sources, src)
			skipped = append(skipped, src.damage()...)
		}
	}
	return sources, skipped
}

func (x *Player) open(s storage.Segment) (*source, error) {
	reader, err := x.store.OpenSegment(s)
	if err != nil {
		return nil, err
	}
	if reader.Size() == 0 {
		return nil, errors.Join(ErrNotFound, reader.Close())
	}
	file, err := segment.Open(reader, reader.Size())
	if err == nil {
		err = checkFile(file)
	}
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	return &source{segment: s, reader: reader, file: file}, nil
}

var errTimes = errors.New("segment: impossible time")

// checkFile refuses what could not be calculated with.
func checkFile(f *segment.File) error {
	for _, t := range f.Tracks {
		if t.ClockRate > media.MaxClockRate || duration(int64(t.Base), t.ClockRate).Abs() > maxTime {
			return errTimes
		}
	}
	rate := f.Tracks[f.Leading].ClockRate
	for i := range f.Parts {
		if f.Parts[i].Size < segment.FragmentOffset+fmp4.BoxHeader+fmp4.MfhdSize+fmp4.BoxHeader {
			return errMoof
		}
		if d := f.Parts[i].Decode; d > maxTicks || duration(int64(d), rate) > maxTime {
			return errTimes
		}
	}
	return nil
}

// damage gives the time of the places that segment.Open could not read.
func (s *source) damage() []Skipped {
	var out []Skipped
	for _, d := range s.file.Damage {
		k := Skipped{s.segment.Path, s.segment.Start, s.segment.End, fmt.Errorf("damaged at %d, %d bytes: %w", d.Offset, d.Length, d.Err)}
		trailer := true
		for i := range s.file.Parts {
			p := &s.file.Parts[i]
			if p.Offset < d.Offset {
				k.Start = p.End
			} else {
				k.End, trailer = p.Start, false
				break
			}
		}
		// A damaged trailer costs no footage.
		if trailer && !k.Start.Before(k.End) {
			continue
		}
		out = append(out, k)
	}
	return out
}

// readMoof reads the moof of a part.
func (s *source) readMoof(p *segment.Part) ([]byte, error) {
	return readMoof(s.reader, p.Offset+segment.FragmentOffset, p.Size-segment.FragmentOffset)
}

// readMoof reads the moof at an offset, where a fragment of size bytes lies, and
// sees that mdat is the rest of it. A wrong one is errMoof.
func readMoof(r SegmentReader, at, size int64) ([]byte, error) {
	b := make([]byte, min(size, 4096))
	if err := readFull(r, b, at); err != nil {
		return nil, err
	}
	n, err := moofSize(b)
	if err != nil || int64(n+fmp4.BoxHeader) > size {
		return nil, errMoof
	}
	if n+fmp4.BoxHeader > len(b) {
		b = make([]byte, n+fmp4.BoxHeader)
		if err := readFull(r, b, at); err != nil {
			return nil, err
		}
	}
	rest := size - int64(n)
	if string(b[n+4:n+8]) != "mdat" || int64(binary.BigEndian.Uint32(b[n:])) != rest {
		return nil, errMoof
	}
	return b[:n], nil
}

func readFull(r SegmentReader, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("read segment at %d: %w", at, err)
	}
	return nil
}
