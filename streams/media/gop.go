package media

// GOP keeps the units since the last random access unit of the leading track,
// so that a new viewer has a picture at once. It keeps references to the
// chunks that the units lie in: adding copies nothing.
//
// A GOP larger than its limit, or of more than maxGOPUnits units, is dropped as a
// whole and nothing is kept until the next random access unit, since half of one
// cannot be decoded. The limit counts what keeping a unit costs beside its
// payload, too: a hostile camera sends units of a byte (S9).
//
// It is not safe for concurrent use.
type GOP struct {
	leading int
	limit   int // bytes

	open   bool // a random access unit has begun it
	bytes  int  // of payload
	units  []gopUnit
	pieces [][]byte
	chunks []*chunk // one reference for each of pieces
}

const (
	// unitCost is what a unit costs beside its payload, in bytes: its entry, a
	// slice and a reference to a chunk for each of two or three pieces.
	unitCost = 256
	// maxGOPUnits is a GOP of a minute and a half, with its sound.
	maxGOPUnits = 4096
)

type gopUnit struct {
	unit     AccessUnit // without Payload and chunks
	from, to int        // in pieces
}

// NewGOP makes an empty cache of at most limit bytes of memory. Leading is the index of
// the track whose random access units begin a GOP.
func NewGOP(leading, limit int) *GOP {
	return &GOP{leading: leading, limit: limit}
}

// Add takes a unit during [AssemblerOptions].Unit.
func (g *GOP) Add(u *AccessUnit) {
	if u.Track == g.leading && u.RandomAccess {
		g.Reset()
		g.open = true
	}
	if !g.open {
		return
	}
	g.bytes += u.Bytes()
	if g.bytes+unitCost*(len(g.units)+1) > g.limit || len(g.units) >= maxGOPUnits {
		g.Reset()
		return
	}
	from := len(g.pieces)
	g.pieces = append(g.pieces, u.Payload...)
	for _, c := range u.chunks {
		c.retain()
	}
	g.chunks = append(g.chunks, u.chunks...)
	kept := *u
	kept.Payload, kept.chunks = nil, nil
	g.units = append(g.units, gopUnit{kept, from, len(g.pieces)})
}

// Snapshot copies the units, in the order they came: garbage-collected copies
// that stay valid.
func (g *GOP) Snapshot() []*AccessUnit {
	units := make([]*AccessUnit, len(g.units))
	for i, k := range g.units {
		u := k.unit
		u.Payload = g.pieces[k.from:k.to]
		units[i] = u.Clone()
	}
	return units
}

// Bytes is the length of the payload that is kept.
func (g *GOP) Bytes() int { return g.bytes }

// Reset drops what is kept; call it when the run ends.
func (g *GOP) Reset() {
	for _, c := range g.chunks {
		c.release()
	}
	clear(g.pieces)
	clear(g.chunks)
	g.open, g.bytes = false, 0
	g.units, g.pieces, g.chunks = g.units[:0], g.pieces[:0], g.chunks[:0]
}
