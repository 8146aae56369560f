package recorder

import (
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams/media"
)

// gap is the one that was told to the storage and has not ended.
type gap struct {
	open   bool
	from   time.Time
	reason storage.Reason
	detail string
}

// lostTail is what the disk lost of a segment after it was handed over to be
// sealed: by then, footage or another gap follows it.
type lostTail struct {
	from, to time.Time
	reason   storage.Reason
	detail   string
}

// settle makes gaps of lost tails (S6). The gap that is open meanwhile is put
// back behind them.
func (r *Recorder) settle() {
	r.mu.Lock()
	lost := r.lost
	r.lost = nil
	r.mu.Unlock()
	for _, t := range lost {
		r.log.Warn("footage lost", "since", t.from, "until", t.to, "reason", string(t.reason), "detail", t.detail)
		r.tell(t.from, t.reason, t.detail)
		if err := r.o.Store.CloseGap(r.o.Camera, r.o.Stream, t.to); err != nil {
			r.fault("close gap", err)
		}
	}
	if len(lost) > 0 && r.gap.open {
		r.tell(r.gap.from, r.gap.reason, r.gap.detail)
	}
}

// tell hands a gap to the storage.
func (r *Recorder) tell(at time.Time, reason storage.Reason, detail string) {
	if err := r.o.Store.SetGap(r.o.Camera, r.o.Stream, at, reason, detail); err != nil {
		r.fault("set gap", err)
	}
}

// setGap says that there is no footage from at on. A gap that is open for
// another reason ends when the reason changed: at the part that could not be
// recorded, which is older than the clock, or the footage right behind it would
// overlap the gap; now, where no parts come.
func (r *Recorder) setGap(at, changed time.Time, reason storage.Reason, detail string) {
	if r.gap.open {
		if r.gap.reason == reason {
			r.update(func(s *Status) { s.Detail = detail })
			return
		}
		at = maxTime(r.gap.from, changed)
	}
	r.gap = gap{open: true, from: at, reason: reason, detail: detail}
	r.log.Warn("not recording", "since", at, "reason", string(reason), "detail", detail)
	r.tell(at, reason, detail)
	r.update(func(s *Status) {
		s.Recording, s.Since, s.Reason, s.Detail = false, at, reason, detail
	})
}

// unscheduled says once that nothing is to be recorded from at on: a gap from
// when the stream was recorded ends there (S6).
func (r *Recorder) unscheduled(at time.Time) {
	if !r.gap.open {
		r.gap = gap{open: true, from: at, reason: storage.ReasonNotScheduled}
		r.tell(at, r.gap.reason, "")
	}
}

// closeGap is called with the first part of each segment: whatever lies between
// the last footage and this is a gap, also when nobody announced one (S6).
func (r *Recorder) closeGap(start time.Time) {
	first := r.end.IsZero() // the storage may have a gap open from before we ran
	if !r.gap.open && !first {
		if start.Before(r.end) {
			// S7: nothing is shifted or thrown away; the times are the clock's.
			r.log.Warn("footage overlaps", "start", start, "end", r.end)
		}
		if !start.After(r.end) {
			return
		}
		r.setGap(r.end, r.end, storage.ReasonNetworkLoss, "")
	}
	if start.Before(r.gap.from) {
		r.log.Warn("footage begins before its gap", "start", start, "gap", r.gap.from)
	}
	if err := r.o.Store.CloseGap(r.o.Camera, r.o.Stream, maxTime(start, r.gap.from)); err != nil {
		r.fault("close gap", err)
	}
	r.gap = gap{}
	r.log.Info("recording", "since", start)
	r.update(func(s *Status) { s.Recording, s.Since, s.Reason, s.Detail = true, start, "", "" })
}

// footageEnd is where a gap before p begins.
func (r *Recorder) footageEnd(p *media.Part) time.Time {
	if r.end.IsZero() {
		return p.Start
	}
	return r.end
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
