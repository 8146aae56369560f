package proof

import (
	"fmt"
	"slices"
)

// explain goes on behind a record that is not the one that was to come.
func (c *Checker) explain(r Record) {
	own, genuine := c.identify(r)
	switch {
	case !genuine:
		c.changed(r)
	case own < c.next:
		c.late(r, own)
	default:
		if own > c.next {
			c.missing = append(c.missing, span{c.next, own - 1, r.Seq})
			c.doubt = true
		}
		if r.Prev != c.prev && !c.doubt {
			c.forged(r)
		}
		c.step(r, own, false)
	}
}

// identify finds the own number of a record, near to the one that it should have.
func (c *Checker) identify(r Record) (own uint64, genuine bool) {
	should := c.ownOf(r.Seq)
	if r.genuine(should) {
		return should, true
	}
	for d := range uint64(maxShift) {
		if r.genuine(should + d + 1) {
			return should + d + 1, true
		}
		if should > d+1 && r.genuine(should-d-1) {
			return should - d - 1, true
		}
	}
	return should, false
}

// changed notes a record that does not fit its own hash under any number.
func (c *Checker) changed(r Record) {
	own := c.ownOf(r.Seq)
	if own < c.next {
		c.find(Inserted, r.Seq, r.Seq, fmt.Sprintf("it comes behind record %d and does not fit its own hash", c.place))
		return
	}
	if own > c.next {
		c.missing = append(c.missing, span{c.next, own - 1, r.Seq})
		c.doubt = true
	}
	c.find(Changed, r.Seq, r.Seq, "it does not fit its own hash")
	c.step(r, own, true)
}

// forged notes that a record follows another than the one before it, although
// both fit their own hashes.
func (c *Checker) forged(r Record) {
	if c.next == 1 {
		c.find(Changed, r.Seq, r.Seq, "it does not follow the beginning of this list")
		return
	}
	c.find(Changed, c.place, c.place, fmt.Sprintf("it fits its own hash, but record %d follows another one", r.Seq))
}

// late tells what a genuine record is whose number was passed already.
func (c *Checker) late(r Record, own uint64) {
	if i := slices.IndexFunc(c.missing, func(s span) bool { return s.from <= own && own <= s.to }); i >= 0 {
		c.reordered(r, own, i)
		return
	}
	at := slices.IndexFunc(c.recent, func(s seen) bool { return s.own == own-1 && s.hash == r.Prev })
	if at < 0 || at+1 == len(c.recent) || slices.ContainsFunc(c.recent, func(s seen) bool { return s.hash == r.Hash }) {
		c.find(Inserted, r.Seq, r.Seq, fmt.Sprintf("its number was %d, and comes twice", own))
		return
	}
	// It follows one before: what lies between came from elsewhere.
	first, last := c.recent[at+1].place, c.place
	c.findings = slices.DeleteFunc(c.findings, func(f Finding) bool { return f.Kind == Changed && f.Seq >= first && f.Last <= last })
	c.find(Inserted, first, last, fmt.Sprintf("record %d follows record %d", r.Seq, c.recent[at].place))
	c.recent = c.recent[:at+1]
	c.step(r, own, false)
}

// reordered notes that a record which seemed to be missing came after all.
func (c *Checker) reordered(r Record, own uint64, i int) {
	s := c.missing[i]
	c.missing = slices.Delete(c.missing, i, i+1)
	if s.from < own {
		c.missing = append(c.missing, span{s.from, own - 1, s.place})
	}
	if own < s.to {
		c.missing = append(c.missing, span{own + 1, s.to, s.place})
	}
	c.place, c.shift = r.Seq, int64(c.next-1)-int64(r.Seq)
	known := slices.IndexFunc(c.findings, func(f Finding) bool { return f.Kind == Reordered && f.Seq == s.place })
	if known < 0 {
		c.find(Reordered, s.place, r.Seq, "they are genuine, and stood in another order")
		return
	}
	c.findings[known].Last = r.Seq
}
