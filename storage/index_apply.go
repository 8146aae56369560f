package storage

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// batch is what one commit changes in the index: put before doomed. Applying a batch again changes nothing.
type batch struct {
	volume uint16
	put    []Segment
	doomed []Segment // stated as deleted: out of the listing, file still to be unlinked
	forget []string  // paths that were unlinked, durably
	absent []Segment // rows whose file is not there
	gaps   []Gap     // by From; without length: none
	// earlier says that doomed is what an earlier session stated.
	earlier bool
	holds   []holdLine
	whole   []string // cameras of which a line cannot be understood: nothing of them is deleted
	heads   map[string]ledgerHead
}

func (b *batch) empty() bool {
	return len(b.put)+len(b.doomed)+len(b.forget)+len(b.absent)+len(b.gaps)+len(b.holds)+len(b.whole)+len(b.heads) == 0
}

// add takes what one ledger line means for the index.
func (b *batch) add(l ledgerLine, volume string) {
	switch l.Kind {
	case lineSealed, lineRecovered, lineDeleted, lineLost:
		s, err := l.segment(volume)
		switch {
		case err != nil: // parseLine checked it
		case l.Kind == lineDeleted:
			b.doomed = append(b.doomed, s)
		case l.Kind == lineLost: // never was in the index
		default:
			if l.Detail == sparedDetail {
				b.doomed = slices.DeleteFunc(b.doomed, func(d Segment) bool { return d.Path == s.Path })
			}
			b.put = append(b.put, s)
		}
	case lineGap:
		b.gaps = append(b.gaps, l.gap())
	case lineHold, lineHoldEnded:
		h, ok := l.hold()
		switch {
		case ok:
			b.holds = append(b.holds, h)
		case l.Kind == lineHold:
			b.whole = append(b.whole, l.Camera) // deleting less is right
		}
	default:
		b.whole = append(b.whole, l.Camera) // of a later version
	}
}

// maxTransaction is how many rows one transaction writes: a rebuild brings
// hundreds of thousands, and every volume's commits wait for it.
const maxTransaction = 2000

// apply writes a batch durably: in one transaction, or if it is a large one in
// several, of which the last has the ledgers' heads. What is cut short is read
// from there again.
func (ix *index) apply(b *batch) error {
	for _, part := range b.parts() {
		if err := ix.write(part); err != nil {
			return err
		}
	}
	return nil
}

// parts cuts a batch, in the order in which its rows are applied.
func (b *batch) parts() []*batch {
	if len(b.put)+len(b.doomed)+len(b.forget)+len(b.absent)+len(b.gaps) <= maxTransaction {
		return []*batch{b}
	}
	var parts []*batch
	for rows := range slices.Chunk(b.put, maxTransaction) {
		parts = append(parts, &batch{volume: b.volume, put: rows})
	}
	for rows := range slices.Chunk(b.doomed, maxTransaction) {
		parts = append(parts, &batch{volume: b.volume, doomed: rows})
	}
	for paths := range slices.Chunk(b.forget, maxTransaction) {
		parts = append(parts, &batch{volume: b.volume, forget: paths})
	}
	for rows := range slices.Chunk(b.absent, maxTransaction) {
		parts = append(parts, &batch{volume: b.volume, absent: rows})
	}
	for rows := range slices.Chunk(b.gaps, maxTransaction) {
		parts = append(parts, &batch{volume: b.volume, gaps: rows})
	}
	return append(parts, &batch{volume: b.volume, holds: b.holds, whole: b.whole, heads: b.heads})
}

// write applies a batch in one transaction.
func (ix *index) write(b *batch) error {
	if b.empty() {
		return nil
	}
	err := ix.db.Update(func(tx *bolt.Tx) error {
		w := indexWriter{
			segments: tx.Bucket([]byte("segments")), streams: tx.Bucket([]byte("streams")),
			order: tx.Bucket([]byte("order")), gaps: tx.Bucket([]byte("gaps")),
		}
		w.order.FillPercent = 0.9 // mostly appended to
		for _, step := range []func(*bolt.Tx, *batch) error{w.putAll, w.doomAll, w.rest} {
			if err := step(tx, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if ix.learn != nil {
		ix.learn(b.volume, b.holds, b.whole)
	}
	return nil
}

// indexWriter holds the buckets of a transaction.
type indexWriter struct {
	segments, streams, order, gaps *bolt.Bucket
}

func (w *indexWriter) putAll(tx *bolt.Tx, b *batch) error {
	doomed := tx.Bucket([]byte("doomed"))
	for _, s := range b.put {
		if err := w.put(s, b.volume); err != nil {
			return err
		}
		// One that was held after all is not unlinked at the next start.
		if err := doomed.Delete(volumeKey(b.volume, s.Path)); err != nil {
			return err
		}
	}
	return nil
}

func (w *indexWriter) doomAll(tx *bolt.Tx, b *batch) error {
	doomed, wanted := tx.Bucket([]byte("doomed")), tx.Bucket([]byte("wanted"))
	for _, s := range b.doomed {
		if err := w.remove(s.SegmentMeta, b.volume); err != nil {
			return err
		}
		if err := doomed.Put(volumeKey(b.volume, s.Path), nil); err != nil {
			return err
		}
		if err := wanted.Delete(volumeKey(b.volume, s.Path)); err != nil {
			return err
		}
	}
	for _, path := range b.forget {
		if err := doomed.Delete(volumeKey(b.volume, path)); err != nil {
			return err
		}
	}
	for _, s := range b.absent {
		if err := w.remove(s.SegmentMeta, b.volume); err != nil {
			return err
		}
	}
	return nil
}

// rest writes gaps, holds and ledger heads.
func (w *indexWriter) rest(tx *bolt.Tx, b *batch) error {
	for _, g := range b.gaps {
		if err := w.putGap(g); err != nil {
			return err
		}
	}
	if err := w.putHolds(tx, b); err != nil {
		return err
	}
	heads := tx.Bucket([]byte("heads"))
	for camera, h := range b.heads {
		if err := heads.Put(volumeKey(b.volume, camera), headRow(h)); err != nil {
			return err
		}
	}
	return nil
}

// put adds or replaces a row and keeps the counters right.
func (w *indexWriter) put(s Segment, volume uint16) error {
	if err := w.remove(s.SegmentMeta, 0); err != nil {
		return err
	}
	name := []byte(s.key().String())
	rows, err := w.segments.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	rows.FillPercent = 0.9
	if err := rows.Put(segmentKey(s.SegmentMeta), segmentRow(s, volume)); err != nil {
		return err
	}
	if err := w.order.Put(orderKey(volume, s.SegmentMeta), nil); err != nil {
		return err
	}
	sum := parseStreamRow(w.streams.Get(name))
	sum.segments++
	sum.bytes += s.Bytes
	sum.longest = max(sum.longest, s.End.Sub(s.Start))
	return w.streams.Put(name, sum.encode())
}

// remove deletes a row if there is one, and if it is of the volume (0 for any).
func (w *indexWriter) remove(m SegmentMeta, volume uint16) error {
	name := []byte(m.key().String())
	rows := w.segments.Bucket(name)
	if rows == nil {
		return nil
	}
	k := segmentKey(m)
	v := rows.Get(k)
	if v == nil {
		return nil
	}
	old, on, err := parseRow(m.key(), k, v)
	if err != nil {
		return err
	}
	if volume != 0 && volume != on {
		return nil
	}
	if err := rows.Delete(k); err != nil {
		return err
	}
	if err := w.order.Delete(orderKey(on, m)); err != nil {
		return err
	}
	sum := parseStreamRow(w.streams.Get(name))
	sum.segments--
	sum.bytes -= old.Bytes
	return w.streams.Put(name, sum.encode())
}

// putGap adds, replaces or (without length) removes a gap. An end that is known
// stays: lines of one gap may lie on two volumes, which commit in no order.
func (w *indexWriter) putGap(g Gap) error {
	key := streamKey{g.Camera, g.Stream}
	name := []byte(key.String())
	rows, err := w.gaps.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	if w.streams.Get(name) == nil { // a stream may have gaps only
		if err := w.streams.Put(name, streamRow{}.encode()); err != nil {
			return err
		}
	}
	k := timeKey(g.From)
	if g.To.IsZero() {
		if old, err := parseGap(key, k, rows.Get(k)); err == nil && !old.To.IsZero() {
			return nil
		}
	}
	if bytes.Equal(k, timeKey(g.To)) {
		return rows.Delete(k)
	}
	return rows.Put(k, gapRow(g))
}
