package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

const (
	benchCameras = 50
	benchFor     = 60 * time.Second
)

// metric is a figure that the scenario prints for the benchmark.
var metric = regexp.MustCompile(`(?m)^METRIC (\S+) (\S+)$`)

// BenchmarkRecord50 records 50 cameras of 1080p15 and 3 Mbit/s, one RTP packet
// a write, for a minute: with nvr run, whole, and then with an ffmpeg for each
// camera, against the same farm on the same machine. Only their ratio says
// something.
func BenchmarkRecord50(b *testing.B) {
	dir := b.TempDir()
	nvr := filepath.Join(dir, "nvr")
	if out, err := exec.Command("go", "build", "-o", nvr, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	for b.Loop() {
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // the child dies with the thread that forked it
			c := ns.Command()
			c.Env = append(c.Env, envSite+"=bench", "STOCKADE_TEST_NVR="+nvr, "TMPDIR="+b.TempDir())
			c.Stdout, c.Stderr = &out, &out
			done <- c.Run()
		}()
		if err := <-done; err != nil {
			b.Fatalf("%v\n%s", err, out.String())
		}
		b.ReportMetric(0, "ns/op")
		for _, m := range metric.FindAllStringSubmatch(out.String(), -1) {
			v, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(v, m[1])
		}
	}
}

// benchClip is eight seconds of 1080p15 at 3 Mbit/s with a GOP of two seconds.
func benchClip() ([]byte, error) {
	return exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i",
		"mandelbrot=s=1920x1080:r=15:start_scale=0.3:end_scale=0.05:end_pts=200", "-t", "8",
		"-vf", "noise=alls=5:allf=t", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main",
		"-bf", "0", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-b:v", "3000k", "-maxrate", "3500k", "-bufsize", "3000k",
		"-x264-params", "sliced-threads=0:slices=1:aud=0", "-f", "h264", "-").Output()
}

// compareRecorders is the benchmark's scenario.
func compareRecorders(nvr string) error {
	dir := os.TempDir()
	clip, err := benchClip()
	if err != nil {
		return fmt.Errorf("make the clip: %w", err)
	}
	space, err := plugCamera("nic1", "10.20.1.11", "02:00:00:00:00:11")
	if err != nil {
		return err
	}
	var ln net.Listener
	if err := space.Do(func() (err error) { ln, err = net.Listen("tcp", ":554"); return err }); err != nil {
		return err
	}
	farm, err := lab.NewFarm(lab.FarmOptions{Cameras: benchCameras, Listener: ln, ClipName: "bench.h264", Clip: clip, FPS: 15, PacketsPerWrite: 1})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = farm.Run(ctx) }()

	var site strings.Builder
	fmt.Fprintf(&site, "version: 1\nsite: {name: Bench, zone: UTC}\nstorage: {state: %[1]s/state, volumes: [{path: %[1]s/video, reserve: 1MiB}]}\n"+
		"camera_network: {ports: [nic1], addresses: [10.20.0.1/16]}\n"+
		"devices: [{id: farm, ip: 10.20.1.11, mac: \"02:00:00:00:00:11\"}]\ncameras:\n", dir)
	for i := range benchCameras {
		fmt.Fprintf(&site, "  - {id: cam-%[1]d, device: farm, streams: {main: {path: /cam%[1]d}}}\n", i+1)
	}
	config := filepath.Join(dir, "nvr.yaml")
	if err := os.WriteFile(config, []byte(site.String()), 0o600); err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	before, memory, err := measure(farm, []*exec.Cmd{r.Cmd})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, r.logged.String())
	}
	reportRates("nvr", before, memory, farm)
	if err := stopAll([]*exec.Cmd{r.Cmd}); err != nil {
		return err
	}

	var peers []*exec.Cmd
	for i := range benchCameras {
		peers = append(peers, exec.Command("ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp",
			"-i", fmt.Sprintf("rtsp://10.20.1.11/cam%d", i+1), "-c", "copy", "-f", "segment", "-segment_time", "300",
			"-segment_format_options", "movflags=+frag_keyframe+empty_moov", filepath.Join(dir, fmt.Sprintf("peer-%d-%%03d.mp4", i))))
		if err := peers[i].Start(); err != nil {
			return err
		}
	}
	cpu, memory2, err := measure(farm, peers)
	if err != nil {
		return err
	}
	reportRates("ffmpeg", cpu, memory2, farm)
	fmt.Printf("METRIC nvr/ffmpeg-CPU %.3f\n", before/cpu)
	return stopAll(peers)
}

// measure waits until all cameras play, then gives the CPU time that processes
// took for a window, in ms for each camera-second, and their memory (PSS) in
// MiB for each camera.
func measure(farm *lab.Farm, processes []*exec.Cmd) (cpu, memory float64, err error) {
	for deadline := time.Now().Add(30 * time.Second); farm.Stats().Sessions < benchCameras; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, 0, fmt.Errorf("only %d of %d cameras play", farm.Stats().Sessions, benchCameras)
		}
	}
	time.Sleep(5 * time.Second) // the start is not measured
	before := cpuTime(processes)
	time.Sleep(benchFor)
	took := cpuTime(processes) - before
	for _, p := range processes {
		memory += pss(p.Process.Pid)
	}
	return took.Seconds() * 1000 / benchFor.Seconds() / benchCameras, memory / benchCameras, nil
}

// cpuTime is user and system time so far (proc(5), fields 14 and 15 of stat).
func cpuTime(processes []*exec.Cmd) (sum time.Duration) {
	const tick = 10 * time.Millisecond
	for _, p := range processes {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		for _, f := range strings.Fields(rest)[11:13] {
			n, _ := strconv.Atoi(f) // the kernel writes numbers
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// pss is the proportional set size in MiB.
func pss(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			n, _ := strconv.Atoi(f[1]) // the kernel writes numbers
			return float64(n) / 1024
		}
	}
	return 0
}

func reportRates(name string, cpu, memory float64, farm *lab.Farm) {
	s := farm.Stats()
	fmt.Printf("METRIC %s-CPU-ms/camera-s %.3f\nMETRIC %s-PSS-MiB/camera %.3f\nMETRIC %s-frames-late %d\nMETRIC %s-frames-dropped %d\n",
		name, cpu, name, memory, name, s.Late, name, s.Dropped)
}

func stopAll(processes []*exec.Cmd) error {
	var errs []error
	for _, p := range processes {
		errs = append(errs, p.Process.Signal(syscall.SIGTERM))
	}
	for _, p := range processes {
		_ = p.Wait() // ffmpeg says 255 when it is asked to end
	}
	return errors.Join(errs...)
}
