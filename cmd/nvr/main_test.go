package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/internal/long"
	"github.com/stockade-nvr/stockade/ui"
)

// envSite has this test binary play a scenario in namespaces of its own.
const envSite = "STOCKADE_TEST_SITE"

func TestMain(m *testing.M) {
	name := os.Getenv(envSite)
	if name == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	err := ns.Enter()
	if err == nil {
		err = scenarios[name](os.Getenv("STOCKADE_TEST_NVR"))
	}
	if err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
}

// scenarios are what a recorder goes through, inside namespaces of their own.
var scenarios = map[string]func(nvr string) error{
	"third-party": thirdPartyCameras,
	"kill":        killedRecorder,
	"degraded":    degradedStart,
	"reload":      changedSite,
	"bench":       compareRecorders,
	"people":      peopleOnTheBox,
	"commands":    onTheBox,
	"faces":       faceless,
	"new-faces":   changedFaces,
	"stateless":   stateless,
	"holds":       heldAndDeleted,
	"enrol":       enrolStranger,
}

// build makes the program once for all tests.
func build(t *testing.T) string {
	t.Helper()
	nvr := filepath.Join(os.TempDir(), fmt.Sprintf("nvr-test-%d", os.Getpid()))
	if _, err := os.Stat(nvr); err == nil {
		return nvr
	}
	args := []string{"build", "-o", nvr}
	if withRace {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	// Ordinary users run it in one of the tests.
	if err := os.Chmod(nvr, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(nvr) })
	return nvr
}

// inside plays a scenario.
func inside(t *testing.T, name string) {
	t.Helper()
	nvr := build(t)
	out := &bytes.Buffer{}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the child dies with the thread that forked it
		c := ns.Command()
		c.Env = append(c.Env, envSite+"="+name, "STOCKADE_TEST_NVR="+nvr, "TMPDIR="+t.TempDir())
		c.Stdout, c.Stderr = out, out
		done <- c.Run()
	}()
	if err := <-done; err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out.String())
}

func TestThirdPartyCamerasAreRecordedOnTwoPorts(t *testing.T) { inside(t, "third-party") }

func TestAKilledRecorderLosesOnePartAtMost(t *testing.T) { inside(t, "kill") }

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestDemoRecordsBlocksAndLeavesNothing(t *testing.T) {
	nvr := build(t)
	address := freeAddress(t)
	seconds := long.Times(40, 600)
	c := exec.Command(nvr, "demo", "--listen", address, "--for", (time.Duration(seconds) * time.Second).String(), "--json")
	var out, logged bytes.Buffer
	c.Stdout, c.Stderr = &out, &logged
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, logged.String())
	}
	var r demoResult
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	t.Logf("%+v", r)
	if r.Cameras < 4 || r.RecordedSeconds < float64(4*(seconds-10)) || r.Segments < 4 || r.Containment != "contained" {
		t.Errorf("recorded too little: %+v", r)
	}
	if r.OutsideReceived != 0 || !r.Forwarding || r.SentByCameras < 130 || r.SentKinds < 6 || r.Attempts <= 20 {
		t.Errorf("containment: %+v", r)
	}
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		c.Close()
		t.Error("somebody still listens")
	}
}

func TestDemoRunsForAnOrdinaryUserAndDiesWithItsParent(t *testing.T) {
	nvr := build(t)
	uid := uint32(os.Getuid())
	if uid == 0 {
		uid = 65534
	}
	d := startDemo(t, nvr, uid)
	api, err := newClient("http://" + d.address)
	if err != nil {
		t.Fatal(err)
	}
	live := 0
	for deadline := time.Now().Add(60 * time.Second); live < 8; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 8 streams are live\n%s", live, d.logged)
		}
		live = 0
		views, err := list[ui.CameraView](api, "cameras", "cameras", nil)
		if err != nil {
			continue // not listening yet
		}
		for _, v := range views {
			for _, s := range v.Streams {
				if s.State == ui.StreamLive {
					live++
				}
			}
		}
	}
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.Wait() // it was killed
	d.leavesNothing(t, false)
}
