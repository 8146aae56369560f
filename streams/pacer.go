package streams

import (
	"context"
	"sync"
	"time"
)

// Pacer spaces the connection attempts of all streams, so that hundreds of
// cameras that start together neither burst nor wait for a dead one.
type Pacer struct {
	every time.Duration

	mu   sync.Mutex // guards next
	next time.Time
}

// NewPacer lets one attempt begin in each interval; 4 ms start 250 cameras a second.
func NewPacer(every time.Duration) *Pacer { return &Pacer{every: every} }

// Wait waits for this caller's turn.
func (p *Pacer) Wait(ctx context.Context) error {
	if p == nil {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	return sleep(ctx, turn.Sub(now))
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
