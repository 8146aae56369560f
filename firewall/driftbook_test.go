package firewall

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

func found(what string, foreign bool) netfilter.Finding {
	return netfilter.Finding{Layer: ruleset.L3, What: what, Foreign: foreign}
}

// The same difference again is counted, also in another generation's names; what
// became of each is told apart; the list is bounded.
func TestDriftIsListedOnce(t *testing.T) {
	var b driftBook
	now := time.Unix(1_800_000_000, 0)
	gone := []netfilter.Finding{found("chain NVR3-RAW is gone", false)}
	b.see(now, gone)
	b.repairing(gone)
	b.see(now, nil)
	if d := b.newest(9); len(d) != 1 || d[0].Done != DriftRepaired || d[0].Count != 1 {
		t.Fatalf("repaired: %+v", d)
	}
	now = now.Add(time.Minute)
	b.see(now, []netfilter.Finding{found("chain NVR4-RAW is gone", false), found("a foreign rule", true)})
	if d := b.newest(9); len(d) != 2 || d[1].Count != 2 || d[1].Done != DriftStands || d[1].Found != "chain NVR4-RAW is gone" || !d[1].Last.Equal(now) {
		t.Fatalf("again: %+v", d)
	}
	b.see(now, nil)
	if d := b.newest(9); d[0].Done != DriftGone || d[1].Done != DriftGone || d[0].ID != d[1].ID+1 {
		t.Errorf("removed by others: %+v", d)
	}
	b.see(now.Add(driftMemory), gone)
	if d := b.newest(9); len(d) != 3 || d[0].Count != 1 {
		t.Errorf("long after: %+v", d)
	}
	var many []netfilter.Finding
	for i := range 80 {
		many = append(many, found(fmt.Sprintf("set %d", i), false))
	}
	b.see(now, many)
	if d := b.newest(99); len(d) != 3+perLayer+1 {
		t.Errorf("a flush made %d entries", len(d)-3)
	}
	for i := range 2 * maxDrift {
		b.see(now, []netfilter.Finding{found(fmt.Sprintf("another %d", i), true)})
	}
	if len(b.list) != maxDrift {
		t.Errorf("%d entries, at most %d", len(b.list), maxDrift)
	}
}

// The list outlives the process, and a file that cannot be read costs only itself.
func TestDriftOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	f := New(Options{StateDir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	f.drift.see(time.Now(), []netfilter.Finding{found("a foreign rule", true)})
	if err := f.saveDrift(); err != nil {
		t.Fatal(err)
	}
	next := New(Options{StateDir: dir})
	next.loadDrift()
	if d := next.drift.newest(9); len(d) != 1 || d[0].Found != "a foreign rule" || d[0].Done != DriftGone {
		t.Fatalf("read %+v", d)
	}
	next.drift.see(time.Now(), []netfilter.Finding{found("another", true)})
	if d := next.drift.newest(1)[0]; d.ID != 2 {
		t.Errorf("id %d after a restart", d.ID)
	}
	for _, text := range []string{"{", `[{"id": "x"}]`} {
		if err := os.WriteFile(filepath.Join(dir, driftFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var b driftBook
		if err := b.load(dir); err == nil || len(b.list) != 0 {
			t.Errorf("%q was read: %+v, %v", text, b.list, err)
		}
	}
}
