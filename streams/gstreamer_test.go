package streams_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// startGStreamer starts testdata/rtspserver.py and gives its port.
func startGStreamer(t *testing.T, args ...string) int {
	t.Helper()
	c := exec.Command("/usr/bin/python3", append([]string{"testdata/rtspserver.py"}, args...)...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaint bytes.Buffer
	c.Stderr = &complaint
	if err := c.Start(); err != nil {
		t.Fatalf("start GStreamer's RTSP server: %v: apt-get install python3", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("GStreamer's RTSP server: %v: %s", err, &complaint)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		_ = c.Wait()
		t.Fatalf("GStreamer's RTSP server: %s\napt-get install python3-gi gir1.2-gst-rtsp-server-1.0 "+
			"gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav", &complaint)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestGStreamer plays a third party's server, with digest authentication, and
// has ffmpeg decode what a viewer got.
func TestGStreamer(t *testing.T) {
	for _, c := range []struct {
		path      string
		transport rtsp.Transport
		plain     bool
		tracks    int
		codec     string
	}{
		{"/h264", rtsp.TCP, false, 2, "avc1."},
		{"/h264", rtsp.TCP, true, 2, "avc1."},
		{"/h264", rtsp.UDP, false, 2, "avc1."},
		{"/bframes", rtsp.TCP, false, 1, "avc1."},
		{"/h265", rtsp.TCP, false, 1, "hvc1."},
		{"/h265", rtsp.UDP, false, 1, "hvc1."},
	} {
		name := strings.TrimPrefix(c.path, "/") + "-" + string(c.transport)
		if c.plain {
			name += "-plain"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder(t)
			o := options(startGStreamer(t, "--user", "viewer", "--password", "sesame"), c.path, rec)
			o.RTSP.Username, o.RTSP.Password = "viewer", "sesame"
			o.RTSP.Transport, o.RTSP.Plain = c.transport, c.plain
			o.RTSP.Silence = 5 * time.Second // encoders start while other tests run
			s, stop := run(t, o)
			r := s.Subscribe(streams.ReaderOptions{Units: 4096, Bytes: 64 << 20})
			format := next(t, r, isFormat).Format
			if len(format.Tracks) != c.tracks || format.Tracks[0].Width != 320 || format.Tracks[0].Height != 240 ||
				!strings.HasPrefix(format.Tracks[0].CodecString(), c.codec) {
				t.Fatalf("tracks: %+v", format.Tracks)
			}
			var units []*media.AccessUnit
			counts := make([]int, c.tracks)
			for counts[0] < 40 || c.tracks == 2 && counts[1] < 20 {
				e := next(t, r, isUnit)
				counts[e.Unit.Track]++
				if e.Dropped != 0 || e.Duration <= 0 {
					t.Fatalf("event %+v", e)
				}
				if e.Unit.Track == 0 {
					units = append(units, e.Unit)
				}
				if skew := time.Since(e.Unit.Capture); skew > 10*time.Second || skew < -10*time.Second {
					t.Fatalf("captured at %v", e.Unit.Capture)
				}
			}
			rec.await("five parts", func() bool { return rec.parts >= 5 })
			if st := s.Status(); st.Lost != 0 || st.Damaged != 0 || st.Malformed != 0 || st.JunkBytes != 0 || st.Reconnects != 0 || st.BitsPerSecond < 0 {
				t.Errorf("status: %+v", st)
			}
			stop()
			ffmpegDecodes(t, &format.Tracks[0], units)
		})
	}
	port := startGStreamer(t, "--user", "viewer", "--password", "sesame")
	t.Run("unusable", func(t *testing.T) {
		t.Parallel()
		rec := newRecorder(t)
		o := options(port, "/unusable", rec)
		o.RTSP.Username, o.RTSP.Password = "viewer", "sesame"
		run(t, o)
		rec.await("the refusal", func() bool { return len(rec.downs) > 1 })
		if d := rec.downs[1]; d.Cause != streams.CauseNoTracks || !strings.Contains(d.Detail, "JPEG") || !strings.Contains(d.Detail, "G711") {
			t.Errorf("down: %+v", d)
		}
	})
	t.Run("wrong-password", func(t *testing.T) {
		t.Parallel()
		rec := newRecorder(t)
		o := options(port, "/h264", rec)
		o.RTSP.Username, o.RTSP.Password = "viewer", "wrong"
		run(t, o)
		rec.await("the refusal", func() bool { return len(rec.downs) > 1 })
		if d := rec.downs[1]; d.Cause != streams.CauseAuth {
			t.Errorf("down: %+v", d)
		}
	})
	t.Run("no-such-path", func(t *testing.T) {
		t.Parallel()
		rec := newRecorder(t)
		o := options(port, "/other", rec)
		o.RTSP.Username, o.RTSP.Password = "viewer", "sesame"
		run(t, o)
		rec.await("the refusal", func() bool { return len(rec.downs) > 1 })
		if d := rec.downs[1]; d.Cause != streams.CauseProtocol || !strings.Contains(d.Detail, "path") {
			t.Errorf("down: %+v", d)
		}
	})
}

// ffmpegDecodes writes units as an elementary stream (ISO/IEC 14496-10 annex B)
// and has ffmpeg decode every picture of it.
func ffmpegDecodes(t *testing.T, track *media.Track, units []*media.AccessUnit) {
	t.Helper()
	start := []byte{0, 0, 0, 1}
	var b bytes.Buffer
	for _, set := range [][]byte{track.VPS, track.SPS, track.PPS} {
		if len(set) > 0 {
			b.Write(start)
			b.Write(set)
		}
	}
	for _, u := range units {
		p := bytes.Join(u.Payload, nil)
		for len(p) >= 4 {
			size := int(p[0])<<24 | int(p[1])<<16 | int(p[2])<<8 | int(p[3])
			if size > len(p)-4 {
				t.Fatalf("NAL unit of %d bytes in %d", size, len(p)-4)
			}
			b.Write(start)
			b.Write(p[4 : 4+size])
			p = p[4+size:]
		}
	}
	kind := map[media.Codec]string{media.H264: "h264", media.H265: "hevc"}[track.Codec]
	file := filepath.Join(t.TempDir(), "video."+kind)
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-f", kind, "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s (apt-get install ffmpeg)", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != strconv.Itoa(len(units)) {
		t.Errorf("ffprobe decodes %q of %d pictures", got, len(units))
	}
}
