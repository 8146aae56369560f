package journal

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// crowdedHour is how many rows of an hour are read to put them in their order.
// Where more have the value, matches lie so close that walking over all rows of
// that hour finds a page of them sooner.
const crowdedHour = 1500

// hours walks the rows that have one of some values, an hour at a time, since that
// is how finely the index by value knows when a row was last hit.
type hours struct {
	tx          *bbolt.Tx
	terms       []term
	from, since []byte
	waiting     map[rowID]bool
	crowded     int // rows of an hour from which on they are not put in order

	begun bool
	moved bool    // an hour was read
	hour  int64   // the latest that was not looked at yet
	rows  []found // of an hour, the newest first
	dense *places // of an hour with too many to be put in order
}

// found is a row and its place.
type found struct {
	place []byte
	r     *record
}

func (h *hours) next(deadline time.Time) (place []byte, r *record, late bool, err error) {
	if !h.begun {
		h.begun, h.hour = true, int64(hourOf(readTime(h.from)))
		if h.from[0] == 0xff { // behind all
			h.hour = 1<<32 - 2
		}
	}
	for {
		if len(h.rows) > 0 {
			one := h.rows[0]
			h.rows = h.rows[1:]
			return one.place, one.r, false, nil
		}
		if h.dense != nil {
			if place, _, _, _ = h.dense.next(deadline); place != nil {
				return place, nil, false, nil
			}
			h.dense = nil
		}
		hour, ok := h.newest()
		if !ok {
			return nil, nil, false, nil
		}
		if h.moved && time.Until(deadline) < queryBudget/3 { // too late to begin with another
			place := append(startOf(int64(hour)+1), make([]byte, len(rowID{}))...)
			if bytes.Compare(place, h.from) > 0 {
				place = h.from // never before where it began: who goes on would meet the same again
			}
			return place, nil, true, nil
		}
		h.hour, h.moved = int64(hour)-1, true
		if err := h.read(hour); err != nil {
			return nil, nil, false, err
		}
	}
}

// startOf is the first place of an hour.
func startOf(hour int64) []byte { return timeKey(time.Unix(hour*3600, 0)) }

// newest finds the latest hour left in which a row has one of the values.
func (h *hours) newest() (hour uint32, ok bool) {
	if h.hour < 0 {
		return 0, false
	}
	c := h.tx.Bucket(bucketByValue).Cursor()
	for _, t := range h.terms {
		prefix := append([]byte(t), 0)
		end := slices.Concat(prefix, binary.BigEndian.AppendUint32(nil, uint32(h.hour)), bytes.Repeat([]byte{0xff}, len(rowID{})+1))
		k := before(c, end)
		if len(k) != len(prefix)+4+len(rowID{}) || !bytes.HasPrefix(k, prefix) {
			continue
		}
		if one := binary.BigEndian.Uint32(k[len(prefix):]); !ok || one > hour {
			hour, ok = one, true
		}
	}
	if ok && bytes.Compare(startOf(int64(hour)+1), h.since) <= 0 {
		return 0, false
	}
	return hour, ok
}

// read takes the rows of an hour that have one of the values, in the order of the
// list, or goes over to walking all rows of it.
func (h *hours) read(hour uint32) error {
	ids := map[rowID]bool{}
	c := h.tx.Bucket(bucketByValue).Cursor()
	for _, t := range h.terms {
		prefix := binary.BigEndian.AppendUint32(append([]byte(t), 0), hour)
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(ids) <= h.crowded; k, _ = c.Next() {
			if len(k) == len(prefix)+len(rowID{}) {
				ids[rowID(k[len(prefix):])] = true
			}
		}
	}
	start := startOf(int64(hour))
	if bytes.Compare(start, h.since) < 0 {
		start = h.since
	}
	end := h.from
	if after := append(startOf(int64(hour)+1), make([]byte, len(rowID{}))...); bytes.Compare(after, end) < 0 {
		end = after
	}
	if len(ids) > h.crowded {
		h.dense = newPlaces(h.tx.Bucket(bucketByLast), nil, end, start, h.waiting)
		return nil
	}
	for id := range ids {
		if h.waiting[id] {
			continue
		}
		r, err := getRecord(h.tx, id)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if place := lastKey(r.Last, id); bytes.Compare(place, end) < 0 && bytes.Compare(place, start) >= 0 {
			h.rows = append(h.rows, found{place, r})
		}
	}
	slices.SortFunc(h.rows, func(a, b found) int { return bytes.Compare(b.place, a.place) })
	return nil
}
