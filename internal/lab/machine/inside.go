package machine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// envDisk marks the process that becomes a machine's process 1, and names its disk.
const envDisk = "STOCKADE_MACHINE"

// envPrepared marks the tests that sudo started.
const envPrepared = "STOCKADE_PREPARED"

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// overlays are the host's directories that a machine may write to; a layer of
// its own takes that. Its other directories are its own, or empty.
var overlays = [...]string{"usr", "etc", "var/lib/dpkg", "var/cache/debconf"}

// Main runs a package's tests as root, by sudo where it must; a machine's
// process 1 starts here too. Where it may not, that is said and fails. prepare
// is called first, as whoever started the tests, and clean last.
func Main(m *testing.M, prepare, clean func() error) {
	if dir := os.Getenv(envDisk); dir != "" {
		fmt.Fprintln(os.Stderr, "become process 1:", become(dir))
		os.Exit(1)
	}
	if os.Getenv(envPrepared) != "" { // started by sudo
		os.Exit(m.Run())
	}
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "prepare the tests:", err)
		os.Exit(1)
	}
	code := runAsRoot(m)
	if err := clean(); err != nil {
		fmt.Fprintln(os.Stderr, "clean up after the tests:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// runAsRoot runs the tests here, or in a process of its own that sudo starts.
func runAsRoot(m *testing.M) int {
	if os.Geteuid() == 0 {
		return m.Run()
	}
	exe, err := os.Executable()
	if err == nil {
		args := slices.Concat([]string{"-n", "env", envPrepared + "=1"}, os.Environ(), []string{exe}, os.Args[1:])
		c := exec.Command("sudo", args...)
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		err = c.Run()
		if c.ProcessState != nil && c.ProcessState.Exited() {
			return c.ProcessState.ExitCode()
		}
	}
	fmt.Fprintln(os.Stderr, "these tests boot a machine and need root: run sudo -v first, or all of them as root:", err)
	return 1
}

// become waits at the gate, builds the machine's root and gives itself to systemd.
func become(dir string) error {
	gate := os.NewFile(3, "gate")
	if _, err := io.Copy(io.Discard, gate); err != nil {
		return fmt.Errorf("wait at the gate: %w", err)
	}
	gate.Close()
	root := filepath.Join(dir, "root")
	if err := mountAll(dir, root); err != nil {
		return err
	}
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	// Old and new on one place: the old one is then unmounted from below.
	if err := errors.Join(unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), unix.Chdir("/")); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Sethostname([]byte("machine")); err != nil {
		return fmt.Errorf("name the machine: %w", err)
	}
	env := []string{"container=stockade", "PATH=" + path}
	return fmt.Errorf("run systemd: %w", unix.Exec("/lib/systemd/systemd", []string{
		"/lib/systemd/systemd", "--unit=multi-user.target", "--log-target=journal-or-kmsg", "--show-status=no",
	}, env))
}

// mountAll builds the root: it vanishes with the mount namespace.
func mountAll(dir, root string) error {
	steps := []mount{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{"tmpfs", root, "tmpfs", 0, "mode=755"},
		{filepath.Join(dir, "var"), root + "/var", "", unix.MS_BIND, ""},
	}
	for _, o := range overlays {
		steps = append(steps, mount{"overlay", filepath.Join(root, o), "overlay", 0, fmt.Sprintf(
			"userxattr,lowerdir=/%s,upperdir=%s,workdir=%s", o, filepath.Join(dir, "upper", o), filepath.Join(dir, "work", o))})
	}
	steps = append(steps, mount{filepath.Join(dir, "units"), root + "/etc/systemd/system", "", unix.MS_BIND, ""})
	// What the host would start, set or mount is not the machine's.
	for _, name := range []string{"init.d", "rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d", "rcS.d", "sysctl.d", "fstab"} {
		at := "/etc/" + name
		if st, err := os.Stat(at); err == nil && st.IsDir() {
			steps = append(steps, mount{filepath.Join(dir, "empty"), root + at, "", unix.MS_BIND, ""})
		} else if err == nil {
			steps = append(steps, mount{"/dev/null", root + at, "", unix.MS_BIND, ""})
		}
	}
	steps = append(steps,
		mount{"proc", root + "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		mount{"sysfs", root + "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY, ""},
		mount{"cgroup2", root + "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		mount{"tmpfs", root + "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
		mount{"tmpfs", root + "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		mount{"tmpfs", root + "/dev", "tmpfs", unix.MS_NOSUID, "mode=755"},
	)
	for _, d := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		steps = append(steps, mount{"/dev/" + d, root + "/dev/" + d, "", unix.MS_BIND, ""})
	}
	steps = append(steps, mount{"devpts", root + "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"})
	for _, s := range steps {
		if err := s.do(); err != nil {
			return err
		}
	}
	return links(root)
}

// links are those of the host's root, such as bin to usr/bin, and those that /dev has.
func links(root string) error {
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		to, err := os.Readlink("/" + name)
		if err != nil {
			continue // this architecture has none
		}
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"} {
		if err := os.Symlink(to, filepath.Join(root, "dev", name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "root"), 0o700); err != nil {
		return fmt.Errorf("make root's home: %w", err)
	}
	return nil
}

// mount is one step, its place made if need be.
type mount struct {
	what, where, kind string
	flags             uintptr
	options           string
}

func (s mount) do() error {
	if s.where != "/" {
		st, err := os.Stat(s.what)
		if s.flags&unix.MS_BIND != 0 && err == nil && !st.IsDir() {
			f, err := os.OpenFile(s.where, os.O_CREATE, 0o666)
			if err != nil {
				return fmt.Errorf("make %s: %w", s.where, err)
			}
			f.Close()
		} else if err := os.MkdirAll(s.where, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", s.where, err)
		}
	}
	if err := unix.Mount(s.what, s.where, s.kind, s.flags, s.options); err != nil {
		return fmt.Errorf("mount %s on %s (%s): %w", s.what, s.where, s.options, err)
	}
	return nil
}
