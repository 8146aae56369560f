package lab_test

import (
	"bytes"
	"image"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/clips"
	"github.com/stockade-nvr/stockade/internal/lab/clips/block"
)

func TestBlockSurvivesTheCodec(t *testing.T) {
	for name, want := range map[string]struct{ scene, frames, width, height int }{
		"gate-main.h264": {1, 20, 1280, 720}, "yard-sub.h264": {2, 40, 640, 360}, "corridor-sub.h264": {3, 40, 640, 360}, "dock-main.h265": {4, 20, 1280, 720},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := clips.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			format := "h264"
			if strings.HasSuffix(name, "265") {
				format = "hevc"
			}
			c := exec.Command("ffmpeg", "-v", "error", "-f", format, "-i", "-", "-frames:v", strconv.Itoa(want.frames), "-f", "rawvideo", "-pix_fmt", "gray", "-")
			c.Stdin = bytes.NewReader(b)
			pixels, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			size := want.width * want.height
			if len(pixels) != want.frames*size {
				t.Fatalf("%d bytes decoded, want %d frames", len(pixels), want.frames)
			}
			for n := range want.frames {
				img := &image.Gray{Pix: pixels[n*size : (n+1)*size], Stride: want.width, Rect: image.Rect(0, 0, want.width, want.height)}
				if scene, frame, ok := block.Read(img); !ok || scene != want.scene || frame != n {
					t.Fatalf("frame %d reads as scene %d frame %d (%v)", n, scene, frame, ok)
				}
			}
		})
	}
}

func TestClipsStaySmall(t *testing.T) {
	var total int64
	err := filepath.WalkDir("clips", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		i, err := e.Info()
		total += i.Size()
		return err
	})
	if err != nil || total > 6<<20 {
		t.Errorf("%d bytes, %v", total, err)
	}
}

func TestSiteFileNamesEverything(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	p := lab.DefaultPlan(6)
	b, err := p.SiteFile(state, "/video")
	if err != nil {
		t.Fatal(err)
	}
	var site struct {
		CameraNetwork struct{ Ports, Addresses []string } `yaml:"camera_network"`
		Devices       []struct {
			ID, IP, MAC  string
			PasswordFile string `yaml:"password_file"`
		}
		Cameras []struct{ ID, Device, Transport string }
	}
	if err := yaml.Unmarshal(b, &site); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if got := strings.Join(site.CameraNetwork.Ports, " "); got != "cam1 cam2 cam3 cam4 cam5 cam6 rogue" {
		t.Errorf("ports %s", got)
	}
	ids := map[string]bool{}
	for i, d := range site.Devices {
		if d.IP != p.Cameras[i].IP().String() || d.MAC != p.Cameras[i].MAC().String() {
			t.Errorf("device %+v", d)
		}
		password, err := os.ReadFile(d.PasswordFile)
		if err != nil || strings.TrimSpace(string(password)) != p.Cameras[i].Password {
			t.Errorf("password of %s: %q, %v", d.ID, password, err)
		}
		ids[d.ID] = true
	}
	if len(ids) != 6 || len(site.Cameras) != 6 {
		t.Errorf("%d devices and %d cameras, want 6 of each", len(ids), len(site.Cameras))
	}
	for _, c := range site.Cameras {
		if !ids[c.Device] {
			t.Errorf("camera %s is on unknown device %s", c.ID, c.Device)
		}
	}
}

func FuzzReadFrameNumbers(f *testing.F) {
	f.Add([]byte("stockade-lab-mrk"))
	f.Add(append([]byte("xstockade-lab-mrk"), bytes.Repeat([]byte{0xff}, 40)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range lab.ReadFrameNumbers(b) {
			if m.Camera < 0 || m.Camera > math.MaxUint16 {
				t.Errorf("camera %d", m.Camera)
			}
		}
	})
}
