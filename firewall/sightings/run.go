package sightings

import (
	"context"
	"time"
)

// How often a Book looks around.
const (
	reviewEvery = time.Second
	// tablesEvery is how often the kernel's tables of neighbours and of the bridge
	// are read, and interfaces that came or went are noticed.
	tablesEvery = 2 * time.Second
)

// Run listens, concludes and writes until ctx ends; then it writes once more and
// returns nil. An interface that cannot be listened to is told once and tried
// again; what the log of dropped packets tells goes on without it.
func (b *Book) Run(ctx context.Context) error {
	l := &listeners{book: b, log: b.o.Log, open: map[int]*listener{}, told: map[string]bool{}}
	defer l.closeAll()
	l.look(ctx)
	review, look, write := time.NewTicker(reviewEvery), time.NewTicker(tablesEvery), time.NewTicker(b.o.Every)
	defer review.Stop()
	defer look.Stop()
	defer write.Stop()
	unwritten := false
	for {
		select {
		case <-ctx.Done():
			return b.save()
		case <-review.C:
			l.ask(b.review(b.o.Now()))
		case <-look.C:
			l.look(ctx)
		case <-write.C:
			err := b.save()
			if err != nil && !unwritten {
				b.o.Log.Error("sightings are kept in memory only", "error", err)
			}
			unwritten = err != nil
		}
	}
}
