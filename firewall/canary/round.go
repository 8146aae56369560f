package canary

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// How a round goes on. A hit takes up to 100 ms to be read, and under a flood the
// log loses some: so what was not seen is sent again.
const (
	attempts    = 3
	attemptTime = 500 * time.Millisecond
	grace       = 30 * time.Millisecond // after the last was seen, for what a busy processor still holds
	pollEvery   = 10                    // ms
)

// trial is one path on its way.
type trial struct {
	path

	number   int
	tag      []byte
	sport    uint16
	failed   error
	leaks    []string
	answered bool
	entered  bool
}

// round is one round on its way. Used by one goroutine.
type round struct {
	c        *Canary
	g        ground
	t        *taps
	n        nonce
	trials   []*trial
	controls map[string]*Control
	ctlPort  uint16
}

// controlTexts are the controls, in the order in which they are told.
var controlTexts = [...][2]string{
	{"leaving4", "what leaves by any interface, IPv4"},
	{"leaving6", "what leaves by any interface, IPv6"},
	{"leavingB", "what leaves by a camera port"},
	{"sink4", "the canary's own network, IPv4"},
	{"sink6", "the canary's own network, IPv6"},
	{"portA", "the first canary's port"},
	{"portB", "the second canary's port"},
	{"service", "a socket of the recorder"},
}

func (c *Canary) round(ctx context.Context, s Site, p *Proof) error {
	runtime.LockOSThread() // its time is measured
	defer runtime.UnlockOSThread()
	before := threadTime()
	defer func() { p.CPU = threadTime() - before }()
	g, err := look(s)
	if err != nil {
		return err
	}
	t, err := open(s.Bridge, g.six)
	if err != nil {
		return err
	}
	defer t.close()
	at, err := netip.ParseAddrPort(t.service.LocalAddr().String())
	if err != nil {
		return fmt.Errorf("read a socket's port: %w", err)
	}
	g.servicePort = at.Port()
	n, err := c.begin()
	if err != nil {
		return err
	}
	r := &round{c: c, g: g, t: t, n: n, controls: map[string]*Control{}}
	r.prepare()
	if err := r.run(ctx); err != nil {
		return err
	}
	p.Notes = g.notes()
	r.judge(p)
	return nil
}

// prepare gives each path its tag and its port, which no other of this round has.
func (r *round) prepare() {
	const firstPort, ports, apart = 20000, 30000, 200
	base := uint16(firstPort + rand.IntN(ports-apart)) //nolint:gosec // apart from earlier rounds' flows; the nonce is what nobody may know
	for i, p := range r.g.paths() {
		r.trials = append(r.trials, &trial{path: p, number: i, tag: r.n.tag(i), sport: base + uint16(i)})
	}
	r.ctlPort = base + apart
	for _, x := range controlTexts {
		if r.g.six || x[0] != "leaving6" && x[0] != "sink6" {
			r.controls[x[0]] = &Control{ID: x[0], Text: x[1]}
		}
	}
}

// run sends until all was seen, or attempts are over.
func (r *round) run(ctx context.Context) error {
	for range attempts {
		for _, t := range r.trials {
			if !r.settled(t) {
				r.send(t)
			}
		}
		r.sendControls()
		for end := time.Now().Add(attemptTime); time.Now().Before(end) && !r.done(); {
			if ctx.Err() != nil {
				return errors.New("the round was interrupted")
			}
			r.t.wait(pollEvery, r.see)
		}
		if r.done() {
			break
		}
	}
	for end := time.Now().Add(grace); time.Now().Before(end); {
		r.t.wait(pollEvery, r.see)
	}
	return nil
}

func (r *round) done() bool {
	for _, c := range r.controls {
		if !c.Seen {
			return false
		}
	}
	return !slices.ContainsFunc(r.trials, func(t *trial) bool { return !r.settled(t) })
}

// settled reports whether nothing more is to be learnt about a path.
func (r *round) settled(t *trial) bool {
	switch {
	case len(t.leaks) > 0:
		return true
	case t.want.answered:
		return t.answered
	case t.want.admitted:
		return t.entered
	}
	return slices.Contains(r.c.hitsOf(t.number), t.want.String())
}

// send sends a path's frames, or has the box itself send.
func (r *round) send(t *trial) {
	if t.frames == nil {
		t.failed = say(t.src, t.dst, t.tag)
		return
	}
	t.failed = nil
	fd := map[wire]int{byA: r.t.a, byB: r.t.b, bySink: r.t.sink}[t.from]
	for _, f := range t.frames(t.tag, t.sport) {
		if _, err := unix.Write(fd, frames.Padded(f)); err != nil {
			t.failed = fmt.Errorf("send: %w", err)
		}
	}
}

// say sends a datagram by a socket of the box. That the firewall refuses it is
// what should happen: then it was tried.
func say(src, dst netip.AddrPort, text []byte) error {
	c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(src), net.UDPAddrFromAddrPort(dst))
	if err != nil {
		return fmt.Errorf("send by a socket: %w", err)
	}
	_, err = c.Write(text)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		err = nil
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("send by a socket: %w", err)
	}
	return nil
}

// sendControls sends what must be seen at each tap, and was not yet. What fails
// is not seen, which says it.
func (r *round) sendControls() {
	unseen := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { c := r.controls[n]; return c != nil && !c.Seen })
	}
	if unseen("leaving4", "sink4") {
		_ = say(netip.AddrPortFrom(r.g.out.own4.Addr(), 0), netip.AddrPortFrom(r.g.out.target4, portDiscard), r.n.tag(controlOut4))
	}
	if unseen("leaving6", "sink6") {
		_ = say(netip.AddrPortFrom(r.g.out.own6.Addr(), 0), netip.AddrPortFrom(r.g.out.target6, portDiscard), r.n.tag(controlOut6))
	}
	if unseen("leavingB", "portB") {
		_, _ = unix.Write(r.t.portB, frames.Padded(frames.Ether(macB, r.g.bridgeMAC, frames.TypeLocal, r.n.tag(controlB))))
	}
	if unseen("portA", "service") { // as the recorder asks a camera, which then answers
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.g.a(), r.ctlPort))
		_, _ = r.t.service.WriteTo(r.n.tag(controlA), to)
	}
}

// judge says what became of everything.
func (r *round) judge(p *Proof) {
	for _, t := range r.trials {
		p.Paths = append(p.Paths, r.judged(t))
	}
	for _, x := range controlTexts {
		if c := r.controls[x[0]]; c != nil {
			p.Controls = append(p.Controls, *c)
		}
	}
}

func (r *round) judged(t *trial) Path {
	x := Path{ID: t.id, As: t.as, Text: t.text, Expected: t.want.String(), Leaks: t.leaks, Seen: r.c.hitsOf(t.number)}
	if t.want.answered && t.answered || t.want.admitted && t.entered {
		x.Seen = append(x.Seen, t.want.String())
	}
	switch {
	case len(t.leaks) > 0:
		x.Outcome = Leaked
	case r.settled(t):
		x.Outcome = Stopped
	case len(x.Seen) > 0:
		x.Outcome = OtherLayer
	default:
		x.Outcome = Unseen
		if t.failed != nil {
			x.Detail = t.failed.Error()
		}
	}
	return x
}

// threadTime is what this thread has used of the processors so far.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
