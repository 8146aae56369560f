package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// probe tries whether namespaces can be made and used here, and gives the
// clone flags that work. It asks the kernel instead of guessing from settings;
// only a failure is explained from them.
func probe(ctx context.Context) (uintptr, error) {
	const both = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
	err := tryProbe(ctx, both)
	if err == nil {
		return both, nil
	}
	if os.Geteuid() == 0 && tryProbe(ctx, syscall.CLONE_NEWNET) == nil {
		return syscall.CLONE_NEWNET, nil
	}
	return 0, explain(err, os.Geteuid() == 0, readSetting, asRoot())
}

// tryProbe runs one probe process.
func tryProbe(ctx context.Context, flags uintptr) error {
	c := command(flags)
	c.Env = append(c.Env, envProbe+"=1")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	err := c.Wait()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(out.String())
	if n := c.ProcessState.ExitCode(); n > 0 && n < exitMissing {
		return fmt.Errorf("%s: %w", text, syscall.Errno(n))
	} else if n == exitMissing {
		return fmt.Errorf("%w: %s", errMissing, text)
	}
	return fmt.Errorf("%w: %s", err, text)
}

// errMissing: a program that the lab needs is not installed.
var errMissing = errors.New("missing program")

// Exit status of a probe: 0, an errno, or these.
const (
	exitMissing = 200
	exitOther   = 201
)

// runProbe is what the probe's process does: everything that the lab will need
// to be allowed.
func runProbe(stderr io.Writer) int {
	err := probeInside()
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, err)
	var errno syscall.Errno
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return exitMissing
	case errors.As(err, &errno) && errno > 0 && errno < exitMissing:
		return int(errno)
	default:
		return exitOther
	}
}

func probeInside() error {
	if err := ns.Enter(); err != nil {
		return err
	}
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "probe0"}}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("make a bridge: %w", err)
	}
	for _, program := range []string{"iptables", "ip6tables", "ipset", "ebtables"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "iptables", "-w", "5", "-t", "raw", "-A", "PREROUTING", "-i", "probe0", "-j", "DROP").CombinedOutput()
	if err != nil {
		return fmt.Errorf("load a rule: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
