package journal

import (
	"context"
	"sync"
	"sync/atomic"
)

// Update tells a subscriber how an attempt stands now.
type Update struct {
	Attempt
	// Dropped counts the updates that found this subscriber's channel full since
	// the last one it got: ask Query for what was missed.
	Dropped uint64 `json:"dropped,omitempty"`
}

// subscribers are told of what changed, four times a second at most for each attempt.
type subscribers struct {
	mu     sync.Mutex // guards all below; channels are sent to and closed under it
	all    map[*subscriber]struct{}
	closed bool

	untold atomic.Uint64
}

type subscriber struct {
	ch      chan Update
	dropped uint64
}

// Subscribe gives a channel of attempts as they change, new or counted on,
// already joined with their past. An attempt comes at most four times a second,
// however often it is hit. A subscriber that does not keep up loses updates, not
// the journal's time, and is told how many. The channel is closed when ctx is
// done or Run ends; buffer below 1 means 256.
func (j *Journal) Subscribe(ctx context.Context, buffer int) <-chan Update {
	if buffer < 1 {
		buffer = 256
	}
	s := &subscriber{ch: make(chan Update, buffer)}
	j.subs.mu.Lock()
	defer j.subs.mu.Unlock()
	if j.subs.closed {
		close(s.ch)
		return s.ch
	}
	if j.subs.all == nil {
		j.subs.all = make(map[*subscriber]struct{})
	}
	j.subs.all[s] = struct{}{}
	context.AfterFunc(ctx, func() { j.subs.remove(s) })
	return s.ch
}

func (s *subscribers) remove(one *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[one]; ok {
		delete(s.all, one)
		close(one.ch)
	}
}

func (s *subscribers) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for one := range s.all {
		close(one.ch)
	}
	clear(s.all)
}

// tell never waits.
func (s *subscribers) tell(attempts []Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.all {
		for _, a := range attempts {
			select {
			case one.ch <- Update{a, one.dropped}:
				one.dropped = 0
			default:
				one.dropped++
				s.untold.Add(1)
			}
		}
	}
}
