package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/pattern"
)

// Bounds of one page. A read transaction holds old pages of the file, so it is short.
const (
	defaultLimit = 100
	maxLimit     = 1000
	queryBudget  = 40 * time.Millisecond
)

// ErrCursor says that a cursor is not one that a page gave.
var ErrCursor = errors.New("no cursor of this list")

// ChatterFilter says what to do with multicast and the like.
type ChatterFilter int

// Chatter is left out unless asked for.
const (
	WithoutChatter ChatterFilter = iota
	WithChatter
	OnlyChatter
)

// Nobody stands for the device of those whom nobody knows.
const Nobody = "-"

// Filter chooses attempts. Its zero value means all but chatter.
type Filter struct {
	Device  string       // exact; "-" means those of nobody's
	Reason  nflog.Reason // exact
	Since   time.Time    // last hit not before
	Text    string       // in host, addresses, camera, device, protocol, or the port's number
	Chatter ChatterFilter
	Limit   int    // at most 1000, default 100
	Cursor  string // Next of the page before
}

// Page is a stretch of the list, newest last hit first.
type Page struct {
	Attempts []Attempt `json:"attempts"`
	Next     string    `json:"next,omitempty"`    // cursor of the next page, "" at the end
	Searched time.Time `json:"searched,omitzero"` // how far back this page looked; it may end early when little matches
}

// Query lists attempts as subscribers were told of them, written or not: who
// subscribes first and then asks misses nothing. It takes no longer than 40 ms: a
// page may hold fewer than Limit and still have a Next.
func (j *Journal) Query(f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	f.Limit = min(f.Limit, maxLimit)
	f.Text = strings.ToLower(strings.TrimSpace(f.Text))
	page := Page{Attempts: []Attempt{}}
	// Before the file is read: a row written in between is then in both, and not in neither.
	fresh, waiting := j.table.unwritten(&f)
	err := j.db.View(func(tx *bbolt.Tx) error { return j.scan(tx, f, fresh, waiting, &page) })
	if err != nil {
		return Page{}, fmt.Errorf("query attempts: %w", err)
	}
	return page, nil
}

// listed is a row with its place in the list.
type listed struct {
	attempt Attempt
	place   []byte // last hit, id
}

// unwritten gives the rows that wait to be written: those that match, newest
// first, and the ids of all.
func (t *table) unwritten(f *Filter) (fresh []listed, waiting map[rowID]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting = make(map[rowID]bool, len(t.waiting))
	for id, r := range t.waiting {
		waiting[id] = true
		if a := &r.attempt; f.of(a) && !a.Last.Before(f.Since) && f.matches(a) {
			fresh = append(fresh, listed{*a, lastKey(a.Last, id)})
		}
	}
	slices.SortFunc(fresh, func(a, b listed) int { return bytes.Compare(b.place, a.place) })
	return fresh, waiting
}

// scan walks the index from the newest, or from the cursor, backwards, and puts
// between what it finds the rows that are newer than the index has them.
func (j *Journal) scan(tx *bbolt.Tx, f Filter, fresh []listed, waiting map[rowID]bool, page *Page) error {
	index, prefix := bucketByLast, []byte{}
	if f.Device != "" {
		device := f.Device
		if device == Nobody {
			device = ""
		}
		index, prefix = bucketByDevice, append([]byte(device), 0)
	}
	from, err := parseCursor(f.Cursor)
	if err != nil {
		return err
	}
	fresh = slices.DeleteFunc(fresh, func(l listed) bool { return bytes.Compare(l.place, from) >= 0 })
	c := tx.Bucket(index).Cursor()
	k := before(c, append(slices.Clone(prefix), from...))
	deadline := time.Now().Add(queryBudget)
	for seen := 1; ; seen++ {
		for k != nil && bytes.HasPrefix(k, prefix) && (len(k) != len(prefix)+placeSize || waiting[rowID(k[len(prefix)+8:])]) {
			k, _ = c.Prev()
		}
		var place []byte // stays empty at the end of the file
		if k != nil && bytes.HasPrefix(k, prefix) && !readTime(k[len(prefix):]).Before(f.Since) {
			place = k[len(prefix):]
		}
		switch {
		case len(fresh) > 0 && bytes.Compare(fresh[0].place, place) > 0:
			place = fresh[0].place
			page.Attempts = append(page.Attempts, fresh[0].attempt)
			fresh = fresh[1:]
		case place == nil:
			return nil
		default:
			place = slices.Clone(place) // a key is the file's memory, and the cursor moves on
			r, err := getRecord(tx, rowID(place[8:]))
			if err != nil {
				return err
			}
			if r != nil && f.matches(&r.Attempt) {
				page.Attempts = append(page.Attempts, r.Attempt)
			}
			k, _ = c.Prev()
		}
		page.Searched = readTime(place)
		if len(page.Attempts) == f.Limit || seen%64 == 0 && time.Now().After(deadline) {
			page.Next = hex.EncodeToString(place)
			return nil
		}
	}
}

// placeSize is the length of a place in the list: a time and an id.
const placeSize = 8 + len(rowID{})

// parseCursor gives the place that a page ended at; without one it is behind all.
func parseCursor(cursor string) ([]byte, error) {
	if cursor == "" {
		return bytes.Repeat([]byte{0xff}, placeSize), nil
	}
	place, err := hex.DecodeString(cursor)
	if err != nil || len(place) != placeSize {
		return nil, fmt.Errorf("%w: %q", ErrCursor, cursor)
	}
	return place, nil
}

// before puts the cursor on the last key before one.
func before(c *bbolt.Cursor, key []byte) []byte {
	k, _ := c.Seek(key) // the first at or behind it
	if k == nil {
		k, _ = c.Last()
	}
	for k != nil && bytes.Compare(k, key) >= 0 {
		k, _ = c.Prev()
	}
	return k
}

// of tells whether an attempt is of the device that is asked for.
func (f *Filter) of(a *Attempt) bool {
	return f.Device == "" || f.Device == a.Device || f.Device == Nobody && a.Device == ""
}

func (f *Filter) matches(a *Attempt) bool {
	switch f.Chatter {
	case WithoutChatter:
		if a.Chatter && f.Reason != nflog.Chatter { // who asks for it by the rule's reason wants it
			return false
		}
	case OnlyChatter:
		if !a.Chatter {
			return false
		}
	case WithChatter:
	}
	if f.Reason != "" && a.Reason != f.Reason {
		return false
	}
	return f.Text == "" || a.contains(f.Text)
}

// contains looks for text, which is in lower case, in what people know an attempt by.
func (a *Attempt) contains(text string) bool {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && a.DestinationPort == uint16(n) {
		return true
	}
	for _, s := range []string{a.Host, a.Device, a.ProtocolName, string(a.Reason), a.MAC.String(), a.Port} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	if a.Destination.IsValid() && strings.Contains(a.Destination.String(), text) ||
		a.Source.IsValid() && strings.Contains(a.Source.String(), text) {
		return true
	}
	return slices.ContainsFunc(a.Cameras, func(c string) bool { return strings.Contains(strings.ToLower(c), text) })
}

// ErrUnknown says that there is no attempt by that id, or no longer.
var ErrUnknown = errors.New("no such attempt")

// Get gives one attempt, as Query does.
func (j *Journal) Get(attempt string) (Attempt, error) {
	if a, _, ok := j.table.unwrittenByID(attempt); ok {
		return a, nil
	}
	var a Attempt
	err := j.read(attempt, func(_ *bbolt.Tx, _ rowID, r *record) { a = r.Attempt })
	return a, err
}

// Evidence gives the beginning of an attempt's first packet, at most 320 bytes
// from the IP header on. Rows "other" have none.
func (j *Journal) Evidence(attempt string) ([]byte, error) {
	// What was in the file before the row came to memory is not in memory.
	if _, packet, _ := j.table.unwrittenByID(attempt); len(packet) > 0 {
		return packet, nil
	}
	var packet []byte
	err := j.read(attempt, func(tx *bbolt.Tx, id rowID, _ *record) {
		packet = bytes.Clone(tx.Bucket(bucketEvidence).Get(id[:]))
	})
	return packet, err
}

// unwrittenByID finds an attempt that waits to be written.
func (t *table) unwrittenByID(attempt string) (a Attempt, packet []byte, ok bool) {
	id, err := parseID(attempt)
	if err != nil {
		return a, nil, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.waiting[id]
	if !ok {
		return a, nil, false
	}
	return r.attempt, r.evidence, true // nobody changes evidence, it is let go as a whole
}

// read finds an attempt by its id and hands it to use.
func (j *Journal) read(attempt string, use func(*bbolt.Tx, rowID, *record)) error {
	id, err := parseID(attempt)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return j.db.View(func(tx *bbolt.Tx) error {
		r, err := getRecord(tx, id)
		if err != nil {
			return err
		}
		if r == nil {
			return fmt.Errorf("%w: %s", ErrUnknown, attempt)
		}
		use(tx, id, r)
		return nil
	})
}

// Timeline tells when an attempt's packets came: the slots of the past, and how
// many were too long ago, or came before times were kept.
func (j *Journal) Timeline(attempt string) (slots []pattern.Slot, before uint64, err error) {
	if line, ok := j.table.timelineOf(attempt); ok {
		slots, before = line.Slots()
		return slots, before, nil
	}
	var line pattern.Timeline
	err = j.read(attempt, func(tx *bbolt.Tx, id rowID, r *record) {
		if line, _, err = pattern.ReadTimeline(tx.Bucket(bucketHistory).Get(id[:])); err != nil || line.Sum() > r.Count {
			line = pattern.Timeline{}
		}
		line.AddBefore(r.Count - line.Sum())
	})
	slots, before = line.Slots()
	return slots, before, err
}

// timelineOf finds the timeline of an attempt that waits to be written.
func (t *table) timelineOf(attempt string) (line pattern.Timeline, ok bool) {
	id, err := parseID(attempt)
	if err != nil {
		return line, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.waiting[id]
	if ok {
		line.Merge(&r.timeline) // a copy: the row's goes on changing
	}
	return line, ok
}
