package audit_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// heads reads what a volume has.
func heads(t *testing.T, volume string) (all []proof.Head) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(volume, ".stockade-audit", "heads.ndjson"))
	must(t, err)
	for line := range bytes.Lines(text) {
		h, err := proof.ParseHead(bytes.TrimSpace(line))
		must(t, err)
		all = append(all, h)
	}
	return all
}

// running runs a log in a bubble whose time is the log's.
func running(t *testing.T, mirrors func() []string, play func(*audit.Log, *bbolt.DB)) {
	t.Helper()
	key, err := proof.OpenKey(t.TempDir())
	must(t, err)
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "state.db"), 0o600, &bbolt.Options{NoSync: true})
	must(t, err)
	defer db.Close()
	db.MaxBatchDelay = 0 // the bubble's time goes on while a batch waits
	synctest.Test(t, func(t *testing.T) {
		l, err := audit.Open(audit.Options{DB: db, Key: key, Mirrors: mirrors})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		play(l, db)
		cancel()
		must(t, <-done)
	})
	r, err := audit.Verify(t.Context(), db, key.Public(), mirrors())
	must(t, err)
	if !r.OK {
		t.Errorf("report %+v", r)
	}
}

func TestAHeadIsSignedEachDayAtStartAndAtStop(t *testing.T) {
	volume := t.TempDir()
	running(t, func() []string { return []string{volume} }, func(l *audit.Log, _ *bbolt.DB) {
		time.Sleep(25 * time.Hour) // an empty log has none
		must(t, l.Append(audit.Entry{Action: "x.y"}))
		time.Sleep(72 * time.Hour)
		if got := heads(t, volume); len(got) != 4 {
			t.Errorf("%d heads after four days: %v", len(got), got)
		}
		must(t, l.Append(audit.Entry{Action: "x.y"}))
	})
	got := heads(t, volume)
	if len(got) != 5 || got[4].Seq != 2 {
		t.Errorf("heads %+v", got)
	}
}

func TestAVolumeThatWasAwayGetsAllHeads(t *testing.T) {
	here, later := t.TempDir(), filepath.Join(t.TempDir(), "later")
	running(t, func() []string { return []string{here, later} }, func(l *audit.Log, _ *bbolt.DB) {
		must(t, l.Append(audit.Entry{Action: "x.y"}))
		time.Sleep(49 * time.Hour)
		if _, err := os.Stat(later); err == nil {
			t.Error("a volume that is away was made")
		}
		must(t, os.Mkdir(later, 0o700))
		time.Sleep(2 * time.Minute)
		if a, b := heads(t, here), heads(t, later); len(a) < 3 || len(a) != len(b) {
			t.Errorf("%d and %d heads", len(a), len(b))
		}
	})
}

func TestATornLineIsCutAndAForeignOneKept(t *testing.T) {
	s := newSite(t)
	volume := t.TempDir()
	s.close()
	s.open(volume)
	s.fill(3)
	s.keep()
	name := filepath.Join(volume, ".stockade-audit", "heads.ndjson")
	text, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, []byte(string(text)+`{"list":"aud`), 0o600))
	if r := s.verify(volume); !r.OK || r.Mirrors[0].Heads != 1 {
		t.Errorf("with a torn line: %+v", r)
	}
	s.fill(3)
	s.keep()
	if got := heads(t, volume); len(got) != 2 {
		t.Errorf("%d heads", len(got))
	}
	must(t, os.WriteFile(name, []byte("foreign\n"), 0o600))
	s.fill(3)
	s.keep()
	text, err = os.ReadFile(name)
	must(t, err)
	if !strings.HasPrefix(string(text), "foreign\n{") || strings.Count(string(text), "\n") != 4 {
		t.Errorf("the file holds %s", text)
	}
	if r := s.verify(volume); r.OK || !strings.Contains(r.Problem, "1 heads in "+volume) {
		t.Errorf("with a foreign line: %+v", r)
	}
}

// actions lists what was written, oldest first.
func actions(t *testing.T, l *audit.Log) (all []audit.Entry) {
	t.Helper()
	page, err := l.Query(t.Context(), audit.Filter{Limit: 500})
	must(t, err)
	for i := range page.Entries {
		all = append(all, page.Entries[len(page.Entries)-1-i])
	}
	return all
}

func TestRequestsOfOneViewAreTwoEntries(t *testing.T) {
	none := func() []string { return nil }
	running(t, none, func(l *audit.Log, _ *bbolt.DB) {
		from := time.Now().Add(-24 * time.Hour)
		to := from.Add(time.Hour)
		playback := audit.Entry{Actor: "kim", Via: "session 1", Camera: "gate", Object: "main playback", From: &from, To: &to}
		for range 1000 { // a browser asks for one range after the other
			closed := l.Opened(playback)
			time.Sleep(time.Second)
			closed("")
			closed("twice")
		}
		further, end := to.Add(10*time.Minute), to.Add(20*time.Minute)
		next := playback
		next.From, next.To = &further, &end
		l.Opened(next)("seen to the end")
		time.Sleep(time.Minute)
		got := actions(t, l)
		if len(got) != 2 || got[0].Action != audit.ActionViewOpened || got[1].Action != audit.ActionViewClosed {
			t.Fatalf("%d entries: %+v", len(got), got)
		}
		if last := got[1]; !last.From.Equal(from) || !last.To.Equal(end) || last.Detail != "opened in record 1, open for 1000.0 s, requests: 1001; seen to the end" {
			t.Errorf("closed: %+v", last)
		}
	})
}

func TestViewsThatAreNotOne(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(hours int) *time.Time { u := from.Add(time.Duration(hours) * time.Hour); return &u }
	base := audit.Entry{Actor: "kim", Via: "session 1", Camera: "gate", Object: "main playback", From: at(0), To: at(1)}
	for name, change := range map[string]func(*audit.Entry){
		"another person":  func(e *audit.Entry) { e.Actor = "lee" },
		"another session": func(e *audit.Entry) { e.Via = "session 2" },
		"another address": func(e *audit.Entry) { e.Source = "10.0.0.8" },
		"another camera":  func(e *audit.Entry) { e.Camera = "yard" },
		"another way":     func(e *audit.Entry) { e.Object = "main live"; e.From, e.To = nil, nil },
		"another range":   func(e *audit.Entry) { e.From, e.To = at(3), at(4) },
	} {
		t.Run(name, func(t *testing.T) {
			running(t, func() []string { return nil }, func(l *audit.Log, _ *bbolt.DB) {
				other := base
				change(&other)
				a, b := l.Opened(base), l.Opened(other)
				if got := actions(t, l); len(got) != 2 {
					t.Errorf("%d entries", len(got))
				}
				a("")
				b("")
			})
		})
	}
}

func TestViewsEndWhenTheRecorderStops(t *testing.T) {
	volume := t.TempDir()
	running(t, func() []string { return []string{volume} }, func(l *audit.Log, _ *bbolt.DB) {
		l.Opened(audit.Entry{Actor: "kim", Camera: "gate"})
		l.Opened(audit.Entry{Actor: "lee", Camera: "gate"})("")
		time.Sleep(10 * time.Second)
	})
	// The head at the end covers two openings and two closings.
	if got := heads(t, volume); len(got) != 1 || got[0].Seq != 4 {
		t.Errorf("heads %+v", got)
	}
}

func TestMoreViewsThanAreRemembered(t *testing.T) {
	running(t, func() []string { return nil }, func(l *audit.Log, db *bbolt.DB) {
		count := func() (n int) {
			must(t, db.View(func(tx *bbolt.Tx) error { n = bucket(tx, "records").Stats().KeyN; return nil }))
			return n
		}
		open := func(i int) func(string) {
			return l.Opened(audit.Entry{Actor: "kim", Via: "session " + time.Duration(i).String(), Camera: "gate"})
		}
		var closes []func(string)
		for i := range audit.MaxViews {
			closes = append(closes, open(i))
		}
		open(-1)("") // no room: a view of its own, closed at once
		if n := count(); n != audit.MaxViews+2 {
			t.Errorf("%d entries", n)
		}
		for _, closed := range closes {
			closed("")
		}
		time.Sleep(time.Minute)
		if n := count(); n != 2*audit.MaxViews+2 {
			t.Errorf("%d entries", n)
		}
		again := open(-1)
		again("")
		open(-1)("")
		if n := count(); n != 2*audit.MaxViews+3 {
			t.Errorf("%d entries", n)
		}
	})
}
