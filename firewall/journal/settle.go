package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/pattern"
)

// settle makes every row that changed hold its whole count, decides which may
// stay rows of their own, and tells subscribers. Called with work held. On an
// error the rows not reached wait for the next time.
func (j *Journal) settle() error {
	j.table.tick()
	for range 3 { // folding changes rows for many, and theirs the rows "other"
		changed := j.table.takeChanged()
		for len(changed) > 0 {
			part := changed[:min(rowsPerTx, len(changed))]
			if err := j.settlePart(part); err != nil {
				j.table.putBack(changed)
				return err
			}
			changed = changed[len(part):]
		}
	}
	return nil
}

func (j *Journal) settlePart(part []*row) error {
	known, err := j.lookUp(part)
	if err != nil {
		return err
	}
	if err := j.makeRoom(part, known); err != nil {
		return err
	}
	told := make([]Attempt, 0, len(part))
	j.table.mu.Lock()
	for _, r := range part {
		r.changed = false
		if r.into != nil || !r.settled && !j.table.settleRow(r, known[r.id]) {
			continue
		}
		r.judge()
		j.table.locate(r)
		told = append(told, r.attempt)
		if j.table.waiting[r.id] != r {
			j.table.waiting[r.id] = r
			j.dirty = append(j.dirty, r)
		}
	}
	j.table.mu.Unlock()
	j.subs.tell(told)
	return j.foldEarlier()
}

// past is what the file has of a row, or of its destination where it has no such row.
type past struct {
	*record
	history []byte // timeline and rhythm
	novel   bool   // the device had never tried the destination
	odd     bool   // nor had any of its siblings
}

// lookUp reads what the file has of the rows that are not settled.
func (j *Journal) lookUp(part []*row) (map[rowID]past, error) {
	known := make(map[rowID]past)
	asked := make(map[rowID]destination)
	gone := make(map[rowID]bool)
	j.table.mu.Lock()
	for _, r := range part {
		if !r.settled && r.into == nil {
			known[r.id] = past{}
			asked[r.id] = r.destination()
			gone[r.id] = j.table.gone[r.id] // what the file has of it is counted elsewhere
		}
	}
	j.table.mu.Unlock()
	if len(known) == 0 {
		return known, nil
	}
	err := j.db.View(func(tx *bbolt.Tx) error {
		for id := range known {
			r, err := getRecord(tx, id)
			if err != nil {
				j.opts.Log.Warn("attempt in the journal cannot be read, it starts anew", "attempt", id.String(), "error", err)
				continue
			}
			if r != nil && !gone[id] {
				known[id] = past{record: r, history: bytes.Clone(tx.Bucket(bucketHistory).Get(id[:]))}
			} else if j.indexed.Load() {
				known[id] = asked[id].past(tx)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look attempts up: %w", err)
	}
	return known, nil
}

// settleRow joins a row with what the file has of it. False means that it was
// folded. Called with mu held.
func (t *table) settleRow(r *row, known past) bool {
	if !r.key.other && r.key.folded == foldNone {
		r.from.unsettled--
	}
	if known.record == nil {
		if into := t.spreadInto(r); into != nil {
			t.foldInto(r, into)
			return false
		}
		if !r.key.other {
			if t.stored[r.bucket.name] >= t.opts.MaxPerDevice {
				t.foldInto(r, t.otherOf(r))
				return false
			}
			t.stored[r.bucket.name]++
		}
		r.attempt.Novel, r.attempt.Odd = known.novel, known.odd
		r.settled = true
		return true
	}
	a, was := &r.attempt, &known.Attempt
	a.Count += was.Count
	a.Bytes += was.Bytes
	a.Folded += was.Folded
	a.First, a.Last = earlier(a.First, was.First), later(a.Last, was.Last)
	if was.Host != "" {
		a.Host = was.Host // the name at the time of the first hit stays for ever
	}
	a.Country, a.Network = was.Country, was.Network
	now := a.Said
	a.Said, a.SaidMore = was.Said, a.SaidMore || was.SaidMore
	a.say(now)
	a.Scan = a.Scan || was.Scan
	a.Novel, a.Odd, a.Period, a.Jitter = was.Novel, was.Odd, was.Period, was.Jitter
	r.joinHistory(known.history, was.Count)
	r.evidence = nil // the first packet's is in the file
	r.settled, r.written = true, true
	return true
}

// joinHistory puts what the file has of a row's past in front. A past of before
// there were timelines has counts alone.
func (r *row) joinHistory(history []byte, count uint64) {
	line, rest, err := pattern.ReadTimeline(history)
	if err != nil || line.Sum() > count {
		line = pattern.Timeline{}
	}
	if rhythm, _, err := pattern.ReadRhythm(rest); err == nil {
		r.rhythm.Before(&rhythm)
	}
	line.AddBefore(count - line.Sum())
	line.Merge(&r.timeline)
	r.timeline = line
}

// judge tells what the row's times tell. Called with mu held, when it has changed.
func (r *row) judge() {
	r.attempt.Changed = r.timeline.Changed(r.attempt.Last)
	if !r.called {
		return
	}
	r.called = false
	b, _ := r.rhythm.Beacon()
	r.attempt.Period, r.attempt.Jitter = b.Period, b.Jitter
}

func (t *table) takeChanged() []*row {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.changed
	t.changed = nil
	return c
}

// putBack makes rows wait for the next settle. Those already settled in the
// meantime lose nothing by coming again.
func (t *table) putBack(rows []*row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rows {
		r.changed = true
	}
	t.changed = append(rows, t.changed...)
}

// write writes the rows that settled since the last time, and the names and
// questions that changed. Called with work held. What an error leaves unwritten
// stays for the next time.
func (j *Journal) write() error {
	// What others went into first: an attempt may have come back since it went there.
	slices.SortStableFunc(j.dirty, func(a, b *row) int { return cmp.Compare(a.rank(), b.rank()) })
	for len(j.dirty) > 0 {
		part := j.dirty[:min(rowsPerTx, len(j.dirty))]
		if err := j.writePart(part); err != nil {
			return err
		}
		j.dirty = j.dirty[len(part):]
	}
	j.dirty = nil
	if err := j.asked.write(j.db); err != nil {
		return err
	}
	if now := j.opts.Now(); now.Sub(j.touched) >= time.Minute || now.Before(j.touched) {
		if err := j.names.writeTouched(); err != nil {
			return err
		}
		j.touched = now
	}
	return nil
}

// rank is lower of rows that those of higher ranks are folded into.
func (r *row) rank() int {
	switch {
	case r.key.other:
		return 0
	case r.key.folded != foldNone:
		return 1
	}
	return 2
}

// pending is a copy of a row on its way to the file.
type pending struct {
	record
	evidence []byte
	history  []byte
}

func (j *Journal) writePart(part []*row) error {
	rows := make([]pending, len(part))
	var gone []rowID
	j.table.mu.Lock()
	for i, r := range part {
		rows[i] = pending{record{r.attempt, r.bucket.name}, r.evidence, r.rhythm.Append(r.timeline.Append(nil))}
		for _, id := range append(r.took, r.id) {
			if j.table.gone[id] {
				gone = append(gone, id)
			}
		}
	}
	j.table.mu.Unlock()
	added, removed := 0, 0
	err := j.db.Update(func(tx *bbolt.Tx) (err error) {
		if removed, err = j.deleteRows(tx, gone); err != nil {
			return err
		}
		for i, r := range part {
			isNew, err := putRecord(tx, r.id, &rows[i].record, r.key.other)
			if err != nil {
				return err
			}
			if isNew {
				added++
			}
			if err := tx.Bucket(bucketHistory).Put(r.id[:], rows[i].history); err != nil {
				return fmt.Errorf("write history: %w", err)
			}
			if len(rows[i].evidence) > 0 {
				if err := tx.Bucket(bucketEvidence).Put(r.id[:], rows[i].evidence); err != nil {
					return fmt.Errorf("write evidence: %w", err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write attempts: %w", err)
	}
	j.stored.Add(int64(added - removed))
	j.table.mu.Lock()
	defer j.table.mu.Unlock()
	for _, id := range gone {
		delete(j.table.gone, id)
	}
	for _, r := range part {
		r.took = nil
		delete(j.table.waiting, r.id)
		r.evidence, r.written = nil, true
	}
	return nil
}

// deleteRows removes attempts that were folded from the file, and tells how many it had.
func (j *Journal) deleteRows(tx *bbolt.Tx, ids []rowID) (removed int, err error) {
	for _, id := range ids {
		r, err := getRecord(tx, id)
		if err != nil {
			j.opts.Log.Warn("attempt in the journal cannot be read, it stays there though it was folded", "attempt", id.String(), "error", err)
		}
		if r == nil {
			continue // or it was too old
		}
		if err := deleteRecord(tx, id, r); err != nil {
			return 0, err
		}
		removed++
	}
	return removed, nil
}
