package streams

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Event is one thing that a Reader learns. Exactly one of Format, Unit and Down is set.
type Event struct {
	// Format says what the units that follow look like, and Run which run they
	// belong to: media time starts anew with each run. A new Format comes before
	// the first unit that uses it.
	Format *media.Format
	Run    *media.Run

	// Unit is an access unit. It is shared by all readers of the stream and
	// never changes: do not write to it. It may be kept as long as one likes.
	Unit *media.AccessUnit
	// Duration is how long Unit lasts, in ticks of its track's clock: an estimate
	// (the distance to the unit before it), since the next one is not here yet.
	Duration media.MediaTime
	// Dropped is how many units this reader missed right before Unit, being too slow.
	Dropped int

	// Down says that the stream stopped delivering. What ends it is the next Format.
	Down *Down

	seed bool // Unit was there before the reader: it takes none of its queue's room
}

// Down says why a stream delivers nothing.
type Down struct {
	Since  time.Time // capture time of the end of the last footage, or when the stream was started
	Cause  Cause
	Detail string // for people: what happened, at which address, and the fix
}

// ReaderOptions bounds a reader's queue.
type ReaderOptions struct {
	Units int // access units (default 256)
	Bytes int // payload bytes (default 8 MiB)
}

// Reader receives a stream's access units from the last random access unit on,
// through a queue of its own. A reader that is too slow never slows the stream:
// when its queue is full all of its units are dropped, and it goes on with the
// next random access unit of the leading track; Event.Dropped counts them. What
// the GOP cache has when the reader comes is given whole, in addition to that. A
// stream that goes offline keeps its readers: they get a Down event and then,
// when it is back, a Format. A reader is used by one goroutine.
type Reader struct {
	fan     *fanout
	options ReaderOptions
	wake    chan struct{} // holds a token while the queue may be non-empty

	mu      sync.Mutex // guards what follows
	queue   []Event
	units   int // in queue
	bytes   int // of units in queue
	skip    bool
	missed  int // units dropped since the last one delivered
	dropped uint64
	ended   bool
}

// Next gives the next event, waiting for one. It returns io.EOF once the
// stream or the reader was stopped and the queue is empty, else the context's error.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	for {
		e, ok, ended := r.pop()
		switch {
		case ok:
			return e, nil
		case ended:
			return Event{}, io.EOF
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Dropped counts the units that this reader missed by being too slow.
func (r *Reader) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Close ends the reader. It may be called from any goroutine, more than once.
func (r *Reader) Close() {
	r.fan.remove(r)
	r.end(true)
}

func (r *Reader) pop() (e Event, ok, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return Event{}, false, r.ended
	}
	e = r.queue[0]
	r.queue[0] = Event{} // let go of what the viewer may keep no longer
	r.queue = r.queue[1:]
	if e.Unit != nil && !e.seed {
		r.units--
		r.bytes -= e.Unit.Bytes()
	}
	return e, true, false
}

// note queues a Format or Down. Neither is ever dropped: an earlier one whose
// units are gone is replaced, so that there are at most as many as there are
// units between them.
func (r *Reader) note(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.queue); n > 0 && (e.Format != nil && r.queue[n-1].Format != nil || e.Down != nil && r.queue[n-1].Down != nil) {
		r.queue[n-1] = e
	} else {
		r.queue = append(r.queue, e)
	}
	r.skip = e.Format != nil
	r.signal()
}

// begin queues the units of the GOP cache. They do not count for the queue's
// limits, or a viewer of a long GOP would start with nothing: the cache has its own.
func (r *Reader) begin(units []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range units {
		e.seed = true
		r.queue = append(r.queue, e)
		r.skip = false
	}
	r.signal()
}

// unit queues an access unit; entry says that a viewer can start with it.
func (r *Reader) unit(e Event, entry bool) {
	size := e.Unit.Bytes()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skip && !entry {
		r.drop(1)
		return
	}
	r.skip = false
	if r.units >= r.options.Units || r.units > 0 && r.bytes+size > r.options.Bytes {
		r.overflow()
		if !entry {
			r.drop(1)
			r.skip = true
			return
		}
	}
	e.Dropped, r.missed = r.missed, 0
	r.queue = append(r.queue, e)
	r.units++
	r.bytes += size
	r.signal()
}

// overflow drops all queued units and keeps the last Format and what was said after it.
func (r *Reader) overflow() {
	kept := make([]Event, 0, 2)
	for _, e := range r.queue {
		switch {
		case e.Unit != nil:
			r.drop(1 + e.Dropped)
			r.dropped -= uint64(e.Dropped) // these were counted when they were dropped
		case e.Format != nil:
			kept = append(kept[:0], e)
		default:
			kept = append(kept, e)
		}
	}
	r.queue, r.units, r.bytes = kept, 0, 0
}

func (r *Reader) drop(n int) {
	r.missed += n
	r.dropped += uint64(n)
}

// end lets Next return io.EOF, at once or once the queue is read.
func (r *Reader) end(discard bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if discard {
		r.queue = nil
	}
	r.signal()
}

func (r *Reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
