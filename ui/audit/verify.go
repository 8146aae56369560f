package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// Unlisted says that the index by time, which searches use, does not agree with the log.
const Unlisted proof.Kind = "unlisted"

// Report is what a verification found.
type Report struct {
	OK      bool        `json:"ok"`
	Entries uint64      `json:"entries"` // read
	List    string      `json:"list"`
	Key     proof.KeyID `json:"key"`               // of the site: compare it with what was noted down elsewhere
	Heads   int         `json:"heads"`             // signed heads that were compared, from wherever
	Problem string      `json:"problem,omitempty"` // the first finding in words
	// Findings are at most some hundred, in order of the records.
	Findings []proof.Finding `json:"findings,omitempty"`
	Mirrors  []MirrorReport  `json:"mirrors,omitempty"`
}

// MirrorReport is what a volume says.
type MirrorReport struct {
	Path  string `json:"path"`
	Heads int    `json:"heads"`
	// Problem says why it could not be asked, which is no finding: a volume that
	// is away proves nothing.
	Problem string `json:"problem,omitempty"`
}

// Verify checks the log of a database: every record and its place in the index,
// the signed end, and every signed head that is kept there or on the volumes
// whose roots are given (A4, A5). It reads in transactions of at most about 40 ms,
// so that the database may be in use. An error says that it could not be done,
// not what was found; ErrNone that there is no log.
func Verify(ctx context.Context, db *bbolt.DB, public proof.Public, mirrors []string) (Report, error) {
	v := &verification{db: db, report: Report{Key: public.ID()}}
	if err := v.run(ctx, public, mirrors); err != nil {
		return Report{}, fmt.Errorf("verify audit log: %w", err)
	}
	return v.report, nil
}

type verification struct {
	db      *bbolt.DB
	checker *proof.Checker
	report  Report

	last     uint64         // the last record that was read
	at       []byte         // the last key of the index that was seen
	tip      *proof.Witness // nil: not readable
	unlisted []proof.Finding
}

// inDatabase names where heads were kept.
const inDatabase = "the database"

func (v *verification) run(ctx context.Context, public proof.Public, mirrors []string) error {
	var heads []proof.Witness
	err := guarded.View(v.db, func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		v.report.List = s.list
		kept, bad := s.keptHeads()
		for _, h := range kept {
			heads = append(heads, proof.Witness{Head: h, From: inDatabase})
		}
		v.unreadable(inDatabase, bad)
		return nil
	})
	if err != nil {
		return err
	}
	for _, root := range mirrors {
		heads = append(heads, v.mirror(root)...)
	}
	v.report.Heads = len(heads)
	v.checker = proof.NewChecker(v.report.List, public, heads)
	if err := v.inSteps(ctx, v.records); err != nil {
		return err
	}
	v.at = nil
	rows := uint64(0)
	if err := v.inSteps(ctx, func(s store) bool { return v.index(s, &rows) }); err != nil {
		return err
	}
	v.conclude(rows)
	return nil
}

// inSteps calls a step in a transaction of its own until it is done.
func (v *verification) inSteps(ctx context.Context, step func(store) bool) error {
	for done := false; !done; {
		err := guarded.View(v.db, func(tx *bbolt.Tx) error {
			s, err := openStore(tx)
			if err != nil {
				return err
			}
			done = step(s)
			return nil
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// records hands records to the checker as long as a transaction may take.
func (v *verification) records(s store) (done bool) {
	c, listed := s.records.Cursor(), newFinder(s.times.Cursor(), v.at)
	deadline := time.Now().Add(readBudget)
	k, value := c.Seek(seqKey(v.last + 1))
	for seen := 1; k != nil; k, value = c.Next() {
		if len(k) != 8 {
			continue
		}
		v.last = binary.BigEndian.Uint64(k)
		r, err := proof.DecodeRecord(v.last, value)
		v.checker.Add(r) // bytes that are no record fit no hash either
		if err == nil {
			v.inIndex(r, listed)
		}
		if seen%(4*looksEvery) == 0 && time.Now().After(deadline) {
			v.at = bytes.Clone(listed.key)
			return false
		}
		seen++
	}
	if tip, err := s.tip(); err == nil && tip.List == s.list {
		v.tip = &proof.Witness{Head: tip, From: inDatabase}
	}
	return true
}

// inIndex looks a record up in the index by time.
func (v *verification) inIndex(r proof.Record, listed *finder) {
	at, err := timeOf(r.Body)
	if err != nil {
		return // its hash says whether it was changed
	}
	if !listed.has(timesKey(at, r.Seq)) {
		v.hidden(r.Seq, "searches do not show it")
	}
}

// index counts the rows of entries that were read.
func (v *verification) index(s store, rows *uint64) (done bool) {
	c := s.times.Cursor()
	deadline := time.Now().Add(readBudget)
	k, _ := c.Seek(append(bytes.Clone(v.at), 0))
	for seen := 1; k != nil; k, _ = c.Next() {
		if len(k) != timesKeySize || binary.BigEndian.Uint64(k[8:]) <= v.last {
			*rows++
		}
		if seen%(4*looksEvery) == 0 && time.Now().After(deadline) {
			v.at = bytes.Clone(k)
			return false
		}
		seen++
	}
	return true
}

// conclude puts together what was found.
func (v *verification) conclude(rows uint64) {
	found := v.checker.End(v.tip)
	v.report.Entries = v.checker.Records()
	if len(found) == 0 && len(v.unlisted) == 0 && rows != v.report.Entries {
		v.hidden(0, fmt.Sprintf("the index by time has %d rows for %d entries", rows, v.report.Entries))
	}
	if v.tip == nil {
		v.unlisted = append(v.unlisted, proof.Finding{Kind: proof.Unsigned, Detail: "the signed end of the log cannot be read"})
	}
	// A record that is itself wrong comes before one that is only not listed, and
	// then nobody asks for its place in the index.
	v.unlisted = slices.DeleteFunc(v.unlisted, func(u proof.Finding) bool {
		return u.Kind == Unlisted && slices.ContainsFunc(found, func(f proof.Finding) bool { return f.Seq <= u.Seq && u.Seq <= f.Last })
	})
	v.report.Findings = slices.Concat(found, v.unlisted)
	if v.report.OK = len(v.report.Findings) == 0; !v.report.OK {
		v.report.Problem = v.report.Findings[0].String()
	}
}

// maxUnlisted bounds what is said about the index.
const maxUnlisted = 20

func (v *verification) hidden(seq uint64, detail string) {
	if len(v.unlisted) < maxUnlisted {
		v.unlisted = append(v.unlisted, proof.Finding{Kind: Unlisted, Seq: seq, Last: seq, Detail: detail})
	}
}

func (v *verification) unreadable(where string, lines int) {
	if lines > 0 {
		v.unlisted = append(v.unlisted, proof.Finding{Kind: proof.Unsigned, Detail: fmt.Sprintf("%d heads in %s cannot be read", lines, where)})
	}
}

// mirror reads what a volume says.
func (v *verification) mirror(root string) []proof.Witness {
	m := MirrorReport{Path: root}
	heads, bad, err := readMirror(root)
	if err != nil {
		m.Problem = err.Error()
	}
	v.unreadable(root, bad)
	all := make([]proof.Witness, len(heads))
	for i, h := range heads {
		all[i] = proof.Witness{Head: h, From: root}
	}
	m.Heads = len(heads)
	v.report.Mirrors = append(v.report.Mirrors, m)
	return all
}

// finder looks up keys that mostly come in the order of a bucket.
type finder struct {
	c   *bbolt.Cursor
	key []byte // where the cursor stands
}

func newFinder(c *bbolt.Cursor, at []byte) *finder {
	f := &finder{c: c}
	f.key, _ = c.Seek(at)
	return f
}

func (f *finder) has(key []byte) bool {
	if bytes.Equal(f.key, key) {
		return true
	}
	if f.key != nil {
		if f.key, _ = f.c.Next(); bytes.Equal(f.key, key) {
			return true
		}
	}
	f.key, _ = f.c.Seek(key)
	return bytes.Equal(f.key, key)
}
