package journal

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/pattern"
)

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
	j.table.mu.Lock()
	gone := j.table.gone[id]
	j.table.mu.Unlock()
	return j.db.View(func(tx *bbolt.Tx) error {
		r, err := getRecord(tx, id)
		if err != nil {
			return err
		}
		if r == nil || gone {
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
