package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// demoProcess is a demo that is running, with a directory for temporary files of its own.
type demoProcess struct {
	*exec.Cmd
	address string
	tmp     string
	host    map[string]string // what the machine's network was like before
	logged  *logBuffer
}

// startDemo starts a demo and waits until its recorder answers.
func startDemo(t *testing.T, nvr string, uid uint32) *demoProcess {
	t.Helper()
	d := &demoProcess{host: hostNetwork(), logged: &logBuffer{}}
	// Not t.TempDir: another user must reach it.
	tmp, err := os.MkdirTemp("", "demo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	d.tmp = tmp
	d.Cmd = exec.Command(nvr, "demo", "--listen", "127.0.0.1:0")
	if uid != uint32(os.Getuid()) {
		d.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	d.Dir = "/"
	d.Env = append(os.Environ(), "HOME=/", "TMPDIR="+tmp)
	d.Stderr = d.logged
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Process.Kill() })
	lines := bufio.NewReader(out)
	for d.address == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the demo ended: %v\n%s", err, d.logged)
		}
		d.address = strings.TrimPrefix(regexp.MustCompile(`http://[0-9.:]+`).FindString(line), "http://")
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return d
}

// child is the process in the namespaces: the one whose parent is the demo.
func (d *demoProcess) child(t *testing.T) int {
	t.Helper()
	for _, pid := range d.processes(t) {
		if pid != d.Process.Pid {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.Fields(rest)[1] == fmt.Sprint(d.Process.Pid) {
				return pid
			}
		}
	}
	t.Fatal("the demo has no child")
	return 0
}

// processes are those that the demo consists of: all that were given its directory.
func (d *demoProcess) processes(t *testing.T) []int {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, e := range environs {
		b, err := os.ReadFile(e)
		if err != nil || !slices.ContainsFunc(bytes.Split(b, []byte{0}), func(v []byte) bool { return string(v) == "TMPDIR="+d.tmp }) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(e, "/proc/%d/environ", &pid); err == nil && lives(pid) {
			all = append(all, pid)
		}
	}
	return all
}

// lives tells a process from one that only waits to be waited for.
func lives(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(b), ") ")
	return err == nil && ok && !strings.HasPrefix(rest, "Z")
}

// hostNetwork reads, and only reads, what a demo must not change of the machine.
func hostNetwork() map[string]string {
	all := map[string]string{}
	for _, c := range [][]string{
		{"ip", "-o", "link"},
		{"ip", "rule"},
		{"ip", "-6", "rule"},
		{"ip", "route"},
		{"ip", "netns"},
		{"iptables-save"},
		{"ip6tables-save"},
		{"ebtables-nft-save"},
		{"ipset", "save"},
	} {
		// A program that is missing, or not for this user, has nothing to compare.
		if out, err := exec.Command(c[0], c[1:]...).Output(); err == nil {
			all[strings.Join(c, " ")] = withoutCounters(string(out))
		}
	}
	for _, name := range []string{"ipv4/ip_forward", "ipv4/conf/all/send_redirects", "ipv4/conf/all/rp_filter", "ipv6/conf/all/forwarding"} {
		b, _ := os.ReadFile("/proc/sys/net/" + name)
		all[name] = string(b)
	}
	return all
}

// withoutCounters leaves out what changes by itself: counters, and the time in comments.
func withoutCounters(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		kept = append(kept, regexp.MustCompile(`\[\d+:\d+\]`).ReplaceAllString(line, ""))
	}
	return strings.Join(kept, "")
}

// leavesNothing waits until all of the demo is gone and the machine is as before.
// What both processes' death by -9 leaves behind, the next demo sweeps away.
func (d *demoProcess) leavesNothing(t *testing.T, sweep bool) {
	t.Helper()
	left := func() string {
		if pids := d.processes(t); len(pids) > 0 {
			return fmt.Sprintf("processes %v", pids)
		}
		if c, err := net.DialTimeout("tcp", d.address, time.Second); err == nil {
			c.Close()
			return "a listener"
		}
		if sweep {
			sweepDemos(d.tmp)
		}
		if dirs, err := filepath.Glob(filepath.Join(d.tmp, "*")); err != nil || len(dirs) > 0 {
			return fmt.Sprintf("files %v %v", dirs, err)
		}
		return ""
	}
	for deadline := time.Now().Add(60 * time.Second); left() != ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %s\n%s", left(), d.logged)
		}
	}
	if diff := cmp.Diff(d.host, hostNetwork()); diff != "" {
		t.Errorf("the machine's network was changed:\n%s", diff)
	}
}

func TestDemoLeavesNothingHoweverItEnds(t *testing.T) {
	nvr := build(t)
	self := uint32(os.Getuid())
	ends := []struct {
		name  string
		end   func(*testing.T, *demoProcess) error
		sweep bool
	}{
		{"Ctrl-C", func(_ *testing.T, d *demoProcess) error { return d.Process.Signal(syscall.SIGINT) }, false},
		{"kill -9 of the parent", func(_ *testing.T, d *demoProcess) error { return d.Process.Kill() }, false},
		{"kill -9 of the child", func(t *testing.T, d *demoProcess) error { return syscall.Kill(d.child(t), syscall.SIGKILL) }, false},
		{"kill -9 of both", func(t *testing.T, d *demoProcess) error {
			child := d.child(t)
			// The child first stands still, or it would tidy up between the two.
			for _, err := range []error{syscall.Kill(child, syscall.SIGSTOP), d.Process.Kill(), syscall.Kill(child, syscall.SIGKILL)} {
				if err != nil {
					return err
				}
			}
			return nil
		}, true},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			d := startDemo(t, nvr, self)
			if err := tt.end(t, d); err != nil {
				t.Fatal(err)
			}
			err := d.Wait()
			if tt.name == "Ctrl-C" && err != nil {
				t.Errorf("the demo ended with %v\n%s", err, d.logged)
			}
			d.leavesNothing(t, tt.sweep)
		})
	}
}
