package firewall_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
)

// At boot nothing but the root file system may be there: the box is armed
// without a state directory, none is made below its mount point, and what would
// have said that it was armed before is not asked, so nothing is observed only.
func TestArmingAtBootNeedsNoStateDirectory(t *testing.T) {
	l := newLab(t)
	state := filepath.Join(t.TempDir(), "volume", "state")
	p := policy()
	p.Observe = true
	f := firewall.New(firewall.Options{StateDir: state, Boot: true, Log: logger(t)})
	must(t, f.Set(t.Context(), p))
	if s := f.Status(); s.State != firewall.Enforced {
		t.Errorf("it is %s: %v", s.State, s.Reasons)
	}
	if _, err := os.Stat(filepath.Dir(state)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made where a volume will be mounted: %v", err)
	}
	l.wipe()
}

// A port that is not there is named, keeps the others' cameras waiting for
// nothing, and is taken over once it comes.
func TestAPortThatComesLateIsTakenOver(t *testing.T) {
	l := newLab(t)
	const late = "late0"
	p := policy()
	p.Ports = append([]string{late}, p.Ports...)
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Absent: true, Interval: 100 * time.Millisecond, Log: logger(t)})
	must(t, f.Set(t.Context(), p))
	if s := f.Status(); s.State != firewall.Degraded || !strings.Contains(strings.Join(s.Reasons, " "), "port "+late+" is gone") {
		t.Errorf("without the port it is %s: %v", s.State, s.Reasons)
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must(t, f.AwaitEnforced(soon))
	keep(t, f)
	stop := l.flood()
	begun := time.Now()
	foreign(t, "ip link add "+late+" type veth peer name late1")
	l.awaitState(f, firewall.Enforced, begun)
	if stop() == 0 {
		t.Error("nothing was sent")
	}
	if out := foreign(t, "ip -o link show "+late); !strings.Contains(out, "master br-cam") || !strings.Contains(out, ",UP") {
		t.Errorf("the port was not taken over: %s", out)
	}
	foreign(t, "ip link del "+late)
	l.awaitState(f, firewall.Degraded, time.Now())
}

func TestNoPortAtAllIsNothingToDialOn(t *testing.T) {
	newLab(t)
	p := policy()
	p.Ports = []string{"late0", "late1"}
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Absent: true, Log: logger(t)})
	must(t, f.Set(t.Context(), p))
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := f.AwaitEnforced(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cameras would be dialled: %v", err)
	}
	strict := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t)})
	if err := strict.Set(t.Context(), p); err == nil || !strings.Contains(err.Error(), "there is no interface late0") {
		t.Errorf("an operator's mistake passes: %v", err)
	}
}

func TestThePortsToShutAtBootAreKept(t *testing.T) {
	l := newLab(t)
	file := filepath.Join(t.TempDir(), "nvr.yaml.ports")
	kept := func() string {
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return ""
		}
		must(t, err)
		_, names, _ := strings.Cut(string(b), "\n")
		return strings.ReplaceAll(strings.TrimSpace(names), "\n", " ")
	}
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), PortsFile: file, Log: logger(t)})
	all := policy()
	must(t, f.Set(t.Context(), all))
	line := func(port string) string {
		i, err := net.InterfaceByName(port)
		must(t, err)
		return port + " " + i.HardwareAddr.String()
	}
	var lines []string
	for _, port := range all.Ports {
		lines = append(lines, line(port))
	}
	want := strings.Join(lines, " ")
	if kept() != want {
		t.Errorf("kept are %q, want %q", kept(), want)
	}
	// A policy that cannot be enforced lets none of the ports go before.
	bad := policy()
	bad.Ports = []string{"absent0"}
	if err := f.Set(t.Context(), bad); err == nil || kept() != "absent0 "+want {
		t.Errorf("after a refused policy kept are %q: %v", kept(), err)
	}
	one := policy()
	one.Ports = one.Ports[:1]
	must(t, f.Set(t.Context(), one))
	if kept() != lines[0] {
		t.Errorf("kept are %q, want %q", kept(), lines[0])
	}
	foreign(t, "ip link set p-b address "+camAMAC.String()+" && ip link set p-r address "+camAMAC.String())
	must(t, os.Remove(file))
	two := policy()
	two.Ports = two.Ports[1:2]
	must(t, f.Set(t.Context(), two))
	if kept() != "p-b" {
		t.Errorf("kept is %q of a card whose MAC another one has", kept())
	}
	// The directory is the service's: root is led by no link there, and takes no word for a port that is none.
	secret := filepath.Join(t.TempDir(), "shadow")
	for text, planted := range map[string]func(string) error{
		"root:$6$salt$hash:19000 02:00:00:00:00:01\n": func(s string) error { return os.WriteFile(file, []byte(s), 0o644) },
		"secret0\n": func(s string) error {
			return errors.Join(os.WriteFile(secret, []byte(s), 0o600), os.Symlink(secret, file))
		},
	} {
		must(t, os.Remove(file))
		must(t, planted(text))
		if err := f.Set(t.Context(), bad); err == nil || kept() != "absent0" {
			t.Errorf("planted %q, kept are %q: %v", text, kept(), err)
		}
	}
	must(t, f.Set(t.Context(), one))
	_, _, err := f.Disarm(t.Context(), one, firewall.Note{Who: "admin", Why: "a test"})
	must(t, err)
	if kept() != "" {
		t.Errorf("after disarming kept are %q", kept())
	}
	l.wipe()
}

// A card that was a port and is called something else after a restart is shut by
// its MAC, by the bolt, by arming and by the daemon, whoever sets it up. That
// nothing leaks by it shows configs/deb.
func TestARenamedCardStaysShut(t *testing.T) {
	l := newLab(t)
	ports := filepath.Join(t.TempDir(), "ports")
	o := firewall.Options{StateDir: t.TempDir(), PortsFile: ports, Absent: true, Interval: 50 * time.Millisecond, Log: logger(t)}
	must(t, firewall.New(o).Set(t.Context(), policy()))
	isShut := func() bool { return !strings.Contains(foreign(t, "ip -o link show odd0"), ",UP") }
	foreign(t, "nft flush ruleset; ip link set p-a nomaster; ip link set p-a group 0; ip link set p-a down; ip link set p-a name odd0; ip link set odd0 up")
	if out := foreign(t, "../configs/deb/bolt "+ports+" 2>&1"); !strings.Contains(out, "the card that was p-a is called odd0 now") || !isShut() {
		t.Errorf("the bolt leaves it up: %s", out)
	}
	foreign(t, "ip link set odd0 up")
	f := firewall.New(o)
	must(t, f.Set(t.Context(), policy()))
	if out := foreign(t, "ip -d -o link show odd0"); !isShut() || !strings.Contains(out, "group "+strconv.Itoa(0x4e5652)) {
		t.Errorf("arming leaves it up: %s", out)
	}
	const told = "the card that was port p-a is called odd0 now"
	if s := f.Status(); s.State != firewall.Degraded || !strings.Contains(strings.Join(s.Notes, " "), told) {
		t.Errorf("it is %s: %q", s.State, s.Notes)
	}
	keep(t, f)
	foreign(t, "ip link set odd0 up")
	l.await("the daemon", isShut)
	foreign(t, "ip link set odd0 name p-a")
	l.awaitState(f, firewall.Enforced, time.Now())
	l.await("no more to be told", func() bool { return len(f.Status().Notes) == 0 })
}
