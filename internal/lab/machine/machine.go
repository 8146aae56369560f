package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Machine is a disk that machines boot from, one at a time.
type Machine struct {
	dir    string // what outlives a restart
	cgroup string // of the machine that runs
	init   *exec.Cmd
	ended  chan error
	said   bytes.Buffer
	net    netns.NsHandle
}

// New makes a disk below dir, which must not lie in /usr or /etc.
func New(dir string) (*Machine, error) {
	m := &Machine{dir: dir}
	for _, d := range []string{"root", "units", "empty", "var"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make a disk: %w", err)
		}
	}
	for _, o := range overlays {
		for _, d := range []string{"upper", "work"} {
			if err := os.MkdirAll(filepath.Join(dir, d, o), 0o755); err != nil {
				return nil, fmt.Errorf("make a disk: %w", err)
			}
		}
	}
	for _, unit := range masked {
		if err := os.Symlink("/dev/null", filepath.Join(dir, "units", unit)); err != nil {
			return nil, fmt.Errorf("mask %s: %w", unit, err)
		}
	}
	return m, nil
}

// masked are units of the host that a machine can do without.
var masked = []string{
	"console-getty.service", "modprobe@.service", "getty.target", "systemd-logind.service", "timers.target", "dbus.service", "dbus.socket",
	"sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-remount-fs.service", "systemd-modules-load.service", "systemd-update-utmp.service",
}

// WriteFile puts a file on the disk of a machine that does not run: below /etc or /var.
func (m *Machine) WriteFile(path string, content []byte, mode os.FileMode) error {
	at := filepath.Join(m.dir, "upper", path)
	if rest, ok := strings.CutPrefix(path, "/var/"); ok {
		at = filepath.Join(m.dir, "var", rest)
	}
	if rest, ok := strings.CutPrefix(path, "/etc/systemd/system/"); ok {
		at = filepath.Join(m.dir, "units", rest)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return fmt.Errorf("put %s on the disk: %w", path, err)
	}
	if err := os.WriteFile(at, content, mode); err != nil {
		return fmt.Errorf("put %s on the disk: %w", path, err)
	}
	return nil
}

// Enable has a unit of the host's started at boot.
func (m *Machine) Enable(unit string) error {
	wants := filepath.Join(m.dir, "units", "multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return fmt.Errorf("enable %s: %w", unit, err)
	}
	if err := os.Symlink("/lib/systemd/system/"+unit, filepath.Join(wants, unit)); err != nil {
		return fmt.Errorf("enable %s: %w", unit, err)
	}
	return nil
}

// Boot starts the machine. wire is called before its process 1 runs, to put
// network cards into it. It returns when systemd has started everything, which
// may have failed: Run tells.
func (m *Machine) Boot(ctx context.Context, wire func(*Machine) error) (err error) {
	if m.init != nil {
		return errors.New("the machine runs")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.PowerOff())
		}
	}()
	gate, err := m.start()
	if err != nil {
		return err
	}
	defer gate.Close()
	if m.net, err = netns.GetFromPid(m.init.Process.Pid); err != nil {
		return fmt.Errorf("find the machine's network: %w", err)
	}
	if err := wire(m); err != nil {
		return fmt.Errorf("wire the machine: %w", err)
	}
	gate.Close() // it goes on
	for {
		// Until systemd answers, that is an error like any other.
		out, err := m.Run(ctx, "systemctl", "is-system-running", "--wait")
		if state := strings.TrimSpace(out); state == "running" || state == "degraded" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("boot: %w: %w\n%s", ctx.Err(), err, out) // what it says meanwhile is being written
		case end := <-m.ended:
			m.ended <- end
			return fmt.Errorf("boot: process 1 ended: %w\n%s", end, m.said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// start makes the machine's process 1, which waits until gate is closed.
func (m *Machine) start() (gate *os.File, err error) {
	if m.cgroup, err = makeCgroup(); err != nil {
		return nil, err
	}
	group, err := os.Open(m.cgroup)
	if err != nil {
		return nil, fmt.Errorf("open the control group: %w", err)
	}
	defer group.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a gate: %w", err)
	}
	defer r.Close()
	m.said.Reset()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), envDisk+"="+m.dir)
	c.Stdout, c.Stderr, c.ExtraFiles = &m.said, &m.said, []*os.File{r}
	const everyID = 1<<31 - 1
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{Size: everyID}}, GidMappings: []syscall.SysProcIDMap{{Size: everyID}},
		GidMappingsEnableSetgroups: true,
		Pdeathsig:                  syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(group.Fd()),
	}
	started := make(chan error, 1)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the machine dies with the thread that forked it
		if err := c.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		ended <- c.Wait()
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start process 1: %w", err), w.Close())
	}
	m.init, m.ended = c, ended
	return w, nil
}

// PowerOff ends the machine as a power cut would, but for what is in the disk's cache.
func (m *Machine) PowerOff() error {
	if m.init == nil {
		return nil
	}
	err := m.init.Process.Kill() // the kernel takes the rest with it
	<-m.ended
	m.init = nil
	if m.net.IsOpen() {
		err = errors.Join(err, m.net.Close())
	}
	return errors.Join(err, removeCgroup(m.cgroup))
}

// Net is the machine's network namespace, as netlink wants it for a veth's peer.
func (m *Machine) Net() netlink.NsFd { return netlink.NsFd(m.net) }

// Run runs a command in the machine, as its root, and returns what it printed.
func (m *Machine) Run(ctx context.Context, name string, args ...string) (string, error) {
	return m.Feed(ctx, nil, name, args...)
}

// Feed is Run with something to read.
func (m *Machine) Feed(ctx context.Context, in io.Reader, name string, args ...string) (string, error) {
	if m.init == nil {
		return "", errors.New("the machine is off")
	}
	all := append([]string{
		"--target", strconv.Itoa(m.init.Process.Pid), "--user", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--",
		"/usr/bin/env", "-i", "PATH=" + path, "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", name,
	}, args...)
	c := exec.CommandContext(ctx, "nsenter", all...)
	c.Dir, c.Stdin = "/", in
	out, err := c.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Inside runs f on a thread in the machine's network: sockets opened there keep
// belonging to it.
func (m *Machine) Inside(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := netns.Set(m.net); err != nil {
			done <- fmt.Errorf("enter the machine's network: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
