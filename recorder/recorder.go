package recorder

import (
	"log/slog"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
)

// Options says what to record, and where to.
type Options struct {
	Camera, Stream string
	Store          Store
	Record         bool             // false: every part is released, and its time is not scheduled
	Segment        time.Duration    // how long a segment is to be; default DefaultSegment
	Software       string           // name and version, written into each segment
	Now            func() time.Time // default time.Now
	Log            *slog.Logger     // default none
}

// Recorder records one stream. Part, Down and Close are called from one
// goroutine at a time; Status from any.
type Recorder struct {
	o     Options
	log   *slog.Logger
	phase time.Duration

	segments segment.Blocks
	open     *open     // nil while nothing is recorded
	end      time.Time // of the last footage; zero before the first
	gap      gap

	mu     sync.Mutex // guards what follows
	status Status
	lost   []lostTail
}

// open is the segment that is being written.
type open struct {
	layout   *segment.Writer
	file     SegmentWriter
	run      *media.Run
	format   *media.Format
	start    time.Time
	end      time.Time // capture time reached
	cut      time.Time // ends at the first random access unit from here on
	sequence int       // of the last part
	parts    int
}

// New makes a recorder. It does nothing until the first part.
func New(o Options) *Recorder {
	if o.Segment <= 0 {
		o.Segment = DefaultSegment
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{
		o:     o,
		log:   o.Log.With("camera", o.Camera, "stream", o.Stream),
		phase: phase(o.Camera, o.Stream, o.Segment),
	}
}

var _ streams.Sink = (*Recorder)(nil)

// Part records a part or drops it, and has it released.
func (r *Recorder) Part(p *media.Part) {
	if !r.o.Record {
		r.unscheduled(p.Start)
		p.Release()
		return
	}
	r.settle()
	continued := false // p goes on where a segment was cut
	if r.open != nil {
		if reason, detail, end := r.open.mustEnd(p); end {
			r.seal()
			if !p.RandomAccess || p.Start.After(r.end) {
				r.setGap(r.end, p.Start, reason, detail)
			}
		} else if r.open.mayEnd(p, r.o.Segment) {
			r.seal()
			continued = !r.gap.open
		}
	}
	if r.open == nil && !r.begin(p, continued) {
		p.Release()
		r.update(func(s *Status) { s.Dropped++ })
		return
	}
	r.append(p)
}

// begin opens a segment for its first part, if it can be the first: a random
// access one, or one that the segment before leads to.
func (r *Recorder) begin(p *media.Part, continued bool) bool {
	if !p.RandomAccess && !continued || len(p.Tracks) == 0 {
		if !r.gap.open {
			r.setGap(r.footageEnd(p), p.Start, storage.ReasonNetworkLoss, "waiting for a random access unit")
		}
		return false
	}
	layout, err := segment.NewWriter(p, r.o.Software, &r.segments)
	if err != nil {
		r.fault("begin segment", err)
		r.setGap(r.footageEnd(p), p.Start, storage.ReasonProtocol, err.Error())
		return false
	}
	file, err := r.o.Store.Create(storage.SegmentMeta{
		Camera: r.o.Camera, Stream: r.o.Stream, Run: p.Run.ID, Start: p.Start,
	})
	if err != nil {
		r.fault("create segment", err)
		r.setGap(r.footageEnd(p), p.Start, storage.ReasonOf(err), err.Error())
		return false
	}
	r.open = &open{
		layout: layout, file: file, run: p.Run, format: p.Format,
		start: p.Start, end: p.Start, cut: nextCut(p.Start, r.o.Segment, r.phase),
	}
	return true
}

// append lays a part out and queues it. After an error the segment has ended,
// and the gap begins where what was kept ends (S4).
func (r *Recorder) append(p *media.Part) {
	o := r.open
	block, err := o.layout.Add(p)
	if err != nil {
		at := p.Start
		p.Release()
		r.drop(at, "lay out part", storage.ReasonProtocol, err)
		return
	}
	buffers := block.Buffers
	if o.parts == 0 { // the head goes with the first part, in one write
		buffers = append([][]byte{o.layout.Head()}, buffers...)
	}
	// The part is the storage's now, and may be released at any time.
	start, end, sequence, lost, damaged := p.Start, p.End, p.Sequence, p.Lost, p.Damaged
	err = o.file.Append(storage.Append{Buffers: buffers, Start: start, End: end, Done: block.Release})
	if err != nil {
		o.layout.Undo()
		r.drop(start, "append part", storage.ReasonOf(err), err)
		return
	}
	if o.parts == 0 {
		r.closeGap(start)
	}
	o.parts++
	o.sequence, o.end, r.end = sequence, end, end
	r.update(func(s *Status) {
		s.Parts++
		s.SegmentStart, s.SegmentBytes, s.Until = o.start, o.layout.Size(), end
		s.Lost += int64(lost)
		s.Damaged += int64(damaged)
	})
}

// drop ends a segment that a part, which begins at an instant, could not be added to.
func (r *Recorder) drop(at time.Time, what string, reason storage.Reason, cause error) {
	o := r.open
	r.fault(what, cause)
	r.update(func(s *Status) { s.Dropped++ })
	if o.parts > 0 {
		r.seal()
	} else {
		r.open = nil
		o.file.Abort() // nothing was queued
		if r.end.IsZero() {
			r.end = o.start
		}
	}
	r.setGap(r.end, at, reason, cause.Error())
}

// seal ends the open segment. When the disk had ended it already, what it lost
// becomes a gap.
func (r *Recorder) seal() {
	o := r.open
	r.open = nil
	err := o.file.Seal([][]byte{o.layout.Trailer()}, func(s storage.Segment, err error) { r.sealed(o, s, err) })
	if err == nil {
		return
	}
	r.fault("seal segment", err)
	o.file.Abort()
	if kept := o.file.End(); kept.Before(o.end) {
		r.end = maxTime(kept, o.start)
		r.setGap(r.end, r.end, storage.ReasonOf(err), err.Error())
	}
}

// sealed is told by the storage, from a goroutine of its own, how sealing went.
func (r *Recorder) sealed(o *open, s storage.Segment, err error) {
	if err != nil {
		r.fault("seal segment", err)
		if kept := maxTime(o.file.End(), o.start); kept.Before(o.end) {
			r.mu.Lock()
			r.lost = append(r.lost, lostTail{from: kept, to: o.end, reason: storage.ReasonOf(err), detail: err.Error()})
			r.mu.Unlock()
		}
		return
	}
	r.log.Debug("segment sealed", "segment", s.Path, "bytes", s.Bytes, "parts", o.parts)
	r.update(func(st *Status) { st.Segments++ })
}

// Down ends the segment and says why no footage comes (S6).
func (r *Recorder) Down(since time.Time, cause streams.Cause, detail string) {
	if !r.o.Record {
		r.unscheduled(since)
		return
	}
	r.settle()
	if r.open != nil {
		r.seal()
	}
	if r.end.IsZero() {
		r.end = since // nothing recorded yet: scheduled time begins here
	}
	r.setGap(r.end, r.o.Now(), reasonOf(cause), detail)
}

// Close seals the open segment, if there is one, before the recorder is given
// up. What follows is a gap of the reason recorder-down.
func (r *Recorder) Close() {
	if r.open != nil {
		r.Down(r.end, streams.CauseStopped, "recording ended")
	}
}

// fault shows an error in the status and logs it, unless it is the last one
// again: a volume that is gone fails every few seconds.
func (r *Recorder) fault(what string, err error) {
	now, text := r.o.Now(), what+": "+err.Error()
	again := false
	r.update(func(s *Status) {
		again = s.LastError == text
		s.LastError, s.LastErrorAt = text, now
	})
	if !again {
		r.log.Error("recording fault", "step", what, "error", err)
	}
}
