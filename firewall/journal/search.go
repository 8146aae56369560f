package journal

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/filter"
)

// search is one transaction's part of a query.
type search struct {
	f        *Filter
	fresh    []listed // wait to be written, and were not come to yet
	waiting  map[rowID]bool
	use      func(*Attempt) bool // false: enough
	searched time.Time           // how far back it looked
	crowded  int                 // see hours
}

// A walk gives rows from the newest to the oldest.
type walk interface {
	// next gives a row's place; nil at the end. The row comes with it where it was read. late says that the time was
	// over first: then place is where to go on from, and no row's.
	next(deadline time.Time) (place []byte, r *record, late bool, err error)
}

// run walks the file from the newest, or from the cursor, backwards, and puts
// between what it finds the rows that are newer than the file has them. It gives
// the cursor to go on from, "" at the end.
func (s *search) run(tx *bbolt.Tx, indexed bool) (next string, err error) {
	from, err := parseCursor(s.f.Cursor)
	if err != nil {
		return "", err
	}
	if until := s.f.Where.Until(); !until.IsZero() && bytes.Compare(timeKey(until), from) < 0 {
		from = append(timeKey(until), make([]byte, len(rowID{}))...)
	}
	for len(s.fresh) > 0 && bytes.Compare(s.fresh[0].place, from) >= 0 {
		s.fresh = s.fresh[1:]
	}
	since := timeKey(s.f.since())
	w := s.walkOf(tx, from, since, indexed)
	deadline := time.Now().Add(queryBudget)
	place, r, late, err := w.next(deadline)
	for seen := 1; ; seen++ {
		switch {
		case err != nil:
			return "", err
		case len(s.fresh) > 0 && bytes.Compare(s.fresh[0].place, place) > 0:
			one := s.fresh[0]
			s.fresh = s.fresh[1:]
			s.searched = readTime(one.place)
			if s.f.matches(&one.attempt) && !s.use(&one.attempt) || seen%32 == 0 && time.Now().After(deadline) {
				return hex.EncodeToString(one.place), nil
			}
			continue
		case place == nil:
			return "", nil
		case late:
			s.searched = readTime(place)
			return hex.EncodeToString(place), nil
		}
		here := place
		s.searched = readTime(here)
		if r == nil {
			if r, err = getRecord(tx, rowID(here[8:])); err != nil {
				return "", err
			}
		}
		if r != nil && s.f.of(&r.Attempt) && s.f.matches(&r.Attempt) && !s.use(&r.Attempt) || seen%32 == 0 && time.Now().After(deadline) {
			return hex.EncodeToString(here), nil
		}
		place, r, late, err = w.next(deadline)
	}
}

// walkOf chooses the way that meets the fewest rows that do not match.
func (s *search) walkOf(tx *bbolt.Tx, from, since []byte, indexed bool) walk {
	devices := s.f.Where.Any(filter.Device)
	if s.f.Device != "" {
		devices = []string{s.f.Device}
	}
	if len(devices) == 1 {
		device := devices[0]
		if device == Nobody {
			device = ""
		}
		return newPlaces(tx.Bucket(bucketByDevice), append([]byte(device), 0), from, since, s.waiting)
	}
	if terms := s.f.terms(); indexed && len(terms) > 0 {
		return &hours{tx: tx, terms: terms, from: from, since: since, waiting: s.waiting, crowded: s.crowded}
	}
	return newPlaces(tx.Bucket(bucketByLast), nil, from, since, s.waiting)
}

// terms are those of the index of which a row has one if it matches, of the field
// that most likely has the fewest rows; none where no index helps.
func (f *Filter) terms() (terms []term) {
	for _, by := range []struct {
		field filter.Field
		as    byte
	}{
		{filter.Host, ofHost},
		{filter.Address, ofAddress},
		{filter.Source, ofSource},
		{filter.Is, ofTag},
		{filter.Country, ofCountry},
		{filter.Port, ofPort},
		{filter.Reason, ofReason},
	} {
		values := f.Where.Any(by.field)
		for _, v := range values {
			as := by.as
			if domain, below := bytes.CutPrefix([]byte(v), []byte("*.")); by.field == filter.Host && below {
				as, v = ofDomain, string(domain)
			}
			if !findable(by.field, v) {
				terms = nil
				break
			}
			terms = append(terms, termOf(as, v))
		}
		if len(terms) > 0 && len(terms) == len(values) {
			return terms
		}
		terms = nil
	}
	if f.Reason != "" && f.Chatter == WithoutChatter && len(f.Where.Any(filter.Reason)) == 0 {
		return []term{termOf(ofReason, string(f.Reason))}
	}
	if f.Chatter == OnlyChatter {
		return []term{termOf(ofReason, "chatter")}
	}
	return nil
}

// findable tells whether the index has a value as it stands: networks, and what
// stands for nothing, it has not.
func findable(field filter.Field, v string) bool {
	switch {
	case v == Nobody, v == "*": // host:* is any host, of which the shared one is one
		return false
	case field == filter.Host:
		return bytes.Count([]byte(v), []byte(".")) < 40
	case field == filter.Address || field == filter.Source:
		return !bytes.ContainsRune([]byte(v), '/')
	}
	return true
}

// places walks an index whose keys end in a place in the list.
type places struct {
	c       *bbolt.Cursor
	prefix  []byte
	since   []byte
	waiting map[rowID]bool
	k       []byte // of the next row
}

func newPlaces(b *bbolt.Bucket, prefix, from, since []byte, waiting map[rowID]bool) *places {
	p := &places{c: b.Cursor(), prefix: prefix, since: since, waiting: waiting}
	p.k = before(p.c, slices.Concat(prefix, from))
	return p
}

func (p *places) next(time.Time) (place []byte, r *record, late bool, err error) {
	for ; bytes.HasPrefix(p.k, p.prefix) && p.k != nil; p.k, _ = p.c.Prev() {
		place := p.k[len(p.prefix):]
		if len(place) != placeSize || p.waiting[rowID(place[8:])] {
			continue
		}
		if bytes.Compare(place, p.since) < 0 {
			break
		}
		place = slices.Clone(place) // a key is the file's memory, and the cursor moves on
		p.k, _ = p.c.Prev()
		return place, nil, false, nil
	}
	p.k = nil
	return nil, nil, false, nil
}
