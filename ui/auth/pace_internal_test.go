package auth

import (
	"testing"
	"time"
)

// Who rests is forgotten, and a clock that goes back locks nobody out for long.
func TestPace(t *testing.T) {
	p := Pace{Burst: 2, Every: 10 * time.Second}
	now := time.Now()
	for _, id := range []string{"kim", "lee", "kim"} {
		if wait := p.Take(id, now); wait != 0 {
			t.Error(id, "waits", wait)
		}
	}
	if wait := p.Take("kim", now.Add(4*time.Second)); wait != 6*time.Second {
		t.Error("one too many waits", wait)
	}
	if wait := p.Take("kim", now.Add(time.Hour)); wait != 0 || len(p.full) != 1 {
		t.Error("an hour later:", wait, p.full)
	}
	if wait := p.Take("kim", now); wait != 0 {
		t.Error("the clock went back, and kim waits", wait)
	}
}
