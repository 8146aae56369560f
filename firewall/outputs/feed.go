package outputs

import (
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

const (
	updateEvery = time.Minute      // an attempt that goes on is told at most so often
	wholeEvery  = 15 * time.Second // between looks at all since the mark; else at what is new
	settling    = 5 * time.Second  // a row may come into the journal so long after its last hit
	rewrite     = time.Minute      // what was written so long before a break is written again
	maxTold     = 1 << 16          // rows remembered as told
	pageRows    = 500
	maxQuestion = 4096 // questions looked at
)

// told is how a row stood when it was told.
type told struct {
	count uint64
	at    time.Time
	last  time.Time
}

// feed is what one receiver has been told of the journal. It is for one goroutine.
type feed struct {
	source Source
	mark   time.Time // all that was last hit before it was told
	looked time.Time
	whole  time.Time
	rows   map[string]told
}

func newFeed(source Source, mark time.Time) *feed {
	return &feed{source: source, mark: mark, rows: map[string]told{}}
}

// turn gives what is to be told now to send. An error is send's or the journal's; what
// was not told is given again by the next turn.
func (f *feed) turn(now time.Time, send func(event) error) error {
	if f.mark.After(now) || f.looked.After(now) { // the clock was set back
		f.mark, f.looked, f.whole = lasting(f.mark, now).Add(-settling), time.Time{}, time.Time{}
	}
	whole := now.Sub(f.whole) >= wholeEvery || now.Before(f.whole)
	since := f.mark
	if quick := f.looked.Add(-settling); !whole && quick.After(since) {
		since = quick
	}
	keep := now.Add(-settling)
	later := func(last time.Time) {
		if last.Before(keep) {
			keep = last
		}
	}
	if err := f.attempts(now, since, later, send); err != nil {
		return err
	}
	f.looked = now
	if whole {
		if err := f.questions(now, since, later, send); err != nil { // the journal sorts them all: not each second
			return err
		}
		f.whole = now
		if keep.After(f.mark) {
			f.mark = keep
		}
		f.prune()
	}
	return nil
}

// attempts walks the journal's pages. The newest come first: of a long absence
// the latest is told first.
func (f *feed) attempts(now, since time.Time, later func(time.Time), send func(event) error) error {
	filter := journal.Filter{Since: since, Limit: pageRows}
	for {
		page, err := f.source.Query(filter)
		if err != nil {
			return fmt.Errorf("ask the journal: %w", err)
		}
		for i := range page.Attempts {
			a := &page.Attempts[i]
			if !f.due(a.ID, a.Count, a.Last, now, later) {
				continue
			}
			e := event{at: a.Last, severity: attemptSeverity(string(a.Reason)), attempt: a}
			if first, err := f.source.Evidence(a.ID); err == nil { // rows that stand for many have none
				e.source = sourcePort(first)
			}
			if err := send(e); err != nil {
				return err
			}
			f.rows[a.ID] = told{a.Count, now, a.Last}
		}
		if page.Next == "" {
			return nil
		}
		filter.Cursor = page.Next
	}
}

func (f *feed) questions(now, since time.Time, later func(time.Time), send func(event) error) error {
	all := f.source.Questions("", maxQuestion)
	for i := range all {
		q := &all[i]
		if q.Last.Before(since) {
			return nil // the newest come first
		}
		id := questionID(q)
		if !f.due(id, q.Count, q.Last, now, later) {
			continue
		}
		if err := send(event{at: q.Last, severity: informational, question: q}); err != nil {
			return err
		}
		f.rows[id] = told{q.Count, now, q.Last}
	}
	return nil
}

// due tells whether a row is to be told now; one whose time comes later keeps the mark.
func (f *feed) due(id string, count uint64, last, now time.Time, later func(time.Time)) bool {
	t, known := f.rows[id]
	switch {
	case known && t.count == count:
		return false
	case known && now.Sub(t.at) < updateEvery && !now.Before(t.at):
		later(last)
		return false
	}
	return true
}

func questionID(q *journal.Question) string {
	return fmt.Sprintf("q/%s/%s/%s/%d", q.Device, q.Asker, q.Name, q.Type)
}

// broke says that the connection broke: what was written last may not have arrived.
func (f *feed) broke(now time.Time) {
	for id, t := range f.rows {
		if now.Sub(t.at) >= rewrite {
			continue
		}
		if t.last.Before(f.mark) {
			f.mark = t.last
		}
		delete(f.rows, id)
	}
	f.whole = time.Time{} // look at all of it
}

// prune forgets what will not be asked for again.
func (f *feed) prune() {
	for id, t := range f.rows {
		if len(f.rows) <= maxTold {
			return
		}
		if t.last.Before(f.mark) {
			delete(f.rows, id)
		}
	}
}
