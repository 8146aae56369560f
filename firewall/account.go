package firewall

import (
	"maps"
	"time"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// quiet is how long nothing may move before nothing is on its way: many times
// what the kernel gathers hits for before it hands them over.
const quiet = 500 * time.Millisecond

// account turns counters that outlive this process, and may vanish under it,
// into what became of each packet dropped since the start (C11): Dropped = Read
// + Lost + Unread + Suppressed, whenever nothing is on its way. Nothing is ever
// zeroed in the kernel.
//
// A packet that is dropped while nobody reads the log is in the kernel's
// counters alone. It is Unread: what the counters have more than the reader over
// a stretch in which it was not bound all the time. The difference is final at
// the first quiet after it, since until then hits are on their way;
// outside such a stretch no difference is explained away.
type account struct {
	last       map[string]uint64 // kernel counters, by rule; nil before the first
	dropped    uint64
	suppressed uint64 // of them, by rules that do not log
	read, lost uint64 // as the reader has them
	base       [2]uint64
	unread     uint64 // final
	open       bool   // a stretch without a reader is not settled yet
	bindings   uint64
	moved      time.Time // when something did, as far as we looked
	least      uint64    // that the counters had more than the reader, at a look of the open stretch
}

// begin takes what is there before anything is counted: counters and hits of
// an earlier time are nobody's. What is on its way between the two is settled
// like a stretch without a reader.
func (a *account) begin(now map[string]uint64, read, lost uint64) {
	a.last = maps.Clone(now)
	if a.last == nil {
		a.last = map[string]uint64{}
	}
	a.base = [2]uint64{read, lost}
	a.open = true
}

// logged is how far the log's reader is: hits read and lost, how often it was bound
// so far, and whether it is.
type logged struct {
	read, lost, binding uint64
	bound               bool
}

// add takes one read-back of the time at, and how far the reader was just before it.
// The other way round hits would come that no counter has yet, and seem to be of
// counters that somebody flushed.
func (a *account) add(at time.Time, now map[string]uint64, l logged) {
	if a.last == nil {
		a.begin(now, l.read, l.lost)
	}
	moved := false
	for id, n := range now {
		before := a.last[id]
		if n < before { // the chain was made anew
			before = 0
		}
		moved = moved || n != before
		a.dropped += n - before
		if ruleset.Suppressed(id) {
			a.suppressed += n - before
		}
		a.last[id] = n
	}
	read, lost := l.read-a.base[0], l.lost-a.base[1]
	moved = moved || read != a.read || lost != a.lost
	a.read, a.lost = read, lost
	// Each hit is a packet that was dropped: the counters had it, and were flushed by
	// somebody before they were read, or had it before the beginning.
	a.dropped = max(a.dropped, a.read+a.lost+a.unread+a.suppressed)
	more := a.dropped - a.read - a.lost - a.suppressed
	if !l.bound || l.binding != a.bindings {
		a.open, a.bindings = true, l.binding
		a.least, moved = more, true
	}
	a.least = min(a.least, more)
	if moved || a.moved.IsZero() {
		a.moved = at
	}
	if !a.open || !l.bound || at.Sub(a.moved) < quiet {
		return
	}
	a.unread, a.open = more, false
}

// counted is the account as it is now. On a network that is never quiet a stretch
// may stay unsettled: Unread is then the least that was missing at any look, since
// what is missing now and was not before is on its way.
func (a *account) counted() Counted {
	c := Counted{Dropped: a.dropped, Read: a.read, Lost: a.lost, Unread: a.unread, Suppressed: a.suppressed}
	if a.open {
		c.Unread = max(c.Unread, a.least)
	}
	return c
}
