package audit_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// site is a state directory whose log is opened and closed by tests.
type site struct {
	t   testing.TB
	dir string
	key *proof.Key
	db  *bbolt.DB
	log *audit.Log
	now time.Time // of the clock, which only tests move; not while others use the log
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), now: start}
	key, err := proof.OpenKey(s.dir)
	must(t, err)
	s.key = key
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *site) path() string { return filepath.Join(s.dir, "state.db") }

func (s *site) open(mirrors ...string) {
	s.t.Helper()
	db, err := bbolt.Open(s.path(), 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true, FreelistType: bbolt.FreelistMapType})
	must(s.t, err)
	db.MaxBatchDelay = 0
	s.db = db
	s.log, err = audit.Open(audit.Options{
		DB: db, Key: s.key, Now: func() time.Time { return s.now },
		Mirrors: func() []string { return mirrors },
	})
	must(s.t, err)
}

func (s *site) close() {
	if s.db != nil {
		must(s.t, s.db.Close())
		s.db = nil
	}
}

// keep signs a head and gives it to the volumes.
func (s *site) keep() { s.log.Keep() }

// fill appends n entries, a second apart, in one transaction.
func (s *site) fill(n int) {
	s.t.Helper()
	must(s.t, s.db.Update(func(tx *bbolt.Tx) error {
		for i := range n {
			if err := s.log.AppendTx(tx, sample(i, s.now)); err != nil {
				return err
			}
			s.now = s.now.Add(time.Second)
		}
		return nil
	}))
}

// grow is fill with one signature instead of n.
func (s *site) grow(n int) {
	s.t.Helper()
	must(s.t, s.log.AppendMany(n, func(i int) audit.Entry { return sample(i, s.now.Add(time.Duration(i)*time.Second)) }))
	s.now = s.now.Add(time.Duration(n) * time.Second)
}

// sample is one of several kinds of entries.
func sample(i int, at time.Time) audit.Entry {
	e := audit.Entry{
		Time: at, Actor: []string{"kim", "lee", "박지훈"}[i%3], ActorID: fmt.Sprintf("u%d", i%3),
		Source: "10.0.0.7", Via: "session 1a2b3c4d", Outcome: "ok",
	}
	switch i % 4 {
	case 0:
		e.Action, e.Object, e.Before, e.After = "user.changed", "u9", json.RawMessage(`{"role": "viewer"}`), json.RawMessage(`{"role": "admin"}`)
	case 1:
		from, to := at.Add(-time.Hour), at
		e.Action, e.Camera, e.Object, e.From, e.To = "view.opened", "gate-north", "main playback", &from, &to
	case 2:
		e.Action, e.Outcome, e.Detail = "session.opened", "refused", "wrong <password> & name"
	case 3:
		e.Action, e.Detail = "users.exported", fmt.Sprintf("number %d", i)
	}
	return e
}

// bucket is one of the log's, for those who tamper.
func bucket(tx *bbolt.Tx, name string) *bbolt.Bucket {
	return tx.Bucket([]byte("audit")).Bucket([]byte(name))
}

func seqKey(seq int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)) }

func (s *site) verify(mirrors ...string) audit.Report {
	s.t.Helper()
	r, err := audit.Verify(context.Background(), s.db, s.key.Public(), mirrors)
	must(s.t, err)
	return r
}

func TestEntriesAreThereInOrderAndIntact(t *testing.T) {
	s := newSite(t)
	s.fill(10)
	s.close()
	s.open()
	s.fill(10)
	page, err := s.log.Query(t.Context(), audit.Filter{})
	must(t, err)
	if len(page.Entries) != 20 || page.Next != "" {
		t.Fatalf("%d entries, next %q", len(page.Entries), page.Next)
	}
	for i, e := range page.Entries {
		if e.Seq != uint64(20-i) {
			t.Errorf("entry %d is record %d", i, e.Seq)
		}
	}
	got, want := page.Entries[19], sample(0, start)
	if got.Actor != want.Actor || !got.Time.Equal(want.Time) || string(got.Before) != `{"role":"viewer"}` || got.Via != want.Via {
		t.Errorf("got %+v", got)
	}
	if r := s.verify(); !r.OK || r.Entries != 20 || r.Problem != "" || r.Key != s.key.Public().ID() {
		t.Errorf("report %+v", r)
	}
}

func TestAnEntryIsThereIfItsTransactionIs(t *testing.T) {
	s := newSite(t)
	undone := errors.New("undone")
	err := s.db.Update(func(tx *bbolt.Tx) error {
		must(t, s.log.AppendTx(tx, audit.Entry{Action: "user.removed"}))
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	s.fill(1)
	if r := s.verify(); !r.OK || r.Entries != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	s := newSite(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { must(t, s.log.Append(sample(i, start))) })
	}
	wg.Wait()
	if r := s.verify(); !r.OK || r.Entries != 200 {
		t.Errorf("report %+v", r)
	}
}

func TestAnEntryIsNeverLostForItsForm(t *testing.T) {
	s := newSite(t)
	long := strings.Repeat("긴 이름 ", 10_000)
	far := time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, e := range map[string]audit.Entry{
		"nothing":      {},
		"long":         {Actor: long, Action: long, Object: long, Camera: long, Detail: long, Via: long, Source: long, Outcome: long, ActorID: long},
		"long change":  {Action: "x.y", Before: json.RawMessage(`"` + long + `"`), After: json.RawMessage(`[` + strings.Repeat("1,", 50_000) + `1]`)},
		"no JSON":      {Action: "x.y", Before: json.RawMessage("{"), After: json.RawMessage(long)},
		"no UTF-8":     {Action: "\xff\xfe", Detail: "\xc3", After: json.RawMessage("\"\xff\"")},
		"control":      {Action: "x.y", Actor: "\x00\x1b[2J\n\r", Detail: strings.Repeat("\x00", 100_000)},
		"no such time": {Action: "x.y", Time: far, From: &far, To: &far},
		"before 1970":  {Action: "x.y", Time: time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("x", 3600))},
		"markup":       {Action: "x.y", Actor: "<script>&\u2028", After: json.RawMessage("\"<b>\u2028\"")},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, s.log.Append(e))
			page, err := s.log.Query(t.Context(), audit.Filter{Limit: 500})
			must(t, err)
			newest := slices.MaxFunc(page.Entries, func(a, b audit.Entry) int { return int(a.Seq) - int(b.Seq) })
			text, err := json.Marshal(newest)
			must(t, err)
			if len(text) > 40<<10 {
				t.Errorf("%d bytes are written", len(text))
			}
			if name == "long" && !strings.HasSuffix(newest.Actor, fmt.Sprintf("… [cut: %d bytes]", len(long))) {
				t.Errorf("actor is %q", newest.Actor)
			}
		})
	}
	if r := s.verify(); !r.OK || r.Entries != 9 {
		t.Errorf("report %+v", r)
	}
}

func TestQueryFilters(t *testing.T) {
	s := newSite(t)
	s.fill(40)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	for name, c := range map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":                    {audit.Filter{}, 40},
		"range":                  {audit.Filter{From: at(10), To: at(20)}, 10},
		"from":                   {audit.Filter{From: at(35)}, 5},
		"to":                     {audit.Filter{To: at(5)}, 5},
		"an empty range":         {audit.Filter{From: at(20), To: at(20)}, 0},
		"before it all":          {audit.Filter{To: at(-5)}, 0},
		"actor":                  {audit.Filter{Actor: "lee"}, 13},
		"actor's id":             {audit.Filter{Actor: "u1"}, 13},
		"actor in Korean":        {audit.Filter{Actor: "박지훈"}, 13},
		"action":                 {audit.Filter{Action: "user.changed"}, 10},
		"part of an action":      {audit.Filter{Action: "user"}, 0},
		"first part of actions":  {audit.Filter{Action: "user."}, 10},
		"object":                 {audit.Filter{Object: "u9"}, 10},
		"camera":                 {audit.Filter{Camera: "gate-north"}, 10},
		"camera and actor":       {audit.Filter{Camera: "gate-north", Actor: "kim"}, 3},
		"text":                   {audit.Filter{Text: "NUMBER 3"}, 4},
		"text in a change":       {audit.Filter{Text: "admin"}, 10},
		"text in Korean":         {audit.Filter{Text: "지훈"}, 13},
		"text that JSON escapes": {audit.Filter{Text: `"role"`}, 10},
		"text with markup":       {audit.Filter{Text: "<Password> &"}, 10},
		"a key is no text":       {audit.Filter{Text: "actor_id"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{0, 3} {
				f, n := c.filter, 0
				f.Limit = limit
				seen := uint64(1 << 60)
				for {
					page, err := s.log.Query(t.Context(), f)
					must(t, err)
					for _, e := range page.Entries {
						if e.Seq >= seen {
							t.Errorf("record %d comes behind %d", e.Seq, seen)
						}
						seen = e.Seq
						n++
					}
					if page.Next == "" {
						break
					}
					f.Cursor = page.Next
				}
				if n != c.want {
					t.Errorf("%d entries, want %d", n, c.want)
				}
			}
		})
	}
	for _, cursor := range []string{"x", "00", strings.Repeat("0", 34)} {
		if _, err := s.log.Query(t.Context(), audit.Filter{Cursor: cursor}); err == nil {
			t.Errorf("cursor %q is taken", cursor)
		}
	}
}

func TestQueryOrdersByTimeWhenTheClockStepped(t *testing.T) {
	s := newSite(t)
	s.fill(5)
	s.now = start.Add(-time.Hour)
	s.fill(5)
	page, err := s.log.Query(t.Context(), audit.Filter{To: start})
	must(t, err)
	if len(page.Entries) != 5 || page.Entries[0].Seq != 10 {
		t.Errorf("got %+v", page.Entries)
	}
	if r := s.verify(); !r.OK {
		t.Errorf("report %+v", r)
	}
}
