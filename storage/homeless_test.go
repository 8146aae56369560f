package storage

import (
	"testing"
	"time"
)

// What waits for a ledger while no volume works is dropped only once the index
// has it: an index that cannot be written either costs nothing.
func TestHomelessGapsAreKept(t *testing.T) {
	t.Parallel()
	b := newGapBook()
	start := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for i := range maxWaitingGaps + 10 {
		at := start.Add(time.Duration(i) * time.Second)
		b.put(Gap{Camera: "gate", Stream: "main", From: at, To: at.Add(time.Second), Reason: ReasonAuth})
	}
	gaps := b.homeless()
	if len(gaps) != maxWaitingGaps+10 || b.droppedCount() != 0 {
		t.Fatalf("%d to be indexed, %d dropped", len(gaps), b.droppedCount())
	}
	if again := b.homeless(); len(again) != len(gaps) { // the index could not be written
		t.Fatalf("%d of %d the second time", len(again), len(gaps))
	}
	b.homed(gaps)
	if n := len(b.homeless()); n != 0 || b.droppedCount() != 10 || len(b.waiting) != maxWaitingGaps {
		t.Errorf("%d not indexed, %d dropped, %d waiting", n, b.droppedCount(), len(b.waiting))
	}
}
