package firewall

import (
	"testing"
	"time"
)

// C11: the account balances whenever nothing is on its way, and does not
// explain away what the reader should have had.
func TestAccount(t *testing.T) {
	type look struct {
		dropped uint64
		logged
		more uint64 // dropped beyond those, without being logged
	}
	for name, c := range map[string]struct {
		before look
		looks  []look
		want   Counted
		every  time.Duration // between looks
	}{
		"a reader from the start": {
			look{100, logged{0, 0, 1, true}, 0},
			[]look{{100, logged{0, 0, 1, true}, 0}, {100, logged{0, 0, 1, true}, 0}, {110, logged{7, 0, 1, true}, 0}, {110, logged{9, 1, 1, true}, 0}},
			Counted{Dropped: 10, Read: 9, Lost: 1},
			quiet,
		},
		"hits of before the beginning": {
			look{100, logged{40, 2, 1, true}, 0},
			[]look{{100, logged{40, 2, 1, true}, 0}, {100, logged{40, 2, 1, true}, 0}, {105, logged{45, 2, 1, true}, 0}},
			Counted{Dropped: 5, Read: 5},
			quiet,
		},
		"on their way at the beginning": {
			look{100, logged{40, 0, 1, true}, 0},
			[]look{{102, logged{45, 0, 1, true}, 0}, {102, logged{45, 0, 1, true}, 0}, {102, logged{45, 0, 1, true}, 0}},
			Counted{Dropped: 5, Read: 5},
			quiet,
		},
		"armed before the reader": {
			look{100, logged{0, 0, 0, false}, 0},
			[]look{{130, logged{0, 0, 0, false}, 0}, {150, logged{10, 0, 1, true}, 0}, {150, logged{15, 0, 1, true}, 0}, {150, logged{15, 0, 1, true}, 0}},
			Counted{Dropped: 50, Read: 15, Unread: 35},
			quiet,
		},
		"a reader that broke and came back": {
			look{0, logged{0, 0, 1, true}, 0},
			[]look{{0, logged{0, 0, 1, true}, 0}, {0, logged{0, 0, 1, true}, 0}, {10, logged{10, 0, 1, true}, 0}, {30, logged{12, 0, 2, true}, 0}, {30, logged{12, 0, 2, true}, 0}, {33, logged{14, 1, 2, true}, 0}},
			Counted{Dropped: 33, Read: 14, Lost: 1, Unread: 18},
			quiet,
		},
		"still under flood": {
			look{0, logged{0, 0, 0, false}, 0},
			[]look{{10, logged{0, 0, 0, false}, 0}, {30, logged{10, 0, 1, true}, 0}, {50, logged{35, 0, 1, true}, 0}},
			Counted{Dropped: 50, Read: 35, Unread: 15},
			quiet,
		},
		"never quiet": {
			look{0, logged{0, 0, 0, false}, 0},
			[]look{{10, logged{0, 0, 0, false}, 0}, {30, logged{10, 0, 1, true}, 0}, {50, logged{40, 0, 1, true}, 0}, {70, logged{55, 0, 1, true}, 0}},
			Counted{Dropped: 70, Read: 55, Unread: 10},
			quiet / 2,
		},
		"counters that somebody flushed": {
			look{0, logged{0, 0, 1, true}, 0},
			[]look{{0, logged{0, 0, 1, true}, 0}, {0, logged{0, 0, 1, true}, 0}, {100, logged{90, 0, 1, true}, 0}, {5, logged{140, 0, 1, true}, 0}, {9, logged{150, 1, 1, true}, 0}},
			Counted{Dropped: 151, Read: 150, Lost: 1},
			quiet,
		},
		"a loss that nothing explains stays one": {
			look{0, logged{0, 0, 1, true}, 0},
			[]look{{0, logged{0, 0, 1, true}, 0}, {0, logged{0, 0, 1, true}, 0}, {10, logged{4, 0, 1, true}, 0}, {10, logged{4, 0, 1, true}, 0}},
			Counted{Dropped: 10, Read: 4},
			quiet,
		},
		"too much to log": {
			look{100, logged{0, 0, 1, true}, 50},
			[]look{{100, logged{0, 0, 1, true}, 50}, {100, logged{0, 0, 1, true}, 50}, {110, logged{7, 1, 1, true}, 1050}, {110, logged{9, 1, 1, true}, 1050}},
			Counted{Dropped: 1010, Read: 9, Lost: 1, Suppressed: 1000},
			quiet,
		},
		"too much to log before the reader": {
			look{0, logged{0, 0, 0, false}, 0},
			[]look{{30, logged{0, 0, 0, false}, 70}, {50, logged{10, 0, 1, true}, 70}, {50, logged{15, 0, 1, true}, 70}, {50, logged{15, 0, 1, true}, 70}},
			Counted{Dropped: 120, Read: 15, Unread: 35, Suppressed: 70},
			quiet,
		},
		"looked at again while the kernel gathers hits": {
			look{0, logged{0, 0, 1, true}, 0},
			[]look{{9, logged{8, 0, 1, true}, 0}, {9, logged{8, 0, 1, true}, 0}, {9, logged{9, 0, 1, true}, 0}, {9, logged{9, 0, 1, true}, 0}},
			Counted{Dropped: 9, Read: 9},
			quiet / 20,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a account
			a.begin(map[string]uint64{"r": c.before.dropped, "r-more": c.before.more}, c.before.read, c.before.lost)
			at := time.Now()
			for _, l := range c.looks {
				at = at.Add(c.every)
				a.add(at, map[string]uint64{"r": l.dropped, "r-more": l.more}, l.logged)
			}
			if got := a.counted(); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
