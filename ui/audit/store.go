package audit

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// The names of buckets and of what is in meta.
const (
	topBucket     = "audit"
	metaBucket    = "meta"
	recordsBucket = "records"
	timesBucket   = "times"
	headsBucket   = "heads"

	formatKey = "format"
	listKey   = "list"
	tipKey    = "tip"

	storeFormat = "1"
)

// fill packs pages of what is only appended to.
const fill = 0.95

// ErrNone says that the database holds no audit log.
var ErrNone = errors.New("there is no audit log in this database")

// ErrFormat says that the log was written by another version of the program.
var ErrFormat = errors.New("the audit log has a format that is not known here")

// listForm is what makeStore calls a list.
var listForm = regexp.MustCompile(`^audit/[0-9a-f]{16}$`)

// store is the log's buckets within one transaction.
type store struct {
	meta, records, times, heads *bbolt.Bucket
	list                        string
}

// openStore finds the buckets, ErrNone if they are not there.
func openStore(tx *bbolt.Tx) (store, error) {
	top := tx.Bucket([]byte(topBucket))
	if top == nil {
		return store{}, ErrNone
	}
	s := store{
		meta: top.Bucket([]byte(metaBucket)), records: top.Bucket([]byte(recordsBucket)),
		times: top.Bucket([]byte(timesBucket)), heads: top.Bucket([]byte(headsBucket)),
	}
	if s.meta == nil || s.records == nil || s.times == nil || s.heads == nil {
		return store{}, ErrNone
	}
	if have := s.meta.Get([]byte(formatKey)); string(have) != storeFormat {
		return store{}, fmt.Errorf("%w: %q, not %s: use the program that wrote it", ErrFormat, have, storeFormat)
	}
	s.list = string(s.meta.Get([]byte(listKey)))
	if !listForm.MatchString(s.list) {
		return store{}, fmt.Errorf("%w: its list is called %q: the database is damaged, put it back from a backup", ErrFormat, s.list)
	}
	return s, nil
}

// makeStore makes the buckets where they are missing, and a list of a name of
// its own: heads of one that was there before tell that it is gone (A5).
func makeStore(tx *bbolt.Tx) error {
	top, err := tx.CreateBucketIfNotExists([]byte(topBucket))
	if err != nil {
		return err
	}
	for _, name := range []string{metaBucket, recordsBucket, timesBucket, headsBucket} {
		if _, err := top.CreateBucketIfNotExists([]byte(name)); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	meta := top.Bucket([]byte(metaBucket))
	if meta.Get([]byte(formatKey)) != nil {
		return nil
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return errors.Join(
		meta.Put([]byte(formatKey), []byte(storeFormat)),
		meta.Put([]byte(listKey), []byte("audit/"+hex.EncodeToString(id[:]))),
	)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// timesKey sorts by time and then by number.
func timesKey(t time.Time, seq uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, timesKeySize), uint64(max(t.UnixNano(), 0)))
	return binary.BigEndian.AppendUint64(b, seq)
}

const timesKeySize = 16

// tip gives the signed head of the last entry, as it was signed.
func (s store) tip() (proof.Head, error) { return proof.ParseHead(s.meta.Get([]byte(tipKey))) }

// last gives the last record that is there; its number is 0 when there is none.
func (s store) last() proof.Record {
	k, v := s.records.Cursor().Last()
	if len(k) != 8 {
		return proof.Record{Hash: proof.Genesis(s.list)}
	}
	r, err := proof.DecodeRecord(binary.BigEndian.Uint64(k), v)
	if err != nil {
		return proof.Record{Seq: r.Seq} // the break in the chain will show
	}
	return r
}

// end says what the next record follows. If records were cut off the end it goes
// on behind them, so that they are missing for everybody to see (A4).
func (s store) end() (seq uint64, hash proof.Hash) {
	last := s.last()
	if tip, err := s.tip(); err == nil && tip.List == s.list && tip.Seq >= last.Seq {
		return tip.Seq, tip.Hash
	}
	return last.Seq, last.Hash
}

// put appends a record of an entry of that time.
func (s store) put(r proof.Record, at time.Time) error {
	s.records.FillPercent, s.times.FillPercent = fill, fill
	return errors.Join(
		s.records.Put(seqKey(r.Seq), r.Encode()),
		s.times.Put(timesKey(at, r.Seq), []byte{}),
	)
}

func (s store) putTip(h proof.Head) error { return s.meta.Put([]byte(tipKey), h.Encode()) }

// keepHead keeps a signed head for good.
func (s store) keepHead(h proof.Head) error {
	key := binary.BigEndian.AppendUint64(seqKey(h.Seq), uint64(max(h.Time.UnixNano(), 0)))
	return s.heads.Put(key, h.Encode())
}

// keptHeads gives the heads that are kept, and how many rows are none.
func (s store) keptHeads() (heads []proof.Head, bad int) {
	c := s.heads.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if h, err := proof.ParseHead(v); err == nil {
			heads = append(heads, h)
		} else {
			bad++
		}
	}
	return heads, bad
}

// lastHead gives the newest head of the list that is kept, if there is one.
func (s store) lastHead() (proof.Head, bool) {
	c := s.heads.Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		if h, err := proof.ParseHead(v); err == nil && h.List == s.list {
			return h, true
		}
	}
	return proof.Head{}, false
}

// record reads the record of a number; false if there is none that can be read.
func (s store) record(seq []byte) (proof.Record, bool) {
	v := s.records.Get(seq)
	if v == nil {
		return proof.Record{}, false
	}
	r, err := proof.DecodeRecord(binary.BigEndian.Uint64(seq), v)
	return r, err == nil
}
