package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/ui"
)

func TestAStrangerIsSeenPinnedAndReachesNothing(t *testing.T) { inside(t, "enrol") }

const (
	rogueMAC = "02:00:0a:14:09:42" // the lab's
	rogueIP  = "10.20.9.66"
	rogueID  = "dev-140942"
)

// enrolled is a recorder beside a stranger, who becomes one of its devices.
type enrolled struct {
	nvr, config string
	lab         *lab.Lab
	r           *recorderProcess
	first       time.Time // the stranger was seen
	before      string    // the site file
}

// enrolStranger goes from a stranger on the wire to a pinned device and back.
func enrolStranger(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, config, err := labSite(ctx, os.TempDir())
	if err != nil {
		return err
	}
	e := &enrolled{nvr: nvr, config: config, lab: l}
	if err := edit(config, "devices:\n", "# ours, 2026\ndevices:   # pinned\n"); err != nil {
		return err
	}
	if err := edit(config, "cameras:\n", "  # end of devices\n\n# views\ncameras:\n"); err != nil {
		return err
	}
	if e.r, err = startRecorder(nvr, config); err != nil {
		return err
	}
	defer func() { _ = e.r.kill() }()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"listed", e.listed},
		{"kept over a restart", e.restarted},
		{"refused", e.refusals},
		{"pinned", e.pinned},
		{"unpinned", e.unpinned},
		{"audited", e.audited},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.name, err, e.r.logged)
		}
		fmt.Println(step.name)
	}
	if s := l.Stats(); s.OutsideReceived != 0 || s.SentByRogue == 0 || !s.Forwarding {
		return fmt.Errorf("%d packets arrived outside of %d that the stranger sent", s.OutsideReceived, s.SentByRogue)
	}
	return nil
}

// run runs a command against the recorder.
func (e *enrolled) run(args ...string) (string, error) {
	args = append(args, "--server", "unix:"+filepath.Join(filepath.Dir(e.config), "state", socketName))
	out, err := exec.Command(e.nvr, args...).CombinedOutput()
	return string(out), err
}

// stranger gives the sighting of the rogue.
func (e *enrolled) stranger() (ui.SightingView, bool) {
	v, err := ask[ui.SightingsView](e.r.api, "sightings")
	i := slices.IndexFunc(v.Sightings, func(s ui.SightingView) bool { return s.MAC == rogueMAC })
	if err != nil || i < 0 {
		return ui.SightingView{}, false
	}
	return v.Sightings[i], true
}

func (e *enrolled) listed() error {
	if err := e.r.await("the stranger", 60*time.Second, func() bool {
		s, ok := e.stranger()
		e.first = s.First
		return ok && s.Port == "rogue" && s.IP == rogueIP && s.ID == rogueID && s.Local && len(s.Tried) > 1
	}); err != nil {
		s, _ := e.stranger()
		return fmt.Errorf("%w: %+v", err, s)
	}
	out, err := e.run("devices", "--unknown")
	if err != nil || !strings.Contains(out, rogueMAC) || !strings.Contains(out, "made-up MAC") || !strings.Contains(out, rogueIP) {
		return fmt.Errorf("%w: %s", err, out)
	}
	v, err := ask[ui.SightingsView](e.r.api, "sightings")
	if err != nil || len(v.Sightings) != 1 { // none of the cameras
		return fmt.Errorf("%w: %+v", err, v.Sightings)
	}
	return nil
}

func (e *enrolled) restarted() (err error) {
	if err := e.r.await("the file", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(e.config), "state", sightingsName))
		return err == nil
	}); err != nil {
		return err
	}
	if err := e.r.kill(); err != nil {
		return err
	}
	if e.r, err = startRecorder(e.nvr, e.config); err != nil {
		return err
	}
	return e.r.await("the stranger again, seen since then", 60*time.Second, func() bool {
		s, ok := e.stranger()
		return ok && s.First.Equal(e.first)
	})
}

func (e *enrolled) refusals() error {
	text, err := os.ReadFile(e.config)
	if err != nil {
		return err
	}
	e.before = string(text)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"devices", "pin", rogueMAC + "=10.20.1.11"}, "stands at line"},
		{[]string{"devices", "pin", rogueMAC + "=192.168.9.9"}, "outside the camera network"},
		{[]string{"devices", "pin", rogueMAC}, "is not MAC=IP"},
		{[]string{"devices", "pin", rogueMAC + "=" + rogueIP + "@eth9"}, "eth9 is no port of the camera network"},
		{[]string{"devices", "pin"}, "--all-unknown"},
		{[]string{"devices", "unpin", "dev-gate"}, "camera gate-north is a view of this device"},
		{[]string{"devices", "unpin", "nobody"}, "no such device"},
	} {
		if out, err := e.run(c.args...); err == nil || !strings.Contains(out, c.says) {
			return fmt.Errorf("%v: %w: %s", c.args, err, out)
		}
	}
	if text, err = os.ReadFile(e.config); err != nil || string(text) != e.before {
		return fmt.Errorf("a refused change changed the file: %w", err)
	}
	return nil
}

func (e *enrolled) pinned() error {
	ups := e.r.ups("gate-north")
	if err := e.bound(); err != nil {
		return err
	}
	out, err := e.run("devices", "pin", "--all-unknown")
	if err != nil || !strings.Contains(out, "pinned: "+rogueID) {
		return fmt.Errorf("%w: %s", err, out)
	}
	text, err := os.ReadFile(e.config)
	if err != nil {
		return err
	}
	added := "  - id: " + rogueID + "\n    ip: " + rogueIP + "\n    mac: \"" + rogueMAC + "\"\n"
	if string(text) != strings.Replace(e.before, "  # end of devices\n", added+"  # end of devices\n", 1) {
		return fmt.Errorf("the site file is\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(e.config+".d", configs.Revision([]byte(e.before))+".yaml")); err != nil {
		return fmt.Errorf("the earlier revision: %w", err)
	}
	// At once: the command has waited for the recorder to take it.
	devices, err := list[ui.DeviceView](e.r.api, "devices", "devices", nil)
	if err != nil || !slices.ContainsFunc(devices, func(d ui.DeviceView) bool { return d.ID == rogueID }) {
		return fmt.Errorf("%w: %+v", err, devices)
	}
	if out, err := exec.Command(e.nvr, "firewall", "status", "--config", e.config).CombinedOutput(); err != nil || !strings.Contains(string(out), "cannot be seen from here") {
		return fmt.Errorf("%w: %s", err, out)
	}
	if _, ok := e.stranger(); ok {
		return fmt.Errorf("a pinned device is still a stranger")
	}
	if err := e.r.await("its attempts under its name", 30*time.Second, func() bool {
		a, err := list[ui.AttemptView](e.r.api, "attempts", "attempts", map[string][]string{"device": {rogueID}, "reason": {"egress"}})
		devices, _ := list[ui.DeviceView](e.r.api, "devices", "devices", nil)
		return err == nil && len(a) > 0 && slices.ContainsFunc(devices, func(d ui.DeviceView) bool { return d.ID == rogueID && d.Blocked > 0 && d.Port == "rogue" })
	}); err != nil {
		return err
	}
	if n := e.r.ups("gate-north"); n > max(ups, 1) {
		return fmt.Errorf("a camera was connected %d times", n)
	}
	return nil
}

// bound pins the stranger to its port, and takes that back.
func (e *enrolled) bound() error {
	if out, err := e.run("devices", "pin", rogueMAC+"="+rogueIP+"@rogue"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	devices, err := list[ui.DeviceView](e.r.api, "devices", "devices", nil)
	if err != nil || !slices.ContainsFunc(devices, func(d ui.DeviceView) bool { return d.ID == rogueID && d.Bound == "rogue" }) {
		return fmt.Errorf("%w: %+v", err, devices)
	}
	if out, err := exec.Command(e.nvr, "firewall", "status", "--config", e.config).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if out, err := e.run("devices", "unpin", rogueID); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return e.r.await("the stranger to be one again", 30*time.Second, func() bool {
		_, ok := e.stranger()
		return ok
	})
}

func (e *enrolled) unpinned() error {
	out, err := e.run("devices", "unpin", rogueID)
	if err != nil || !strings.Contains(out, "unpinned: "+rogueID) {
		return fmt.Errorf("%w: %s", err, out)
	}
	if text, err := os.ReadFile(e.config); err != nil || string(text) != e.before {
		return fmt.Errorf("the site file is not as before: %w\n%s", err, text)
	}
	return e.r.await("the stranger to be one again", 30*time.Second, func() bool {
		_, ok := e.stranger()
		return ok
	})
}

func (e *enrolled) audited() error {
	for action, what := range map[string]string{"device.pin": `"after":{"devices":[{"id":"` + rogueID, "device.unpin": `"before":{"devices":[{"id":"` + rogueID, "site.change": "devices[" + rogueID + "]"} {
		entries, err := list[map[string]any](e.r.api, "audit", "entries", map[string][]string{"action": {action}})
		if err != nil || len(entries) == 0 {
			return fmt.Errorf("%s: %w: %v", action, err, entries)
		}
		body, err := e.r.api.get(context.Background(), "audit/export", map[string][]string{"action": {action}, "format": {"json"}})
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(body, 1<<16))
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
		if !strings.Contains(string(text), what) {
			return fmt.Errorf("%s: no %s in %s", action, what, text)
		}
	}
	return nil
}
