package streams

import (
	"context"
	"testing"

	"github.com/stockade-nvr/stockade/streams/media"
)

// gop feeds a fanout with a random access unit and n-1 others.
func gop(f *fanout, n int) {
	for i := range n {
		f.unit(&media.AccessUnit{DTS: media.MediaTime(3600 * i), PTS: media.MediaTime(3600 * i), RandomAccess: i == 0, Payload: [][]byte{{byte(i)}}})
	}
}

// TestLateViewerOfALongGOP: a viewer starts with all of the GOP, also where that
// is longer than its queue, and then has room for as many units as it asked for.
func TestLateViewerOfALongGOP(t *testing.T) {
	f := newFanout(1<<20, func(bool) {})
	f.setFormat(&media.Run{}, &media.Format{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}}})
	const units = 300
	gop(f, units)
	r := f.add(ReaderOptions{Units: 20})
	next := func() Event {
		t.Helper()
		e, err := r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := next(); e.Format == nil {
		t.Fatalf("a viewer begins with %+v", e)
	}
	for i := range 20 {
		f.unit(&media.AccessUnit{DTS: media.MediaTime(3600 * (units + i)), Payload: [][]byte{{1}}})
	}
	for i := range units + 20 {
		if e := next(); e.Unit == nil || e.Dropped != 0 || e.Unit.DTS != media.MediaTime(3600*i) || e.Unit.RandomAccess != (i == 0) {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
	for range 21 { // one more than it has room for
		f.unit(&media.AccessUnit{Payload: [][]byte{{1}}})
	}
	if r.Dropped() != 21 {
		t.Errorf("%d dropped", r.Dropped())
	}
}
