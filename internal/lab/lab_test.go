package lab_test

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests mostly wait for cameras: more at once than there are cores.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	ns.Main(m)
}

// run builds a lab, runs it, and takes it away with the test.
func run(t *testing.T, p lab.Plan) *lab.Lab {
	t.Helper()
	l, err := lab.Build(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func openPlan(n int) lab.Plan {
	p := lab.DefaultPlan(n)
	p.OpenBridge = true
	return p
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, ok func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what())
		}
	}
}

// withLogin puts a camera's name and password into a URL.
func withLogin(d *lab.Device, stream int) string {
	return strings.Replace(d.URL(stream), "rtsp://", "rtsp://"+d.Camera.Username+":"+d.Camera.Password+"@", 1)
}

// pull reads a stream with ffmpeg and gives the elementary stream.
func pull(d *lab.Device, stream int, transport, seconds string) ([]byte, error) {
	format := "h264"
	if stream == 0 && strings.HasSuffix(d.Camera.Main.Clip, "265") {
		format = "hevc"
	}
	c := exec.Command("ffmpeg", "-v", "error", "-analyzeduration", "1000000", "-rtsp_transport", transport, "-i", withLogin(d, stream), "-map", "0:v:0", "-t", seconds, "-c", "copy", "-f", format, "-")
	var stderr strings.Builder
	c.Stderr = &stderr
	b, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w\n%s", err, stderr.String())
	}
	return b, nil
}

func TestCamerasDeliverEveryFrame(t *testing.T) {
	l := run(t, openPlan(4))
	var wg sync.WaitGroup
	for _, d := range l.Devices() {
		for stream := range 2 {
			wg.Go(func() {
				b, err := pull(d, stream, d.Camera.Transport, "4")
				if err != nil {
					t.Errorf("%s %d: %v", d.Camera.ID, stream, err)
					return
				}
				complain(t, d, stream, lab.ReadFrameNumbers(b))
			})
		}
	}
	wg.Wait()
}

// complain names what is wrong with the marks of 4 s of a stream.
func complain(t *testing.T, d *lab.Device, stream int, marks []lab.Mark) {
	if len(marks) < 20 { // ffmpeg begins with the first key frame
		t.Errorf("%s %d: %d frames in 4 s", d.Camera.ID, stream, len(marks))
	}
	for i, m := range marks {
		if m.Camera != d.Camera.Number || m.Stream != stream || m.Frame != marks[0].Frame+uint64(i) {
			t.Errorf("%s %d: frame %d is %+v", d.Camera.ID, stream, i, m)
			return
		}
		if age := time.Since(m.Sent); age < 0 || age > time.Minute {
			t.Errorf("%s %d: frame %d was sent %v ago", d.Camera.ID, stream, i, age)
			return
		}
	}
}

func TestWithoutAFirewallTheCamerasReachTheOutside(t *testing.T) {
	l := run(t, openPlan(4))
	enough := func() bool {
		s := l.Stats()
		families := map[int]bool{}
		for _, k := range s.OutsideKinds {
			families[k.Family] = true
		}
		return len(s.OutsideKinds) >= 7 && len(families) == 2 && s.SentByCameras > 40 && s.SentByRogue > 5
	}
	eventually(t, 15*time.Second, enough, func() string { return text(l.Stats()) })
	t.Log(text(l.Stats()))
	if !l.Stats().Forwarding {
		t.Error("the recorder does not forward")
	}
}

func text(s lab.Stats) string {
	var b strings.Builder
	list := func(name string, total uint64, kinds []lab.Count) {
		b.WriteString(name + ": ")
		for _, k := range kinds {
			b.WriteString(k.String() + " ")
		}
		b.WriteString("\n")
	}
	list("cameras", s.SentByCameras, s.SentKinds)
	list("rogue", s.SentByRogue, s.RogueKinds)
	list("outside", s.OutsideReceived, s.OutsideKinds)
	return b.String()
}
