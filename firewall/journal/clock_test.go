package journal_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
)

// The clock goes an hour back, and an hour forth, while somebody pages: pages stay
// in order, what was not hit meanwhile is shown once, and no count is lost.
func TestPagesGoOnWhenTheClockSteps(t *testing.T) {
	for _, step := range []int{-3600, 3600} {
		path := filepath.Join(t.TempDir(), "journal.db")
		o := journal.Options{Now: func() time.Time { return noon.Add(3 * time.Hour) }}
		j := open(t, path, o)
		for port := range 40 {
			j.Add(hit("10.20.1.11", "198.51.100.7", uint16(1000+port), 7200+port))
		}
		must(t, j.Flush())
		seen, after := map[uint16]int{}, ""
		last := noon.AddDate(1, 0, 0)
		for n := 0; n == 0 || after != ""; n++ {
			page, err := j.Query(journal.Filter{Limit: 10, Cursor: after})
			must(t, err)
			for _, a := range page.Attempts {
				if a.Last.After(last) {
					t.Errorf("step %d s: port %d of %s comes after %s", step, a.DestinationPort, a.Last, last)
				}
				last = a.Last
				seen[a.DestinationPort]++
			}
			after = page.Next
			j.Add(hit("10.20.1.12", "198.51.100.9", uint16(3000+n), 7200+step+n))
			must(t, j.Flush())
			if n > 20 {
				t.Fatal("the walk does not end")
			}
		}
		for port := range uint16(40) {
			if seen[1000+port] != 1 {
				t.Errorf("step %d s: port %d is shown %d times", step, 1000+port, seen[1000+port])
			}
		}
		must(t, j.Close())
		j = open(t, path, o)
		var sum uint64
		for _, a := range list(t, j, journal.Filter{}) {
			sum += a.Count
		}
		if hits := j.Totals().Hits; sum < 44 || hits > sum {
			t.Errorf("step %d s: after a restart the list adds up to %d, hits %d", step, sum, hits)
		}
		must(t, j.Close())
	}
}
