package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/ui"
)

func TestCamerasWaitForEnforcementAndThePageSaysSo(t *testing.T) { inside(t, "degraded") }

// labSite builds the demo's cameras and writes their site file. The lab ends with ctx.
func labSite(ctx context.Context, dir string) (l *lab.Lab, config string, err error) {
	plan := lab.DefaultPlan(4)
	file, err := plan.SiteFile(filepath.Join(dir, "state"), filepath.Join(dir, "video"))
	if err != nil {
		return nil, "", err
	}
	config = filepath.Join(dir, "nvr.yaml")
	if err := os.WriteFile(config, file, 0o600); err != nil {
		return nil, "", err
	}
	if l, err = lab.Build(ctx, plan); err != nil {
		return nil, "", err
	}
	go func() { _ = l.Run(ctx) }()
	return l, config, nil
}

// ask decodes an answer of the API; one that does not come at all is an error too.
func ask[Answer any](api *client, endpoint string) (a Answer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	body, err := api.get(ctx, endpoint, nil)
	if err != nil {
		return a, err
	}
	defer body.Close()
	return a, json.NewDecoder(body).Decode(&a)
}

// records tells whether each camera's main stream has so many seconds on disk.
func (r *recorderProcess) records(l *lab.Lab, seconds float64) func() bool {
	return func() bool {
		return !slices.ContainsFunc(l.Devices(), func(d *lab.Device) bool { return r.recorded(d.Camera.ID, "main") < seconds })
	}
}

// degradedStart starts the recorder beside a routing rule of somebody else's
// that stands before ours: the page comes up and says what is wrong, no camera
// is dialled, and once the rule is gone recording starts by itself.
func degradedStart(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, config, err := labSite(ctx, os.TempDir())
	if err != nil {
		return err
	}
	foreign := []string{"rule", "add", "pref", "0", "fwmark", "0x77", "lookup", "main"}
	if out, err := exec.Command("ip", foreign...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	err = r.await("the page to say degraded", 30*time.Second, func() bool {
		c, err := ask[ui.ContainmentView](r.api, "containment")
		return err == nil && c.State == "degraded" && strings.Contains(strings.Join(c.Reasons, "; "), "foreign routing rule")
	})
	if err != nil {
		return err
	}
	if err := r.await("the log to say it", 30*time.Second, func() bool {
		return strings.Contains(r.logged.String(), "cameras are not dialled until containment is enforced")
	}); err != nil {
		return err
	}
	views, err := list[ui.CameraView](r.api, "cameras", "cameras", nil)
	if err != nil {
		return err
	}
	for _, v := range views {
		if len(v.Streams) != 2 {
			return fmt.Errorf("camera %s is listed with %d streams, want 2", v.ID, len(v.Streams))
		}
		for _, s := range v.Streams {
			if s.State != ui.StreamStarting || !strings.Contains(s.Detail, "degraded") {
				return fmt.Errorf("camera %s is %s: %s", v.ID, s.State, s.Detail)
			}
		}
	}
	if strings.Contains(r.logged.String(), `msg="stream up"`) {
		return fmt.Errorf("a camera was dialled\n%s", r.logged)
	}
	foreign[1] = "del"
	if out, err := exec.Command("ip", foreign...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return r.await("recording to start", 60*time.Second, r.records(l, 2))
}
