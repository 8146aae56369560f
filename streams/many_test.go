package streams_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams"
)

// TestManyStart: cameras that start together all play soon, none waits for a dead one.
func TestManyStart(t *testing.T) {
	const n = 40
	cam := startCamera(t)
	// The kernel takes the connection, and nobody ever answers: a camera that hangs.
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
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
		o.RTSP.Timeout, o.RTSP.Silence = time.Minute, time.Minute
		if i%10 == 0 {
			o.RTSP.URL = "rtsp://" + hung.Addr().String() + "/hung"
		}
		all[i] = streams.New(o)
		running.Go(func() { _ = all[i].Run(ctx) })
	}
	for i, s := range all {
		for i%10 != 0 && !s.Status().Playing {
			if time.Since(began) > time.Minute {
				t.Fatalf("stream %d does not play: %+v", i, s.Status())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for i := 0; i < n; i += 10 {
		if st := all[i].Status(); st.Playing {
			t.Errorf("stream %d of a camera that hangs: %+v", i, st)
		}
	}
	t.Logf("%d streams play after %v", n, time.Since(began))
}
