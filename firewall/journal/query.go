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

// nobody stands for the device of those whom nobody knows.
const nobody = "-"

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

// Query lists attempts as they were last written, at most a second ago. It takes
// no longer than 40 ms: a page may hold fewer than Limit and still have a Next.
func (j *Journal) Query(f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	f.Limit = min(f.Limit, maxLimit)
	f.Text = strings.ToLower(strings.TrimSpace(f.Text))
	page := Page{Attempts: []Attempt{}}
	err := j.db.View(func(tx *bbolt.Tx) error { return j.scan(tx, f, &page) })
	if err != nil {
		return Page{}, fmt.Errorf("query attempts: %w", err)
	}
	return page, nil
}

// scan walks the index from the newest, or from the cursor, backwards.
func (j *Journal) scan(tx *bbolt.Tx, f Filter, page *Page) error {
	index, prefix := bucketByLast, []byte{}
	if f.Device != "" {
		device := f.Device
		if device == nobody {
			device = ""
		}
		index, prefix = bucketByDevice, append([]byte(device), 0)
	}
	c := tx.Bucket(index).Cursor()
	k, err := start(c, prefix, f.Cursor)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(queryBudget)
	for seen := 0; k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
		place := k[len(prefix):]
		if len(place) != 8+len(rowID{}) {
			continue
		}
		last := readTime(place)
		if last.Before(f.Since) {
			return nil
		}
		page.Searched = last
		r, err := getRecord(tx, rowID(place[8:]))
		if err != nil {
			return err
		}
		if r != nil && f.matches(&r.Attempt) {
			page.Attempts = append(page.Attempts, r.Attempt)
		}
		seen++
		if len(page.Attempts) == f.Limit || seen%64 == 0 && time.Now().After(deadline) {
			page.Next = hex.EncodeToString(place)
			return nil
		}
	}
	return nil
}

// start puts the cursor on the newest entry, or on the one before the place that
// the last page ended at.
func start(c *bbolt.Cursor, prefix []byte, cursor string) ([]byte, error) {
	seek := append(slices.Clone(prefix), bytes.Repeat([]byte{0xff}, 8+len(rowID{}))...)
	if cursor != "" {
		place, err := hex.DecodeString(cursor)
		if err != nil || len(place) != 8+len(rowID{}) {
			return nil, fmt.Errorf("%w: %q", ErrCursor, cursor)
		}
		seek = append(slices.Clone(prefix), place...)
	}
	k, _ := c.Seek(seek) // the first at or behind the place
	if k == nil {
		k, _ = c.Last()
	}
	for k != nil && bytes.Compare(k, seek) >= 0 {
		k, _ = c.Prev()
	}
	return k, nil
}

func (f *Filter) matches(a *Attempt) bool {
	switch f.Chatter {
	case WithoutChatter:
		if a.Chatter && f.Reason != nflog.Chatter { // who asks for it by reason wants it
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

// Get gives one attempt as it was last written.
func (j *Journal) Get(attempt string) (Attempt, error) {
	var a Attempt
	err := j.read(attempt, func(_ *bbolt.Tx, _ rowID, r *record) { a = r.Attempt })
	return a, err
}

// Evidence gives the beginning of an attempt's first packet, at most 320 bytes
// from the IP header on. Rows "other" have none.
func (j *Journal) Evidence(attempt string) ([]byte, error) {
	var packet []byte
	err := j.read(attempt, func(tx *bbolt.Tx, id rowID, _ *record) {
		packet = bytes.Clone(tx.Bucket(bucketEvidence).Get(id[:]))
	})
	return packet, err
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
