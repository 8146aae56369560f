package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/clips"
)

func startFarm(t *testing.T, o lab.FarmOptions) (*lab.Farm, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Listener = ln
	f, err := lab.NewFarm(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return f, ln.Addr().String()
}

func TestFarmDeliversEveryFrame(t *testing.T) {
	clip, err := clips.Read("dock-main.h265")
	if err != nil {
		t.Fatal(err)
	}
	var undelimited []byte
	delimiters := 0
	for _, nal := range bytes.Split(clip, []byte{0, 0, 1})[1:] {
		if nal[0]>>1&0x3f == 35 {
			delimiters++
			continue
		}
		undelimited = append(append(undelimited, 0, 0, 1), nal...)
	}
	if delimiters != 120 {
		t.Fatalf("took out %d delimiters", delimiters)
	}
	for name, o := range map[string]lab.FarmOptions{
		"h264 access units": {Cameras: 5},
		"h264 packets":      {Cameras: 2, PacketsPerWrite: 1},
		"h265 without delimiters": {
			Cameras: 1, ClipName: "given.h265", Clip: undelimited, FPS: 30,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, addr := startFarm(t, o)
			var wg sync.WaitGroup
			for n := 1; n <= o.Cameras; n++ {
				wg.Go(func() {
					format := "h264"
					if o.Clip != nil {
						format = "hevc"
					}
					b, err := exec.Command("ffmpeg", "-v", "error", "-analyzeduration", "1000000", "-rtsp_transport", "tcp", "-i", fmt.Sprintf("rtsp://%s/cam%d", addr, n), "-t", "3", "-c", "copy", "-f", format, "-").Output()
					if err != nil {
						t.Errorf("camera %d: %v", n, err)
						return
					}
					marks := lab.ReadFrameNumbers(b)
					if len(marks) < 30 {
						t.Errorf("camera %d: %d frames in 3 s", n, len(marks))
					}
					for i, m := range marks {
						if m.Camera != n || m.Frame != marks[0].Frame+uint64(i) {
							t.Errorf("camera %d: frame %d is %+v", n, i, m)
							return
						}
					}
				})
			}
			wg.Wait()
			if s := f.Stats(); s.Played != int64(o.Cameras) || s.Dropped != 0 || s.Frames == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestFarmDropsForASlowClient(t *testing.T) {
	clip, err := clips.Read("gate-main.h264")
	if err != nil {
		t.Fatal(err)
	}
	f, addr := startFarm(t, lab.FarmOptions{Cameras: 1, Clip: clip, ClipName: "fast.h264", FPS: 400, MaxPending: 1 << 10})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }); err != nil {
		t.Fatal(err)
	}
	url := "rtsp://" + addr + "/cam1"
	fmt.Fprintf(c, "SETUP %s/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", url)
	fmt.Fprintf(c, "PLAY %s/ RTSP/1.0\r\nCSeq: 2\r\nSession: 12345678\r\n\r\n", url)
	eventually(t, 20*time.Second, func() bool { return f.Stats().Dropped > 0 }, func() string { return fmt.Sprintf("%+v", f.Stats()) })
}
