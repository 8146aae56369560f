package proof

import (
	"cmp"
	"fmt"
	"slices"
)

const (
	maxFindings = 100  // a list that is wrong throughout need not be explained record by record
	maxShift    = 1024 // how far from its own number a genuine record is recognised
	recentKept  = 16   // how many foreign records in a row are recognised as inserted
)

// Checker takes the records of a list in the order in which they are stored and
// says what is wrong with them. It keeps no record and allocates nothing where
// nothing is wrong.
//
// It speaks of two numbers. A record's place is where it stands. Its own number
// is the one that its hash covers; where others were removed or inserted and
// the rest renumbered, the two differ, and that is how it is seen.
type Checker struct {
	public Public
	heads  []Witness // rightly signed for this list, by Seq; from at on not reached yet
	at     int

	next   uint64 // own number of the next record
	place  uint64 // of the record before
	prev   Hash   // hash of the record before, as that record says
	doubt  bool   // it does not say so rightly, or is not there
	shift  int64  // own number of the record before, less its place
	recent []seen // the last recentKept records

	missing   []span // own numbers passed over, until they come
	good      uint64 // the last own number that a head vouched for
	rewritten bool
	findings  []Finding
	records   uint64
}

// seen is a record that was gone past.
type seen struct {
	own, place uint64
	hash       Hash
}

// span is a stretch of own numbers that were passed over at a place.
type span struct{ from, to, place uint64 }

// NewChecker begins a check. The heads may come in any order and from anywhere:
// those of other lists or with wrong signatures become findings.
func NewChecker(list string, public Public, heads []Witness) *Checker {
	c := &Checker{public: public, next: 1, prev: Genesis(list), recent: make([]seen, 0, 2*recentKept)}
	c.recent = append(c.recent, seen{hash: c.prev})
	others := map[string]bool{}
	for _, w := range heads {
		err := public.Check(w.Head)
		switch {
		case err != nil:
			c.find(Unsigned, 0, 0, fmt.Sprintf("the head of %s in %s: %v", stamp(w.Head.Time), w.From, err))
		case w.Head.List != list:
			if key := w.From + "\n" + w.Head.List; !others[key] {
				others[key] = true
				c.find(Replaced, 0, 0, fmt.Sprintf("%s has a head of %s of list %s, and this is %s", w.From, stamp(w.Head.Time), w.Head.List, list))
			}
		default:
			c.heads = append(c.heads, w)
		}
	}
	slices.SortStableFunc(c.heads, func(a, b Witness) int { return cmp.Compare(a.Head.Seq, b.Head.Seq) })
	c.compare(0, c.prev)
	return c
}

// Records is how many were added.
func (c *Checker) Records() uint64 { return c.records }

// Add takes the next record. It keeps nothing of r.Body.
func (c *Checker) Add(r Record) {
	c.records++
	own := c.ownOf(r.Seq)
	switch {
	case own == c.next && r.Prev == c.prev && r.genuine(own):
		c.step(r, own, false)
	case len(c.findings) >= maxFindings:
		c.place, c.next, c.prev, c.doubt = r.Seq, own+1, r.Hash, true
	default:
		c.explain(r)
	}
}

func (c *Checker) ownOf(place uint64) uint64 { return uint64(int64(place) + c.shift) }

// step goes on behind a record. Doubt says that its hash is not to be trusted:
// the record behind it says what it was.
func (c *Checker) step(r Record, own uint64, doubt bool) {
	switch {
	case !doubt:
		c.compare(own-1, r.Prev)
	case !c.doubt:
		c.compare(own-1, c.prev)
	}
	c.place, c.next, c.prev, c.doubt = r.Seq, own+1, r.Hash, doubt
	c.shift = int64(own) - int64(r.Seq)
	if len(c.recent) == cap(c.recent) {
		c.recent = append(c.recent[:0], c.recent[len(c.recent)-recentKept:]...)
	}
	c.recent = append(c.recent, seen{own, r.Seq, r.Hash})
}

// compare compares a record's hash, as the record behind it confirms it, with
// the heads of its number.
func (c *Checker) compare(own uint64, hash Hash) {
	for ; c.at < len(c.heads) && c.heads[c.at].Head.Seq <= own; c.at++ {
		switch w := c.heads[c.at]; {
		case w.Head.Seq < own: // its record is missing, which is said
		case w.Head.Hash == hash:
			c.good = own
		default:
			c.contradicted(own, w)
		}
	}
}

// contradicted notes that the chain is not the one that was signed. Everything
// behind is of the other chain too, so it is said once.
func (c *Checker) contradicted(own uint64, w Witness) {
	if !c.rewritten {
		c.rewritten = true
		c.find(Rewritten, min(c.good+1, own), own, fmt.Sprintf("%s has another head, signed at %s", w.From, stamp(w.Head.Time)))
	}
}

// End says what was found, in order of the records. Tip is the head that was
// signed together with the last record, or nil where a list has none: records
// behind it are inserted.
func (c *Checker) End(tip *Witness) []Finding {
	for _, s := range c.missing {
		c.find(Removed, s.from, s.to, "their numbers are missing")
	}
	last := c.next - 1
	if !c.doubt {
		c.compare(last, c.prev)
	}
	rest := c.heads[c.at:]
	if tip != nil {
		switch err := c.public.Check(tip.Head); {
		case err != nil:
			c.find(Unsigned, 0, 0, fmt.Sprintf("the last head in %s: %v", tip.From, err))
		case tip.Head.Seq < last:
			c.find(Inserted, c.place-(last-tip.Head.Seq)+1, c.place, fmt.Sprintf("record %d was the last, signed at %s", tip.Head.Seq, stamp(tip.Head.Time)))
		case tip.Head.Seq == last && tip.Head.Hash != c.prev && !c.doubt:
			c.contradicted(last, *tip)
		default:
			rest = append(slices.Clone(rest), *tip)
		}
	}
	c.truncated(last, rest)
	sortFindings(c.findings)
	return c.findings
}

// truncated notes what heads vouch for behind the last record.
func (c *Checker) truncated(last uint64, heads []Witness) {
	if len(heads) == 0 {
		return
	}
	most := slices.MaxFunc(heads, func(a, b Witness) int { return cmp.Compare(a.Head.Seq, b.Head.Seq) })
	if most.Head.Seq > last {
		c.find(Truncated, last+1, most.Head.Seq, fmt.Sprintf("the list ends with record %d, and %s has the head signed at %s", last, most.From, stamp(most.Head.Time)))
	}
}

func (c *Checker) find(kind Kind, seq, last uint64, detail string) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, Finding{kind, seq, last, detail})
	}
}
