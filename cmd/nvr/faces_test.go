package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

func TestNothingOfThePageKeepsARecorderFromRecording(t *testing.T) { inside(t, "faces") }

// faceless starts the recorder on a machine where nothing that people need can
// be had: it contains and records all the same, and serves people as soon as it can.
func faceless(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := os.TempDir()
	_, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	restore, err := obstruct(dir)
	if err != nil {
		return err
	}
	r, err := startRecorder(nvr, config)
	if err != nil {
		return err
	}
	defer func() { _ = r.kill() }()
	if err := r.await("footage on the disk", 60*time.Second, func() bool {
		files, err := footageIn(filepath.Join(dir, "video"))
		return err == nil && len(files) >= 4
	}); err != nil {
		return err
	}
	if out, err := exec.Command(nvr, "firewall", "status", "--config", config).CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "enforced") {
		return fmt.Errorf("the firewall is: %w: %s", err, out)
	}
	if err := restore(); err != nil {
		return err
	}
	return r.await("the page and the socket", 30*time.Second, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:8080")
		if err != nil {
			return false
		}
		c.Close()
		_, err = ask[ui.HealthView](r.api, "health")
		return err == nil
	})
}

// obstruct takes away what people need, until restore is called: the address of
// the page is somebody else's, something lies where the socket goes.
func obstruct(dir string) (restore func() error, err error) {
	taken, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		return nil, err
	}
	inTheWay := filepath.Join(dir, "state", socketName)
	if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(taken.Close(), os.RemoveAll(inTheWay)) }, nil
}
