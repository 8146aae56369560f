package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui"
)

func TestFootageIsHeldAndDeletedByHand(t *testing.T) { inside(t, "holds") }

// holder runs commands of nvr against a recorder.
type holder struct {
	nvr    string
	r      *recorderProcess
	server string
}

// run runs a command; with is what is typed.
func (h *holder) run(typed string, args ...string) (string, error) {
	c := exec.Command(h.nvr, append(args, "--server", h.server)...)
	c.Stdin = strings.NewReader(typed)
	out, err := c.CombinedOutput()
	return string(out), err
}

// segments lists a camera's main stream.
func (h *holder) segments(camera string) ([]ui.RecordingView, error) {
	return list[ui.RecordingView](h.r.api, "recordings", "recordings", url.Values{
		"camera": {camera}, "from": {time.Now().Add(-time.Hour).Format(time.RFC3339)}, "to": {time.Now().Add(time.Hour).Format(time.RFC3339)},
	})
}

// heldAndDeleted records, holds one segment, deletes the rest by hand, kills the
// recorder, takes its databases away, and looks again.
func heldAndDeleted(nvr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := os.TempDir()
	_, config, err := labSite(ctx, dir)
	if err != nil {
		return err
	}
	h := &holder{nvr: nvr, server: "unix:" + filepath.Join(dir, "state", socketName)}
	if h.r, err = startRecorder(nvr, config); err != nil {
		return err
	}
	defer func() { _ = h.r.kill() }()
	camera := "gate-north"
	var all []ui.RecordingView
	if err := h.r.await("three segments", 90*time.Second, func() bool {
		all, err = h.segments(camera)
		return err == nil && len(all) >= 3 && all[1].State == "sealed"
	}); err != nil {
		return errors.Join(err, fmt.Errorf("%d segments", len(all)))
	}
	id, err := h.hold(camera, all[1])
	if err != nil {
		return err
	}
	if err := h.delete(camera, all); err != nil {
		return err
	}
	left := func() error {
		now, err := h.segments(camera)
		if err != nil || len(now) == 0 || now[0].Run+stamped(now[0].Start) != all[1].Run+stamped(all[1].Start) {
			return fmt.Errorf("what is left is not what was held: %w: %+v", err, now)
		}
		gaps, err := list[ui.GapView](h.r.api, "gaps", "gaps", url.Values{"camera": {camera}, "from": {stamped(all[0].Start)}, "to": {stamped(all[1].End)}})
		if err != nil || len(gaps) != 1 || gaps[0].Reason != string(storage.ReasonDeleted) || !strings.Contains(gaps[0].Detail, "works council") {
			return fmt.Errorf("gaps: %w: %+v", err, gaps)
		}
		return nil
	}
	if err := left(); err != nil {
		return err
	}
	if err := errors.Join(h.r.kill(), os.RemoveAll(filepath.Join(dir, "state", "index.db")), os.RemoveAll(filepath.Join(dir, "state", stateName))); err != nil {
		return err
	}
	if h.r, err = startRecorder(nvr, config); err != nil {
		return err
	}
	if err := h.r.await("the index to be made again", 60*time.Second, func() bool { return left() == nil }); err != nil {
		return errors.Join(err, left())
	}
	if out, err := h.run("", "hold", "list"); err != nil || !strings.Contains(out, id) || !strings.Contains(out, "theft at the gate") {
		return fmt.Errorf("hold list: %w: %s", err, out)
	}
	if out, err := h.run("", "hold", "remove", id, "--reason", "case closed"); err != nil || !strings.Contains(out, "removed") {
		return fmt.Errorf("hold remove: %w: %s", err, out)
	}
	if out, err := h.run("", "hold", "remove", id, "--reason", "again"); err == nil || !strings.Contains(out, "no such hold") {
		return fmt.Errorf("hold remove, twice: %w: %s", err, out)
	}
	return nil
}

func stamped(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// hold holds one segment.
func (h *holder) hold(camera string, seg ui.RecordingView) (id string, err error) {
	args := []string{
		"hold", "add", "--camera", camera, "--from", stamped(seg.Start.Add(time.Second)), "--to", stamped(seg.Start.Add(2 * time.Second)), "--reason", "theft at the gate", "--json",
	}
	out, err := h.run("", args...)
	if err != nil {
		return "", fmt.Errorf("hold add: %w: %s", err, out)
	}
	var v ui.HoldView
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		return "", fmt.Errorf("hold add: %w: %s", err, out)
	}
	if out, err := h.run("", "hold", "add", "--camera", "nowhere", "--from", stamped(seg.Start), "--to", stamped(seg.End), "--reason", "x"); err == nil || !strings.Contains(out, "no such camera") {
		return "", fmt.Errorf("hold of a camera that does not exist: %w: %s", err, out)
	}
	return v.ID, nil
}

// delete deletes what was listed, but for what is held.
func (h *holder) delete(camera string, all []ui.RecordingView) error {
	args := []string{"storage", "delete", "--camera", camera, "--from", stamped(all[0].Start), "--to", stamped(all[1].End), "--reason", "asked for by the works council"}
	out, err := h.run("no\n", args...)
	if err == nil || !strings.Contains(out, "nothing was deleted") || !strings.Contains(out, "stays: held") {
		return fmt.Errorf("deletion that nobody agrees to: %w: %s", err, out)
	}
	if now, err := h.segments(camera); err != nil || len(now) < len(all) {
		return fmt.Errorf("segments after that: %w: %d of %d", err, len(now), len(all))
	}
	if out, err = h.run("delete\n", args...); err != nil || !strings.Contains(out, "deleted: ") {
		return fmt.Errorf("deletion: %w: %s", err, out)
	}
	fmt.Print(out)
	return nil
}
