package audit

import (
	"context"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/internal/guarded"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// How often Run looks.
const (
	sweepEvery = 5 * time.Second // for views that are over
	keepEvery  = time.Minute     // for a new day, and for volumes that were away

	day = 24 * time.Hour // UTC days have no other length
)

// Run signs a head at start, at the first look of each UTC day, and at the end,
// copies heads to the volumes, and closes views that are over. It returns nil
// when ctx ends. What goes wrong is logged once and tried again.
func (l *Log) Run(ctx context.Context) error {
	k := &keeper{Log: l, mirrored: map[string]int{}, failing: map[string]bool{}}
	k.keep(true)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return every(ctx, sweepEvery, func() { l.sweep(viewIdle) }) })
	g.Go(func() error { return every(ctx, keepEvery, func() { k.keep(false) }) })
	err := g.Wait()
	l.endViews()
	k.keep(true)
	return err
}

// every calls do in steps until ctx ends.
func every(ctx context.Context, step time.Duration, do func()) error {
	t := time.NewTicker(step)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			do()
		}
	}
}

// keeper signs heads and copies them. It is for one goroutine.
type keeper struct {
	*Log
	mirrored map[string]int  // how many heads a volume has been given
	failing  map[string]bool // what went wrong the last time, and was said
}

// keep signs a head when it is due, or when now says so and there are new
// entries, and gives the volumes what they lack.
func (k *keeper) keep(now bool) {
	heads, err := k.sign(now)
	k.report("", err)
	if err != nil {
		return
	}
	for _, root := range k.opts.Mirrors() {
		if n, ok := k.mirrored[root]; ok && n == len(heads) && !k.failing[root] {
			continue
		}
		err := mirror(root, heads)
		k.report(root, err)
		if err == nil {
			k.mirrored[root] = len(heads)
		}
	}
}

// report logs that something goes wrong once, and once that it works again.
func (k *keeper) report(root string, err error) {
	switch failed := k.failing[root]; {
	case err != nil && !failed:
		k.log.Error("keep heads of the audit log", "volume", root, "error", err)
	case err == nil && failed:
		k.log.Info("heads of the audit log are kept again", "volume", root)
	}
	k.failing[root] = err != nil
}

// sign keeps a new head in the database if one is due, and gives all that are kept.
func (k *keeper) sign(now bool) (heads []proof.Head, err error) {
	due := false
	look := func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		last, kept := s.lastHead()
		seq, _ := s.end()
		today := k.opts.Now().UTC().Truncate(day)
		// A clock that was set back must not have a head signed each minute.
		due = seq > 0 && (!kept || today.After(last.Time) ||
			seq > last.Seq && (now || !today.Equal(last.Time.Truncate(day))))
		heads, _ = s.keptHeads()
		return nil
	}
	if err := guarded.View(k.db, look); err != nil || !due {
		return heads, err
	}
	err = guarded.Update(k.db, func(tx *bbolt.Tx) error {
		s, err := openStore(tx)
		if err != nil {
			return err
		}
		seq, hash := s.end()
		h := k.opts.Key.Sign(s.list, seq, hash, k.opts.Now())
		heads = append(heads, h)
		return s.keepHead(h)
	})
	return heads, err
}
