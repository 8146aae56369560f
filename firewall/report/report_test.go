package report_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/report"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// pages is a journal of two pages.
type pages [2][]journal.Attempt

func (p pages) Query(f journal.Filter) (journal.Page, error) {
	if f.Cursor == "" {
		return journal.Page{Attempts: p[0], Next: "second"}, nil
	}
	return journal.Page{Attempts: p[1]}, nil
}

func TestAReportSaysWhoTriedWhatAndIsHeldToIt(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 7)
	at := func(days int) time.Time { return from.AddDate(0, 0, days) }
	j := pages{
		{
			{ID: "later", Device: "dev-gate", First: at(8), Last: at(8), Count: 1},
			{ID: "few", Device: "dev-gate", First: at(1), Last: at(2), Count: 3, Host: "<cloud>.example"},
		},
		{{ID: "many", Device: "dev-gate", First: at(0), Last: at(1), Count: 9}, {ID: "nobody", First: at(0), Last: at(1), Count: 2}},
	}
	changes := []report.Change{{First: at(8), Last: at(8)}, {First: at(3), Last: at(3), Found: "a rule is gone"}, {First: at(-3), Last: at(-2)}}
	r, err := report.Make(t.Context(), j, "Camp North", "Asia/Seoul", from, to, to, report.Proof{State: "enforced", Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Devices) != 2 || r.Devices[0].Device != "-" || r.Devices[1].Packets != 12 || r.Devices[1].Attempts[0].ID != "many" || r.Packets != 14 || !r.Complete {
		t.Errorf("got %+v", r)
	}
	if len(r.Proof.Changes) != 1 || r.Proof.Changes[0].Found != "a rule is gone" || r.Proof.Canary != nil {
		t.Errorf("proved %+v", r.Proof)
	}
	key, err := proof.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := report.Sign(r, key, to)
	if err != nil {
		t.Fatal(err)
	}
	again, head, err := report.Verify(text, key.Public())
	if err != nil || again.Packets != r.Packets || !head.Time.Equal(to) {
		t.Fatalf("as signed: %v %+v", err, again)
	}
	for i := range text {
		changed := append([]byte{}, text...)
		changed[i] ^= 1
		if _, _, err := report.Verify(changed, key.Public()); err == nil {
			t.Fatalf("byte %d was changed, %q, and nobody says so", i, text[i])
		}
	}
	other, err := proof.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := report.Verify(text, other.Public()); !errors.Is(err, proof.ErrOtherKey) {
		t.Errorf("with another key: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	key, err := proof.OpenKey(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	text, err := report.Sign(report.Report{Version: 1}, key, time.Unix(1e9, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"report":{},"head":{}}`))
	f.Fuzz(func(t *testing.T, foreign []byte) {
		if _, _, err := report.Verify(foreign, key.Public()); err == nil && string(foreign) != string(text) {
			t.Errorf("%q passes", foreign)
		}
	})
}
