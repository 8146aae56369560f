package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/internal/long"
	"github.com/stockade-nvr/stockade/ui"
)

// recorderProcess is nvr run on a site file.
type recorderProcess struct {
	*exec.Cmd
	logged *logBuffer
	api    *client
}

// logBuffer holds what a process says while it is still saying more.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startRecorder(nvr, config string) (*recorderProcess, error) {
	r := &recorderProcess{Cmd: exec.Command(nvr, "run", "--config", config), logged: &logBuffer{}}
	r.Stdout, r.Stderr = r.logged, r.logged
	var err error
	// The sites of these tests keep their state beside their site file.
	if r.api, err = newClient("unix:" + filepath.Join(filepath.Dir(config), "state", socketName)); err != nil {
		return nil, err
	}
	return r, r.Start()
}

// kill ends it as a power switch would, but for the disk.
func (r *recorderProcess) kill() error {
	err := r.Process.Kill()
	_ = r.Wait() // it was killed
	return err
}

// await polls until a condition holds.
func (r *recorderProcess) await(what string, limit time.Duration, ok func() bool) error {
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s; the recorder says\n%s", what, r.logged.String())
		}
	}
	return nil
}

// list asks the API for a list.
func list[Row any](api *client, endpoint, key string, query url.Values) ([]Row, error) {
	body, err := api.get(context.Background(), endpoint, query)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var answer map[string]json.RawMessage
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return nil, err
	}
	var rows []Row
	return rows, json.Unmarshal(answer[key], &rows)
}

// recorded gives the seconds on disk of a camera's stream.
func (r *recorderProcess) recorded(camera, stream string) float64 {
	now := time.Now().UTC()
	rows, err := list[ui.RecordingView](r.api, "recordings", "recordings", url.Values{
		"camera": {camera}, "stream": {stream},
		"from": {now.Add(-time.Hour).Format(time.RFC3339)}, "to": {now.Add(time.Hour).Format(time.RFC3339)},
	})
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, row := range rows {
		sum += row.End.Sub(row.Start).Seconds()
	}
	return sum
}

// footageIn lists segment files.
func footageIn(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".mp4") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// playable has ffmpeg read a file without a word of complaint.
func playable(file string) error {
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Errorf("ffmpeg reads %s: %w: %s", file, err, out)
	}
	return nil
}

func allPlayable(dir string) (int, error) {
	files, err := footageIn(dir)
	for _, f := range files {
		err = errors.Join(err, playable(f))
	}
	return len(files), err
}

// plugCamera makes a namespace with a camera's address behind a port of the recorder.
func plugCamera(port, ip, mac string) (*ns.Namespace, error) {
	space, err := ns.New(port)
	if err != nil {
		return nil, err
	}
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port}, PeerName: "eth0", PeerNamespace: space.FD(), PeerHardwareAddr: hw,
	}); err != nil {
		return nil, err
	}
	return space, space.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(ip + "/16")
		if err != nil {
			return err
		}
		return errors.Join(netlink.AddrAdd(link, a), netlink.LinkSetUp(link))
	})
}

// gstreamer runs GStreamer's RTSP server in a namespace, with digest
// authentication, until stop is called or this process ends: its standard input
// closes then.
func gstreamer(space *ns.Namespace) (stop io.Closer, err error) {
	err = space.Do(func() error {
		c := exec.Command("/usr/bin/python3", "../../streams/testdata/rtspserver.py", "--user", "viewer", "--password", "s3cret", "--address", "0.0.0.0", "--port", "8554")
		c.Stderr = os.Stderr
		if stop, err = c.StdinPipe(); err != nil {
			return err
		}
		out, err := c.StdoutPipe()
		if err != nil {
			return err
		}
		if err := c.Start(); err != nil {
			return fmt.Errorf("start GStreamer's RTSP server (make test installs it): %w", err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return fmt.Errorf("GStreamer's RTSP server: %w", err)
		}
		return nil
	})
	return stop, err
}

const thirdPartySite = `version: 1
site: {name: Two Ports, zone: UTC}
storage:
  state: DIR/state
  volumes: [{path: DIR/video, reserve: 1MiB}]
  segment: 10s
camera_network: {ports: [nic1, nic2], addresses: [10.20.0.1/16], dns: true, ntp: true}
devices:
  - {id: dev-a, ip: 10.20.1.11, mac: "02:00:00:00:00:11", username: viewer, password_file: DIR/secret}
  - {id: dev-b, ip: 10.20.1.12, mac: "02:00:00:00:00:12", username: viewer, password_file: DIR/secret}
cameras:
  - {id: tcp-h264, device: dev-a, streams: {main: {url: "rtsp://10.20.1.11:8554/h264"}}}
  - {id: tcp-h265, device: dev-a, streams: {main: {url: "rtsp://10.20.1.11:8554/h265"}}}
  - {id: udp-h264, device: dev-b, transport: udp, streams: {main: {url: "rtsp://10.20.1.12:8554/h264"}}}
  - {id: udp-bframes, device: dev-b, transport: udp, streams: {main: {url: "rtsp://10.20.1.12:8554/bframes"}}}
  - {id: unusable, device: dev-b, streams: {main: {url: "rtsp://10.20.1.12:8554/unusable"}}}
`

// thirdPartyCameras records GStreamer's RTSP server behind two ports: TCP and
// UDP, H.264 with sound and with B pictures, H.265, digest authentication.
func thirdPartyCameras(nvr string) error {
	dir := os.TempDir()
	for i, port := range []string{"nic1", "nic2"} {
		space, err := plugCamera(port, fmt.Sprintf("10.20.1.%d", 11+i), fmt.Sprintf("02:00:00:00:00:%d", 11+i))
		if err != nil {
			return err
		}
		camera, err := gstreamer(space)
		if err != nil {
			return err
		}
		defer camera.Close()
	}
	config := filepath.Join(dir, "nvr.yaml")
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "secret"), []byte("s3cret\n"), 0o600),
		os.WriteFile(config, []byte(strings.ReplaceAll(thirdPartySite, "DIR", dir)), 0o600),
	); err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	cameras := []string{"tcp-h264", "tcp-h265", "udp-h264", "udp-bframes"}
	err = r.await("12 s of each camera", 50*time.Second, func() bool {
		return !slices.ContainsFunc(cameras, func(c string) bool { return r.recorded(c, "main") < 12 })
	})
	if err != nil {
		return err
	}
	views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
	if err != nil {
		return err
	}
	for _, v := range views {
		s := v.Streams[0]
		if v.ID == "unusable" && (s.Cause != "no-usable-tracks" || s.Detail == "") || v.ID != "unusable" && s.State != ui.StreamLive {
			return fmt.Errorf("camera %s is %s: %s %s", v.ID, s.State, s.Cause, s.Detail)
		}
	}
	if err := reloads(r, config); err != nil {
		return err
	}
	if err := r.kill(); err != nil {
		return err
	}
	// C1: the rules outlive the program.
	out, err := exec.Command(nvr, "firewall", "status", "--config", config).CombinedOutput()
	if err != nil || !holds(string(out)) {
		return fmt.Errorf("after kill -9 the firewall is: %w: %s", err, out)
	}
	// Also the files that were being written.
	n, err := allPlayable(filepath.Join(dir, "video"))
	fmt.Printf("%d files play after kill -9\n", n)
	if err == nil && n < 2*len(cameras) {
		err = fmt.Errorf("only %d files", n)
	}
	return err
}

// reloads edits the site file: what is wrong is refused and told, what is right
// is taken, and cameras that did not change are not touched.
func reloads(r *recorderProcess, config string) error {
	file, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	wrong := strings.Replace(string(file), "device: dev-b, streams", "device: dev-c, streams", 1)
	if err := os.WriteFile(config, []byte(wrong), 0o600); err != nil {
		return err
	}
	health := func() string {
		body, err := r.api.get(context.Background(), "health", nil)
		if err != nil {
			return err.Error()
		}
		defer body.Close()
		b, _ := io.ReadAll(body) // half an answer holds no answer
		return string(b)
	}
	if err := r.await("the wrong file to be refused", 10*time.Second, func() bool { return strings.Contains(health(), "there is no device") }); err != nil {
		return err
	}
	right, _, _ := strings.Cut(string(file), "  - {id: unusable")
	if err := os.WriteFile(config, []byte(right), 0o600); err != nil {
		return err
	}
	before := r.recorded("tcp-h264", "main")
	err = r.await("the camera to go", 10*time.Second, func() bool {
		views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
		return err == nil && len(views) == 4 && !strings.Contains(health(), "site file")
	})
	if err != nil {
		return err
	}
	if err := r.await("recording to go on", 10*time.Second, func() bool { return r.recorded("tcp-h264", "main") > before+2 }); err != nil {
		return err
	}
	runs := strings.Count(r.logged.String(), `msg="stream up" camera=tcp-h264 stream=main`)
	if runs != 1 {
		return fmt.Errorf("a camera that did not change was connected %d times", runs)
	}
	return nil
}

// killedRecorder kills the recorder and compares what is on disk with what the
// cameras sent, picture by picture; then it starts it again.
func killedRecorder(nvr string) error {
	dir := os.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	for round := range long.Times(3, 20) {
		r, err := startRecorder(nvr, config)
		if err != nil {
			return err
		}
		if err := r.await("more footage of each camera", 120*time.Second, r.records(l, float64(13*(round+1)))); err != nil {
			return err
		}
		if round > 0 {
			if err := downtimeIsAGap(r, l.Devices()[0].Camera.ID); err != nil {
				return err
			}
		}
		sent := map[string]lab.Mark{}
		for _, d := range l.Devices() {
			sent[d.Camera.ID], _ = d.Last(0)
		}
		// A machine under load is late, which is no loss: what the cameras had sent
		// up to here is what must have arrived before the kill, but for one part.
		if err := r.await("the recorder to keep up", 60*time.Second, r.reaches(sent)); err != nil {
			return err
		}
		if err := r.kill(); err != nil {
			return err
		}
		if err := framesOnDisk(dir, l, round+1, sent); err != nil {
			return err
		}
	}
	n, err := allPlayable(filepath.Join(dir, "video"))
	fmt.Printf("%d files play after all that\n", n)
	return err
}

// reaches tells whether each camera's footage ends less than a part before a picture.
func (r *recorderProcess) reaches(sent map[string]lab.Mark) func() bool {
	return func() bool {
		views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
		return err == nil && len(views) == len(sent) && !slices.ContainsFunc(views, func(v ui.CameraView) bool {
			last := v.Streams[0].LastFootage
			return last == nil || last.Before(sent[v.ID].Sent.Add(-time.Second))
		})
	}
}

// framesOnDisk checks that no picture is missing within a run, of which there
// were so many, and that each camera's newest one is at most a part before the
// one that it had sent.
func framesOnDisk(dir string, l *lab.Lab, runs int, sent map[string]lab.Mark) error {
	for _, d := range l.Devices() {
		id := d.Camera.ID
		files, err := footageIn(filepath.Join(dir, "video", id, "main"))
		if err != nil {
			return err
		}
		var last lab.Mark
		total, breaks := 0, 0
		for _, f := range files { // in order of time, as their names are
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			for _, m := range lab.ReadFrameNumbers(b) {
				if total > 0 && m.Frame != last.Frame+1 {
					breaks++
				}
				last = m
				total++
			}
		}
		if breaks != runs-1 {
			return fmt.Errorf("%s: the pictures break off %d times in %d runs", id, breaks, runs)
		}
		_, fps := d.Last(0)
		fmt.Printf("%s: %d pictures in %d files, the newest is %d, had sent %d\n", id, total, len(files), last.Frame, sent[id].Frame)
		// The part that ends with the next picture is a second long.
		if last.Frame+uint64(fps)+1 < sent[id].Frame {
			return fmt.Errorf("%s: picture %d is the newest on disk and %d was sent: more than a part is lost", id, last.Frame, sent[id].Frame)
		}
	}
	return nil
}

// downtimeIsAGap checks that recordings and gaps tile the time since the first start.
func downtimeIsAGap(r *recorderProcess, camera string) error {
	now := time.Now().UTC()
	query := url.Values{
		"camera": {camera}, "stream": {"main"},
		"from": {now.Add(-time.Hour).Format(time.RFC3339)}, "to": {now.Format(time.RFC3339)},
	}
	segments, err := list[ui.RecordingView](r.api, "recordings", "recordings", query)
	if err != nil {
		return err
	}
	gaps, err := list[ui.GapView](r.api, "gaps", "gaps", query)
	if err != nil {
		return err
	}
	type stretch struct{ from, to time.Time }
	var all []stretch
	down := false
	for _, s := range segments {
		all = append(all, stretch{s.Start, s.End})
	}
	for _, g := range gaps {
		down = down || g.Reason == "recorder-down"
		if g.To != nil {
			all = append(all, stretch{g.From, *g.To})
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	for i := 1; i < len(all); i++ {
		if !all[i].from.Equal(all[i-1].to) {
			return fmt.Errorf("%s: [%v, %v) is followed by %v: not a tiling\n%v", camera, all[i-1].from, all[i-1].to, all[i].from, all)
		}
	}
	if !down {
		return fmt.Errorf("%s: no gap says recorder-down: %+v", camera, gaps)
	}
	return nil
}
