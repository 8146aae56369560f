package spawn

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

const (
	envHanded = "STOCKADE_HANDED" // names of descriptors 3, 4, ..., separated by commas
	envProbe  = "STOCKADE_PROBE"  // this process only tries whether the lab can run
	firstFD   = 3

	// orphanGrace is how long a child whose parent is gone may take to end by itself.
	orphanGrace = 5 * time.Second
)

func (h *handed) env() string { return envHanded + "=" + strings.Join(h.names, ",") }

// Handed is what the parent opened for this process in the host's namespace.
type Handed struct {
	HTTP net.Listener   // nil when none was asked for
	UDP  net.PacketConn // a *net.UDPConn; nil likewise
	Gone <-chan struct{}
}

// Inherited is called first thing in main. In an ordinary process it returns
// nil, nil. In a process that [Run] started it finishes the namespace's set-up,
// takes over the sockets, and watches the parent: once that is gone, Gone is
// closed, and 5 s later the process exits in any case. In a probe's process it
// does the probe and exits.
func Inherited() (*Handed, error) {
	if os.Getenv(envProbe) != "" {
		os.Exit(runProbe(os.Stderr))
	}
	names := os.Getenv(envHanded)
	if names == "" {
		return nil, nil
	}
	// Programs that we start inherit the namespaces, not the sockets.
	if err := os.Unsetenv(envHanded); err != nil {
		return nil, fmt.Errorf("clear %s: %w", envHanded, err)
	}
	if err := ns.Enter(); err != nil {
		return nil, err
	}
	h := &Handed{}
	for i, name := range strings.Split(names, ",") {
		f := os.NewFile(uintptr(firstFD+i), name)
		if err := h.take(name, f); err != nil {
			return nil, fmt.Errorf("take over %s: %w", name, err)
		}
	}
	return h, nil
}

func (h *Handed) take(name string, f *os.File) (err error) {
	switch name {
	case "http":
		h.HTTP, err = net.FileListener(f)
	case "udp":
		h.UDP, err = net.FilePacketConn(f)
	case "life":
		gone := make(chan struct{})
		h.Gone = gone
		go watch(f, gone)
		return nil
	}
	f.Close() // the net package works on a duplicate
	return err
}

// watch waits for the parent's end of the life pipe to close.
func watch(life io.Reader, gone chan<- struct{}) {
	_, _ = io.Copy(io.Discard, life) // any error means the same as its end
	close(gone)
	time.Sleep(orphanGrace)
	os.Exit(1)
}
