package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Extent is how far a file is good.
type Extent struct {
	// Good is the offset behind the last part with a right checksum, or behind
	// the trailer when Sealed.
	Good   int64
	Start  time.Time // of the first part read
	End    time.Time // of the last part read
	Parts  int
	Sealed bool
}

// Probe reads a segment from the offset from, the border of a part (0 is the
// beginning of the file), and says how far it is good: up to the first part
// that is cut short, or whose checksum is wrong. It reads the head, and from
// there on each byte once, in 64 KiB of memory. An error is one of reading; a
// bad file is no error.
func Probe(f io.ReaderAt, size, from int64) (Extent, error) {
	e := Extent{Good: from}
	if from < 0 || from > size {
		return Extent{}, fmt.Errorf("probe segment: offset %d of %d", from, size)
	}
	head, err := readHead(f, size)
	if err != nil {
		return e, notDamage(err) // nothing can be told of parts without their head
	}
	e.Good = max(from, head.size)
	var header [partHeaderSize]byte
	sum := crc32.New(castagnoli)
	buffer := make([]byte, 64<<10)
	for {
		b, err := readUpTo(f, header[:], e.Good, size)
		if err != nil {
			return e, err
		}
		p, err := parsePartHeader(b, head.origin)
		if err != nil || p.Size > size-e.Good {
			break
		}
		sum.Reset()
		body := io.NewSectionReader(f, e.Good+partHeaderSize, p.Size-partHeaderSize)
		if _, err := io.CopyBuffer(sum, struct{ io.Reader }{body}, buffer); err != nil {
			return e, fmt.Errorf("probe segment: %w", err)
		}
		if sum.Sum32() != p.body {
			break
		}
		if e.Parts == 0 {
			e.Start = p.Start
		}
		e.Parts++
		e.End = p.End
		e.Good += p.Size
	}
	table, err := readTrailer(f, &head, size)
	if err != nil {
		return e, notDamage(err)
	}
	if table.at == e.Good {
		e.Sealed, e.Good = true, size
	}
	return e, nil
}

// damaged is an error of what the file holds, not of reading it.
type damaged struct{ error }

func (d damaged) Unwrap() error { return d.error }

// notDamage lets only errors of reading pass.
func notDamage(err error) error {
	if d := (damaged{}); errors.As(err, &d) {
		return nil
	}
	return err
}

// readUpTo fills b from the offset at, or as much of it as the file has.
func readUpTo(f io.ReaderAt, b []byte, at, size int64) ([]byte, error) {
	b = b[:max(0, min(int64(len(b)), size-at))]
	if n, err := f.ReadAt(b, at); n < len(b) {
		return nil, fmt.Errorf("read segment at %d: %w", at, err)
	}
	return b, nil
}
