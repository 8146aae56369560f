package streams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// run runs a stream until the test ends, or stop is called.
func run(t *testing.T, o streams.Options) (s *streams.Stream, stop func()) {
	t.Helper()
	s = streams.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// next gives the reader's next event of a kind.
func next(t *testing.T, r *streams.Reader, want func(streams.Event) bool) streams.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		e, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if want(e) {
			return e
		}
	}
}

func isFormat(e streams.Event) bool { return e.Format != nil }
func isUnit(e streams.Event) bool   { return e.Unit != nil }
func isDown(e streams.Event) bool   { return e.Down != nil }

func TestRecordAndWatch(t *testing.T) {
	for _, transport := range []rtsp.Transport{rtsp.TCP, rtsp.UDP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			rec := newRecorder(t)
			o := startCamera(t).options(rec)
			o.RTSP.Transport, o.RTSP.Silence = transport, 20*time.Second // a busy machine is no frozen camera
			s, stop := run(t, o)
			rec.await("three parts", func() bool { return rec.parts >= 3 })
			r := s.Subscribe(streams.ReaderOptions{})
			defer r.Close()
			if e := next(t, r, func(streams.Event) bool { return true }); e.Format == nil || e.Run == nil || e.Format.Tracks[0].Width != 2560 {
				t.Errorf("a viewer begins with %+v", e)
			}
			first := next(t, r, func(streams.Event) bool { return true })
			if first.Unit == nil || !first.Unit.RandomAccess {
				t.Errorf("and goes on with %+v", first)
			}
			second := next(t, r, isUnit)
			if second.Duration != 1800 || second.Unit.DTS-first.Unit.DTS != 1800 {
				t.Errorf("duration %d, distance %d", second.Duration, second.Unit.DTS-first.Unit.DTS)
			}
			for range 30 {
				next(t, r, isUnit)
			}
			st := s.Status()
			if !st.Playing || st.Cause != "" || st.Transport != string(transport) || st.Viewers != 1 || st.Lost != 0 ||
				st.Damaged != 0 || st.Frames < 32 || len(st.RunID) != 8 || st.LastPacket.IsZero() ||
				len(st.Tracks) != 1 || st.Tracks[0].CodecString != "avc1.640033" || st.Tracks[0].Height == 0 {
				t.Errorf("status: %+v", st)
			}
			r.Close()
			if n := s.Status().Viewers; n != 0 {
				t.Errorf("%d viewers", n)
			}
			stop()
			if c := rec.causes(); len(c) != 2 || c[0] != streams.CauseStarting || c[1] != streams.CauseStopped {
				t.Errorf("causes: %v, %+v", c, rec.downs)
			}
			if st := s.Status(); st.Playing || st.Cause != streams.CauseStopped || st.Reconnects != 0 {
				t.Errorf("status after the stop: %+v", st)
			}
		})
	}
}

// TestBreaks: a reader stays while the camera breaks, says why, and is told
// when it is back; the first attempt after a break comes at once.
func TestBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*camera)
		mend  func(*camera)
		says  string
	}{
		"dies":    {func(c *camera) { c.hangUp() }, func(*camera) {}, ""},
		"freezes": {func(c *camera) { c.set(func() { c.frozen = true }) }, func(c *camera) { c.set(func() { c.frozen = false }) }, "no RTP packet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec, cam := newRecorder(t), startCamera(t)
			o := cam.options(rec)
			if name == "dies" { // only the attempt at once is in time
				o.FirstDelay, o.MaxDelay = time.Hour, time.Hour
			}
			s, _ := run(t, o)
			r := s.Subscribe(streams.ReaderOptions{})
			defer r.Close()
			if e := next(t, r, isDown); e.Down.Cause != streams.CauseStarting {
				t.Errorf("a viewer of a stream that starts is told %+v", e.Down)
			}
			before := next(t, r, isFormat)
			rec.await("parts", func() bool { return rec.parts >= 3 })
			c.fault(cam)
			down := next(t, r, isDown)
			if down.Down.Cause != streams.CauseNetworkLoss || !strings.Contains(down.Down.Detail, c.says) || !strings.Contains(down.Down.Detail, "127.0.0.1") {
				t.Errorf("down: %+v", down.Down)
			}
			c.mend(cam)
			after := next(t, r, isFormat)
			if after.Run.ID == before.Run.ID {
				t.Error("the run is the same after a break")
			}
			rec.await("a second run", func() bool { return len(rec.runs) == 2 })
			if n := s.Status().Reconnects; n != 1 {
				t.Errorf("%d reconnects", n)
			}
		})
	}
}

func TestChangesSPS(t *testing.T) {
	rec, cam := newRecorder(t), startCamera(t)
	s, _ := run(t, cam.options(rec))
	r := s.Subscribe(streams.ReaderOptions{})
	defer r.Close()
	next(t, r, isFormat)
	cam.set(func() { cam.sps = decode(spsSmall) })
	e := next(t, r, isFormat)
	if e.Format.Serial != 1 || e.Format.Tracks[0].Width == 2560 {
		t.Errorf("format: %+v", e.Format)
	}
	if u := next(t, r, func(streams.Event) bool { return true }); u.Unit == nil || !u.Unit.RandomAccess {
		t.Errorf("a new format is followed by %+v", u)
	}
	if len(rec.runs) > 1 {
		t.Error("a new run")
	}
}

// TestClockStep: when the recorder's clock is set a new run takes the new time.
func TestClockStep(t *testing.T) {
	rec := newRecorder(t)
	o := startCamera(t).options(rec)
	var step atomic.Int64
	step.Store(int64(900 * time.Millisecond)) // slewing, not setting
	o.SetClockStep(func() time.Duration { return time.Duration(step.Load()) })
	run(t, o)
	rec.await("three parts", func() bool { return rec.parts >= 3 })
	if c := rec.causes(); len(c) != 1 {
		t.Errorf("causes: %v", c)
	}
	step.Store(int64(-time.Hour))
	rec.await("the end of the run", func() bool { return len(rec.downs) == 2 })
	step.Store(0)
	if d := rec.down(1); d.Cause != streams.CauseClockStep || !strings.Contains(d.Detail, "-1h0m0s") {
		t.Errorf("down: %+v", d)
	}
	rec.await("a new run", func() bool { return len(rec.runs) == 2 })
}

// TestClockStepBeforeFootage: a clock that is set before the first packet comes
// dates no footage wrong.
func TestClockStepBeforeFootage(t *testing.T) {
	rec := newRecorder(t)
	o := startCamera(t).options(rec)
	var step atomic.Int64
	step.Store(int64(time.Hour))
	o.SetClockStep(func() time.Duration { return time.Duration(step.Load()) })
	run(t, o)
	rec.await("the end of the run", func() bool { return len(rec.downs) == 2 })
	rec.mu.Lock()
	if rec.parts != 0 || rec.downs[1].Cause != streams.CauseClockStep {
		t.Errorf("%d parts, down: %+v", rec.parts, rec.downs[1])
	}
	rec.mu.Unlock()
	step.Store(0)
	rec.await("footage", func() bool { return rec.parts > 0 })
}

// TestPassword: refused credentials are tried seldom, and it says so.
func TestPassword(t *testing.T) {
	rec, cam := newRecorder(t), startCamera(t)
	cam.password = "sesame"
	o := cam.options(rec)
	o.AuthDelay = time.Second
	o.RTSP.Username, o.RTSP.Password = "viewer", "wrong-word"
	s, stop := run(t, o)
	rec.await("the refusal", func() bool { return len(rec.downs) == 2 })
	d := rec.down(1)
	if d.Cause != streams.CauseAuth || !strings.Contains(d.Detail, "password_file") || !strings.Contains(d.Detail, "next attempt is in 1s") {
		t.Errorf("down: %+v", d)
	}
	if strings.Contains(d.Detail, "wrong-word") {
		t.Error("the detail holds the password")
	}
	if st := s.Status(); st.Playing || st.Cause != streams.CauseAuth {
		t.Errorf("status: %+v", st)
	}
	cam.await("a second attempt", func() bool { return len(cam.asked) >= 4 }) // each without and with credentials
	if d := cam.describes()[2].Sub(cam.describes()[1]); d < o.AuthDelay {
		t.Errorf("tried again after %v", d)
	}
	stop()

	o.RTSP.Password = "sesame"
	run(t, o)
	rec.await("a part", func() bool { return rec.parts > 0 })
}

// TestOffline: the cause is told once while it stays the same, with growing delays.
func TestOffline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tried := make(chan time.Time, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tried <- time.Now()
			_ = c.Close()
		}
	}()
	rec := newRecorder(t)
	o := options(l.Addr().(*net.TCPAddr).Port, "/x", rec)
	o.FirstDelay, o.MaxDelay = 40*time.Millisecond, 100*time.Millisecond
	_, stop := run(t, o)
	var at []time.Time
	for range 6 {
		at = append(at, <-tried)
	}
	stop()
	if d := at[5].Sub(at[0]); d < 200*time.Millisecond {
		t.Errorf("six attempts within %v", d)
	}
	if c := rec.causes(); !slices.Equal(c, []streams.Cause{streams.CauseStarting, streams.CauseOffline, streams.CauseStopped}) {
		t.Errorf("causes: %v", c)
	}
}

// TestUDPFaults: over UDP packets come out of order, twice, or not at all. The
// first two cost nothing, the last one only the pictures that it hits.
func TestUDPFaults(t *testing.T) {
	for name, c := range map[string]struct {
		shuffle func([]*rtp.Packet) []*rtp.Packet
		lossy   bool
	}{
		"reordered": {shuffle: func(p []*rtp.Packet) []*rtp.Packet { slices.Reverse(p); return p }},
		"twice": {shuffle: func(p []*rtp.Packet) []*rtp.Packet {
			var out []*rtp.Packet
			for _, x := range p {
				again := *x
				out = append(out, x, &again)
			}
			return out
		}},
		"lost": {lossy: true, shuffle: func(p []*rtp.Packet) []*rtp.Packet {
			if p[0].SequenceNumber%3 == 0 {
				return p[1:]
			}
			return p
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec, cam := newRecorder(t), startCamera(t)
			cam.shuffle = c.shuffle
			o := cam.options(rec)
			o.RTSP.Transport = rtsp.UDP
			s, _ := run(t, o)
			rec.await("parts", func() bool { return rec.parts >= 4 && (!c.lossy || rec.damaged > 5) })
			st := s.Status()
			if c.lossy != (st.Lost > 0) || c.lossy != (st.Damaged > 0) {
				t.Errorf("lost %d, damaged %d", st.Lost, st.Damaged)
			}
		})
	}
}

// TestSlowReader: a reader that does not read misses units, whole GOPs of them,
// and neither the recorder nor another reader notices.
func TestSlowReader(t *testing.T) {
	rec := newRecorder(t)
	s, stop := run(t, startCamera(t).options(rec))
	slow := s.Subscribe(streams.ReaderOptions{Units: 15})
	fast := s.Subscribe(streams.ReaderOptions{})
	for range 60 {
		if e := next(t, fast, isUnit); e.Dropped != 0 {
			t.Errorf("the fast reader missed %d", e.Dropped)
		}
	}
	if slow.Dropped() == 0 {
		t.Error("the slow reader missed nothing")
	}
	if e := next(t, slow, func(e streams.Event) bool { return e.Down == nil }); e.Format == nil {
		t.Errorf("the slow reader begins with %+v", e)
	}
	e := next(t, slow, func(streams.Event) bool { return true })
	if e.Unit == nil || !e.Unit.RandomAccess || e.Dropped == 0 || uint64(e.Dropped) > slow.Dropped() {
		t.Errorf("the slow reader goes on with %+v, of %d dropped", e, slow.Dropped())
	}
	for last, n := e.Unit.DTS, 0; n < 5; n++ { // what is in the queue follows without a hole
		u := next(t, slow, isUnit)
		if u.Dropped == 0 && u.Unit.DTS-last != 1800 {
			t.Errorf("a hole of %d ticks that is not reported", u.Unit.DTS-last)
		}
		last = u.Unit.DTS
	}
	stop()
	for _, r := range []*streams.Reader{slow, fast, s.Subscribe(streams.ReaderOptions{})} {
		for {
			_, err := r.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReaderClose(t *testing.T) {
	s := streams.New(streams.Options{})
	r := s.Subscribe(streams.ReaderOptions{})
	if e := next(t, r, isDown); e.Down.Cause != streams.CauseStarting {
		t.Errorf("down: %+v", e.Down)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next: %v", err)
	}
	go r.Close()
	if _, err := r.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("Next after Close: %v", err)
	}
	r.Close()
}

// TestForeign: a camera that sends us elsewhere is a cause of its own.
func TestForeign(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for n := 1; n <= 2; n++ { // OPTIONS, DESCRIBE
				_, _ = c.Read(make([]byte, 4096))
				fmt.Fprintf(c, "RTSP/1.0 302 Moved\r\nCSeq: %d\r\nLocation: rtsp://192.0.2.1/x\r\n\r\n", n)
			}
			_ = c.Close()
		}
	}()
	rec := newRecorder(t)
	run(t, options(l.Addr().(*net.TCPAddr).Port, "/x", rec))
	rec.await("the refusal", func() bool {
		return len(rec.downs) > 1 && rec.downs[1].Cause == streams.CauseForeign && strings.Contains(rec.downs[1].Detail, "192.0.2.1")
	})
}

// TestPacer: attempts are spaced, and a caller that leaves does not wait.
func TestPacer(t *testing.T) {
	p := streams.NewPacer(20 * time.Millisecond)
	began := time.Now()
	for range 4 {
		if err := p.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("four turns in %v", took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
}
