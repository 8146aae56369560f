package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/guarded"
)

// Bounds of one page. A read transaction holds old pages of the file, so it is short.
const (
	defaultLimit = 100
	maxLimit     = 500
	readBudget   = 40 * time.Millisecond
	looksEvery   = 64 // entries between looks at the clock
)

// ErrCursor says that a cursor is not one that a page gave.
var ErrCursor = errors.New("no cursor of this list")

// Page is a stretch of the log, newest first.
type Page struct {
	Entries []Entry `json:"entries"`
	// Next is the cursor of the next page, "" on the last. A page may hold fewer
	// than Limit, even none, and still have one: little matched in the time it may take.
	Next string `json:"next,omitempty"`
	// Searched is how far back this page looked.
	Searched time.Time `json:"searched,omitzero"`
}

// Query lists entries by their time, newest first. It takes no longer than about
// 40 ms, see Page.Next. Entries that cannot be read any more are left out:
// Verify names them.
func (l *Log) Query(ctx context.Context, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	f.Limit = min(f.Limit, maxLimit)
	page := Page{Entries: []Entry{}}
	err := guarded.View(l.db, func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		return scan(ctx, s, f.ready(), &page)
	})
	if err != nil {
		return Page{}, fmt.Errorf("query audit log: %w", err)
	}
	return page, nil
}

// scan walks the index by time backwards.
func scan(ctx context.Context, s store, f *sieve, page *Page) error {
	c := s.times.Cursor()
	k, err := f.newest(c)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(readBudget)
	for seen := 1; k != nil; k, _ = c.Prev() {
		if len(k) != timesKeySize {
			continue
		}
		at := time.Unix(0, int64(binary.BigEndian.Uint64(k))).UTC()
		if !f.From.IsZero() && at.Before(f.From) {
			return nil
		}
		page.Searched = at
		if r, ok := s.record(k[8:]); ok && f.may(r.Body) {
			if e, err := decode(r.Body); err == nil && f.chooses(&e) {
				page.Entries = append(page.Entries, e)
			}
		}
		if len(page.Entries) == f.Limit || seen%looksEvery == 0 && time.Now().After(deadline) {
			page.Next = hex.EncodeToString(k)
			return ctx.Err()
		}
		seen++
	}
	return nil
}

// newest puts the cursor on the newest entry of the range that lies behind the page before.
func (s *sieve) newest(c *bbolt.Cursor) ([]byte, error) {
	bound := bytes.Repeat([]byte{0xff}, timesKeySize+1)
	if !s.To.IsZero() {
		bound = timesKey(s.To, 0)
	}
	if s.Cursor != "" {
		place, err := hex.DecodeString(s.Cursor)
		if err != nil || len(place) != timesKeySize {
			return nil, fmt.Errorf("%w: %.64q", ErrCursor, s.Cursor)
		}
		if bytes.Compare(place, bound) < 0 {
			bound = place
		}
	}
	k, _ := c.Seek(bound) // the first at or behind it
	if k == nil {
		k, _ = c.Last()
		if k != nil && bytes.Compare(k, bound) < 0 {
			return k, nil
		}
	}
	if k != nil {
		k, _ = c.Prev()
	}
	return k, nil
}
