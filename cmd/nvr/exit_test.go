package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/configs"
)

// Exit statuses are an interface: a script that mistypes must not be told that all is well.
func TestExitStatuses(t *testing.T) {
	nvr := build(t)
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(configs.Default()), "version: 1", "version: 2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		code int
		says string
	}{
		{"version", exitFine, "nvr "},
		{"config init", exitFine, "version: 1"},
		{"firewall --help", exitFine, "disarm"},
		{"config check " + wrong, exitFinding, wrong + ":3:10: version"},
		{"config check /nonexistent", exitUsage, "no such file"},
		{"config check " + dir, exitUsage, "is a directory"},
		{"config chekc " + wrong, exitUsage, "did you mean check?"},
		{"config", exitUsage, "wants one of: check, init"},
		{"user lst", exitUsage, "did you mean list?"},
		{"audit", exitUsage, "wants one of: export, verify"},
		{"storage", exitUsage, "wants one of: confirm-clock, delete"},
		{"hold", exitUsage, "wants one of: add, list, remove"},
		{"hold add --camera x --from now --to now --reason x", exitUsage, "is not an RFC 3339 time"},
		{"hold add --camera x", exitUsage, "required flag"},
		{"hold remove --reason x", exitUsage, "accepts 1 arg"},
		{"storage delete --camera x --from now --to now --reason x", exitUsage, "is not an RFC 3339 time"},
		{"storage delete --camera x --from now --to now --reason x --json", exitUsage, "give --yes too"},
		{"firewall prove --config /nonexistent", exitUsage, "no such file"},
		{"firewall open", exitUsage, "no verb"},
		{"firewall", exitUsage, "wants one of"},
		{"frewall plan", exitUsage, "unknown command"},
		{"cameras --server nowhere", exitUsage, "is not an address"},
		{"cameras extra", exitUsage, "unknown command"},
		{"demo --cameras 3", exitUsage, "not between 4 and"},
		{"demo --cameras 100000", exitUsage, "not between 4 and"},
		{"demo --for -1s", exitUsage, "is negative"},
		{"demo --json", exitUsage, "give both"},
		{"demo --listen 192.0.2.1:80", exitUsage, "not a loopback address"},
		{"demo --listen localhost", exitUsage, "not a loopback address"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			out, err := exec.Command(nvr, strings.Fields(tt.args)...).CombinedOutput()
			code := 0
			if exit := (&exec.ExitError{}); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("exit status %d, want %d; says\n%s\nwant %s", code, tt.code, out, tt.says)
			}
		})
	}
}

// holds reports whether what a status begins with means that every layer was
// read back: before the canary's first round, or after it.
func holds(status string) bool {
	return strings.HasPrefix(status, "enforced") || strings.HasPrefix(status, "contained")
}
