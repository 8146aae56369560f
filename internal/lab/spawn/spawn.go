package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// Options says what to run and what to hand over.
type Options struct {
	Args []string // of the child, after the program's name
	HTTP string   // TCP address to listen on in the host's namespace; empty: none
	UDP  string   // UDP address likewise, for WebRTC

	Stdout, Stderr io.Writer     // default: this process's own
	Grace          time.Duration // between asking the child to end and killing it; default 10 s
}

// Run starts the child and returns when it has ended, with its exit status
// (128 plus the signal's number where a signal ended it). A signal that asks a
// program to end is passed on, and so is the end of ctx, as SIGTERM; a second
// signal kills the child. A caller whose ctx ends by the same signals gives one
// that does not, or the child is asked twice.
//
// It holds its goroutine's thread until then: the kernel's notice of a parent's
// death is sent when the forking thread ends, not the process.
func Run(ctx context.Context, o Options) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// From here on, so that none is lost while the child is not there yet.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	flags, err := probe(ctx)
	if err != nil {
		return 0, err
	}
	h, err := open(ctx, o)
	if err != nil {
		return 0, err
	}
	defer h.close()

	c := command(flags, o.Args...)
	c.Env = append(c.Env, h.env())
	c.ExtraFiles = h.files
	c.Stdout, c.Stderr = o.Stdout, o.Stderr
	if c.Stdout == nil {
		c.Stdout = os.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	c.WaitDelay = 2 * time.Second
	// A group of its own: a terminal's Ctrl-C comes to us alone, and we pass it on once.
	c.SysProcAttr.Setpgid = true

	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("start the lab's process: %w", err)
	}
	h.closeFiles() // the child alone holds the listeners now
	gone := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		pass(ctx, c.Process, signals, gone, o.Grace)
	}()
	err = c.Wait()
	close(gone)
	<-stopped
	return status(c, err)
}

// pass hands the first signal and the end of ctx to the child until it is gone,
// and kills it at the second, or when it does not end in time.
func pass(ctx context.Context, p *os.Process, signals <-chan os.Signal, gone <-chan struct{}, grace time.Duration) {
	if grace <= 0 {
		grace = 10 * time.Second
	}
	var kill <-chan time.Time
	asked := false
	done := ctx.Done()
	for {
		sig := os.Signal(syscall.SIGTERM)
		select {
		case <-gone:
			return
		case <-kill:
			sig = syscall.SIGKILL
			kill = nil
		case sig = <-signals:
			if asked {
				sig = syscall.SIGKILL
			}
			asked = true
		case <-done:
			done = nil
		}
		// An error here means that the child ended meanwhile.
		_ = p.Signal(sig)
		if kill == nil && sig != syscall.SIGKILL {
			kill = time.After(grace)
		}
	}
}

// status is the child's exit status as a shell would tell it.
func status(c *exec.Cmd, err error) (int, error) {
	if c.ProcessState == nil {
		return 0, fmt.Errorf("wait for the lab's process: %w", err)
	}
	if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return c.ProcessState.ExitCode(), nil
}

// command prepares a run of this program in namespaces of its own.
func command(flags uintptr, args ...string) *exec.Cmd {
	c := ns.Command(args...)
	// SIGTERM, not SIGKILL: the child takes its files with it when the parent is
	// killed. The life pipe sees to it that it does not take for ever.
	c.SysProcAttr.Pdeathsig = syscall.SIGTERM
	c.SysProcAttr.Cloneflags = flags
	if flags&syscall.CLONE_NEWUSER == 0 {
		c.SysProcAttr.UidMappings, c.SysProcAttr.GidMappings = nil, nil
	}
	return c
}

// handed is what goes to the child: descriptors 3, 4, ... in order.
type handed struct {
	files []*os.File
	names []string
	life  *os.File // write end, ours; closes with this process at the latest
}

// open opens the listeners and the life pipe.
func open(ctx context.Context, o Options) (h *handed, err error) {
	h = &handed{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	var lc net.ListenConfig
	if o.HTTP != "" {
		ln, err := lc.Listen(ctx, "tcp", o.HTTP)
		if err != nil {
			return h, explainListen(o.HTTP, err)
		}
		if err := h.add("http", ln); err != nil {
			return h, err
		}
	}
	if o.UDP != "" {
		pc, err := lc.ListenPacket(ctx, "udp", o.UDP)
		if err != nil {
			return h, explainListen(o.UDP, err)
		}
		if err := h.add("udp", pc); err != nil {
			return h, err
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return h, fmt.Errorf("make the life pipe: %w", err)
	}
	h.files, h.names, h.life = append(h.files, r), append(h.names, "life"), w
	return h, nil
}

// add takes a socket's descriptor and closes the socket here.
func (h *handed) add(name string, s io.Closer) error {
	defer s.Close() // the duplicate lives on
	f, err := s.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return fmt.Errorf("take the descriptor of the %s listener: %w", name, err)
	}
	h.files, h.names = append(h.files, f), append(h.names, name)
	return nil
}

func (h *handed) closeFiles() {
	for _, f := range h.files {
		f.Close()
	}
	h.files = nil
}

func (h *handed) close() {
	h.closeFiles()
	if h.life != nil {
		h.life.Close()
	}
}

func explainListen(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program: end it, or choose another with --listen: %w", addr, err)
	}
	return fmt.Errorf("listen on the host: %w", err)
}
