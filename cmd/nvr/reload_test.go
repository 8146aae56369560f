package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

func TestASiteThatCannotBeEnforcedChangesNothing(t *testing.T) { inside(t, "reload") }

// newDevice is what the changed site file pins and the stubborn kernel refuses.
const newDevice = "10.20.1.250"

// stubborn puts an ipset before the system's that does its work and fails for as
// long as the new device stands in a set, that is, in the middle of a change: sets
// loaded, nothing read back yet. It gives the file whose removal ends that.
func stubborn(dir string) (marker string, err error) {
	system, err := exec.LookPath("ipset")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bin")
	marker = filepath.Join(bin, "stubborn")
	script := fmt.Sprintf("#!/bin/sh\n%[1]s \"$@\" || exit\nif [ -e %[2]s ] && [ \"$1\" != save ] && %[1]s save | grep -q %[3]s; then echo stubborn >&2; exit 1; fi\n", system, marker, newDevice)
	for _, step := range []error{
		os.Mkdir(bin, 0o755),
		os.WriteFile(marker, nil, 0o600),
		os.WriteFile(filepath.Join(bin, "ipset"), []byte(script), 0o755),
		os.Setenv("PATH", bin+":"+os.Getenv("PATH")),
	} {
		if step != nil {
			return "", step
		}
	}
	return marker, nil
}

// ups counts how often a camera's main stream was connected.
func (r *recorderProcess) ups(camera string) int {
	return strings.Count(r.logged.String(), `msg="stream up" camera=`+camera+` stream=main`)
}

// health is the API's answer as text.
func (r *recorderProcess) health() string {
	h, err := ask[ui.HealthView](r.api, "health")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(h)
}

// changedSite changes the site file and the passwords under a running recorder.
func changedSite(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := os.TempDir()
	l, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	marker, err := stubborn(dir)
	if err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	if err := r.await("footage of each camera", 60*time.Second, r.records(l, 2)); err != nil {
		return err
	}
	old, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	if err := refusedSite(r, nvr, config, string(old), marker); err != nil {
		return err
	}
	return renewedPassword(r, filepath.Join(dir, "state", "secrets"))
}

// refusedSite has a change fail in the middle: it is tried once, the old policy
// is in force again, and only a new file or SIGHUP has it tried again.
func refusedSite(r *recorderProcess, nvr, config, old, marker string) error {
	changed := strings.Replace(old, "transport: tcp", "transport: udp", 1) // gate-north: it must stop for the change
	changed = strings.Replace(changed, "cameras:\n", "  - {id: dev-new, ip: "+newDevice+", mac: \"02:00:00:00:02:50\"}\ncameras:\n", 1)
	changed += "  - {id: new, device: dev-new, streams: {main: {path: /x}}}\n"
	missing := strings.Replace(changed, "{id: dev-new,", "{id: dev-new, username: u, password_file: /nonexistent/secret,", 1)
	if err := os.WriteFile(config, []byte(missing), 0o600); err != nil {
		return err
	}
	if err := r.await("what this machine lacks to be told", 30*time.Second, func() bool {
		return strings.Contains(r.health(), "/nonexistent/secret: no such file")
	}); err != nil {
		return err
	}
	if n := r.ups("gate-north"); n != 1 {
		return fmt.Errorf("a camera was stopped for a file that could be known to be wrong: %d connections", n)
	}
	if err := os.WriteFile(config, []byte(changed), 0o600); err != nil {
		return err
	}
	if err := r.await("the change to be refused", 30*time.Second, func() bool {
		return strings.Contains(r.health(), "enforce the new policy")
	}); err != nil {
		return err
	}
	// Longer than a few looks at the file.
	before := r.recorded("gate-north", "main")
	if err := r.await("gate-north to go on", 60*time.Second, func() bool { return r.recorded("gate-north", "main") > before+7 }); err != nil {
		return err
	}
	if gate, yard := r.ups("gate-north"), r.ups("vehicle-yard"); gate != 2 || yard != 1 {
		return fmt.Errorf("connected %d and %d times, want 2 and 1\n%s", gate, yard, r.logged)
	}
	if sets, err := exec.Command("ipset", "save").CombinedOutput(); err != nil || strings.Contains(string(sets), newDevice) {
		return fmt.Errorf("the refused device is pinned: %w\n%s", err, sets)
	}
	kept := config + ".kept"
	if err := os.WriteFile(kept, []byte(old), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command(nvr, "firewall", "status", "--config", kept).CombinedOutput(); err != nil {
		return fmt.Errorf("the old policy is not in force: %w: %s", err, out)
	}
	if err := os.Remove(marker); err != nil {
		return err
	}
	if err := r.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return r.await("the change to be taken", 30*time.Second, func() bool {
		views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
		return err == nil && len(views) == 5 && !strings.Contains(r.health(), "site file")
	})
}

// renewedPassword writes a wrong password and the right one again: each is taken
// without a change of the site file, and well before a refused camera would be
// asked again.
func renewedPassword(r *recorderProcess, secrets string) error {
	file := filepath.Join(secrets, "dev-yard")
	right, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	state := func(want func(ui.StreamView) bool) func() bool {
		return func() bool {
			views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
			for _, v := range views {
				if v.ID == "vehicle-yard" && err == nil {
					return want(v.Streams[0])
				}
			}
			return false
		}
	}
	for _, step := range []struct {
		password, what string
		is             func(ui.StreamView) bool
	}{
		{"wrong\n", "the wrong password to be refused", func(s ui.StreamView) bool { return s.Cause == "auth" }},
		{string(right), "the right password to be taken", func(s ui.StreamView) bool { return s.State == ui.StreamLive }},
	} {
		if err := os.WriteFile(file, []byte(step.password), 0o600); err != nil {
			return err
		}
		if err := r.await(step.what, 30*time.Second, state(step.is)); err != nil {
			return err
		}
	}
	if dock := r.ups("loading-dock"); dock != 1 {
		return fmt.Errorf("a camera whose password did not change was connected %d times", dock)
	}
	return nil
}
