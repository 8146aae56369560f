package journal_test

import (
	"context"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// running runs a journal until the test ends.
func running(t testing.TB, o journal.Options) *journal.Journal {
	t.Helper()
	j := fresh(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
	})
	return j
}

func TestRunWritesWithinASecond(t *testing.T) {
	j := running(t, journal.Options{})
	j.Add(hit("10.20.1.11", "198.51.100.7", 443, 1))
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		p, err := j.Query(journal.Filter{})
		must(t, err)
		if len(p.Attempts) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not written")
		}
	}
}

func TestSubscribersHearFourTimesASecond(t *testing.T) {
	j := running(t, journal.Options{})
	updates := j.Subscribe(t.Context(), 0)
	const hits = 20_000
	var heard int
	begin := time.Now()
	for n := range hits {
		j.Add(hit("10.20.1.11", "198.51.100.7", 443, n))
		if n%2000 == 0 {
			time.Sleep(50 * time.Millisecond) // spread over several turns
		}
	}
	for u := range updates {
		heard++
		if u.Count == hits {
			break
		}
	}
	most := int(time.Since(begin)/(250*time.Millisecond)) + 2
	if heard > most { // how seldom is the machine's business
		t.Errorf("heard of one attempt %d times in %s", heard, time.Since(begin))
	}
}

func TestASlowSubscriberIsToldWhatItMissed(t *testing.T) {
	j := running(t, journal.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	updates := j.Subscribe(ctx, 1)
	for port := range 100 {
		j.Add(hit("10.20.1.11", "198.51.100.7", uint16(port), 400*port)) // too slow for a scan
	}
	must(t, j.Flush())
	j.Add(hit("10.20.1.11", "198.51.100.7", 5000, 50_000))
	var told int
	var missed uint64
	for u := range updates {
		told++
		missed += u.Dropped
		if u.DestinationPort == 5000 {
			break
		}
		if told == 1 {
			must(t, j.Flush()) // in case the first was read before the last was added
		}
		j.Add(hit("10.20.1.11", "198.51.100.7", 5000, 50_000))
	}
	// More may have been missed since, of which the next update would tell.
	if uint64(told)+missed < 101 || missed == 0 || j.Totals().Untold < missed {
		t.Errorf("told %d, missed %d, account %+v", told, missed, j.Totals())
	}
	cancel()
	for range updates { // ends once the channel is closed
	}
}
