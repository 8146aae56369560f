package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAStateDirectoryThatTakesNothingKeepsNobodyFromRecording(t *testing.T) {
	inside(t, "stateless")
}

// stateless starts the recorder on a box that was never armed, with a state directory in
// which nothing can be made: it contains and records, and says what it lacks.
func stateless(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := os.TempDir()
	_, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	blocked := filepath.Join(dir, "blocked")
	if err := errors.Join(
		os.WriteFile(blocked, []byte("no directory"), 0o600),
		edit(config, "state: "+strconv.Quote(filepath.Join(dir, "state")), "state: "+strconv.Quote(filepath.Join(blocked, "state"))),
	); err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	if err := r.await("footage on the disk", 60*time.Second, func() bool {
		files, err := footageIn(filepath.Join(dir, "video"))
		return err == nil && len(files) >= 4
	}); err != nil {
		return errors.Join(err, r.kill())
	}
	// That no disarming note can be read there either is an alarm, and its exit status 1.
	out, err := exec.Command(nvr, "firewall", "status", "--config", config).CombinedOutput()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) || !strings.Contains(string(out), "containment is enforced") {
		return errors.Join(fmt.Errorf("the firewall is: %w: %s", err, out), r.kill())
	}
	for _, said := range []string{
		"cannot be marked as armed", "accounts cannot be opened", "attempts are kept in memory only",
		"the index is kept for this run only", "whether nvr runs already cannot be told",
	} {
		if !strings.Contains(r.logged.String(), said) {
			return errors.Join(fmt.Errorf("it does not say that %s\n%s", said, r.logged), r.kill())
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "video", ".nvr-index-*"))
	if err != nil || len(left) > 0 {
		return errors.Join(fmt.Errorf("left behind: %v, %w", left, err), r.kill())
	}
	// As the disk comes back: the next start has all of it, and the footage from before.
	if err := errors.Join(r.kill(), os.Remove(blocked), os.MkdirAll(filepath.Join(blocked, "state"), 0o700)); err != nil {
		return err
	}
	if r, err = startRecorder(nvr, config); err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	return r.await("everything to be made", 60*time.Second, func() bool {
		for _, name := range []string{"armed", stateName, "index.db", "journal.db", socketName} {
			if _, err := os.Stat(filepath.Join(blocked, "state", name)); err != nil {
				return false
			}
		}
		return strings.Contains(r.logged.String(), "msg=listening")
	})
}
