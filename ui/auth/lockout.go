package auth

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"sync"
	"time"
)

// How failures are counted.
const (
	freeFailures = 4 // the next one makes the first wait
	firstWait    = 2 * time.Second
	longestWait  = 15 * time.Minute
	forgetAfter  = 24 * time.Hour // without a failure
	maxCounters  = 32768          // of each table; then the one longest without a failure goes
)

// counted is whom failures are counted for: a hash, so that its size is bounded
// whatever was typed.
type counted [sha256.Size]byte

func countedName(name string) counted     { return sha256.Sum256([]byte("name\x00" + nameKey(name))) }
func countedFactor(userID string) counted { return sha256.Sum256([]byte("factor\x00" + userID)) }
func countedSource(source string) counted {
	return sha256.Sum256([]byte("source\x00" + source))
}

func countedPair(who counted, source string) counted {
	return sha256.Sum256(append(append([]byte("pair\x00"), who[:]...), source...))
}

// sourceKey is what is one source: an IPv4 address, or an IPv6 /64, which is
// what one customer has at least.
func sourceKey(from Source) string {
	ip := from.IP.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}

// failures is one counter.
type failures struct {
	who   counted
	n     int
	last  time.Time
	until time.Time // no try before
}

// counters is a table of a fixed size.
type counters struct {
	entries map[counted]*list.Element
	order   *list.List // of *failures, the latest failure first
}

func newCounters() *counters {
	return &counters{entries: make(map[counted]*list.Element), order: list.New()}
}

// at gives the counter, made if need be, and the one whose place it took.
func (c *counters) at(who counted, now time.Time) (f, gone *failures) {
	e := c.entries[who]
	if e == nil {
		if len(c.entries) >= maxCounters {
			gone = c.order.Remove(c.order.Back()).(*failures)
			delete(c.entries, gone.who)
		}
		e = c.order.PushFront(&failures{who: who})
		c.entries[who] = e
	}
	f = e.Value.(*failures)
	if now.Sub(f.last) > forgetAfter {
		f.n, f.until = 0, time.Time{}
	}
	// A clock that was set back must not make a wait of 15 minutes one of a year.
	if limit := now.Add(longestWait); f.until.After(limit) {
		f.until = limit
	}
	return f, gone
}

// wait is until when the counter makes wait.
func (f *failures) wait() time.Time {
	over := f.n - freeFailures
	if over <= 0 {
		return time.Time{}
	}
	return f.last.Add(min(firstWait<<min(over-1, 20), longestWait))
}

func (c *counters) fail(f *failures, now time.Time) {
	f.n++
	f.last = now
	f.until = f.wait()
	c.order.MoveToFront(c.entries[f.who])
}

func (c *counters) drop(who counted) {
	if e := c.entries[who]; e != nil {
		c.order.Remove(e)
		delete(c.entries, who)
	}
}

// lockout counts failed tries; see the package's comment for what it does.
type lockout struct {
	mu      sync.Mutex // guards all below
	names   *counters  // by account
	sources *counters
	pairs   *counters // by account and a source that is known good for it
	gone    []counted // left names while they waited: to be removed from the database too
}

func newLockout() *lockout {
	return &lockout{names: newCounters(), sources: newCounters(), pairs: newCounters()}
}

// try is one try that is under way. Until it succeeds, it counts as failed.
type try struct {
	l      *lockout
	who    counted
	source counted
	pair   counted
	known  bool
}

// begin starts a try, or tells how long to wait.
func (l *lockout) begin(who counted, from Source, known bool, now time.Time) (*try, time.Duration) {
	key := sourceKey(from)
	t := &try{l: l, who: who, source: countedSource(key), pair: countedPair(who, key), known: known}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known {
		f, _ := l.pairs.at(t.pair, now)
		if wait := f.until.Sub(now); wait > 0 {
			return nil, wait
		}
		l.pairs.fail(f, now)
		return t, 0
	}
	name, gone := l.names.at(who, now)
	if gone != nil && gone.n > freeFailures {
		l.gone = append(l.gone, gone.who)
	}
	source, _ := l.sources.at(t.source, now)
	if wait := max(name.until.Sub(now), source.until.Sub(now)); wait > 0 {
		return nil, wait
	}
	l.names.fail(name, now)
	l.sources.fail(source, now)
	return t, 0
}

// succeed takes the try's failure back. The account, or its pair with the
// source, starts anew; the source does not: else who has an account could try
// others' for ever, signing in to their own between.
func (t *try) succeed(now time.Time) {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	if t.known {
		t.l.pairs.drop(t.pair)
		return
	}
	t.l.names.drop(t.who)
	t.l.sources.undo(t.source, now)
}

// waits is how long the next try has to wait.
func (t *try) waits(now time.Time) time.Duration {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	if t.known {
		f, _ := t.l.pairs.at(t.pair, now)
		return f.until.Sub(now)
	}
	name, _ := t.l.names.at(t.who, now)
	source, _ := t.l.sources.at(t.source, now)
	return max(name.until.Sub(now), source.until.Sub(now))
}

// abandon takes the try back: nothing was tried.
func (t *try) abandon(now time.Time) {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	if t.known {
		t.l.pairs.undo(t.pair, now)
		return
	}
	t.l.names.undo(t.who, now)
	t.l.sources.undo(t.source, now)
}

// undo takes one failure back, and the wait that it made.
func (c *counters) undo(who counted, now time.Time) {
	f, _ := c.at(who, now)
	f.until = time.Time{}
	if f.n--; f.n <= 0 {
		c.drop(who)
	}
}

// failureRecord is what the database keeps of an account's counter.
type failureRecord struct {
	N    int       `json:"n"`
	Last time.Time `json:"last"`
}

// saveFailures writes down how a try that failed left its account's counter, if that
// has come to a wait, so that a restart does not begin anew.
func (t *tx) saveFailures(try *try) error {
	if try.known {
		return nil
	}
	l := t.a.lockout
	l.mu.Lock()
	f, _ := l.names.at(try.who, t.now)
	record := failureRecord{f.n, f.last}
	gone := l.gone
	l.gone = nil
	l.mu.Unlock()
	for _, who := range gone {
		if err := t.remove(bucketFailures, who[:]); err != nil {
			return err
		}
	}
	if record.N <= freeFailures {
		return nil
	}
	return t.put(bucketFailures, try.who[:], record)
}

// dropFailures removes what saveFailures wrote.
func (t *tx) dropFailures(who counted) error {
	if t.bucket(bucketFailures).Get(who[:]) == nil {
		return nil
	}
	return t.remove(bucketFailures, who[:])
}

// loadFailures reads what an earlier run counted and removes what is forgotten.
func (t *tx) loadFailures() error {
	c := t.bucket(bucketFailures).Cursor()
	var old [][]byte
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var record failureRecord
		if err := json.Unmarshal(v, &record); err != nil || len(k) != len(counted{}) || t.now.Sub(record.Last) > forgetAfter {
			old = append(old, k) // what cannot be read counts for nothing
			continue
		}
		f, _ := t.a.lockout.names.at(counted(k), t.now)
		f.n, f.last = record.N, record.Last
		f.until = f.wait()
	}
	for _, k := range old {
		if err := t.remove(bucketFailures, k); err != nil {
			return err
		}
	}
	return nil
}

// forget starts an account's counter anew.
func (l *lockout) forget(who counted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names.drop(who)
}
