package auth

import (
	"container/list"
	"time"
)

// failures is one counter.
type failures struct {
	who   counted
	n     int
	last  time.Time
	until time.Time // no try before
}

// wait is until when the counter makes wait.
func (f *failures) wait() time.Time {
	over := f.n - freeFailures
	if over <= 0 {
		return time.Time{}
	}
	return f.last.Add(min(firstWait<<min(over-1, 20), longestWait))
}

// counters is a table of a fixed size. When it is full, the counter goes that says
// least: of those with the fewest failures the one longest without another. One that
// makes somebody wait never goes, or a flood of names would end a lock-out.
type counters struct {
	entries map[counted]*list.Element
	// of *failures, by their number, those with a wait in the last; the latest
	// failure first
	orders [freeFailures + 2]*list.List
	gone   []counted // left after they had waited, and may be in the database
}

func newCounters() *counters {
	c := &counters{entries: make(map[counted]*list.Element)}
	for i := range c.orders {
		c.orders[i] = list.New()
	}
	return c
}

func (c *counters) order(n int) *list.List { return c.orders[min(max(n, 0), len(c.orders)-1)] }

// look gives the counter; nil when there is none. It makes none.
func (c *counters) look(who counted, now time.Time) *failures {
	e := c.entries[who]
	if e == nil {
		return nil
	}
	f := e.Value.(*failures)
	if now.Sub(f.last) > forgetAfter {
		c.drop(who)
		return nil
	}
	// A clock that was set back must not make a wait of 15 minutes one of a year.
	if limit := now.Add(longestWait); f.until.After(limit) {
		f.until = limit
	}
	return f
}

// wait is how long the counter makes wait, from now on.
func (c *counters) wait(who counted, now time.Time) time.Duration {
	if f := c.look(who, now); f != nil {
		return f.until.Sub(now)
	}
	return 0
}

// fail counts a failure; false when the table is full of counters that make wait.
func (c *counters) fail(who counted, now time.Time) bool {
	f := failures{who: who}
	if had := c.look(who, now); had != nil {
		f = *had
	}
	f.n++
	f.last = now
	return c.restore(f, now)
}

// restore puts a counter in as it was; false when there is no place.
func (c *counters) restore(f failures, now time.Time) bool {
	f.until = f.wait()
	c.drop(f.who)
	if len(c.entries) >= maxCounters && !c.evict(now) {
		return false
	}
	c.entries[f.who] = c.order(f.n).PushFront(&f)
	return true
}

// evict makes place for one; false when all make wait.
func (c *counters) evict(now time.Time) bool {
	for _, order := range c.orders {
		for e := order.Back(); e != nil; e = e.Prev() {
			f := e.Value.(*failures)
			if f.until.After(now) {
				continue
			}
			if f.n > freeFailures {
				c.gone = append(c.gone, f.who)
			}
			c.drop(f.who)
			return true
		}
	}
	return false
}

// undo takes one failure back, and the wait that it made.
func (c *counters) undo(who counted, now time.Time) {
	f := c.look(who, now)
	if f == nil {
		return
	}
	c.drop(who)
	if f.n--; f.n > 0 {
		f.until = time.Time{}
		c.entries[who] = c.order(f.n).PushFront(f)
	}
}

func (c *counters) drop(who counted) {
	e := c.entries[who]
	if e == nil {
		return
	}
	c.order(e.Value.(*failures).n).Remove(e)
	delete(c.entries, who)
}
