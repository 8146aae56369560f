package audit

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// lines writes an export as JSON lines.
type lines struct{ w *bufio.Writer }

func newLines(w io.Writer) lines { return lines{bufio.NewWriter(w)} }

func (l lines) line(v any) error {
	_, err := l.w.Write(append(encode(v), '\n'))
	return err
}

func (l lines) begin(h exportHead) error { return l.line(h) }

func (l lines) entry(r proof.Record) error {
	return l.line(exportEntry{Seq: r.Seq, Prev: r.Prev, Hash: r.Hash, Entry: r.Body})
}

func (l lines) head(h proof.Head) error { return l.line(exportSigned{h.Encode()}) }

func (l lines) flush() error { return l.w.Flush() }

// sheet writes an export for spreadsheets.
type sheet struct{ w *csv.Writer }

func newSheet(w io.Writer) sheet { return sheet{csv.NewWriter(w)} }

// columns returns the names of the columns.
func columns() []string {
	return []string{
		"seq", "time", "actor", "actor_id", "via", "source", "action", "object", "camera", "from", "to",
		"before", "after", "outcome", "detail", "hash",
	}
}

func (s sheet) begin(exportHead) error { return s.w.Write(columns()) }

func (s sheet) entry(r proof.Record) error {
	e, err := decode(r.Body)
	if err != nil {
		return err
	}
	row := []string{
		strconv.FormatUint(r.Seq, 10), stamp(&e.Time), e.Actor, e.ActorID, e.Via, e.Source, e.Action, e.Object, e.Camera,
		stamp(e.From), stamp(e.To), string(e.Before), string(e.After), e.Outcome, e.Detail, hex.EncodeToString(r.Hash[:]),
	}
	for i, cell := range row {
		row[i] = inert(cell)
	}
	return s.w.Write(row)
}

// head writes nothing: a signature in a spreadsheet proves nothing.
func (s sheet) head(proof.Head) error { return nil }

func (s sheet) flush() error {
	s.w.Flush()
	return s.w.Error()
}

// inert puts a quote before what a spreadsheet would take for a formula. Users
// and cameras choose names: =HYPERLINK(...) is one.
func inert(cell string) string {
	begins := strings.TrimLeft(cell, " \u00a0\ufeff\u200b")
	if first, _ := utf8.DecodeRuneInString(begins); begins != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
