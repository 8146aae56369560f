package streams_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams"
)

// TestManyStart: cameras that start together all play soon, none waits for a dead one.
func TestManyStart(t *testing.T) {
	const n = 40
	cam := startCamera(t)
	starts := streams.NewPacer(4 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	began := time.Now()
	all := make([]*streams.Stream, n)
	for i := range all {
		o := cam.options(nil)
		o.Starts = starts
		if i%10 == 0 {
			o.RTSP.URL = "rtsp://127.0.0.1:1/dead"
		}
		all[i] = streams.New(o)
		running.Go(func() { _ = all[i].Run(ctx) })
	}
	for i, s := range all {
		for i%10 != 0 && !s.Status().Playing {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("stream %d does not play: %+v", i, s.Status())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	t.Logf("%d streams play after %v", n, time.Since(began))
}
