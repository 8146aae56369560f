package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// Lab is a built site.
type Lab struct {
	plan    Plan
	log     *slog.Logger
	devices []*Device
	rogue   *host
	outside *outside
	closers []io.Closer

	stranger *phoner // what the rogue does
}

// Build makes the namespaces and cables and starts the cameras' and the
// outside's servers. The process must be in a namespace of its own, with nothing
// in it yet (package spawn, ns.Main): Build refuses to touch the machine's.
func Build(ctx context.Context, p Plan) (l *Lab, err error) {
	if !ns.Inside() || sharedWithInit() {
		return nil, errors.New("the lab is built in a namespace of its own only: start it through package spawn or ns.Main")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	l = &Lab{plan: p, log: p.Logger}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("build the lab: %w", err), l.Close())
			l = nil
		}
	}()
	if err := l.forward(); err != nil {
		return l, err
	}
	if err := l.buildOutside(); err != nil {
		return l, err
	}
	for i := range p.Cameras {
		d, err := l.buildCamera(ctx, &p.Cameras[i])
		if err != nil {
			return l, fmt.Errorf("camera %s: %w", p.Cameras[i].ID, err)
		}
		l.devices = append(l.devices, d)
	}
	if p.Rogue {
		if l.rogue, err = l.buildHost("rogue", roguePort, rogueIP, false); err != nil {
			return l, fmt.Errorf("the rogue: %w", err)
		}
		if l.stranger, err = l.newPhoner(l.rogue, nil); err != nil {
			return l, fmt.Errorf("the rogue: %w", err)
		}
	}
	for _, d := range l.devices {
		if d.Camera.Phones {
			if d.phoner, err = l.newPhoner(d.host, d); err != nil {
				return l, fmt.Errorf("camera %s: %w", d.Camera.ID, err)
			}
		}
	}
	if p.OpenBridge {
		if err := l.openBridge(); err != nil {
			return l, fmt.Errorf("bridge the ports: %w", err)
		}
	}
	return l, ctx.Err()
}

// sharedWithInit reports whether this is the network namespace of the system's
// first process. Where that may not be read, as from a user namespace, it is not.
func sharedWithInit() bool {
	first, err1 := os.Readlink("/proc/1/ns/net")
	own, err2 := os.Readlink("/proc/self/ns/net")
	return err1 == nil && err2 == nil && first == own
}

// Run sends what the devices send, until ctx ends. It is called once.
func (l *Lab) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.watchGateway(ctx) })
	for _, d := range l.devices {
		for _, s := range d.streams {
			g.Go(func() error { return s.run(ctx) })
		}
		if d.leases {
			g.Go(func() error { return d.host.lease(ctx, l.log) })
		}
		if d.phoner != nil {
			g.Go(func() error { return d.phoner.run(ctx, d.phoner.cameraSteps()) })
		}
	}
	if l.stranger != nil {
		g.Go(func() error { return l.stranger.run(ctx, l.stranger.rogueSteps()) })
	}
	return g.Wait()
}

// Close ends the servers and lets the namespaces go.
func (l *Lab) Close() error {
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i].Close())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// Device gives the simulated device of a camera, by the camera's id, or nil.
func (l *Lab) Device(camera string) *Device {
	for _, d := range l.devices {
		if d.Camera.ID == camera {
			return d
		}
	}
	return nil
}

// Devices gives all cameras' devices.
func (l *Lab) Devices() []*Device { return l.devices }

// Outside is the namespace of the outside world.
func (l *Lab) Outside() *ns.Namespace { return l.outside.host.Namespace }

// Rogue is the namespace of the device that nobody knows, or nil.
func (l *Lab) Rogue() *ns.Namespace {
	if l.rogue == nil {
		return nil
	}
	return l.rogue.Namespace
}

// newPhoner prepares a device that talks to the world. It also turns sideways, to
// another camera whose hardware address it knows: where ports are isolated
// nobody answers ARP, and the attempt would never be sent.
func (l *Lab) newPhoner(h *host, self *Device) (*phoner, error) {
	p := &phoner{host: h, names: phonedNames(), peer: wiredHost}
	for _, other := range l.devices {
		if other != self {
			p.peer = other.Camera.IP()
			return p, h.pin(p.peer, other.Camera.MAC())
		}
	}
	return p, nil
}

// forward makes the recorder a router, as another program on the box may: only
// then does "nothing arrived outside" say that something held it back.
func (l *Lab) forward() error {
	for _, s := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		if err := setting(s, "1"); err != nil {
			l.log.Warn("the recorder does not forward, so what arrives outside says nothing", "error", err)
		}
	}
	return nil
}

// host is a namespace at the end of a cable, with counters.
type host struct {
	*ns.Namespace
	handle *netlink.Handle
	link   netlink.Link // eth0
	ip     netip.Addr
	sent   *tap // nil outside

	mu   sync.Mutex
	pins map[netip.Addr]net.HardwareAddr // neighbours told once and for all
}

// pin tells the device a neighbour's hardware address.
func (h *host) pin(ip netip.Addr, mac net.HardwareAddr) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pins[ip] = mac
	return neighbour(h.handle, h.link, ip, mac)
}

// repin tells all of them again: the kernel forgets them when the link goes down.
func (h *host) repin() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for ip, mac := range h.pins {
		errs = append(errs, neighbour(h.handle, h.link, ip, mac))
	}
	return errors.Join(errs...)
}

// buildHost makes a device on the camera network: its namespace, cable,
// addresses, default routes, and the count of what it sends. One that asks for its
// address has none yet.
func (l *Lab) buildHost(name, port string, ip netip.Addr, asks bool) (*host, error) {
	near := hardware(ip)
	near[1] = 1 // the recorder's end
	h, err := l.join(name, port, near, hardware(ip))
	if err != nil {
		return nil, err
	}
	h.ip = ip
	if !asks {
		err = errors.Join(address(h.handle, h.link, ip, cameraNet.Bits()), route(h.handle, h.link, everything(ip), recorderIP))
	}
	if err := errors.Join(err,
		address(h.handle, h.link, sixth(ip), cameraNet6.Bits()),
		route(h.handle, h.link, everything(gateway6), gateway6),
	); err != nil {
		return nil, err
	}
	if h.sent, err = newTap(h.Namespace, sentFilter()); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, h.sent)
	return h, nil
}

// join makes a namespace and the cable to it; its end is up.
func (l *Lab) join(name, port string, near, far net.HardwareAddr) (*host, error) {
	space, err := ns.New(name)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, space)
	h := &host{Namespace: space, pins: map[netip.Addr]net.HardwareAddr{}}
	if h.handle, err = space.Handle(); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, handleCloser{h.handle})
	if err := space.Do(func() error {
		// No privacy addresses, no waiting for duplicates: what is sent is known.
		return errors.Join(setting("net.ipv6.conf.default.accept_dad", "0"), setting("net.ipv6.conf.default.accept_ra", "0"))
	}); err != nil {
		l.log.Warn("a device's settings are not writable", "error", err)
	}
	if err := l.cable(port, near, space, far); err != nil {
		return nil, err
	}
	if h.link, err = h.handle.LinkByName(farPort); err != nil {
		return nil, fmt.Errorf("find %s of %s: %w", farPort, name, err)
	}
	if err := h.handle.LinkSetUp(h.link); err != nil {
		return nil, fmt.Errorf("set %s of %s up: %w", farPort, name, err)
	}
	return h, nil
}

type handleCloser struct{ *netlink.Handle }

func (h handleCloser) Close() error { h.Handle.Close(); return nil }
