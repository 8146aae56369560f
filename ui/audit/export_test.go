package audit

import (
	"time"

	"go.etcd.io/bbolt"
)

// Keep does what Run does at start and at stop.
func (l *Log) Keep() {
	k := &keeper{Log: l, mirrored: map[string]int{}, failing: map[string]bool{}}
	k.keep(true)
}

// AppendMany appends entries in one transaction and signs the last one only.
func (l *Log) AppendMany(n int, entry func(int) Entry) error {
	return l.db.Update(func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		seq, hash := s.end()
		for i := range n {
			e := entry(i).bounded(time.Time{})
			e.Seq = seq + uint64(i) + 1
			r := nextRecord(hash, e)
			if err := s.put(r, e.Time); err != nil {
				return err
			}
			hash = r.Hash
		}
		return s.putTip(l.opts.Key.Sign(s.list, seq+uint64(n), hash, l.opts.Now()))
	})
}

// MaxViews is how many views are remembered.
const MaxViews = maxViews

// Written gives an entry as it is written and as it is read back.
func Written(e Entry) ([]byte, Entry, error) {
	body := encode(e.bounded(time.Unix(1, 0)))
	if _, err := timeOf(body); err != nil {
		return body, Entry{}, err
	}
	back, err := decode(body)
	return body, back, err
}

// Chosen reports whether a filter chooses an encoded entry.
func Chosen(f Filter, body []byte) bool {
	s := f.ready()
	e, err := decode(body)
	return s.may(body) && err == nil && s.chooses(&e)
}
