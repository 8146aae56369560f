package rtsp

import (
	"testing"
	"time"
	"unsafe"
)

// set gives a reading of the clocks as it would have been had somebody set the
// recorder's clock by whole seconds before: another wall time, the same
// monotonic one. Package time has no way to make one, so this reaches into a
// Time and proves by its methods that it came out right.
func set(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	const secondsShift = 30 // of a Time with a monotonic reading, within its first word
	out := at
	*(*uint64)(unsafe.Pointer(&out)) += uint64(by/time.Second) << secondsShift
	if out.Sub(at) != 0 || out.Round(0).Sub(at.Round(0)) != by {
		t.Fatalf("a Time is built in another way now: %v, was %v", out, at)
	}
	return out
}

// TestSilenceByTheMonotonicClock: a step of the recorder's clock, back or
// forward, neither hides a silence nor makes one.
func TestSilenceByTheMonotonicClock(t *testing.T) {
	began := time.Now()
	for _, step := range []time.Duration{0, -time.Hour, time.Hour} {
		b := board{began: began}
		b.publish(&counters{packets: 1, leading: 1}, set(t, began.Add(time.Second), step))
		for _, d := range []time.Duration{time.Second, 3 * time.Second, time.Minute} {
			if got := b.silent(set(t, began.Add(d), step)); got != d-time.Second {
				t.Errorf("clock set by %s, %s after the beginning: silent for %s", step, d, got)
			}
		}
	}
}
