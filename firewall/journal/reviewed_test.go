package journal_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

func TestReviewedUpToHere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	o := journal.Options{Now: func() time.Time { return noon.Add(time.Hour) }}
	j := open(t, path, o)
	for n := range 10 {
		j.Add(hit("10.20.1.11", "198.51.100.7", uint16(1000+n), n*60))
		chatter := hit("10.20.1.11", "239.255.255.250", uint16(1000+n), n*60)
		chatter.Prefix.Reason = nflog.Chatter
		j.Add(chatter)
	}
	must(t, j.Flush())
	left := func(want int) {
		t.Helper()
		all, err := j.Reviews()
		must(t, err)
		after := time.Time{}
		for _, r := range all {
			if r.User == "u1" {
				after = r.UpTo
			}
		}
		if n, more, err := j.Unreviewed(after); err != nil || n != want || more {
			t.Errorf("%d attempts are new (%v), want %d; %v", n, more, want, err)
		}
	}
	left(10)
	must(t, j.SetReviewed(journal.Review{User: "u1", Name: "kim", UpTo: noon.Add(4 * time.Minute), At: noon}))
	must(t, j.SetReviewed(journal.Review{User: "u2", Name: "lee", UpTo: noon.Add(9 * time.Minute), At: noon}))
	left(5) // those of minutes 5 to 9
	j.Add(hit("10.20.1.11", "198.51.100.7", 1000, 3000))
	must(t, j.Flush())
	left(5) // what goes on is not new
	j.Add(hit("10.20.1.11", "198.51.100.8", 1000, 3000))
	must(t, j.Flush())
	left(6)
	for _, r := range []journal.Review{
		{User: "u1", UpTo: noon}, {User: "u1", UpTo: noon.Add(2 * time.Hour)}, {UpTo: noon.Add(time.Minute)},
	} {
		if err := j.SetReviewed(r); !errors.Is(err, journal.ErrReview) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	must(t, j.Close())
	j = open(t, path, o)
	defer j.Close()
	left(6)
	if all, err := j.Reviews(); err != nil || len(all) != 2 || all[0].Name != "lee" {
		t.Error(all, err)
	}
}
