package nflog

import "sync/atomic"

// ring carries records from the one goroutine that reads the socket to the one
// that parses. It is bounded: put into a full ring says no, and the caller counts.
type ring struct {
	slots []record // length is a power of two
	mask  uint64
	head  atomic.Uint64 // next to read; written by the consumer only
	tail  atomic.Uint64 // next to write; written by the producer only
	wake  chan struct{}
}

// newRing makes a ring of at least n slots.
func newRing(n int) *ring {
	size := 1
	for size < n {
		size *= 2
	}
	return &ring{slots: make([]record, size), mask: uint64(size - 1), wake: make(chan struct{}, 1)}
}

// put lets fill write the next free slot; false when there is none.
func (r *ring) put(fill func(*record)) bool {
	tail := r.tail.Load()
	if tail-r.head.Load() == uint64(len(r.slots)) {
		return false
	}
	fill(&r.slots[tail&r.mask])
	r.tail.Store(tail + 1)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

// take hands the oldest record to use, which must not keep it; false when empty.
func (r *ring) take(use func(*record)) bool {
	head := r.head.Load()
	if head == r.tail.Load() {
		return false
	}
	use(&r.slots[head&r.mask])
	r.head.Store(head + 1)
	return true
}
