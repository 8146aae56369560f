package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// ActionDamaged is what the log writes about itself when it finds at start that
// its end is not what was signed.
const ActionDamaged = "audit.damaged"

// self is the actor of entries that the log writes about itself.
const self = "nvr"

// Options of a Log. DB and Key are needed.
type Options struct {
	DB  *bbolt.DB
	Key *proof.Key
	// Mirrors gives the roots of the volumes that are attached now: heads are
	// copied there. It is asked about once a minute. Default: none.
	Mirrors func() []string
	Known   func() []string  // all volumes, attached or not, that Verify asks; default Mirrors
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default: discard

	// Damaged is told when the database turns out to be damaged, each time.
	Damaged func(error) // default: nothing
}

// Log appends to the audit log and reads it.
type Log struct {
	opts  Options
	db    *bbolt.DB
	log   *slog.Logger
	views views
	turn  chan struct{} // one verification at a time
}

// Open opens the log in the database or begins one. It looks at the log's end
// only: when that is not what was signed it says so in the log and in an entry
// of its own, and goes on; a box that cannot trust its past still keeps
// account of its present.
func Open(o Options) (*Log, error) {
	if o.DB == nil || o.Key == nil {
		panic("audit: an option is missing") // our own bug, seen at the first start
	}
	if o.Mirrors == nil {
		o.Mirrors = func() []string { return nil }
	}
	if o.Known == nil {
		o.Known = o.Mirrors
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Damaged == nil {
		o.Damaged = func(error) {}
	}
	l := &Log{opts: o, db: o.DB, log: o.Log, turn: make(chan struct{}, 1)}
	l.views.open = map[viewKey][]*view{}
	if err := guarded.Update(l.db, l.prepare); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	return l, nil
}

// prepare makes the buckets and looks at the end of the log.
func (l *Log) prepare(tx *bbolt.Tx) error {
	if err := makeStore(tx); err != nil {
		return err
	}
	s, err := openStore(tx)
	if err != nil {
		return err
	}
	last := s.last()
	tip, err := s.tip()
	if err != nil && last.Seq == 0 && s.meta.Get([]byte(tipKey)) == nil {
		return s.putTip(l.opts.Key.Sign(s.list, 0, last.Hash, l.opts.Now()))
	}
	var problem string
	switch {
	case err != nil:
		problem = fmt.Sprintf("the signed end of the log cannot be read: %v", err)
	case l.opts.Key.Public().Check(tip) != nil:
		problem = l.opts.Key.Public().Check(tip).Error()
	case tip.List == s.list && tip.Seq == last.Seq && tip.Hash != last.Hash:
		problem = fmt.Sprintf("record %d, the last one, is not the one that was signed at %s", last.Seq, tip.Time.Format(time.RFC3339))
	case tip.List != s.list || tip.Seq != last.Seq:
		problem = fmt.Sprintf("record %d was the last, signed at %s, and record %d is", tip.Seq, tip.Time.Format(time.RFC3339), last.Seq)
	default:
		return nil
	}
	l.log.Error("audit log is damaged: run nvr audit verify", "problem", problem)
	// The end as it was signed is evidence: the next one must not replace it.
	if err == nil {
		if err := s.keepHead(tip); err != nil {
			return err
		}
	}
	return l.AppendTx(tx, Entry{Actor: self, Action: ActionDamaged, Outcome: "ok", Detail: problem})
}

// AppendTx writes an entry as part of a transaction: it is there if the
// transaction is (A1). Only an error of the database is one; whatever the entry
// holds is cut to what can be written (A3).
func (l *Log) AppendTx(tx *bbolt.Tx, e Entry) error {
	_, err := l.append(tx, e)
	return err
}

func (l *Log) append(tx *bbolt.Tx, e Entry) (uint64, error) {
	s, err := openStore(tx)
	if err != nil {
		return 0, fmt.Errorf("append to audit log: %w", err)
	}
	now := l.opts.Now()
	seq, hash := s.end()
	e = e.bounded(now)
	e.Seq = seq + 1
	r := nextRecord(hash, e)
	if err := errors.Join(s.put(r, e.Time), s.putTip(l.opts.Key.Sign(s.list, r.Seq, r.Hash, now))); err != nil {
		return 0, fmt.Errorf("append to audit log: %w", err)
	}
	return r.Seq, nil
}

// nextRecord makes the record of a bounded entry that has its number.
func nextRecord(prev proof.Hash, e Entry) proof.Record { return proof.Next(prev, e.Seq, encode(e)) }

// Append writes an entry by itself. When it returns, the entry is on disk.
func (l *Log) Append(e Entry) error {
	_, err := l.appendAlone(e)
	return err
}

// appendAlone appends in a transaction of its own.
func (l *Log) appendAlone(e Entry) (seq uint64, err error) {
	err = l.update(func(tx *bbolt.Tx) error {
		seq, err = l.append(tx, e)
		return err
	})
	return seq, err
}

// update writes to the database, and tells when it is damaged.
func (l *Log) update(fn func(*bbolt.Tx) error) error {
	err := guarded.Update(l.db, fn)
	if errors.Is(err, guarded.ErrDamaged) {
		l.opts.Damaged(err)
	}
	return err
}

// Verify checks the log as it is now against its key and the volumes that are
// attached. One runs at a time; others wait, until ctx ends.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	defer func() { <-l.turn }()
	return Verify(ctx, l.db, l.opts.Key.Public(), l.opts.Known())
}
