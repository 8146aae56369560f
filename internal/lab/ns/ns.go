package ns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// envInside marks a process that runs in namespaces of its own.
const envInside = "STOCKADE_NAMESPACE"

// Inside reports whether this process was started by Command.
func Inside() bool { return os.Getenv(envInside) != "" }

// Command prepares a run of this very program, with args, in fresh user and
// network namespaces. It dies with the thread that starts it, so call Start
// from a goroutine locked to a thread that outlives it (main's, or Main's).
func Command(args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), envInside+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		Pdeathsig:   syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return c
}

// Enter finishes the set-up inside: the loopback comes up, iptables gets a lock
// file of this process's own, since the system's may belong to somebody else, and
// system programs are found, which an ordinary user's path often leaves out.
func Enter() error {
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		return fmt.Errorf("extend the path: %w", err)
	}
	fd, err := unix.MemfdCreate("xtables.lock", 0)
	if err != nil {
		return fmt.Errorf("make the iptables lock: %w", err)
	}
	if err := os.Setenv("XTABLES_LOCKFILE", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)); err != nil {
		return fmt.Errorf("name the iptables lock: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set the loopback up: %w", err)
	}
	return nil
}

// Main runs a package's tests inside namespaces of their own: call it from
// TestMain. Where the system allows none, it says so and fails: such a test is
// never skipped silently.
func Main(m *testing.M) {
	runtime.LockOSThread()
	if Inside() {
		if err := Enter(); err != nil {
			fmt.Fprintln(os.Stderr, "enter the test's namespaces:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	c := Command(os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	if err == nil {
		os.Exit(0)
	}
	if c.ProcessState != nil {
		os.Exit(max(1, c.ProcessState.ExitCode()))
	}
	fmt.Fprintln(os.Stderr, "start the test in namespaces of its own:", err)
	os.Exit(1)
}

// Namespace is a network namespace that lives as long as its descriptor.
type Namespace struct {
	Name string // for messages
	fd   netns.NsHandle
}

// New makes a network namespace with its loopback up. The calling goroutine stays where it is.
func New(name string) (*Namespace, error) {
	n := &Namespace{Name: name}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare the network: %w", err)
		}
		fd, err := netns.Get()
		if err != nil {
			return fmt.Errorf("open the namespace: %w", err)
		}
		n.fd = fd
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return fmt.Errorf("find the loopback: %w", err)
		}
		return netlink.LinkSetUp(lo)
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return n, nil
}

// Do runs f on a thread inside the namespace. Sockets opened there keep
// belonging to it, whoever uses them afterwards.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.fd); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Name, err)
		}
		return f()
	})
}

// Handle opens a netlink handle in the namespace.
func (n *Namespace) Handle() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(n.fd)
	if err != nil {
		return nil, fmt.Errorf("open netlink in namespace %s: %w", n.Name, err)
	}
	return h, nil
}

// FD gives the namespace's descriptor, as netlink attributes want it.
func (n *Namespace) FD() netlink.NsFd { return netlink.NsFd(n.fd) }

// Close lets the namespace go; the kernel removes it once its last socket is closed.
func (n *Namespace) Close() error { return n.fd.Close() }

// onThread runs f on a thread that ends with it: a thread that has been in
// another namespace is never given back to the scheduler.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
