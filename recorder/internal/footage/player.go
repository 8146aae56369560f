package footage

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Play has ffprobe and ffmpeg read an MP4 file and decode all of it. It fails
// the test at any message of theirs and gives the number of pictures decoded.
func Play(tb testing.TB, mp4 []byte) int {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "play.mp4")
	if err := os.WriteFile(path, mp4, 0o600); err != nil {
		tb.Fatal(err)
	}
	return PlayFile(tb, path)
}

// PlayFile is Play for a file on disk.
func PlayFile(tb testing.TB, path string) int {
	tb.Helper()
	count := run(tb, "ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v:0",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path)
	run(tb, "ffmpeg", "-v", "error", "-i", path, "-f", "null", "-")
	n, err := strconv.Atoi(strings.Trim(count, "\n, "))
	if err != nil {
		tb.Fatalf("ffprobe %s: frames %q", filepath.Base(path), count)
	}
	return n
}

// Times gives the presentation time in seconds of
// each packet of the first video track, in the order of the file.
func Times(tb testing.TB, mp4 []byte) []float64 {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "times.mp4")
	if err := os.WriteFile(path, mp4, 0o600); err != nil {
		tb.Fatal(err)
	}
	var times []float64
	for line := range strings.Lines(run(tb, "ffprobe", "-v", "warning", "-select_streams", "v:0",
		"-show_entries", "packet=pts_time", "-of", "csv=p=0", path)) {
		t, err := strconv.ParseFloat(strings.Trim(line, "\n, "), 64)
		if err != nil {
			tb.Fatalf("ffprobe: time %q", line)
		}
		times = append(times, t)
	}
	return times
}

func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	var out, fault bytes.Buffer
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil || fault.Len() > 0 {
		tb.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, fault.String())
	}
	return out.String()
}
