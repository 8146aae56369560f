package auth

import (
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
	maxCounters  = 32768          // of each table; see counters for which goes then
)

// counted is whom failures are counted for: a hash, so that its size is bounded
// whatever was typed.
type counted [sha256.Size]byte

func countedName(name string) counted     { return sha256.Sum256([]byte("name\x00" + nameKey(name))) }
func countedFactor(userID string) counted { return sha256.Sum256([]byte("factor\x00" + userID)) }
func countedSource(source string) counted {
	return sha256.Sum256([]byte("source\x00" + source))
}

func countedPair(who counted, known string) counted {
	return sha256.Sum256(append(append([]byte("pair\x00"), who[:]...), known...))
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

// lockout counts failed tries; see the package's comment for what it does.
type lockout struct {
	mu      sync.Mutex // guards all below
	names   *counters  // by account
	sources *counters
	pairs   *counters // by account and a device that is known good for it
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

// begin starts a try, or tells how long to wait. What is known of where it comes from
// names a counter that it has to itself; empty for a stranger.
func (l *lockout) begin(who counted, from Source, known string, now time.Time) (*try, time.Duration) {
	t := &try{
		l: l, who: who, source: countedSource(sourceKey(from)), pair: countedPair(who, known), known: known != "",
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.known {
		if wait := l.pairs.wait(t.pair, now); wait > 0 {
			return nil, wait
		}
		if !l.pairs.fail(t.pair, now) {
			return nil, firstWait
		}
		return t, 0
	}
	// Nothing is counted, and so no place taken, for a try that is not made: a source
	// that is locked must not push others' counters out.
	if wait := max(l.names.wait(who, now), l.sources.wait(t.source, now)); wait > 0 {
		return nil, wait
	}
	if !l.names.fail(who, now) {
		return nil, firstWait
	}
	if !l.sources.fail(t.source, now) {
		l.names.undo(who, now)
		return nil, firstWait
	}
	return t, 0
}

// succeed takes the try's failure back. Only what is known starts anew. A source does
// not, else who has an account could try others' for ever, signing in to their own
// between; nor does a name, else its failing strangers could tell from it that its
// owner came in, and so that there is one.
func (t *try) succeed(now time.Time) {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	if t.known {
		t.l.pairs.drop(t.pair)
		return
	}
	t.l.names.undo(t.who, now)
	t.l.sources.undo(t.source, now)
}

// waits is how long the next try has to wait.
func (t *try) waits(now time.Time) time.Duration {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	if t.known {
		return t.l.pairs.wait(t.pair, now)
	}
	return max(t.l.names.wait(t.who, now), t.l.sources.wait(t.source, now))
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
	var record failureRecord
	if f := l.names.look(try.who, t.now); f != nil {
		record = failureRecord{f.n, f.last}
	}
	gone := l.names.gone
	l.names.gone = nil
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
		t.a.lockout.names.restore(failures{who: counted(k), n: record.N, last: record.Last}, t.now)
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
