package media

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Sizes of a chunk, in bytes. A video chunk holds a sixth of a second of a
// usual main stream, an audio chunk about half a second of AAC: large enough
// that one pwritev of a part has few pieces, small enough that a quiet track
// does not pin much.
const (
	videoChunkBytes = 64 << 10
	audioChunkBytes = 8 << 10
)

// nalPrefix is the length in front of a NAL unit in AVCC form, in bytes
// (ISO/IEC 14496-15 section 5.3.2, lengthSizeMinusOne = 3).
const nalPrefix = 4

// chunk is a pooled, append-only piece of memory. Whoever keeps a slice of it
// holds a reference; the last one to let go returns it to its pool. Bytes
// below len(buf) that belong to a closed access unit never change, so they are
// read by other goroutines while the assembler appends behind them.
type chunk struct {
	refs atomic.Int32
	pool *sync.Pool
	buf  []byte // len is what is written; used by the assembler only
}

// The pools are shared by all streams: what one part gives back the next
// camera's part takes. They hold no state that anybody can observe.
//
//nolint:gochecknoglobals // a sync.Pool per stream would never be warm
var (
	videoChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, videoChunkBytes)} }}
	audioChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, audioChunkBytes)} }}
)

func newChunk(pool *sync.Pool) *chunk {
	c := pool.Get().(*chunk)
	c.pool = pool
	c.buf = c.buf[:0]
	c.refs.Store(1)
	return c
}

func (c *chunk) retain() { c.refs.Add(1) }

func (c *chunk) release() {
	switch n := c.refs.Add(-1); {
	case n == 0:
		c.pool.Put(c)
	case n < 0:
		panic("media: a chunk was released more often than retained")
	}
}

func (c *chunk) room() int { return cap(c.buf) - len(c.buf) }

// piece is a stretch of a chunk.
type piece struct {
	c        *chunk
	from, to int
}

func (p piece) bytes() []byte { return p.c.buf[p.from:p.to:p.to] }

// arena is where a track's open access unit is written: the tail of one chunk
// and, when that is full, further ones. It holds one reference to each.
type arena struct {
	pool   *sync.Pool
	chunks []*chunk // of the open unit; the last one is appended to
	start  int      // offset in chunks[0] where the open unit begins
	size   int      // bytes of the open unit

	nal      piece // the length prefix of the open NAL unit
	nalChunk int   // its index in chunks
	nalSize  int   // bytes written behind it
}

// current gives the chunk that is appended to.
func (a *arena) current() *chunk {
	if len(a.chunks) == 0 {
		return a.grow()
	}
	return a.chunks[len(a.chunks)-1]
}

func (a *arena) grow() *chunk {
	c := newChunk(a.pool)
	a.chunks = append(a.chunks, c)
	return c
}

// write appends bytes to the open unit.
func (a *arena) write(p []byte) {
	a.size += len(p)
	a.nalSize += len(p)
	for len(p) > 0 {
		c := a.current()
		if c.room() == 0 {
			c = a.grow()
		}
		n := min(c.room(), len(p))
		c.buf = append(c.buf, p[:n]...)
		p = p[n:]
	}
}

// openNAL reserves the length prefix of a NAL unit, which never straddles two
// chunks.
func (a *arena) openNAL() {
	c := a.current()
	if c.room() < nalPrefix {
		c = a.grow()
	}
	n := len(c.buf)
	c.buf = c.buf[:n+nalPrefix]
	a.nal = piece{c, n, n + nalPrefix}
	a.nalChunk = len(a.chunks) - 1
	a.nalSize = 0
	a.size += nalPrefix
}

// closeNAL patches the length of the NAL unit.
func (a *arena) closeNAL() {
	binary.BigEndian.PutUint32(a.nal.c.buf[a.nal.from:], uint32(a.nalSize))
}

// dropNAL takes back the NAL unit that was opened last.
func (a *arena) dropNAL() {
	for _, c := range a.chunks[a.nalChunk+1:] {
		c.release()
	}
	a.chunks = a.chunks[:a.nalChunk+1]
	a.nal.c.buf = a.nal.c.buf[:a.nal.from]
	a.size -= nalPrefix + a.nalSize
	a.nalSize = 0
}

// nalHead gives the first bytes of the NAL unit that was opened last, without
// its length prefix: a view when they lie in one chunk, else a copy in scratch,
// whose capacity bounds them.
func (a *arena) nalHead(scratch []byte) []byte {
	first := a.nal.c.buf[a.nal.to:]
	if a.nalChunk == len(a.chunks)-1 || len(first) >= cap(scratch) {
		return first[:min(len(first), cap(scratch))]
	}
	scratch = append(scratch[:0], first...)
	for _, c := range a.chunks[a.nalChunk+1:] {
		scratch = append(scratch, c.buf[:min(len(c.buf), cap(scratch)-len(scratch))]...)
	}
	return scratch
}

// pieces appends the open unit's pieces to dst.
func (a *arena) pieces(dst []piece) []piece {
	from := a.start
	for _, c := range a.chunks {
		if len(c.buf) > from {
			dst = append(dst, piece{c, from, len(c.buf)})
		}
		from = 0
	}
	return dst
}

// commit closes the open unit: its bytes are final. Who wants to keep them has
// retained their chunks by now.
func (a *arena) commit() {
	if n := len(a.chunks); n > 0 {
		for _, c := range a.chunks[:n-1] {
			c.release()
		}
		last := a.chunks[n-1]
		a.chunks = append(a.chunks[:0], last)
		a.start = len(last.buf)
	}
	a.size = 0
}

// rewind takes back the open unit.
func (a *arena) rewind() {
	if len(a.chunks) > 0 {
		for _, c := range a.chunks[1:] {
			c.release()
		}
		a.chunks = a.chunks[:1]
		a.chunks[0].buf = a.chunks[0].buf[:a.start]
	}
	a.size = 0
}

// close gives back what the arena holds.
func (a *arena) close() {
	for _, c := range a.chunks {
		c.release()
	}
	a.chunks, a.start, a.size = nil, 0, 0
}

// Release gives the part's payload back. Call it exactly once; the payload must
// not be touched afterwards.
func (p *Part) Release() {
	for _, c := range p.chunks {
		c.release()
	}
	p.chunks = nil
	for i := range p.Tracks {
		p.Tracks[i].Payload = nil // a use after release finds nothing instead of another camera's picture
	}
}
