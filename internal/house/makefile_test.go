package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine makes a path with a few of this system's programs and some that are played.
func machine(t *testing.T, played map[string]string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"sh", "id", "grep", "sed", "env"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	played["sudo"] = `exec "$@"`
	for name, script := range played {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// runMake gives what a target says on such a machine.
func runMake(t *testing.T, bin string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("make")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, append([]string{"-s", "--no-print-directory"}, args...)...)
	c.Dir = root(t)
	c.Env = []string{"PATH=" + bin, "LC_ALL=C"}
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestMakeSaysWhatIsMissingOfGo(t *testing.T) {
	tests := map[string]struct {
		played map[string]string
		ok     bool
	}{
		"none":        {map[string]string{}, false},
		"Debian 12's": {map[string]string{"go": "echo go version go1.19.8 linux/amd64"}, false},
		"1.21":        {map[string]string{"go": "echo go version go1.21.0 linux/amd64"}, true},
		"this one":    {map[string]string{"go": "echo go version go1.26.8 linux/amd64"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := runMake(t, machine(t, tt.played), "go-ready")
			says, _, _ := strings.Cut(out, "\n")
			if (err == nil) != tt.ok || !tt.ok && !strings.Contains(says, "https://go.dev/doc/install") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestMakeFindsABrowserOnDebianAndUbuntu(t *testing.T) {
	apt := func(candidate string) map[string]string {
		return map[string]string{
			"apt-cache":  "echo 'chromium:'; echo '  Candidate: " + candidate + "'",
			"apt-get":    `case "$*" in *install*) echo "$@" >&2;; esac`,
			"dpkg-query": "exit 1",
		}
	}
	with := func(m map[string]string, name string) map[string]string {
		m[name] = "exit 0"
		return m
	}
	tests := map[string]struct {
		played map[string]string
		ok     bool
		says   string
	}{
		"Debian":                        {apt("156.0.8078.79-1~deb12u1"), true, "installing: chromium"},
		"Ubuntu":                        {apt("(none)"), false, "sudo snap install chromium"},
		"Ubuntu with a transition":      {apt("2:1snap1-0ubuntu2"), false, "sudo snap install chromium"},
		"Ubuntu with the snap":          {with(apt("(none)"), "chromium"), true, ""},
		"Ubuntu with Chrome":            {with(apt("(none)"), "google-chrome"), true, ""},
		"neither apt nor browser":       {map[string]string{}, false, "no browser"},
		"no apt, but a browser of ours": {map[string]string{"chromium-browser": "exit 0"}, true, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := runMake(t, machine(t, tt.played), "deps-browser")
			if (err == nil) != tt.ok || !strings.Contains(out, tt.says) {
				t.Errorf("%v: says\n%s\nwant %s", err, out, tt.says)
			}
			if tt.says == "" && out != "" {
				t.Errorf("says %s", out)
			}
		})
	}
}
