package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// Format is how an export is written.
type Format string

// The formats of exports.
const (
	// JSONLines has one JSON object a line: what is exported, then entries with
	// the hashes of their chain, then signed heads. It can be checked by others.
	JSONLines Format = "json"
	// CSV is for spreadsheets.
	CSV Format = "csv"
)

// ErrUnknownFormat says that there is no such format.
var ErrUnknownFormat = errors.New("the format is json or csv")

// ParseFormat reads a format's name; none means JSONLines.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case "":
		return JSONLines, nil
	case JSONLines, CSV:
		return f, nil
	}
	return "", fmt.Errorf("%.40q: %w", s, ErrUnknownFormat)
}

// exportFormat is the version of the JSON lines.
const exportFormat = 1

// The lines of an export in JSON.
type (
	exportHead struct {
		List     string      `json:"list"`
		Format   int         `json:"format"`
		Key      proof.KeyID `json:"key"`
		Exported time.Time   `json:"exported"`
	}
	exportEntry struct {
		Seq   uint64          `json:"seq"`
		Prev  proof.Hash      `json:"prev"`
		Hash  proof.Hash      `json:"hash"`
		Entry json.RawMessage `json:"entry"` // the bytes that the hash covers
	}
	exportSigned struct {
		Head json.RawMessage `json:"head"`
	}
)

// sink writes the parts of an export.
type sink interface {
	begin(exportHead) error
	entry(proof.Record) error
	head(proof.Head) error
	flush() error
}

// Export writes the chosen entries, oldest first, as they are when it begins;
// Cursor and Limit mean nothing here. No transaction is open while it writes.
func (l *Log) Export(ctx context.Context, w io.Writer, f Filter, format Format) error {
	return Export(ctx, l.db, w, f, format, l.opts.Key.Public(), l.opts.Now())
}

// Export writes the log of a database, see Log.Export, also while no Log has it open.
func Export(ctx context.Context, db *bbolt.DB, w io.Writer, f Filter, format Format, public proof.Public, now time.Time) error {
	var out sink
	switch format {
	case CSV:
		out = newSheet(w)
	case JSONLines:
		out = newLines(w)
	default:
		return fmt.Errorf("export audit log: %w", ErrUnknownFormat)
	}
	x := exporter{db: db, out: out, sieve: f.ready(), first: ^uint64(0)}
	if err := x.run(ctx, exportHead{Format: exportFormat, Key: public.ID(), Exported: now.UTC()}); err != nil {
		return fmt.Errorf("export audit log: %w", err)
	}
	return nil
}

type exporter struct {
	db    *bbolt.DB
	out   sink
	sieve *sieve

	end         uint64 // the last entry that is exported
	at          []byte // where to go on in the index; nil: from the beginning
	first, last uint64 // entries written
}

func (x *exporter) run(ctx context.Context, head exportHead) error {
	var heads []proof.Head
	err := guarded.View(x.db, func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		head.List, x.end = s.list, s.last().Seq
		heads, _ = s.keptHeads()
		if tip, err := s.tip(); err == nil {
			heads = append(heads, tip)
		}
		return nil
	})
	if err == nil {
		err = x.out.begin(head)
	}
	for done := false; err == nil && !done; {
		if done, err = x.stretch(); err == nil {
			err = ctx.Err()
		}
	}
	for _, h := range heads {
		if err == nil && h.Seq >= x.first && h.Seq <= x.last {
			err = x.out.head(h)
		}
	}
	return errors.Join(err, x.out.flush())
}

// stretch reads what one short transaction can, and writes it.
func (x *exporter) stretch() (done bool, err error) {
	var records []proof.Record
	err = guarded.View(x.db, func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		done, records = x.collect(s)
		return nil
	})
	for _, r := range records {
		if err == nil {
			x.first, x.last = min(x.first, r.Seq), max(x.last, r.Seq)
			err = x.out.entry(r)
		}
	}
	return done, err
}

// collect copies chosen records from the index by time on.
func (x *exporter) collect(s store) (done bool, records []proof.Record) {
	c := s.times.Cursor()
	if x.at == nil {
		x.at = timesKey(x.sieve.From, 0)
	}
	var bound []byte
	if !x.sieve.To.IsZero() {
		bound = timesKey(x.sieve.To, 0)
	}
	deadline := time.Now().Add(readBudget)
	k, _ := c.Seek(x.at)
	for seen := 1; k != nil && (bound == nil || bytes.Compare(k, bound) < 0); k, _ = c.Next() {
		if seen%looksEvery == 0 && time.Now().After(deadline) {
			x.at = bytes.Clone(k)
			return false, records
		}
		seen++
		if len(k) != timesKeySize || binary.BigEndian.Uint64(k[8:]) > x.end {
			continue
		}
		r, ok := s.record(k[8:])
		if !ok || !x.sieve.may(r.Body) {
			continue
		}
		if e, err := decode(r.Body); err == nil && x.sieve.chooses(&e) {
			r.Body = bytes.Clone(r.Body)
			records = append(records, r)
		}
	}
	return true, records
}
