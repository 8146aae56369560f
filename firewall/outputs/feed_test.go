package outputs

import (
	"errors"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// ledger is a journal of one attempt.
type ledger struct{ row journal.Attempt }

func (l *ledger) Query(f journal.Filter) (p journal.Page, err error) {
	if !l.row.Last.Before(f.Since) {
		p.Attempts = []journal.Attempt{l.row}
	}
	return p, nil
}
func (*ledger) Questions(string, int) []journal.Question { return nil }
func (*ledger) Evidence(string) ([]byte, error)          { return nil, journal.ErrUnknown }

func TestAnAttemptThatGoesOnIsToldEachMinuteAndAgainAfterABreak(t *testing.T) {
	start := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	l := &ledger{journal.Attempt{ID: "a", First: start, Last: start, Count: 1}}
	f := newFeed(l, start)
	hangs := errors.New("hangs")
	at := func(seconds int, fails bool) (counts []uint64) {
		t.Helper()
		err := f.turn(start.Add(time.Duration(seconds)*time.Second), func(e event) error {
			if fails {
				return hangs
			}
			counts = append(counts, e.attempt.Count)
			return nil
		})
		if fails != errors.Is(err, hangs) {
			t.Fatal(err)
		}
		return counts
	}
	hit := func(seconds int) {
		l.row.Last, l.row.Count = start.Add(time.Duration(seconds)*time.Second), l.row.Count+1
	}
	told := func(what string, got []uint64, want ...uint64) {
		t.Helper()
		if len(got) != len(want) || len(want) == 1 && got[0] != want[0] {
			t.Errorf("%s: told %v, want %v", what, got, want)
		}
	}
	at(1, true)
	told("what was not written", at(2, false), 1)
	hit(3)
	told("within the minute", at(4, false))
	for s := 5; s < 62; s++ {
		told("still within it", at(s, false))
	}
	told("a minute later, though nothing came since", at(80, false), 2)
	told("no news", at(81, false))
	f.broke(start.Add(100 * time.Second))
	told("after a break", at(101, false), 2)
	for s := 102; s < 200; s++ {
		told("no news", at(s, false))
	}
	f.broke(start.Add(200 * time.Second))
	told("a break long after", at(201, false))
	hit(-100)
	l.row.Last = start.Add(-90 * time.Second)
	told("the clock was set back", at(-89, false), 3)
}
