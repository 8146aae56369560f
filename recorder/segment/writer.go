package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"

	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// Reasons why a part cannot go into this segment: begin another one.
var (
	ErrFull = errors.New("segment is full")
	ErrElse = errors.New("part does not continue this segment")
)

// Writer lays out one segment: the head, a Block per part, the trailer. It does
// no I/O; the caller appends what it returns to the file, in that order.
type Writer struct {
	description Description
	format      *media.Format
	run         *media.Run
	head        []byte
	origin      origin
	parts       []Part
	size        int64      // of head and parts
	shifted     media.Part // scratch of shift
	blocks      *Blocks
}

// NewWriter begins a segment whose first part is to be first, which is not kept.
// Software names the writing program and version.
func NewWriter(first *media.Part, software string, blocks *Blocks) (*Writer, error) {
	if len(first.Tracks) == 0 {
		return nil, fmt.Errorf("begin segment: part %d has no samples", first.Sequence)
	}
	w := &Writer{
		description: describe(first, software),
		format:      first.Format,
		run:         first.Run,
		blocks:      blocks,
	}
	init, err := fmp4.Init(first.Format, nil)
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	if w.head, w.origin, err = appendDescription(init, &w.description); err != nil {
		return nil, err
	}
	if len(w.head) > maxHead {
		return nil, fmt.Errorf("begin segment: head of %d bytes", len(w.head))
	}
	w.size = int64(len(w.head))
	return w, nil
}

// Head is the beginning of the file.
func (w *Writer) Head() []byte { return w.head }

// Size is the length in bytes of the head and the parts so far.
func (w *Writer) Size() int64 { return w.size }

// Description is what the segment says of itself.
func (w *Writer) Description() Description { return w.description }

// Add lays out the next part. The part belongs to the Block from then on and is
// released with it; after an error it still belongs to the caller.
func (w *Writer) Add(p *media.Part) (*Block, error) {
	switch {
	case len(w.parts) >= MaxParts:
		return nil, ErrFull
	case p.Run != w.run || p.Format != w.format || len(p.Tracks) == 0,
		len(w.parts) > 0 && uint32(p.Sequence) != w.parts[len(w.parts)-1].Sequence+1:
		return nil, ErrElse
	}
	row := w.row(p)
	track := w.description.Tracks[w.description.Leading].ID
	shifted := w.shift(p)
	size := int64(FragmentOffset) + int64(fmp4.FragmentSize(shifted))
	for i := range p.Tracks {
		size += int64(p.Tracks[i].Bytes())
	}
	if size > MaxPart {
		return nil, fmt.Errorf("lay out part %d of run %s: %d bytes", p.Sequence, p.Run.ID, size)
	}
	row.Size = size

	b := w.blocks.get(p)
	b.header = b.header[:FragmentOffset]
	putPRFT(b.header[partHeaderSize:], track, p.Start, row.presentation)
	b.header = fmp4.AppendFragment(b.header, uint32(len(w.parts)+1), shifted)
	b.Buffers = append(b.Buffers[:0], b.header)
	row.body = checksum(b.header[partHeaderSize:])
	for i := range p.Tracks {
		for _, piece := range p.Tracks[i].Payload {
			row.body = sumWith(row.body, piece)
			b.Buffers = append(b.Buffers, piece)
		}
	}
	putPartHeader(b.header, &row, track, w.origin)
	w.parts = append(w.parts, row)
	w.size += size
	return b, nil
}

// row says what the header and the table tell of a part, but for its size and
// checksum. A part without samples of the leading track stands where the part
// before it ended.
func (w *Writer) row(p *media.Part) Part {
	row := Part{
		Offset: w.size, Start: p.Start, End: p.End,
		Sequence: uint32(p.Sequence), Lost: uint32(p.Lost), Damaged: uint32(p.Damaged),
		RandomAccess: p.RandomAccess,
	}
	if n := len(w.parts); n > 0 {
		row.Decode = w.parts[n-1].Decode + uint64(w.parts[n-1].Duration)
	}
	row.presentation = row.Decode
	for i := range p.Tracks {
		tp := &p.Tracks[i]
		if tp.Track != w.description.Leading {
			continue
		}
		dts := w.movieTime(tp)
		row.Decode = uint64(dts)
		row.presentation = uint64(max(dts+media.MediaTime(tp.Samples[0].PTSOffset), 0))
		row.traf = uint8(i + 1)
		var sum uint64
		for _, s := range tp.Samples {
			sum += uint64(s.Duration)
		}
		row.Duration = uint32(min(sum, math.MaxUint32))
	}
	return row
}

// movieTime converts the decode time of a part's track from the run's media
// time to the file's. Sound that began before the first picture cannot lie
// before 0.
func (w *Writer) movieTime(tp *media.TrackPart) media.MediaTime {
	return max(tp.BaseDTS-w.description.Tracks[tp.Track].Base, 0)
}

// shift is the part on the file's time line. It shares samples and payload with
// p and is valid until the next call.
func (w *Writer) shift(p *media.Part) *media.Part {
	tracks := append(w.shifted.Tracks[:0], p.Tracks...)
	for i := range tracks {
		tracks[i].BaseDTS = w.movieTime(&tracks[i])
	}
	w.shifted = media.Part{
		Run: p.Run, Format: p.Format, Sequence: p.Sequence, Tracks: tracks,
		Start: p.Start, End: p.End, RandomAccess: p.RandomAccess,
	}
	return &w.shifted
}

// Undo takes back the last Add, whose Block was not written.
func (w *Writer) Undo() {
	last := len(w.parts) - 1
	w.size = w.parts[last].Offset
	w.parts = w.parts[:last]
}

// Trailer is the end of the file: the part table, and the mfra for players that
// know nothing of ours. The Writer is done with it.
func (w *Writer) Trailer() []byte {
	return appendTrailer(nil, &w.description, w.parts, w.origin)
}

func sumWith(sum uint32, b []byte) uint32 { return crc32.Update(sum, castagnoli, b) }

// Block is one part, laid out.
type Block struct {
	Buffers [][]byte // to be written in order: the first is ours, the rest is the part's payload
	// Release gives the memory of the Block and its part back. It is called
	// once, when the Buffers were written or given up.
	Release func()

	header []byte
	part   *media.Part
}

// Blocks keeps the memory of Blocks for re-use. The zero value is ready; it may
// be shared by Writers and goroutines.
type Blocks struct{ pool sync.Pool }

func (p *Blocks) get(part *media.Part) *Block {
	b, ok := p.pool.Get().(*Block)
	if !ok {
		b = &Block{header: make([]byte, FragmentOffset, 2048)}
		b.Release = func() {
			b.part.Release()
			b.part = nil
			clear(b.Buffers) // or the pool would keep payload alive
			p.pool.Put(b)
		}
	}
	b.part = part
	return b
}
