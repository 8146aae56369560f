package journal

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// crammedFor is how long a bucket in which everything was fresh is not searched again.
const crammedFor = time.Minute

// makeRoom lets old attempts go where new ones of the same bucket would find it
// full: what was not hit for an hour tells less than what is tried now, and one
// scan must not blind the journal for as long as it is kept. Their counts go to
// the row "other". Where all is fresh, the new ones are folded (settleRow).
func (j *Journal) makeRoom(part []*row, known map[rowID]past) error {
	now := j.opts.Now()
	need := map[*bucket]int{}
	j.table.mu.Lock()
	for _, r := range part {
		if r.into == nil && !r.settled && !r.key.other && known[r.id].record == nil {
			need[r.bucket]++
		}
	}
	for b := range need {
		need[b] -= j.table.opts.MaxPerDevice - j.table.stored[b.name]
		since, crammed := j.table.crammed[b.name]
		if age := now.Sub(since); need[b] <= 0 || crammed && age >= 0 && age < crammedFor {
			delete(need, b)
		}
	}
	held := map[rowID]bool{} // a row in memory would be written again, as if it were new
	if len(need) > 0 {
		for _, r := range j.table.rows {
			held[r.id] = true
		}
		for id := range j.table.gone {
			held[id] = true
		}
	}
	j.table.mu.Unlock()
	for b, n := range need {
		gone, err := j.oldestOf(b, min(n, rowsPerTx), now.Add(-fresh), held)
		if err != nil {
			return err
		}
		j.table.mu.Lock()
		delete(j.table.crammed, b.name)
		if len(gone) == 0 {
			j.table.crammed[b.name] = now
		}
		for id, r := range gone {
			j.table.absorb(b, id, r)
		}
		j.table.mu.Unlock()
	}
	return nil
}

// oldestOf gives up to n of a bucket's attempts last hit before an instant and not
// held, the oldest first.
func (j *Journal) oldestOf(b *bucket, n int, before time.Time, held map[rowID]bool) (map[rowID]*record, error) {
	prefix := append([]byte(b.device), 0)
	gone := map[rowID]*record{}
	err := j.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketByDevice).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(gone) < n; k, _ = c.Next() {
			key := k[len(prefix):]
			if len(key) != 8+len(rowID{}) {
				continue // of a device whose id goes on here
			}
			if !readTime(key).Before(before) {
				return nil
			}
			id := rowID(key[8:])
			if held[id] {
				continue
			}
			if r, err := getRecord(tx, id); err == nil && r != nil && r.Bucket == b.name && !r.Overflow {
				gone[id] = r
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make room for new attempts: %w", err)
	}
	return gone, nil
}

// absorb adds what an attempt of the file had counted to its bucket's row "other",
// for which it goes. Called with mu held.
func (t *table) absorb(b *bucket, id rowID, r *record) {
	a := &r.Attempt
	o := t.other(&bucketOf{bucket: b, cameras: a.Cameras, kind: a.Kind}, hitOf(a))
	o.take(a)
	o.timeline.AddBefore(a.Count)
	t.leave(id, o)
	t.change(o)
	if t.stored[b.name]--; t.stored[b.name] <= 0 {
		delete(t.stored, b.name)
	}
}

// longestUnused is a stored name of a device's that was neither asked nor hit
// for an hour; nil where there is none. Called with mu held.
func (n *names) longestUnused(device string) *name {
	now := n.opts.Now()
	old := func(one *name) bool {
		return n.byHost[one.host] == one && !one.retired && one.last.Before(now.Add(-fresh))
	}
	for list := n.stale[device]; len(list) > 0; list = n.stale[device] {
		n.stale[device] = list[1:]
		if old(list[0]) {
			return list[0]
		}
	}
	delete(n.stale, device)
	// Looking at all is for once a minute, not for each of a flood of names.
	if since, crammed := n.crammed[device]; crammed && now.Sub(since) >= 0 && now.Sub(since) < crammedFor {
		return nil
	}
	var list []*name
	for _, one := range n.byHost {
		if one.device == device && old(one) && one.isStored() {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b *name) int { return a.last.Compare(b.last) })
	n.crammed[device] = now
	if len(list) == 0 {
		return nil
	}
	n.stale[device] = list[1:]
	return list[0]
}

// isStored reports whether the file has a name, rather than being about to.
func (n *name) isStored() bool {
	select {
	case <-n.stored:
		return true
	default:
		return false
	}
}
