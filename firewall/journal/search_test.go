package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/pattern"
)

// all follows the list to its end: on a busy machine a page may be a short one.
func (j *Journal) all(t *testing.T, f Filter) (all []Attempt) {
	t.Helper()
	for {
		p := must(j.Query(f))(t)
		all = append(all, p.Attempts...)
		if f.Cursor = p.Next; p.Next == "" {
			return all
		}
	}
}

// groups adds the parts of an answer up: packets by value.
func (j *Journal) groups(t *testing.T, f Filter, by By) map[string]uint64 {
	t.Helper()
	counts := map[string]uint64{}
	for {
		g := must(j.Group(f, by))(t)
		if !slices.IsSortedFunc(g.Groups, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) }) {
			t.Errorf("by %s out of order", by)
		}
		for _, one := range g.Groups {
			counts[one.Value] += one.Count
		}
		if f.Cursor = g.Next; g.Next == "" {
			return counts
		}
	}
}

// filled is a journal of some devices' attempts over days, the last of them not
// written yet. It gives what is in it, as the list has it.
func filled(t *testing.T, rows int) (*Journal, []Attempt) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(7, 8))
	j := openTest(t, Options{
		MaxNames: 20,
		Now:      func() time.Time { return now },
		Identify: func(_ nflog.MAC, ip netip.Addr) Owner {
			if n := ip.As16()[15]; ip.IsValid() && n < 10 {
				return Owner{Device: fmt.Sprintf("dev-%d", n), Cameras: []string{fmt.Sprintf("cam-%d", n)}, Kind: "x", Siblings: 9}
			}
			return Owner{}
		},
	})
	for n := range 25 { // the last share an address
		if _, err := j.AddressOf(t.Context(), netip.Addr{}, fmt.Sprintf("h%d.cloud%d.example", n, n%3)); err != nil {
			t.Fatal(err)
		}
	}
	reasons := []nflog.Reason{nflog.Egress, nflog.Egress, nflog.Spoof, nflog.Lateral, nflog.Chatter}
	for n := range rows {
		h := testHit(now.Add(-time.Duration(r.IntN(100*3600))*time.Second), []int{80, 443, 8883, 32100, 100 + n%50}[r.IntN(5)])
		if n >= rows-200 {
			h.Time = now.Add(-time.Duration(r.IntN(3*3600)) * time.Second)
		}
		h.Src = netip.AddrFrom4([4]byte{10, 20, 1, byte(r.IntN(12))})
		h.Dst = netip.AddrFrom4([4]byte{198, 18, 0, byte(r.IntN(40))})
		if n%40 == 0 {
			h.Dst = toAddr(poolShared)
		}
		h.Prefix.Reason = reasons[r.IntN(len(reasons))]
		if n >= rows-200 {
			if n == rows-200 {
				if err := j.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		j.Add(h)
		if n%20 == 0 {
			j.table.mu.Lock() // these rows are no scan, though they come at once
			for _, s := range j.table.sources {
				s.spread, s.counted, s.unsettled = pattern.Fan{}, false, 0
			}
			for _, b := range j.table.buckets {
				b.sources = pattern.Fan{}
			}
			j.table.mu.Unlock()
			if n < rows-200 {
				j.turn(false)
			}
		}
	}
	j.turn(false)
	return j, j.all(t, Filter{Chatter: WithChatter, Limit: 1000})
}

// Whichever index a filter is answered from, and on pages of any size, it finds
// what looking at all rows finds, in the same order.
func TestEveryWayFindsTheSame(t *testing.T) {
	j, all := filled(t, 3000)
	if len(j.table.waiting) < 50 || len(all) < 1500 {
		t.Fatalf("%d rows wait, of %d", len(j.table.waiting), len(all))
	}
	for _, text := range []string{
		"", "port:443", "port:443 port:80", "-port:443", "host:*.example", "host:*.cloud1.example", "host:h3.cloud0.example", "host:-", "host:*", "host:* -host:*.example",
		"address:198.18.0.30", "address:198.18.0.0/28", "source:10.20.1.3", "device:dev-3", "device:dev-3 device:dev-4", "device:-", "reason:spoof",
		"reason:chatter", "reason:spoof port:80", "is:new", "is:odd", "is:beacon", "is:scan", "camera:cam-5", "country:CN", "country:-", "cloud2 udp", "tcp -cloud2",
		"since:2026-11-23T20:00:00Z port:443", "until:2026-11-22 host:*.example", "since:2026-11-21 until:2026-11-22T05:30:00Z reason:egress",
	} {
		where := where(text)
		var want []string
		for i := range all {
			a := &all[i]
			shown := !a.Chatter || slices.Contains(where.Any(filter.Reason), "chatter")
			in := !a.Last.Before(where.Since()) && (where.Until().IsZero() || a.Last.Before(where.Until()))
			if shown && in && where.Match(func(f filter.Field) []string { return a.values(f, j.opts.Now()) }) {
				want = append(want, a.ID)
			}
		}
		for _, limit := range []int{7, 100} {
			j.crowded = []int{crowdedHour, 12}[limit%2] // both ways through an hour
			var got []string
			for _, a := range j.all(t, Filter{Where: where, Limit: limit}) {
				got = append(got, a.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q by %d finds %d of %d", text, limit, len(got), len(want))
			}
		}
	}
}

// A time that keys cannot hold is at their end, not anywhere between.
func TestTimesBeyondTheKeys(t *testing.T) {
	var last []byte
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(1e9, 0), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if k := timeKey(at); bytes.Compare(k, last) < 0 {
			t.Errorf("%s is before %s", at, readTime(last))
		} else {
			last = k
		}
	}
}

// However little time there is, a walk by the index goes on from where it began.
func TestALateWalkGoesOn(t *testing.T) {
	j := openTest(t, Options{})
	at := time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)
	for n := range 5 {
		j.Add(testHit(at.Add(-time.Duration(n)*24*time.Hour), 443))
		j.Add(testHit(at.Add(-time.Duration(n)*24*time.Hour), 80+n))
	}
	must(0, j.Flush())(t)
	must(0, j.db.View(func(tx *bbolt.Tx) error {
		from := append(timeKey(at.Add(-5*time.Minute)), make([]byte, len(rowID{}))...)
		met := 0
		for range 20 {
			h := &hours{tx: tx, terms: []term{termOf(ofReason, "egress")}, from: from, since: timeKey(time.Time{}), crowded: crowdedHour}
			place, _, late, err := h.next(time.Now()) // it is over
			if err != nil || place == nil {
				break
			}
			if bytes.Compare(place, from) > 0 || late && bytes.Equal(place, from) {
				t.Fatalf("from %s it goes on at %s, late: %v", readTime(from), readTime(place), late)
			}
			if from = place; !late {
				met++
			}
		}
		if met != 4 { // those of the days before
			t.Errorf("%d rows met", met)
		}
		return nil
	}))(t)
}

func TestGroupsAddUp(t *testing.T) {
	j, all := filled(t, 600)
	for _, by := range []By{ByCamera, ByDestination, ByReason} {
		want := map[string]uint64{}
		for _, a := range all {
			if !a.Chatter {
				want[a.valueFor(by)] += a.Count
			}
		}
		got := j.groups(t, Filter{}, by)
		if len(got) != len(want) || len(want) < 3 {
			t.Errorf("by %s %d groups, want %d", by, len(got), len(want))
		}
		for value, count := range got {
			if count != want[value] {
				t.Errorf("by %s %q has %d, want %d", by, value, count, want[value])
			}
		}
	}
	for n := range maxGroups {
		h := testHit(j.opts.Now().Add(-time.Minute), 443)
		h.Dst, h.SrcMAC = netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)}), nflog.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)}
		j.Add(h)
	}
	must(0, j.Flush())(t)
	groups := j.groups(t, Filter{}, ByDestination)
	for _, value := range []string{SharedHost, Others} {
		if groups[value] == 0 {
			t.Errorf("of %d groups none is %q", len(groups), value)
		}
	}
	if _, err := j.Group(Filter{}, "moon"); err == nil {
		t.Error("grouped by the moon")
	}
}
