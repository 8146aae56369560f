package audit_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

func (s *site) export(f audit.Filter, format audit.Format) string {
	s.t.Helper()
	var b bytes.Buffer
	must(s.t, s.log.Export(s.t.Context(), &b, f, format))
	return b.String()
}

func TestAnExportCanBeCheckedWithoutTheDatabase(t *testing.T) {
	s := newSite(t)
	s.fill(200)
	must(t, s.log.Append(audit.Entry{Time: s.now, Action: "x.y", Detail: "<\u2028>", After: json.RawMessage(`{"a": "\u2028"}`)}))
	s.keep()
	type line struct {
		List string
		Seq  uint64
		Prev, Hash,
		Key string
		Entry json.RawMessage
		Head  json.RawMessage
	}
	var checker *proof.Checker
	var heads []proof.Witness
	entries := 0
	for text := range strings.Lines(s.export(audit.Filter{}, audit.JSONLines)) {
		var l line
		must(t, json.Unmarshal([]byte(text), &l))
		switch {
		case l.List != "":
			checker = proof.NewChecker(l.List, s.key.Public(), nil)
		case l.Head != nil:
			h, err := proof.ParseHead(l.Head)
			must(t, err)
			heads = append(heads, proof.Witness{Head: h})
		default:
			entries++
			r := proof.Record{Seq: l.Seq, Body: l.Entry}
			must(t, errors.Join(r.Prev.UnmarshalText([]byte(l.Prev)), r.Hash.UnmarshalText([]byte(l.Hash))))
			checker.Add(r)
		}
	}
	if entries != 201 || len(heads) != 2 {
		t.Fatalf("%d entries, %d heads", entries, len(heads))
	}
	if found := checker.End(&heads[1]); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

func TestExportTakesTheSameFilters(t *testing.T) {
	s := newSite(t)
	s.fill(40)
	for name, c := range map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":    {audit.Filter{}, 40},
		"camera": {audit.Filter{Camera: "gate-north", Limit: 2}, 10},
		"range":  {audit.Filter{From: start.Add(1e9), To: start.Add(4e9)}, 3},
		"none":   {audit.Filter{Actor: "nobody"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := csv.NewReader(strings.NewReader(s.export(c.filter, audit.CSV))).ReadAll()
			must(t, err)
			if len(rows)-1 != c.want || len(rows[0]) != 16 {
				t.Errorf("%d rows of %d columns", len(rows)-1, len(rows[0]))
			}
			if n := strings.Count(s.export(c.filter, audit.JSONLines), `"entry":`); n != c.want {
				t.Errorf("%d lines", n)
			}
		})
	}
	if _, err := audit.ParseFormat("xml"); !errors.Is(err, audit.ErrUnknownFormat) {
		t.Errorf("xml: %v", err)
	}
}

func TestACellIsNoFormula(t *testing.T) {
	s := newSite(t)
	bad := []string{"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1", "=HYPERLINK(\"http://x\",\"y\")", "|x", "%0A"}
	for _, name := range bad {
		must(t, s.log.Append(audit.Entry{Time: start, Actor: name, Action: "x.y", Detail: "a,\"b\"\nc"}))
	}
	rows, err := csv.NewReader(strings.NewReader(s.export(audit.Filter{}, audit.CSV))).ReadAll()
	must(t, err)
	for i, row := range rows[1:] {
		if row[2] != "'"+strings.ReplaceAll(bad[i], "\r\n", "\n") || row[14] != "a,\"b\"\nc" {
			t.Errorf("%q is written as %q", bad[i], row[2])
		}
	}
}

// stuck takes nothing until it is let.
type stuck struct{ reached, let chan struct{} }

func (w stuck) Write(p []byte) (int, error) {
	select {
	case w.reached <- struct{}{}:
	case <-w.let:
	}
	<-w.let
	return len(p), nil
}

func TestASlowReaderHoldsNoTransaction(t *testing.T) {
	s := newSite(t)
	s.fill(500)
	w := stuck{make(chan struct{}), make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- s.log.Export(t.Context(), w, audit.Filter{}, audit.JSONLines) }()
	<-w.reached
	if n := s.db.Stats().OpenTxN; n != 0 {
		t.Errorf("%d transactions are open", n)
	}
	must(t, s.log.Append(sample(0, start)))
	close(w.let)
	must(t, <-done)
}
