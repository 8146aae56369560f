package streams

import (
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// fanout hands a stream's units to its readers. A watched stream makes one copy
// of each unit, shared by all readers; an unwatched one only feeds the GOP cache.
type fanout struct {
	limit   int        // of the GOP cache, bytes
	watched func(bool) // called when the first reader comes and the last one leaves

	mu      sync.Mutex // guards what follows, and the order of events
	readers map[*Reader]struct{}
	run     *media.Run
	format  *media.Format // nil while down
	leading int           // track whose random access units are entries
	down    Down
	last    []lastUnit // of each track
	gop     *media.GOP // nil while down
	ended   bool
}

// lastUnit is what a track's next duration is estimated from.
type lastUnit struct {
	seen bool
	dts  media.MediaTime
	step media.MediaTime // distance to the unit before; 0: not known yet
}

func newFanout(gopBytes int, watched func(bool)) *fanout {
	return &fanout{
		limit: gopBytes, watched: watched, readers: map[*Reader]struct{}{},
		down: Down{Since: time.Now().UTC(), Cause: CauseStarting},
	}
}

func (f *fanout) add(o ReaderOptions) *Reader {
	if o.Units <= 0 {
		o.Units = 256
	}
	if o.Bytes <= 0 {
		o.Bytes = 8 << 20
	}
	r := &Reader{fan: f, options: o, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.format == nil {
		down := f.down
		r.note(Event{Down: &down})
	} else {
		r.note(Event{Format: f.format, Run: f.run})
		var units []Event
		for _, u := range f.gop.Snapshot() {
			units = append(units, Event{Unit: u, Duration: f.last[u.Track].duration(&f.format.Tracks[u.Track])})
		}
		r.begin(units)
	}
	if f.ended {
		r.end(false)
		return r
	}
	f.readers[r] = struct{}{}
	if len(f.readers) == 1 {
		f.watched(true)
	}
	return r
}

func (f *fanout) remove(r *Reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.readers[r]; !ok {
		return
	}
	delete(f.readers, r)
	if len(f.readers) == 0 {
		f.watched(false)
	}
}

func (f *fanout) viewers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers)
}

// tell calls watched with what is so now.
func (f *fanout) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched(len(f.readers) > 0)
}

// setFormat begins a run or changes what its units look like.
func (f *fanout) setFormat(run *media.Run, format *media.Format) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.run != run || len(f.last) != len(format.Tracks) {
		f.last = make([]lastUnit, len(format.Tracks))
	}
	f.forget()
	f.run, f.format, f.leading = run, format, max(format.Video(), 0)
	f.gop = media.NewGOP(f.leading, f.limit)
	for r := range f.readers {
		r.note(Event{Format: format, Run: run})
	}
}

// unit takes a unit that is valid during the call.
func (f *fanout) unit(u *media.AccessUnit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.format == nil || u.Track >= len(f.last) {
		return
	}
	f.gop.Add(u)
	last := &f.last[u.Track]
	if last.seen && u.DTS > last.dts {
		last.step = u.DTS - last.dts
	}
	last.seen, last.dts = true, u.DTS
	if len(f.readers) == 0 {
		return
	}
	e := Event{Unit: u.Clone(), Duration: last.duration(&f.format.Tracks[u.Track])}
	for r := range f.readers {
		r.unit(e, u.RandomAccess && u.Track == f.leading)
	}
}

// duration estimates how long a unit lasts: as long as the one before it did.
func (l lastUnit) duration(t *media.Track) media.MediaTime {
	switch {
	case l.step > 0:
		return l.step
	case t.Codec.Video():
		return media.MediaTime(t.ClockRate / 25)
	default:
		return 1024 // samples of an AAC frame (ISO/IEC 14496-3 section 4.5.1.1)
	}
}

// forget gives the cached GOP back. Callers hold mu.
func (f *fanout) forget() {
	if f.gop != nil {
		f.gop.Reset()
	}
	f.gop = nil
}

// setDown tells readers that nothing comes; a change of the reason is told too.
func (f *fanout) setDown(d Down) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.format = d, nil
	f.forget()
	for r := range f.readers {
		r.note(Event{Down: &d})
	}
}

// end lets all readers go, now and later.
func (f *fanout) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.forget()
	for r := range f.readers {
		r.end(false)
	}
	clear(f.readers)
}
