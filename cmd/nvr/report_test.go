package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/report"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// TestReportVerifyFindsAChangedByte also far from the box, with nothing but the key.
func TestReportVerifyFindsAChangedByte(t *testing.T) {
	dir := t.TempDir()
	key, err := proof.OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
	text, err := report.Sign(report.Report{Version: 1, Site: "Camp North", Devices: []report.Device{{Device: "dev-gate", Packets: 20}}}, key, now)
	if err != nil {
		t.Fatal(err)
	}
	file, public := filepath.Join(dir, "report.json"), filepath.Join(dir, proof.PublicName)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := nvr("report", "verify", file, "--key", public)
	if err != nil || !strings.Contains(out, "not proved by a canary") || !strings.Contains(out, "dev-gate") {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "dev-gate", "dev-yard", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = nvr("report", "verify", file, "--key", public); err == nil || !strings.Contains(err.Error(), "not what the recorder signed") {
		t.Fatalf("changed: %v: %s", err, out)
	}
}
