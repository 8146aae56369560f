package media

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of AssemblerOptions.
const (
	defaultPartDuration  = time.Second
	defaultMaxAccessUnit = 8 << 20
)

// ErrSSRC ends a run: another source sends on the track, with a clock and
// sequence numbers of its own. It is normal when a camera restarts its encoder
// without closing the session; the next run is fine.
var ErrSSRC = errors.New("synchronization source changed")

// ErrFormats ends a run: its parameter sets change again and again. Each change
// begins a segment and makes all viewers start anew.
var ErrFormats = errors.New("parameter sets change too often")

// What a camera may change within formatWindow: somebody tries settings.
const (
	maxFormatChanges = 5
	formatWindow     = 30 * time.Second
)

// RTPHeader is what the assembler needs of an RTP header (RFC 3550 section 5.1).
type RTPHeader struct {
	Sequence    uint16
	Time        RTPTime
	SSRC        uint32
	PayloadType uint8
	Marker      bool
}

// AssemblerOptions says where the assembled units and parts go.
type AssemblerOptions struct {
	Run *Run
	// Started is Run.Start with its monotonic reading, as time.Now gave it: the
	// run's time is counted from there, whatever is done to the recorder's clock.
	// Zero means Run.Start, where arrivals are made up without monotonic readings.
	Started time.Time
	Tracks  []Track // as the SDP declares them; parameter sets may be missing and then come in band

	// PartDuration is how long a part should be (default 1 s, at most 10 s). A
	// part also ends before a random access unit of the leading track, unless it
	// is itself younger than half of that and begins with one. It never has more
	// than 16 MiB, 4096 samples or, where another track still comes, 10 s.
	PartDuration time.Duration
	// MaxAccessUnit bounds one access unit, in bytes (default 8 MiB): a larger
	// one is discarded, with an error that says so.
	MaxAccessUnit int

	// Format is called with each new Format before any unit or part that uses it.
	Format func(*Format)
	// Unit is called with each complete access unit; it is valid during the call.
	Unit func(*AccessUnit)
	// Part is called with each finished part and owns it. Nil releases the parts.
	Part func(*Part)
	// Error is called for a fault of the camera that cost an access unit or a
	// packet, with a *PacketError that names track, sequence number and SSRC. Of
	// one kind of fault on one track, one in 10 s is reported. The run goes on.
	Error func(error)
}

// Assembler turns the RTP packets of a run into access units and parts.
//
// An access unit of which a packet is missing is discarded and counted as
// damaged. The pictures after it are kept although they may refer to it: a
// decoder conceals that. A run begins with the first random access unit of its
// leading track; other tracks wait for it, at most 10 s.
//
// It is used by one goroutine. Per packet it allocates nothing; per part, the
// part.
type Assembler struct {
	o       AssemblerOptions
	tracks  []track
	leading int

	arrived bool          // a packet
	elapsed time.Duration // of the latest packet, since Run.Start
	begunAt time.Duration // of the first packet

	format  *Format
	changed bool                            // a track's parameters are not those of format
	changes [maxFormatChanges]time.Duration // when the last ones came, in a ring by serial
	fatal   error                           // the run has ended
	begun   bool                            // a unit was delivered

	open      openPart
	sequence  int       // of the open part
	reachedAt time.Time // end of the part before
	lost      int
	damaged   int

	unit   AccessUnit // handed out
	pieces []piece
}

// NewAssembler makes an assembler for one run.
func NewAssembler(o AssemblerOptions) *Assembler {
	if o.Started.IsZero() {
		o.Started = o.Run.Start
	}
	if o.PartDuration <= 0 {
		o.PartDuration = defaultPartDuration
	}
	o.PartDuration = min(o.PartDuration, maxPartDuration)
	if o.MaxAccessUnit <= 0 {
		o.MaxAccessUnit = defaultMaxAccessUnit
	}
	// A unit that fits into no part could not be delivered.
	o.MaxAccessUnit = min(o.MaxAccessUnit, maxPartBytes)

	a := &Assembler{o: o, tracks: make([]track, len(o.Tracks))}
	a.leading = max(0, (&Format{Tracks: o.Tracks}).Video())
	for i := range a.tracks {
		a.tracks[i].init(a, i, o.Tracks[i])
	}
	a.open.reset(make([]fill, len(a.tracks)))
	return a
}

// Packet takes one RTP packet of a track. The payload is copied and may be
// reused. A returned error ends the run; faults that the run survives go to
// AssemblerOptions.Error.
func (a *Assembler) Packet(track int, h RTPHeader, payload []byte, arrival time.Time) error {
	if track < 0 || track >= len(a.tracks) {
		return fmt.Errorf("packet of track %d of %d", track, len(a.tracks))
	}
	if a.fatal != nil {
		return a.fatal
	}
	t := &a.tracks[track]
	if t.seen && h.SSRC != t.header.SSRC {
		return fmt.Errorf("track %d: %w: SSRC %08x sends (sequence %d, RTP time %d) in place of %08x",
			track, ErrSSRC, h.SSRC, h.Sequence, uint32(h.Time), t.header.SSRC)
	}
	t.seen, t.header, t.elapsed = true, h, a.since(arrival)
	t.stats.Packets++
	t.stats.Bytes += uint64(len(payload))

	v := t.sequence.Take(h.Sequence)
	if v.Drop {
		t.stats.Dropped++
		return nil
	}
	if v.Lost > 0 {
		a.missing(t, v)
	}
	switch t.Codec {
	case H264, H265:
		t.video(payload, v.Lost > 0)
	case AAC:
		t.aac(payload, v.Lost > 0)
	default:
		t.stats.Skipped++ // not recorded
	}
	return a.fatal
}

// since gives the time from Run.Start to an arrival, never backwards (S7).
func (a *Assembler) since(arrival time.Time) time.Duration {
	passed, _ := between(readClocks(a.o.Started, a.o.Started), readClocks(a.o.Started, arrival))
	a.elapsed = max(a.elapsed, passed)
	if !a.arrived {
		a.arrived, a.begunAt = true, a.elapsed
	}
	return a.elapsed
}

// ClockStep is by how much the recorder's clock was set between Run.Start and
// an arrival. The run keeps its own time, so that its footage stays in order
// (S7): whoever wants the new time begins a new run.
func (a *Assembler) ClockStep(arrival time.Time) time.Duration {
	_, step := between(readClocks(a.o.Started, a.o.Started), readClocks(a.o.Started, arrival))
	return step
}

// missing counts packets that did not come.
func (a *Assembler) missing(t *track, v Verdict) {
	t.stats.Lost += uint64(v.Lost)
	a.lost += v.Lost
	if v.Restarted {
		t.fault(faultSequence, errors.New("sequence numbers began anew"))
		return
	}
	t.fault(faultLoss, fmt.Errorf("%d packets are missing before this one", v.Lost))
}

// discarded counts an access unit that was given up.
func (a *Assembler) discarded(t *track) {
	t.stats.Damaged++
	a.damaged++
}

// complete takes a closed access unit, which lies in the track's arena.
func (a *Assembler) complete(t *track, u *openUnit) {
	if a.fatal != nil || t.Codec.Video() && !t.admit(u) || !a.started(t) || a.restless(t) {
		t.stats.Skipped++
		t.arena.rewind()
		return
	}
	before := t.timeline.rtp
	pts, jumped := t.timeline.next(u.rtp, u.elapsed, t.reorder.last, u.bidirectional, t.clock)
	if jumped {
		t.stats.Jumps++
		t.fault(faultTime, fmt.Errorf("RTP time jumped from %d to %d; the arrivals' distance counts", uint32(before), uint32(u.rtp)))
	}
	t.clock.Observe(pts, u.elapsed)
	a.pieces = t.arena.pieces(a.pieces[:0])
	a.unit = AccessUnit{
		Track:        t.index,
		DTS:          t.reorder.next(pts),
		PTS:          pts,
		Capture:      t.clock.At(pts),
		RandomAccess: u.random,
		Payload:      a.unit.Payload[:0],
		chunks:       a.unit.chunks[:0],
	}
	for _, p := range a.pieces {
		a.unit.Payload = append(a.unit.Payload, p.bytes())
		a.unit.chunks = append(a.unit.chunks, p.c)
	}
	t.stats.Units++
	a.deliver(t, &a.unit)
	t.arena.commit()
}

// restless ends the run when the unit at hand would bring one change of format
// too many.
func (a *Assembler) restless(t *track) bool {
	if !a.changed || a.format == nil {
		return false
	}
	last := &a.changes[a.format.Serial%maxFormatChanges]
	if a.format.Serial >= maxFormatChanges && t.elapsed-*last < formatWindow {
		a.fatal = fmt.Errorf("track %d: %w: %d times in %s (sequence %d, RTP time %d, SSRC %08x)",
			t.index, ErrFormats, maxFormatChanges+1, t.elapsed-*last, t.header.Sequence, uint32(t.header.Time), t.header.SSRC)
		return true
	}
	*last = t.elapsed
	return false
}

// started tells whether units of a track are delivered yet: they wait for the
// leading track, but not for ever.
func (a *Assembler) started(t *track) bool {
	if !a.begun {
		a.begun = t.index == a.leading || t.elapsed-a.begunAt > Patience
	}
	return a.begun
}

// deliver cuts the open part where one should end, hands the unit out and puts
// it into the open part.
func (a *Assembler) deliver(t *track, u *AccessUnit) {
	if a.open.open && (a.changed || a.cuts(t, u)) {
		a.cut(t, u)
	}
	if a.format == nil || a.changed {
		a.newFormat()
	}
	if !a.open.open {
		a.open.open, a.open.start, a.open.newest = true, u.Capture, u.Capture
		if !a.reachedAt.IsZero() {
			a.open.start = a.reachedAt // parts tile the run
		}
	}
	if a.o.Unit != nil {
		a.o.Unit(u)
	}
	a.open.add(u, a.pieces, t.index == a.leading)
}

// newFormat hands out what the tracks look like now.
func (a *Assembler) newFormat() {
	f := &Format{Tracks: make([]Track, len(a.tracks))}
	if a.format != nil {
		f.Serial = a.format.Serial + 1
	}
	for i := range a.tracks {
		f.Tracks[i] = a.tracks[i].Track
	}
	a.format, a.changed = f, false
	if a.o.Format != nil {
		a.o.Format(f)
	}
}

// cuts decides whether the open part ends before a unit.
func (a *Assembler) cuts(t *track, u *AccessUnit) bool {
	o := &a.open
	if o.bytes+u.Bytes() > maxPartBytes || o.samples >= maxPartSamples {
		return true
	}
	switch {
	case !o.led:
		// What came while the leading track stalls, or never came.
		return u.Capture.Sub(o.start) >= a.o.PartDuration
	case t.index != a.leading:
		// The leading track cuts. If it stalls, the others do not wait for ever.
		return u.Capture.Sub(o.start) > maxPartDuration
	}
	age := (u.DTS - o.first).Duration(t.ClockRate)
	if u.RandomAccess {
		return !o.random || age >= a.o.PartDuration/2
	}
	return age >= a.o.PartDuration
}

// cut ends the open part before a unit.
func (a *Assembler) cut(t *track, u *AccessUnit) {
	fills := a.open.fills
	next := make([]fill, len(fills))
	for i := range fills {
		f := &fills[i]
		switch {
		case len(f.part.Samples) == 0:
		case i == t.index:
			f.closeAt(u.DTS - f.lastDTS)
			a.tracks[i].step = max(1, u.DTS-f.lastDTS)
		default:
			f.closeAt(a.guess(i))
			if t.index == a.leading {
				f.split(u.PTS.Duration(t.ClockRate), a.tracks[i].ClockRate, &next[i])
			}
		}
	}
	a.finish(u.Capture, next)
	for i := range next {
		if n := len(next[i].part.Samples); n > 0 {
			a.open.samples += n
			a.open.bytes += next[i].part.Bytes()
			a.open.open, a.open.start, a.open.newest = true, a.reachedAt, a.reachedAt
		}
	}
}

// finish hands the open part over, which ends at the given time. The next one
// begins there, with what is in next.
func (a *Assembler) finish(end time.Time, next []fill) {
	o := &a.open
	if !end.After(o.start) {
		end = o.start.Add(1)
	}
	p := &Part{
		Run:          a.o.Run,
		Format:       a.format,
		Sequence:     a.sequence,
		Start:        o.start,
		End:          end,
		RandomAccess: o.led && o.random,
		Lost:         a.lost,
		Damaged:      a.damaged,
	}
	o.hand(p)
	o.note(a.leading)
	o.reset(next)
	a.sequence++
	a.reachedAt = end
	a.lost, a.damaged = 0, 0
	if a.o.Part == nil {
		p.Release()
		return
	}
	a.o.Part(p)
}

// Close finishes the open part and hands it over. A picture of which the end
// has not come is not in it.
func (a *Assembler) Close() {
	for i := range a.tracks {
		t := &a.tracks[i]
		switch {
		case t.Codec == AAC && t.audio.open:
			t.finishFragments(false)
		case t.unit.active && t.unit.picture && !t.unit.bad && !t.fragment && (!t.markers || t.distrust):
			t.finishVideo(false)
		}
	}
	if a.open.open {
		a.close()
	}
	for i := range a.tracks {
		a.tracks[i].arena.close()
	}
}

// close ends the last part: nothing follows that would tell how long its last
// samples are, so they are as long as those before.
func (a *Assembler) close() {
	for i := range a.open.fills {
		if f := &a.open.fills[i]; len(f.part.Samples) > 0 {
			f.closeAt(a.guess(i))
		}
	}
	last := a.leading
	if !a.open.led {
		for i := range a.open.fills {
			if len(a.open.fills[i].part.Samples) > 0 {
				last = i
				break
			}
		}
	}
	a.finish(a.open.newest.Add(a.guess(last).Duration(a.tracks[last].ClockRate)), nil)
}

// guess is how long the last sample of a track may be: as long as the one
// before, but not as long as a stall.
func (a *Assembler) guess(track int) MediaTime {
	t := &a.tracks[track]
	samples := a.open.fills[track].part.Samples
	if len(samples) < 2 {
		return t.step
	}
	before := MediaTime(samples[len(samples)-2].Duration)
	if t.Codec.Video() {
		return min(max(1, before), MediaTime(t.ClockRate))
	}
	return min(max(1, before), t.step)
}
