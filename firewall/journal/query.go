package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Bounds of one page. A read transaction holds old pages of the file, so it is
// short, and there are few.
const (
	defaultLimit = 100
	maxLimit     = 1000
	queryBudget  = 35 * time.Millisecond // of one transaction
	queryTxs     = 3
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
	Where   *filter.Filter
	Chatter ChatterFilter
	Limit   int    // at most 1000, default 100
	Cursor  string // Next of the page before

	now time.Time
}

// Page is a stretch of the list, newest last hit first.
type Page struct {
	Attempts []Attempt `json:"attempts"`
	Next     string    `json:"next,omitempty"`    // cursor of the next page, "" at the end
	Searched time.Time `json:"searched,omitzero"` // how far back this page looked; it may end early when little matches
}

// Query lists attempts as subscribers were told of them, written or not: who
// subscribes first and then asks misses nothing. It takes little more than 100 ms,
// however much it finds: a page may hold fewer than Limit and still have a Next.
func (j *Journal) Query(f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	f.Limit = min(f.Limit, maxLimit)
	page := Page{Attempts: []Attempt{}}
	var err error
	page.Next, page.Searched, err = j.each(f, func(a *Attempt) bool {
		page.Attempts = append(page.Attempts, *a)
		return len(page.Attempts) < f.Limit
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// each gives the attempts that match to use, until that has enough or the time is
// over; then next is the cursor to go on from.
func (j *Journal) each(f Filter, use func(*Attempt) bool) (next string, searched time.Time, err error) {
	f.now = j.opts.Now()
	// Before the file is read: a row written in between is then in both, and not in neither.
	fresh, waiting := j.table.unwritten(&f)
	for range queryTxs {
		more := true
		err = j.db.View(func(tx *bbolt.Tx) error {
			s := search{f: &f, fresh: fresh, waiting: waiting, searched: searched, crowded: j.crowded, use: func(a *Attempt) bool {
				more = use(a)
				return more
			}}
			var err error
			next, err = s.run(tx, j.indexed.Load())
			searched, fresh = s.searched, s.fresh
			return err
		})
		if err != nil {
			return "", time.Time{}, fmt.Errorf("query attempts: %w", err)
		}
		if f.Cursor = next; next == "" || !more {
			break
		}
	}
	return next, searched, nil
}

// listed is a row with its place in the list.
type listed struct {
	attempt Attempt
	id      rowID
	place   []byte // last hit, id
}

// unwritten gives the rows that wait to be written: those that may match, newest
// first, and the ids of all, and of those in the file that are in one of them. All
// that takes long is done with the lock let go: packets are counted under it.
func (t *table) unwritten(f *Filter) (fresh []listed, waiting map[rowID]bool) {
	since, until := f.since(), f.Where.Until()
	t.mu.Lock()
	waiting = make(map[rowID]bool, len(t.waiting)+len(t.gone))
	for id := range t.gone {
		waiting[id] = true
	}
	for id, r := range t.waiting {
		waiting[id] = true
		if a := &r.attempt; f.of(a) && !a.Last.Before(since) && (until.IsZero() || a.Last.Before(until)) {
			fresh = append(fresh, listed{attempt: *a, id: id})
		}
	}
	t.mu.Unlock()
	for i := range fresh {
		fresh[i].place = lastKey(fresh[i].attempt.Last, fresh[i].id)
	}
	slices.SortFunc(fresh, func(a, b listed) int { return bytes.Compare(b.place, a.place) })
	return fresh, waiting
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
		// Who asks for it by the rule's reason, or for all that is shown as it, wants it.
		if a.Chatter && f.Reason != nflog.Chatter && !slices.Contains(f.Where.Any(filter.Reason), string(nflog.Chatter)) {
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
	return f.Where.Match(func(field filter.Field) []string { return a.values(field, f.now) })
}

// since is the earliest last hit that is asked for.
func (f *Filter) since() time.Time {
	since := later(f.Since, f.Where.Since())
	if tags := f.Where.Any(filter.Is); len(tags) == 1 && tags[0] == "new" {
		since = later(since, f.now.Add(-newFor)) // what is new began since, and so was hit
	}
	return since
}

// values are what an attempt has in a field of the filter language.
func (a *Attempt) values(field filter.Field, now time.Time) []string {
	switch field {
	case filter.Text:
		all := []string{a.Host, a.Device, a.ProtocolName, string(a.shownReason()), a.Port, a.Country, a.Network, a.Layer, a.Rule}
		for _, n := range a.Said {
			all = append(all, n.Name, n.Detail)
		}
		all = append(all, a.Cameras...)
		for _, f := range []filter.Field{filter.Address, filter.Source, filter.MAC, filter.Port} {
			all = append(all, a.values(f, now)...)
		}
		return all
	case filter.Camera:
		return append(slices.Clip(a.Cameras), a.Device) // cameras that the device has now are asked for by its id
	case filter.Is:
		return a.Tags(now)
	case filter.Address, filter.Source:
		addr := a.Destination
		if field == filter.Source {
			addr = a.Source
		}
		if !addr.IsValid() {
			return nil
		}
		return []string{addr.WithZone("").String()}
	case filter.Port:
		if !a.hasPort() {
			return nil
		}
		return []string{strconv.Itoa(int(a.DestinationPort))}
	case filter.Device:
		return []string{a.Device}
	case filter.Host:
		return []string{a.Host}
	case filter.Protocol:
		return []string{a.ProtocolName}
	case filter.Country:
		return []string{a.Country}
	case filter.Network:
		return []string{a.Network}
	case filter.Said:
		names := make([]string, 0, len(a.Said))
		for _, n := range a.Said {
			names = append(names, n.Name)
		}
		return names
	case filter.MAC:
		return []string{a.MAC.String()}
	case filter.Reason:
		return []string{string(a.shownReason())}
	case filter.Layer:
		return []string{a.Layer}
	case filter.Rule:
		return []string{a.Rule}
	case filter.Since, filter.Until: // bounds of the walk, never terms
	}
	return nil
}
