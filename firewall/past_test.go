package firewall

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/canary"
)

func proved(at time.Time) *Proof { return &Proof{Proof: canary.Proof{Began: at}} }

// What the state was is told in stretches; where nobody looked, it is in none.
func TestWhatTheStateWas(t *testing.T) {
	var p past
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for second := range 200 {
		now := at.Add(time.Duration(second) * time.Second)
		s := Status{State: Contained, Proof: proved(at.Add(time.Duration(second/60) * time.Minute))}
		switch {
		case second >= 100 && second < 130:
			continue // the program was not there
		case second >= 150 && second < 160:
			s = Status{State: Degraded, Reasons: []string{"L3: a rule is gone"}}
		}
		p.see(now, s)
	}
	p.see(at.Add(-time.Hour), Status{State: Contained}) // the clock was set back
	got := p.between(at, at.Add(time.Hour))
	want := []Stretch{
		{From: at, To: at.Add(99 * time.Second), State: Contained, Proofs: 2},
		{From: at.Add(130 * time.Second), To: at.Add(149 * time.Second), State: Contained, Proofs: 1},
		{From: at.Add(150 * time.Second), To: at.Add(159 * time.Second), State: Degraded, Why: "L3: a rule is gone"},
		{From: at.Add(160 * time.Second), To: at.Add(199 * time.Second), State: Contained, Proofs: 1},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("stretch %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if cut := p.between(at.Add(90*time.Second), at.Add(140*time.Second)); len(cut) != 2 || cut[0].From != at.Add(90*time.Second) || cut[1].To != at.Add(140*time.Second) {
		t.Errorf("cut to a period: %+v", cut)
	}
}

// Who makes the state flap loses detail, and makes nothing look better.
func TestAFlappingStateIsJoinedForTheWorse(t *testing.T) {
	var p past
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	p.see(at, Status{State: Contained, Proof: proved(at)})
	p.see(at.Add(9*time.Second), Status{State: Contained, Proof: proved(at)})
	now := at.Add(10 * time.Second)
	for i := range 3 * maxPast {
		now = now.Add(time.Second)
		p.see(now, Status{State: []State{Enforced, NotEnforced}[i%2], Reasons: []string{"flaps"}})
	}
	if len(p.list) != maxPast {
		t.Fatalf("%d stretches", len(p.list))
	}
	var bad time.Duration
	for i, s := range p.list {
		if s.State == NotEnforced {
			bad += s.To.Sub(s.From)
		}
		if i > 0 && s.From.Before(p.list[i-1].To) {
			t.Fatalf("stretches %d and %d overlap", i-1, i)
		}
	}
	if first := p.list[0]; first.State != Contained || first.To.Sub(first.From) != 9*time.Second {
		t.Errorf("the first is %+v", first)
	}
	if bad < time.Duration(maxPast)*time.Second {
		t.Errorf("only %s are called not enforced", bad)
	}
}

// The list outlives the process; a file that cannot be read is kept aside.
func TestThePastOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().UTC().Round(0)
	var p past
	p.see(at, Status{State: Enforced, Unproved: "no round yet"})
	if err := p.save(dir, at, false); err != nil {
		t.Fatal(err)
	}
	var next past
	if err := next.load(dir); err != nil {
		t.Fatal(err)
	}
	next.see(at.Add(time.Minute), Status{State: Contained, Proof: proved(at)})
	if got := next.between(at.Add(-time.Hour), at.Add(time.Hour)); len(got) != 2 || got[0].Why != "no round yet" || got[1].State != Contained {
		t.Errorf("got %+v", got)
	}
	file := filepath.Join(dir, pastFile)
	if err := os.WriteFile(file, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged past
	if err := damaged.load(dir); err == nil || !strings.Contains(err.Error(), pastFile) {
		t.Errorf("a damaged file: %v", err)
	}
	if text, err := os.ReadFile(file + ".damaged"); err != nil || string(text) != "[{" {
		t.Errorf("kept aside: %q, %v", text, err)
	}
}
