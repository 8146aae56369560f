package journal

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// When many attempts become one row.
const (
	// A source that tries more new destinations than this scans. Destinations that
	// the sinkhole gave for a name of its own do not count: it bounds those itself.
	scanLimit  = 64
	scanWindow = 5 * time.Minute
	// So many new sources in a minute are invented. Where nobody is pinned many
	// cameras may really appear at one port.
	forgedLimit   = 64
	strangerLimit = 512
	sourceWindow  = time.Minute
	// Earlier rows of a spread are folded too unless they have more packets than a
	// try and its repetitions.
	foldUpTo = 8
)

// spread has begun: the earlier rows are to be folded like those that follow.
type spread struct {
	bucket *bucket
	from   *bucketOf // nil for ever new sources
	since  time.Time
}

// spreadInto gives the row that a new row is folded into, because it is one of
// too many; nil where it is a row of its own. Called with mu held, once for a row
// that the file does not have.
func (t *table) spreadInto(r *row) *row {
	b, at := r.bucket, r.attempt.First
	switch {
	case r.key.other || r.key.folded == foldTargets:
		return nil
	case r.key.folded == foldSources:
		if b.targets.New(at, scanLimit, scanWindow) {
			return t.otherOf(r)
		}
		return nil
	}
	if !r.from.counted || r.from.invented {
		limit := forgedLimit
		if b.device == "" {
			limit = strangerLimit
		}
		was := b.sources.Spread(at, sourceWindow)
		r.from.counted, r.from.invented = true, b.sources.New(at, limit, sourceWindow)
		if r.from.invented && !was {
			t.spreads = append(t.spreads, spread{b, nil, b.sources.Since()})
		}
	}
	if r.from.invented {
		return t.collected(r, foldSources)
	}
	if host := r.attempt.Host; host != "" && host != SharedHost {
		return nil
	}
	was := r.from.spread.Spread(at, scanWindow)
	if !r.from.spread.New(at, scanLimit, scanWindow) {
		return nil
	}
	if !was {
		t.spreads = append(t.spreads, spread{b, r.from, r.from.spread.Since()})
	}
	return t.collected(r, foldTargets)
}

// crowded gives the row for a new attempt that the table has no room for: that of
// the scan or of the invented sources where it is one of such, else the row "other".
func (t *table) crowded(k key, s *bucketOf, h *nflog.Hit) *row {
	by := foldNone
	switch {
	case s.spread.Spread(h.Time, scanWindow) || s.unsettled+s.spread.Fresh(h.Time, scanWindow) > scanLimit:
		by = foldTargets
	case s.bucket.sources.Spread(h.Time, sourceWindow):
		by = foldSources
	}
	if by == foldNone {
		return t.other(s, h)
	}
	if o := t.rows[k.collected(by)]; o != nil {
		return o
	}
	if by == foldSources { // each would be of another destination
		return t.other(s, h)
	}
	return t.collected(t.makeRow(k, s, h), by)
}

// collected gives the row for all that differ from r only in what is folded.
func (t *table) collected(r *row, by fold) *row {
	k := r.key.collected(by)
	o := t.rows[k]
	if o == nil {
		o = &row{id: k.id(), key: k, bucket: r.bucket, from: r.from, evidence: r.evidence}
		o.attempt = r.attempt
		a := &o.attempt
		a.ID, a.Count, a.Bytes, a.Folded = o.id.String(), 0, 0, 0
		a.Novel, a.Odd, a.Changed, a.Period, a.Jitter = false, false, false, 0, 0
		if by == foldSources {
			a.Many, a.MAC, a.Source = true, k.mac, k.src
		} else {
			a.Scan, a.ProtocolName, a.Family, a.Protocol = true, "other", 0, 0
			a.Destination, a.DestinationPort, a.DestinationMAC, a.EtherType = k.dst, 0, k.to, 0
			a.Host, a.Country, a.Network, a.Said, a.SaidMore = "", "", "", nil, false
		}
		t.rows[k] = o
		r.bucket.rows++
	}
	for o.into != nil { // it found no room itself
		o = o.into
	}
	return o
}

// otherOf gives the row "other" for an attempt that finds no row of its own.
func (t *table) otherOf(r *row) *row { return t.other(r.from, hitOf(&r.attempt)) }

// hitOf is the last hit of an attempt, as far as is known.
func hitOf(a *Attempt) *nflog.Hit {
	return &nflog.Hit{
		Time: a.Last, Prefix: nflog.Prefix{Layer: a.Layer, Reason: a.Reason, Rule: a.Rule, Revision: a.Revision},
		Port: a.Port, SrcMAC: a.MAC, Src: a.Source, Dst: a.Destination, DstPort: a.DestinationPort,
	}
}

// foldInto turns a row into a pointer to another and moves its counts there.
// Called with mu held.
func (t *table) foldInto(r, o *row) {
	if o.key.other {
		o.noteFolded(hitOf(&r.attempt))
	}
	o.take(&r.attempt)
	o.timeline.Merge(&r.timeline)
	o.took, r.took = append(o.took, r.took...), nil
	o.hits += r.hits
	o.touched = t.turn
	if r.key.folded == foldNone {
		t.folded += r.hits
	}
	r.into, r.evidence = o, nil
	t.change(o)
	if r.from.invented && t.rows[r.key] == r { // an invented source does not come again
		delete(t.rows, r.key)
		r.bucket.rows--
	}
}

// take adds what an attempt counted to a row for many.
func (r *row) take(a *Attempt) {
	o := &r.attempt
	o.Count += a.Count
	o.Bytes += a.Bytes
	o.Folded += max(a.Folded, 1) // a row for one attempt, or for those that it stands for
	o.Chatter = o.Chatter && a.Chatter
	if r.key.folded == foldSources {
		o.say(a.Said)
		o.SaidMore = o.SaidMore || a.SaidMore
	}
	if o.Last.Before(a.Last) {
		o.Port, o.Layer, o.Rule, o.Revision = a.Port, a.Layer, a.Rule, a.Revision
	}
	o.First, o.Last = earlier(o.First, a.First), later(o.Last, a.Last)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// foldEarlier folds the rows that a spread made before it was known for one, and
// tells subscribers what they were folded into. The file loses them when it gets
// that. Called with work held. On an error they stay, and it is tried again.
func (j *Journal) foldEarlier() error {
	j.table.mu.Lock()
	spreads := j.table.spreads
	rows := j.table.earlierOf(spreads)
	j.table.spreads = nil
	j.table.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	rows, err := j.readable(rows)
	if err != nil {
		j.table.mu.Lock()
		defer j.table.mu.Unlock()
		j.table.spreads = append(spreads, j.table.spreads...)
		return err
	}
	told := make([]Attempt, 0, len(rows))
	j.table.mu.Lock()
	for _, r := range rows {
		by := foldSources
		if slices.ContainsFunc(spreads, func(s spread) bool { return s.from == r.from }) {
			by = foldTargets
		}
		o := j.table.collected(r, by)
		j.table.foldInto(r, o)
		r.attempt.Into = o.attempt.ID
		if r.written {
			j.table.leave(r.id, o)
		}
		told = append(told, r.attempt)
		delete(j.table.waiting, r.id)
		if j.table.stored[r.bucket.name]--; j.table.stored[r.bucket.name] <= 0 {
			delete(j.table.stored, r.bucket.name)
		}
	}
	j.table.mu.Unlock()
	j.dirty = slices.DeleteFunc(j.dirty, func(r *row) bool { return r.into != nil })
	j.subs.tell(told)
	return nil
}

// earlierOf gives the rows that spreads made before they were known. Called with mu held.
func (t *table) earlierOf(spreads []spread) (rows []*row) {
	if len(spreads) == 0 {
		return nil
	}
	for _, r := range t.rows {
		a := &r.attempt
		if !r.settled || r.into != nil || r.key.other || r.key.folded != foldNone || a.Count > foldUpTo {
			continue
		}
		named := a.Host != "" && a.Host != SharedHost
		if slices.ContainsFunc(spreads, func(s spread) bool {
			return s.bucket == r.bucket && (s.from == nil || s.from == r.from && !named) && !a.First.Before(s.since)
		}) {
			rows = append(rows, r)
		}
	}
	return rows
}

// leave has an attempt that went into a row deleted from the file together with
// the writing of that row: its count is always in one of them. Called with mu held.
func (t *table) leave(id rowID, into *row) {
	into.took = append(into.took, id)
	t.gone[id] = true
}

// readable leaves out the rows that the file has, but nobody can read: they could
// not be deleted as a whole.
func (j *Journal) readable(rows []*row) ([]*row, error) {
	err := j.db.View(func(tx *bbolt.Tx) error {
		rows = slices.DeleteFunc(rows, func(one *row) bool {
			if !one.written {
				return false
			}
			_, err := getRecord(tx, one.id)
			if err != nil {
				j.opts.Log.Warn("attempt in the journal cannot be read, it is not folded", "attempt", one.id.String(), "error", err)
			}
			return err != nil
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("fold attempts: %w", err)
	}
	return rows, nil
}
