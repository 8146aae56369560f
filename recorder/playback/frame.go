package playback

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

const (
	// near and far are how far back a picture is looked for, first and last.
	near = 10 * time.Minute
	far  = MaxRange
	// maxPicture is the largest sample that is given out, in bytes.
	maxPicture = 16 << 20
)

// Frame is one picture as an MP4 of one sample. It is in memory: closing it does
// nothing.
type Frame struct {
	*bytes.Reader
	at   time.Time
	etag string
}

// At is when the picture was captured.
func (f *Frame) At() time.Time { return f.at }

// ETag names the content, without quotes.
func (f *Frame) ETag() string { return f.etag }

// Close is io.Closer.
func (f *Frame) Close() error { return nil }

// Frame gives the last random access picture at or before an instant, at most
// MaxRange before it. ErrNotFound says that there is none.
func (x *Player) Frame(camera, stream string, at time.Time) (*Frame, error) {
	seen := at.Add(1)
	to := seen
	for _, back := range []time.Duration{near, far} {
		segments, err := x.store.Segments(camera, stream, at.Add(-back), to)
		if err != nil {
			return nil, fmt.Errorf("list segments: %w", err)
		}
		for i := len(segments) - 1; i >= 0; i-- {
			f, err := x.frameIn(segments[i], at)
			switch {
			case err == nil:
				return f, nil
			case errors.Is(err, ErrNotFound), errors.Is(err, storage.ErrGone):
			default:
				x.log.Warn("segment cannot be played", "camera", camera, "segment", segments[i].Path, "error", err)
			}
			to = segments[i].Start // older ones remain
		}
	}
	return nil, ErrNotFound
}

// frameIn looks for the picture in one segment.
func (x *Player) frameIn(s storage.Segment, at time.Time) (*Frame, error) {
	src, err := x.open(s)
	if err != nil {
		return nil, err
	}
	f, err := src.frame(at)
	return f, errors.Join(err, src.reader.Close())
}

func (s *source) frame(at time.Time) (*Frame, error) {
	if s.leading().SampleRate > 0 {
		return nil, ErrNotFound // sound only
	}
	for i := len(s.file.Parts) - 1; i >= 0; i-- {
		p := &s.file.Parts[i]
		if !p.RandomAccess || p.Start.After(at) {
			continue
		}
		f, err := s.frameOf(p, at)
		if errors.Is(err, errMoof) {
			continue // the one before it
		}
		return f, err
	}
	return nil, ErrNotFound
}

// frameOf gives the last random access picture at or before at of a part that
// begins with one.
func (s *source) frameOf(p *segment.Part, at time.Time) (*Frame, error) {
	m, err := played{s, p}.moof()
	if err != nil {
		return nil, err
	}
	lead := s.leading()
	for i := range m.trafs {
		t := &m.trafs[i]
		if t.track != lead.ID || t.samples() == 0 {
			continue
		}
		first := t.sample(0)
		offset, passed := t.data, -int64(first.offset)
		picture, from, shown := first, offset, p.Start
		for k := range t.samples() {
			r := t.sample(k)
			if shows := p.Start.Add(duration(passed+int64(r.offset), lead.ClockRate)); r.sync && !shows.After(at) {
				picture, from, shown = r, offset, shows
			}
			offset += int64(r.size)
			passed += int64(r.duration)
		}
		size := p.Size - segment.FragmentOffset
		if from < int64(m.size+fmp4.BoxHeader) || from+int64(picture.size) > size || picture.size > maxPicture {
			return nil, errMoof
		}
		return s.still(p.Offset+segment.FragmentOffset+from, picture, shown)
	}
	return nil, errMoof
}

// still makes an MP4 of one sample, which lies at an offset of the segment.
func (s *source) still(offset int64, r row, shown time.Time) (*Frame, error) {
	const moof = fmp4.BoxHeader + fmp4.MfhdSize
	size := moof + fmp4.TrafSize(1)
	b := make([]byte, 0, len(s.file.Init)+size+fmp4.BoxHeader+int(r.size))
	b = append(b, s.file.Init...)
	b = fmp4.AppendMoof(b, size, 1)
	b = fmp4.AppendTraf(b, s.leading().ID, 0, 1, size+fmp4.BoxHeader)
	b = fmp4.AppendRow(b, media.Sample{Duration: r.duration, Size: r.size, RandomAccess: true})
	b = fmp4.AppendBox(b, fmp4.BoxHeader+int(r.size), "mdat")
	head := len(b)
	b = b[:head+int(r.size)]
	if err := readFull(s.reader, b[head:], offset); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return &Frame{Reader: bytes.NewReader(b), at: shown, etag: hex.EncodeToString(sum[:16])}, nil
}
