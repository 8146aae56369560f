package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall"
)

func TestFirewallCommandsWithoutTheDaemon(t *testing.T) { inside(t, "commands") }

// onTheBox goes through the firewall's commands as somebody does who stands
// before a new box; each line has the exit status and what is said.
func onTheBox(nvr string) error {
	dir := os.TempDir()
	for _, nic := range []string{"nic1", "nic2"} {
		if out, err := exec.Command("ip", "link", "add", nic, "type", "veth", "peer", "name", nic+"x").CombinedOutput(); err != nil {
			return fmt.Errorf("make %s: %w: %s", nic, err, out)
		}
	}
	site := strings.ReplaceAll(strings.Replace(peopleSite, "ports: [nic1]", "ports: [nic1, nic2]", 1), "DIR", dir)
	files := map[string]string{"nvr.yaml": site, "observe.yaml": site + "containment: observe\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	h := &household{nvr: nvr, config: filepath.Join(dir, "nvr.yaml")}
	observing := &household{nvr: nvr, config: filepath.Join(dir, "observe.yaml")}
	for _, step := range []struct {
		by           *household
		first, typed string
		command      string
		exit         int
		says         []string
	}{
		{h, "", "", "plan", exitFine, []string{"# Rules ", "port nic2 isolated true", "create nvr-cams"}},
		{h, "", "", "plan --diff", exitFinding, []string{"--- the kernel: nothing of ours", "+add nvr-cams 10.20.1.11", "nvr firewall arm loads it"}},
		{h, "", "", "status", exitFinding, []string{"not-enforced: generation 0", "nothing of ours is loaded", "nic1     down"}},
		{h, "", "", "prove", exitFinding, []string{"unproved: 0 of 0 paths", "nvr firewall arm loads it"}},
		{observing, "", "", "plan", exitFine, []string{"OBSERVE ONLY"}},
		{h, "", "", "arm", exitFine, []string{"enforced: generation 1, rules ", "1 devices"}},
		{h, "", "", "plan --diff", exitFine, []string{"the kernel holds exactly this: generation 1"}},
		{h, "", "", "status", exitFine, []string{"enforced: generation 1", "nic2     holds", "IPv6     holds", "nvr does not answer"}},
		{h, "", "", "prove", exitFine, []string{"proved: ", " 0 leaked; ", "read back: enforced", "STOPPED      pinned    udp4 ", "sees         control   service ", "does not prove: "}},
		{h, "", "", "prove --json", exitFine, []string{`"verdict": "proved"`, `"by": "command"`, `"outcome": "stopped"`}},
		{h, "iptables -F OUTPUT", "", "prove", exitFinding, []string{"leaking: ", "L5       MISSING", "LEAKED       box       box-source "}},
		{h, "iptables -I FORWARD -j ACCEPT; ip6tables -D INPUT 1; ip link set nic2 nomaster", "", "status", exitFinding, []string{
			"degraded", "L1       MISSING", "nic2     MISSING  up, nothing plugged in, not in the bridge", "IPv4     MISSING  L4", "IPv6     MISSING  L4", "frames   holds",
		}},
		{h, "", "", "prove", exitFinding, []string{"leaking: "}},
		{h, "", "", "plan --diff", exitFinding, []string{"@@ ipv4 filter @@\n--A FORWARD -j ACCEPT\n", "+port nic2 isolated true\n", "@@ ipv6 filter @@\n+-A INPUT "}},
		{h, "", "", "arm --json", exitFine, []string{`"state": "enforced"`, `"generation": 2`}},
		{observing, "", "", "arm", exitFine, []string{"observe is not honoured", "enforced: "}},
		{h, "", "Camp North\n", "disarm", exitUsage, []string{"say why with --reason"}},
		{h, "", "", "disarm --reason work", exitUsage, []string{"nothing was typed, and nothing was changed"}},
		{h, "", "Camp South\n", "disarm --reason work", exitUsage, []string{`"Camp South" is not this site's name: nothing was changed`}},
		{h, "", "", "status", exitFine, []string{"enforced"}},
		{h, "", "Camp North\n", "disarm --json --reason work", exitFine, []string{`"state": "disarmed"`, `"signature": "`, `"number": 1`, `"daemon": ""`}},
		{h, "", "", "status", exitFinding, []string{"disarmed: ", "because: disarmed by ", "work", "nic1     up, nothing plugged in, in the bridge, not isolated"}},
		{h, "", "", "arm", exitFine, []string{"This ends the disarming by ", "work", "enforced: "}},
		{h, "ip link del nic2", "", "status", exitFinding, []string{"nic2     MISSING  not there"}},
		{h, "", "", "arm", exitUsage, []string{"no interface nic2"}},
	} {
		if step.first != "" {
			if out, err := exec.Command("sh", "-c", step.first).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", step.first, err, out)
			}
		}
		out, err := step.by.run(step.typed, append([]string{"firewall"}, strings.Fields(step.command)...)...)
		code := exitFine
		if exit := (&exec.ExitError{}); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		missing := slices.DeleteFunc(slices.Clone(step.says), func(s string) bool { return strings.Contains(out, s) })
		if code != step.exit || len(missing) > 0 {
			return fmt.Errorf("nvr firewall %s: exit %d, want %d, does not say %q:\n%s", step.command, code, step.exit, missing, out)
		}
		fmt.Printf("nvr firewall %s: exit %d\n", step.command, code)
	}
	return statusForPrograms(h)
}

// statusForPrograms holds what docs/operations.md says of the JSON.
func statusForPrograms(h *household) error {
	out, err := exec.Command(h.nvr, "firewall", "status", "--json", "--config", h.config).Output()
	if exit := (&exec.ExitError{}); !errors.As(err, &exit) || exit.ExitCode() != exitFinding {
		return fmt.Errorf("status of a box with a port too few: %w", err)
	}
	var v statusView
	if err := json.Unmarshal(out, &v); err != nil {
		return err
	}
	if v.State != string(firewall.Degraded) || len(v.Layers) != 7 || len(v.Ports) != 2 || !v.Ports[0].Isolated || v.Ports[1].Present ||
		len(v.Ports[1].Missing) == 0 || len(v.Families) != 3 || v.Rules == "" || v.FirstArmed == nil || v.Daemon != nil || len(v.Drops) == 0 {
		return fmt.Errorf("status for programs: %s", out)
	}
	return nil
}
