package spawn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab"
	"github.com/stockade-nvr/stockade/internal/lab/spawn"
)

// The test binary plays the program: with envParent it is the outer process,
// which starts itself again as the inner one.
const (
	envParent = "SPAWN_TEST_PARENT"
	envDeaf   = "SPAWN_TEST_DEAF" // the inner process ignores SIGTERM
	envGrace  = "SPAWN_TEST_GRACE"
	envLab    = "SPAWN_TEST_LAB" // the inner process builds the lab and says what it counted
)

func TestMain(m *testing.M) {
	h, err := spawn.Inherited()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "inherit:", err)
		os.Exit(3)
	case h != nil:
		os.Exit(inner(h))
	case os.Getenv(envParent) != "":
		grace, err := time.ParseDuration(os.Getenv(envGrace))
		if err != nil {
			grace = 2 * time.Second
		}
		code, err := spawn.Run(context.Background(), spawn.Options{
			HTTP: "127.0.0.1:0", UDP: "127.0.0.1:0", Grace: grace,
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "run:", err)
			os.Exit(4)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// inner says who and where it is, answers on the handed listener, and ends on a signal.
func inner(h *spawn.Handed) int {
	signals := make(chan os.Signal, 1)
	if os.Getenv(envDeaf) == "" {
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	} else {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	if os.Getenv(envLab) != "" {
		return innerLab()
	}
	links, err := netlink.LinkList()
	if err != nil {
		return 5
	}
	names := make([]string, 0, len(links))
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	go func() {
		for {
			c, err := h.HTTP.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "inside\n")
			c.Close()
		}
	}()
	fmt.Printf("pid %d listen %s udp %s links %s uid %d\n", os.Getpid(), h.HTTP.Addr(), h.UDP.LocalAddr(), strings.Join(names, "+"), os.Getuid())
	select {
	case <-signals:
	case <-h.Gone:
	}
	return 7
}

// innerLab runs the lab without a firewall until something has come out at its far end.
func innerLab() int {
	p := lab.DefaultPlan(4)
	p.OpenBridge = true
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	l, err := lab.Build(ctx, p)
	if err != nil {
		fmt.Println(err)
		return 5
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for ctx.Err() == nil {
		if s := l.Stats(); s.OutsideReceived > 10 && len(s.OutsideKinds) >= 3 && s.Forwarding {
			cancel()
			if err := <-done; err != nil {
				fmt.Println(err)
				return 6
			}
			fmt.Println("leaks")
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Printf("%+v\n", l.Stats())
	return 7
}

func TestTheLabRunsInsideForAnyUser(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program = readable(t, program)
	for who, uid := range users() {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(program)
			c.Dir = "/"
			c.Env = append(os.Environ(), envParent+"=1", envLab+"=1")
			if uid != uint32(os.Getuid()) {
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			}
			out, err := c.CombinedOutput()
			if err != nil || string(out) != "leaks\n" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// family is a running pair of processes.
type family struct {
	parent *exec.Cmd
	child  int
	addr   string
	links  string
	udp    string
	waited chan error
}

func start(t *testing.T, uid uint32, env ...string) *family {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid != uint32(os.Getuid()) {
		program = readable(t, program)
	}
	c := exec.Command(program)
	c.Dir = "/"
	c.Env = append(os.Environ(), envParent+"=1")
	c.Env = append(c.Env, env...)
	c.Stderr = os.Stderr
	if uid != uint32(os.Getuid()) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	f := &family{parent: c, waited: make(chan error, 1)}
	t.Cleanup(func() { _ = c.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the inner process said nothing: %v", err)
	}
	var inside int
	if _, err := fmt.Sscanf(line, "pid %d listen %s udp %s links %s uid %d", &f.child, &f.addr, &f.udp, &f.links, &inside); err != nil {
		t.Fatalf("parse %q: %v", line, err)
	}
	if inside != 0 {
		t.Errorf("the inner process has uid %d in its namespace, want 0", inside)
	}
	go func() { f.waited <- c.Wait() }()
	return f
}

// readable copies the test binary where another user may run it.
func readable(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spawn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "program")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, b, 0o755), os.Chmod(file, 0o755)); err != nil {
		t.Fatal(err)
	}
	return file
}

func (f *family) answers() bool {
	c, err := net.DialTimeout("tcp", f.addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && line == "inside\n"
}

// alive says whether a process exists and is not a zombie.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
	return !strings.HasPrefix(strings.TrimSpace(rest), "Z")
}

func eventually(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func (f *family) mustVanish(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, "both processes gone", within, func() bool { return !alive(f.child) && !alive(f.parent.Process.Pid) })
	// A process whose first thread has ended looks dead while its last one still holds the sockets.
	eventually(t, "nobody listens on "+f.addr, time.Second, func() bool {
		c, err := net.DialTimeout("tcp", f.addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	eventually(t, f.udp+" is free", time.Second, func() bool {
		pc, err := net.ListenPacket("udp", f.udp)
		if err == nil {
			pc.Close()
		}
		return err == nil
	})
}

func users() map[string]uint32 {
	u := map[string]uint32{"self": uint32(os.Getuid())}
	if os.Getuid() == 0 {
		u["nobody"] = 65534
	}
	return u
}

func TestEndsLeaveNothingBehind(t *testing.T) {
	ends := map[string]func(f *family) error{
		"ctrl-C":         func(f *family) error { return f.parent.Process.Signal(syscall.SIGINT) },
		"TERM to parent": func(f *family) error { return f.parent.Process.Signal(syscall.SIGTERM) },
		"kill -9 parent": func(f *family) error { return f.parent.Process.Kill() },
		"kill -9 child":  func(f *family) error { return syscall.Kill(f.child, syscall.SIGKILL) },
		"TERM to child":  func(f *family) error { return syscall.Kill(f.child, syscall.SIGTERM) },
	}
	for who, uid := range users() {
		for how, end := range ends {
			t.Run(who+"/"+how, func(t *testing.T) {
				f := start(t, uid)
				if !f.answers() {
					t.Fatal("the handed listener does not answer from the host's namespace")
				}
				if f.links != "lo" {
					t.Errorf("links inside: %s, want lo alone", f.links)
				}
				if err := end(f); err != nil {
					t.Fatal(err)
				}
				f.mustVanish(t, 5*time.Second)
			})
		}
	}
}

func TestADeafChildIsKilled(t *testing.T) {
	f := start(t, uint32(os.Getuid()), envDeaf+"=1")
	if err := f.parent.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	f.mustVanish(t, 6*time.Second)
}

func TestASecondSignalKillsAtOnce(t *testing.T) {
	f := start(t, uint32(os.Getuid()), envDeaf+"=1", envGrace+"=10m")
	eventually(t, "both processes gone", 30*time.Second, func() bool {
		_ = f.parent.Process.Signal(syscall.SIGINT) // it may be gone meanwhile
		return !alive(f.child) && !alive(f.parent.Process.Pid)
	})
}

func TestExitStatusIsTheChilds(t *testing.T) {
	f := start(t, uint32(os.Getuid()))
	if err := f.parent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-f.waited
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("parent ended with %v, want the child's status 7", err)
	}
}

func TestTheLabRefusesTheHostsNamespace(t *testing.T) {
	if l, err := lab.Build(t.Context(), lab.Plan{}); err == nil {
		l.Close()
		t.Error("built outside a namespace of its own")
	}
}

func TestATakenPortIsExplained(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = spawn.Run(t.Context(), spawn.Options{HTTP: ln.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v, want an error that names the way out", err)
	}
}
