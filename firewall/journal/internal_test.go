package journal

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

func openTest(t *testing.T, o Options) *Journal {
	t.Helper()
	j, err := Open(filepath.Join(t.TempDir(), "journal.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func testHit(at time.Time, port int) *nflog.Hit {
	return &nflog.Hit{
		Time: at, Prefix: nflog.Prefix{Layer: "L3", Reason: nflog.Egress}, Port: "cam1", Family: 4, Protocol: 6,
		Src: netip.AddrFrom4([4]byte{10, 20, 1, 11}), Dst: netip.AddrFrom4([4]byte{198, 51, 100, 7}),
		DstPort: uint16(port), Length: 60, Payload: []byte("first"),
	}
}

// transactions counts the write transactions that the file has seen.
func (j *Journal) transactions(t *testing.T) (n int) {
	t.Helper()
	if err := j.db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFloodIsWrittenInFewTransactions(t *testing.T) {
	j := openTest(t, Options{})
	before := j.transactions(t)
	for n := range 100_000 {
		j.Add(testHit(time.Now(), n%500))
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := j.transactions(t) - before; n > 2 {
		t.Errorf("%d transactions for 500 attempts", n)
	}
}

func TestCountsSurviveABrokenDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	j.Add(testHit(time.Now(), 1))
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := j.db.Close(); err != nil { // from now on nothing can be read or written
		t.Fatal(err)
	}
	j.Add(testHit(time.Now(), 1))
	j.Add(testHit(time.Now(), 2))
	j.turn(true)
	j.Add(testHit(time.Now(), 2))
	j.turn(true)
	if !j.Totals().Broken {
		t.Error("the broken disk is not told")
	}
	if _, err := j.AddressOf(t.Context(), netip.Addr{}, "a.example"); err == nil {
		t.Error("an address was given that is not remembered")
	}
	if n := j.names.count(); n != 0 {
		t.Errorf("%d names are in memory alone", n)
	}
	if j.db, err = openFile(path); err != nil {
		t.Fatal(err)
	}
	j.turn(true)
	p, err := j.Query(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[uint16]uint64{}
	for _, a := range p.Attempts {
		counts[a.DestinationPort] = a.Count
	}
	if counts[1] != 2 || counts[2] != 2 || j.Totals().Broken {
		t.Errorf("counted %v, account %+v", counts, j.Totals())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestIdleRowsLeaveMemoryAndGoOnLater(t *testing.T) {
	j := openTest(t, Options{})
	j.Add(testHit(time.Now(), 1))
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	for range idleSettles + 1 {
		j.table.tick()
	}
	if err := j.prune(); err != nil {
		t.Fatal(err)
	}
	if n := j.Totals().InMemory; n != 0 {
		t.Fatalf("%d rows in memory", n)
	}
	j.Add(testHit(time.Now(), 1))
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if p, err := j.Query(Filter{}); err != nil || len(p.Attempts) != 1 || p.Attempts[0].Count != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestOldThingsAreForgotten(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	j := openTest(t, Options{Now: func() time.Time { return now }, Keep: 24 * time.Hour})
	for port := range 10 {
		j.Add(testHit(start, port))
	}
	old, err := j.AddressOf(t.Context(), netip.Addr{}, "old.example")
	if err != nil {
		t.Fatal(err)
	}
	j.Asked(netip.Addr{}, "old.example", 1)
	now = start.Add(25 * time.Hour)
	j.Add(testHit(now, 100))
	kept, err := j.AddressOf(t.Context(), netip.Addr{}, "kept.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := j.prune(); err != nil {
		t.Fatal(err)
	}
	p, err := j.Query(Filter{})
	if err != nil || len(p.Attempts) != 1 || p.Attempts[0].DestinationPort != 100 {
		t.Errorf("left is %+v, %v", p, err)
	}
	if s := j.Totals(); s.Attempts != 1 || s.Names != 1 || len(j.Questions("", 0)) != 0 {
		t.Errorf("account %+v", s)
	}
	if _, ok := j.HostOf(old); ok {
		t.Error("the old name is kept")
	}
	if host, _ := j.HostOf(kept); host != "kept.example" {
		t.Errorf("the new name is %q", host)
	}
	// An attempt that was forgotten while its row was still in memory goes on.
	j.Add(testHit(now, 3))
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if s := j.Totals(); s.Attempts != 2 {
		t.Errorf("account %+v", s)
	}
}

func TestOldestGoForWantOfRoom(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	j := openTest(t, Options{Now: func() time.Time { return now }, MaxStored: 10})
	for port := range 30 {
		j.Add(testHit(now.Add(time.Duration(port)*time.Minute), port))
	}
	now = now.Add(24 * time.Hour)
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := j.prune(); err != nil {
		t.Fatal(err)
	}
	p, err := j.Query(Filter{})
	if err != nil || len(p.Attempts) != 10 || p.Attempts[9].DestinationPort != 20 {
		t.Errorf("%d left, %v", len(p.Attempts), err)
	}
}

func TestAWrongClockForgetsNothing(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		newest time.Time
		step   time.Duration // of the wall clock, while one second went by
		trust  bool
	}{
		"as usual":                  {now.Add(-day), 0, true},
		"empty journal":             {time.Time{}, 0, true},
		"a small step":              {now.Add(-day), time.Minute, true},
		"started years after":       {now.Add(-900 * day), 0, false},
		"started before the newest": {now.Add(day), 0, false},
		"stepped ahead":             {now.Add(-day), 500 * day, false},
		"stepped back":              {now.Add(-day), -500 * day, false},
	} {
		t.Run(name, func(t *testing.T) {
			var g clockGuard
			g.start(now, c.newest)
			if got := g.trustStep(now.Round(0).Add(time.Second+c.step), time.Second); got != c.trust {
				t.Errorf("trusted is %v", got)
			}
			if got := g.trustStep(now.Round(0).Add(2*time.Second), 2*time.Second); got != c.trust {
				t.Errorf("trusted later is %v", got)
			}
		})
	}
}

func TestStoredNamesStayApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, host := range []string{"older.example", "newer.example"} { // as a broken disk may leave it
		r := nameRecord{Address: toAddr(7), First: time.Unix(int64(i), 0), Last: time.Unix(int64(i), 0)}
		if err := j.db.Update(func(tx *bbolt.Tx) error { return putName(tx, host, r) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if host, _ := j.HostOf(toAddr(7)); host != "newer.example" || j.names.count() != 1 {
		t.Errorf("address is %q's, of %d names", host, j.names.count())
	}
}

// What was folded while its device's share was full tries anew, though it never paused.
func TestAFoldedAttemptGetsItsRowLater(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	j := openTest(t, Options{MaxPerDevice: 10, Now: func() time.Time { return now }})
	for port := range 20 {
		j.Add(testHit(now, port))
	}
	beacon := func() {
		t.Helper()
		j.Add(testHit(now, 4000))
		if err := j.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	beacon()
	for range 90 {
		now = now.Add(time.Minute)
		for range 240 {
			j.table.tick()
		}
		beacon()
		if err := j.prune(); err != nil {
			t.Fatal(err)
		}
	}
	p, err := j.Query(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	sum, own := uint64(0), false
	for _, a := range p.Attempts {
		sum += a.Count
		own = own || a.DestinationPort == 4000 && !a.Overflow
	}
	if !own || sum != 20+91 {
		t.Errorf("own row %t, %d hits", own, sum)
	}
}

// However many devices ask whatever types of questions, there is a bound in all.
func TestQuestionsHaveABoundInAll(t *testing.T) {
	var asker uint32
	j := openTest(t, Options{Identify: func(_ nflog.MAC, ip netip.Addr) Owner { return Owner{Device: ip.String()} }})
	for asker = range maxQuestions + 500 {
		j.Asked(toAddr(asker), fmt.Sprint(asker%3), uint16(asker))
	}
	if n := len(j.asked.all); n > maxQuestions+1 {
		t.Errorf("%d rows", n)
	}
	if rest := j.asked.all[questionKey("", netip.IPv4Unspecified(), 0, "*")]; rest == nil || rest.Count != 500 {
		t.Errorf("the row for the rest is %+v", rest)
	}
	before := j.transactions(t)
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := j.transactions(t) - before; n < maxQuestions/rowsPerTx {
		t.Errorf("written in %d transactions: a name would wait for all of them", n)
	}
}

func BenchmarkAddSame(b *testing.B) {
	t := newTable(Options{Identify: func(nflog.MAC, netip.Addr) Owner { return Owner{Device: "d"} }, MaxPerDevice: 4096, MaxInMemory: 65536},
		func(netip.Addr) (string, bool) { return "", false })
	h := testHit(time.Now(), 1)
	b.ReportAllocs()
	for b.Loop() {
		t.add(h)
	}
}

func BenchmarkAddScan(b *testing.B) {
	t := newTable(Options{Identify: func(nflog.MAC, netip.Addr) Owner { return Owner{Device: "d"} }, MaxPerDevice: 4096, MaxInMemory: 65536},
		func(netip.Addr) (string, bool) { return "", false })
	h := testHit(time.Now(), 1)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		h.DstPort = uint16(n)
		t.add(h)
	}
}

func BenchmarkFlush1000(b *testing.B) {
	j, err := Open(filepath.Join(b.TempDir(), "journal.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	at := time.Now()
	for b.Loop() {
		at = at.Add(time.Second)
		for port := range 1000 {
			j.Add(testHit(at, port))
		}
		if err := j.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}

// where reads a filter that a test wrote.
func where(text string) *filter.Filter {
	f, err := filter.Parse(text, time.Now())
	if err != nil {
		panic(err)
	}
	return f
}
