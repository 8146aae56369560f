package media

import "time"

// Bounds of a part, whatever the camera does.
const (
	maxPartDuration = 10 * time.Second
	maxPartBytes    = 16 << 20
	maxPartSamples  = 4096 // of all tracks
)

// fill is what the open part has of one track.
type fill struct {
	part    TrackPart
	owners  []*chunk // one reference for each piece of Payload
	end     int      // offset in the last owner behind the last piece
	lastDTS MediaTime
}

// add appends a sample. Pieces that continue the last one are joined to it.
func (f *fill) add(u *AccessUnit, pieces []piece) {
	if n := len(f.part.Samples); n > 0 {
		f.part.Samples[n-1].Duration = ticks32(u.DTS - f.lastDTS)
	} else {
		f.part.BaseDTS = u.DTS
	}
	f.lastDTS = u.DTS
	size := 0
	for _, p := range pieces {
		size += p.to - p.from
		if n := len(f.owners); n > 0 && f.owners[n-1] == p.c && f.end == p.from {
			last := &f.part.Payload[n-1]
			*last = p.c.buf[p.from-len(*last) : p.to : p.to]
		} else {
			p.c.retain()
			f.owners = append(f.owners, p.c)
			f.part.Payload = append(f.part.Payload, p.bytes())
		}
		f.end = p.to
	}
	f.part.Samples = append(f.part.Samples, Sample{
		PTSOffset:    int32(u.PTS - u.DTS),
		Size:         uint32(size),
		RandomAccess: u.RandomAccess,
	})
}

// closeAt sets the last sample's duration.
func (f *fill) closeAt(d MediaTime) {
	f.part.Samples[len(f.part.Samples)-1].Duration = ticks32(d)
}

// split moves the samples that begin at or after a time to next.
func (f *fill) split(at time.Duration, rate int, next *fill) {
	samples := f.part.Samples
	keep, dts, size := 0, f.part.BaseDTS, 0
	for keep < len(samples) && dts.Duration(rate) < at {
		size += int(samples[keep].Size)
		dts += MediaTime(samples[keep].Duration)
		keep++
	}
	if keep == len(samples) {
		return
	}
	next.part.BaseDTS, next.lastDTS, next.end = dts, f.lastDTS, f.end
	next.part.Samples = append(next.part.Samples, samples[keep:]...)
	f.part.Samples = samples[:keep]

	i := 0
	for ; size >= len(f.part.Payload[i]); i++ {
		size -= len(f.part.Payload[i])
	}
	next.part.Payload = append(next.part.Payload, f.part.Payload[i:]...)
	next.owners = append(next.owners, f.owners[i:]...)
	if size > 0 { // the border is within a piece: both parts hold its chunk
		next.part.Payload[0] = next.part.Payload[0][size:]
		f.part.Payload[i] = f.part.Payload[i][:size:size]
		f.owners[i].retain()
		i++
	}
	f.part.Payload, f.owners = f.part.Payload[:i], f.owners[:i]
}

// openPart is the part that is being filled.
type openPart struct {
	fills   []fill // one for each track
	open    bool
	start   time.Time
	first   MediaTime // DTS of the first sample of the leading track
	led     bool      // has a sample of the leading track
	random  bool      // that one is random access
	bytes   int
	samples int
	newest  time.Time // latest capture time of a sample, of the leading track if there is one

	pieces, units int // of the part before: what to make room for
}

// reset begins the next part with what is already there of it.
func (o *openPart) reset(fills []fill) {
	o.fills = fills
	o.open, o.led, o.random = false, false, false
	o.bytes, o.samples = 0, 0
}

// add puts a sample into the part.
func (o *openPart) add(u *AccessUnit, pieces []piece, leading bool) {
	f := &o.fills[u.Track]
	if f.part.Samples == nil && leading {
		f.part.Samples = make([]Sample, 0, o.units)
		f.part.Payload = make([][]byte, 0, o.pieces)
		f.owners = make([]*chunk, 0, o.pieces)
	}
	if leading && !o.led {
		o.led, o.first, o.random = true, u.DTS, u.RandomAccess
		o.newest = u.Capture
	}
	if (leading || !o.led) && u.Capture.After(o.newest) {
		o.newest = u.Capture
	}
	f.add(u, pieces)
	o.bytes += u.Bytes()
	o.samples++
}

// hand collects the tracks that have samples, and the references to their chunks.
func (o *openPart) hand(p *Part) {
	n := 0
	for i := range o.fills {
		n += len(o.fills[i].owners)
	}
	p.chunks = make([]*chunk, 0, n)
	p.Tracks = make([]TrackPart, 0, len(o.fills))
	for i := range o.fills {
		f := &o.fills[i]
		if len(f.part.Samples) == 0 {
			continue
		}
		f.part.Track = i
		p.Tracks = append(p.Tracks, f.part)
		p.chunks = append(p.chunks, f.owners...)
	}
}

// note remembers what the leading track needed.
func (o *openPart) note(leading int) {
	f := &o.fills[leading]
	o.units = min(len(f.part.Samples)+8, maxPartSamples)
	o.pieces = len(f.part.Payload) + 2
}

// ticks32 fits a duration into a sample row. Media time only steps as far as
// time has passed, so the bounds are never met by a running camera.
func ticks32(d MediaTime) uint32 {
	return uint32(min(max(d, 0), 1<<32-1))
}
