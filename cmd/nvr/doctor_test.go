package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a site file names is looked at, and nothing is made or changed.
func TestDoctorLooksAtTheSitesPorts(t *testing.T) {
	nvr, dir := build(t), t.TempDir()
	file := filepath.Join(dir, "nvr.yaml")
	site := strings.ReplaceAll(strings.Replace(peopleSite, "ports: [nic1]", "ports: [nosuch0]", 1), "DIR", dir)
	if err := os.WriteFile(file, []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(nvr, "doctor", "--config", file).Output()
	if exit := (&exec.ExitError{}); !errors.As(err, &exit) || exit.ExitCode() != exitFinding {
		t.Errorf("ends with %v", err)
	}
	for _, says := range []string{"camera ports", "no interface nosuch0", "armed before", "settings"} {
		if !strings.Contains(string(out), says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestDoctorTriesTheKernelInsteadOfGuessing(t *testing.T) {
	nvr, bin := build(t), t.TempDir()
	examined := func(path string) map[string]check {
		c := exec.Command(nvr, "doctor", "--json")
		c.Env = append(os.Environ(), "PATH="+path)
		out, err := c.Output()
		var answer struct{ Checks []check }
		if bad := json.Unmarshal(out, &answer); bad != nil {
			t.Fatalf("%v, %v: %s", err, bad, out)
		}
		by := map[string]check{}
		for _, c := range answer.Checks {
			by[c.Name] = c
		}
		return by
	}
	for _, name := range []string{"programs", "firewall", "packet log"} {
		if c := examined(os.Getenv("PATH"))[name]; c.State != checkOK {
			t.Errorf("%s is %q: %s", name, c.State, c.Detail)
		}
	}
	// A kernel without one of the set types, as ipset tells of it.
	script := "#!/bin/sh\ncase $1 in restore) echo 'ipset v7: Kernel error received: set type not supported' >&2; exit 1;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "ipset"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if c := examined(bin + ":" + os.Getenv("PATH"))["firewall"]; c.State != checkBad || !strings.Contains(c.Detail, "ip_set_bitmap_ipmac") {
		t.Errorf("without the set type it says %q: %s", c.State, c.Detail)
	}
}
