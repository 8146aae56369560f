package storage

import (
	"bytes"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// located is a segment with its volume's number.
type located struct {
	Segment
	number uint16
}

// streams lists the streams of which something is known.
func (ix *index) streams() ([]StreamSummary, error) {
	var list []StreamSummary
	err := ix.db.View(func(tx *bolt.Tx) error {
		segments := tx.Bucket([]byte("segments"))
		return tx.Bucket([]byte("streams")).ForEach(func(name, v []byte) error {
			key, ok := parseStreamKey(string(name))
			if !ok {
				return errIndexRow
			}
			row := parseStreamRow(v)
			s := StreamSummary{Camera: key.camera, Stream: key.stream, Segments: row.segments, Bytes: row.bytes}
			if rows := segments.Bucket(name); rows != nil {
				if k, _ := rows.Cursor().First(); k != nil {
					s.First = keyTime(k)
				}
			}
			list = append(list, s)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return list, nil
}

// lastEnd gives the latest end of the segments that begin before an instant;
// zero if there is none.
func (ix *index) lastEnd(key streamKey, before time.Time) (last time.Time, err error) {
	err = ix.db.View(func(tx *bolt.Tx) error {
		name := []byte(key.String())
		rows := tx.Bucket([]byte("segments")).Bucket(name)
		if rows == nil {
			return nil
		}
		longest := parseStreamRow(tx.Bucket([]byte("streams")).Get(name)).longest
		c := rows.Cursor()
		k, v := c.Seek(timeKey(before))
		if k == nil {
			k, v = c.Last()
		}
		for ; k != nil && keyTime(k).Add(longest).After(last); k, v = c.Prev() {
			s, _, err := parseRow(key, k, v)
			if err != nil {
				return err
			}
			if s.Start.Before(before) && s.End.After(last) {
				last = s.End
			}
		}
		return nil
	})
	if err != nil {
		return last, fmt.Errorf("find last footage: %w", err)
	}
	return last, nil
}

// pageRows is how many rows one transaction reads: a few milliseconds, far
// from the 50 ms after which bbolt's file would grow behind it.
const pageRows = 2000

// each calls do with the segments of a stream that overlap [from, to), oldest
// first, until it says false. It reads page by page, and do runs outside of
// the transactions: what is written in between may be seen or not.
func (ix *index) each(key streamKey, from, to time.Time, do func(located) bool) error {
	end := timeKey(to)
	var next []byte // key of the next page's first row; nil at the beginning
	var page []located
	for {
		page = page[:0]
		err := ix.db.View(func(tx *bolt.Tx) error {
			name := []byte(key.String())
			rows := tx.Bucket([]byte("segments")).Bucket(name)
			if rows == nil {
				next = nil
				return nil
			}
			if next == nil {
				longest := parseStreamRow(tx.Bucket([]byte("streams")).Get(name)).longest
				next = timeKey(from.Add(-longest))
			}
			c := rows.Cursor()
			k, v := c.Seek(next)
			for next = nil; k != nil && bytes.Compare(k[:8], end) < 0; k, v = c.Next() {
				if len(page) == pageRows {
					next = bytes.Clone(k)
					return nil
				}
				s, number, err := parseRow(key, k, v)
				if err != nil {
					return err
				}
				if s.End.After(from) {
					page = append(page, located{s, number})
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list segments: %w", err)
		}
		for _, row := range page {
			if !do(row) {
				return nil
			}
		}
		if next == nil {
			return nil
		}
	}
}

// has reports whether a segment is listed.
func (ix *index) has(m SegmentMeta) (found bool, err error) {
	err = ix.db.View(func(tx *bolt.Tx) error {
		rows := tx.Bucket([]byte("segments")).Bucket([]byte(m.key().String()))
		found = rows != nil && rows.Get(segmentKey(m)) != nil
		return nil
	})
	return found, err
}

// find gives a segment that is listed; false if it is not.
func (ix *index) find(m SegmentMeta) (row located, found bool, err error) {
	err = ix.db.View(func(tx *bolt.Tx) (err error) {
		rows := tx.Bucket([]byte("segments")).Bucket([]byte(m.key().String()))
		if rows == nil {
			return nil
		}
		k := segmentKey(m)
		v := rows.Get(k)
		if found = v != nil; found {
			row.Segment, row.number, err = parseRow(m.key(), k, v)
		}
		return err
	})
	if err != nil {
		return located{}, false, fmt.Errorf("find segment %s: %w", m.path(), err)
	}
	return row, found, nil
}

// oldest calls do with a volume's segments in the order of deletion until it
// says false, page by page as each does: what may not be deleted can be much.
func (ix *index) oldest(volume uint16, do func(Segment) bool) error {
	prefix := volumeKey(volume, "")
	var page []Segment
	for next := prefix; next != nil; {
		page = page[:0]
		err := ix.db.View(func(tx *bolt.Tx) error {
			segments := tx.Bucket([]byte("segments"))
			c := tx.Bucket([]byte("order")).Cursor()
			k, _ := c.Seek(next)
			for next = nil; k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
				if len(page) == pageRows {
					next = bytes.Clone(k)
					return nil
				}
				s, err := orderedRow(segments, k)
				if err != nil {
					return err
				}
				page = append(page, s)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list oldest segments: %w", err)
		}
		for _, s := range page {
			if !do(s) {
				return nil
			}
		}
	}
	return nil
}

// orderedRow reads the segment that a key of deletion's order names.
func orderedRow(segments *bolt.Bucket, k []byte) (Segment, error) {
	m, err := parseOrderKey(k)
	if err != nil {
		return Segment{}, err
	}
	rows := segments.Bucket([]byte(m.key().String()))
	if rows == nil {
		return Segment{}, errIndexRow
	}
	s, _, err := parseRow(m.key(), k[2:14], rows.Get(k[2:14]))
	return s, err
}

// gaps lists the gaps of a stream that overlap [from, to), oldest first.
func (ix *index) gaps(key streamKey, from, to time.Time) ([]Gap, error) {
	var list []Gap
	err := ix.db.View(func(tx *bolt.Tx) error {
		rows := tx.Bucket([]byte("gaps")).Bucket([]byte(key.String()))
		if rows == nil {
			return nil
		}
		end := timeKey(to)
		c := rows.Cursor()
		// Gaps do not overlap, so only the one before may reach into the range.
		k, _ := c.Seek(timeKey(from))
		var v []byte
		if k == nil {
			k, v = c.Last()
		} else if k, v = c.Prev(); k == nil {
			k, v = c.First()
		}
		for ; k != nil && bytes.Compare(k, end) < 0; k, v = c.Next() {
			g, err := parseGap(key, k, v)
			if err != nil {
				return err
			}
			if g.To.IsZero() || g.To.After(from) {
				list = append(list, g)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list gaps: %w", err)
	}
	return list, nil
}

// openGaps gives each stream's last gap if it is open.
func (ix *index) openGaps() (map[streamKey]Gap, error) {
	open := map[streamKey]Gap{}
	err := ix.db.View(func(tx *bolt.Tx) error {
		all := tx.Bucket([]byte("gaps"))
		return all.ForEachBucket(func(name []byte) error {
			key, ok := parseStreamKey(string(name))
			if !ok {
				return errIndexRow
			}
			k, v := all.Bucket(name).Cursor().Last()
			if k == nil {
				return nil
			}
			g, err := parseGap(key, k, v)
			if err == nil && g.To.IsZero() {
				open[key] = g
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list open gaps: %w", err)
	}
	return open, nil
}

// heads gives how far a volume's ledgers are in the index, by camera.
func (ix *index) heads(volume uint16) (map[string]ledgerHead, error) {
	heads := map[string]ledgerHead{}
	err := ix.eachOf("heads", volume, func(name string, v []byte) error {
		h, err := parseHead(v)
		heads[name] = h
		return err
	})
	return heads, err
}

// doomed lists the paths of a volume that are stated as deleted and perhaps still there.
func (ix *index) doomed(volume uint16) ([]string, error) {
	var paths []string
	err := ix.eachOf("doomed", volume, func(name string, _ []byte) error {
		paths = append(paths, name)
		return nil
	})
	return paths, err
}

func (ix *index) eachOf(bucket string, volume uint16, do func(name string, v []byte) error) error {
	err := ix.db.View(func(tx *bolt.Tx) error {
		prefix := volumeKey(volume, "")
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if err := do(string(k[2:]), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", bucket, err)
	}
	return nil
}
