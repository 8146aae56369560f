package sinkhole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Names is the memory that the sinkhole needs. firewall/journal is one.
type Names interface {
	// AddressOf gives host its own address, durable before it returns. asker is
	// the device that asks.
	AddressOf(ctx context.Context, asker netip.Addr, host string) (netip.Addr, error)
	// HostOf gives the name that an address was given to.
	HostOf(addr netip.Addr) (host string, ok bool)
	// Asked takes note of a question, whatever its answer is.
	Asked(asker netip.Addr, name string, qtype uint16)
}

// Options of a Sinkhole.
type Options struct {
	Log    *slog.Logger
	Listen []netip.Addr // ours on the camera side
	Device string       // interface to bind to (SO_BINDTODEVICE), "" for none: tests only
	DNS    bool
	NTP    bool
	Names  Names // needed for DNS
	// DHCP hands out addresses by Leases, which is needed for it. It hears whatever
	// is said on the Device, also to everybody.
	DHCP   bool
	Leases func() *Leases
	// Clock tells whether the box's clock may be believed; default KernelClock.
	Clock func() ClockState

	DNSPort, NTPPort uint16           // default DefaultDNSPort and DefaultNTPPort
	Now              func() time.Time // default time.Now
}

// The ports that the firewall brings questions to. 53 and 123 may be another
// program's, which would ask others what cameras ask it (C8).
const (
	DefaultDNSPort = 30053
	DefaultNTPPort = 30123
)

// Sinkhole answers DNS, NTP and DHCP.
type Sinkhole struct {
	opts  Options
	dhcp  *dhcpServer // nil where no addresses are handed out
	ready chan struct{}
	once  sync.Once // closes ready

	mu     sync.Mutex // guards status
	status Status

	questions, malformed, refused, times atomic.Uint64
}

// New makes a Sinkhole; nothing is opened before Run.
func New(o Options) *Sinkhole {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = KernelClock
	}
	if o.DNSPort == 0 {
		o.DNSPort = DefaultDNSPort
	}
	if o.NTPPort == 0 {
		o.NTPPort = DefaultNTPPort
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sinkhole{
		opts: o, ready: make(chan struct{}),
		status: Status{Since: o.Now(), Reason: "not started"},
	}
	if o.DHCP {
		s.dhcp = newDHCPServer(o)
	}
	return s
}

// Ready is closed once every socket is bound for the first time.
func (s *Sinkhole) Ready() <-chan struct{} { return s.ready }

// Stats counts since the start.
type Stats struct {
	Questions uint64 // DNS questions answered
	Malformed uint64 // messages that are none, DNS and NTP
	Refused   uint64 // questions dropped and connections closed because too many came at once
	Times     uint64 // NTP requests answered
}

// Stats gives the counts so far.
func (s *Sinkhole) Stats() Stats {
	return Stats{s.questions.Load(), s.malformed.Load(), s.refused.Load(), s.times.Load()}
}

// Status tells whether cameras get answers. Where they get none, their
// questions end unheard: nobody else receives them.
type Status struct {
	Bound  bool
	Since  time.Time
	Reason string // why not bound, in words; empty when Bound
}

// Status is a snapshot.
func (s *Sinkhole) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Sinkhole) say(bound bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Bound != bound {
		s.status.Since = s.opts.Now()
	}
	s.status.Bound, s.status.Reason = bound, reason
}

// errDeviceChanged ends one binding: a socket that is bound to an interface
// hears nothing any more once that one was made anew, even by the same name.
var errDeviceChanged = errors.New("the interface was made anew")

// Run answers until ctx is done, then returns nil. When its interface is made
// anew it binds again. An error says that a socket could not be bound, or
// broke; Run may be called again.
func (s *Sinkhole) Run(ctx context.Context) error {
	for {
		err := s.serve(ctx)
		switch {
		case err == nil:
			s.say(false, "ended")
			return nil
		case !errors.Is(err, errDeviceChanged):
			s.say(false, err.Error())
			return err
		}
		s.say(false, err.Error())
		s.opts.Log.Warn("sinkhole binds again", "interface", s.opts.Device, "error", err)
	}
}

// serve binds once and answers until ctx is done or something ends that.
func (s *Sinkhole) serve(ctx context.Context) error {
	index, err := s.device()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	var stops []func() error
	err = s.bind(ctx, func(run, stop func() error) {
		stops = append(stops, stop)
		g.Go(run)
	})
	if err == nil {
		s.say(true, "")
		s.once.Do(func() { close(s.ready) })
		g.Go(func() error { return s.watchDevice(ctx, index) })
	}
	g.Go(func() error {
		if err == nil {
			<-ctx.Done()
		}
		for _, stop := range stops {
			_ = stop() // wakes the goroutine that reads it
		}
		return err
	})
	return g.Wait()
}

// deviceEvery is how often the interface is looked at: for that long at most
// nobody answers after it was made anew.
const deviceEvery = 500 * time.Millisecond

// device gives the interface's index, 0 where none is to be bound to.
func (s *Sinkhole) device() (int, error) {
	if s.opts.Device == "" {
		return 0, nil
	}
	i, err := net.InterfaceByName(s.opts.Device)
	if err != nil {
		return 0, fmt.Errorf("bind to interface %s: %w", s.opts.Device, err)
	}
	return i.Index, nil
}

// watchDevice returns errDeviceChanged once the interface is another one. One
// that is gone may come back: until then there is nobody to hear.
func (s *Sinkhole) watchDevice(ctx context.Context, index int) error {
	if index == 0 {
		return nil
	}
	ticker := time.NewTicker(deviceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		switch now, err := s.device(); {
		case err != nil:
			s.say(false, err.Error())
		case now != index:
			return errDeviceChanged
		default:
			s.say(true, "")
		}
	}
}

// bind opens all sockets and hands each to serve.
func (s *Sinkhole) bind(ctx context.Context, serve func(run, stop func() error)) error {
	lc := net.ListenConfig{Control: s.control}
	if s.opts.DHCP {
		// Who has no address yet speaks to everybody, not to an address of ours.
		pc, err := lc.ListenPacket(ctx, "udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), dhcpPort).String())
		if err != nil {
			return fmt.Errorf("listen for DHCP: %w", err)
		}
		serve(func() error { return s.serveDHCP(pc) }, pc.Close)
	}
	for _, a := range s.opts.Listen {
		if s.opts.DNS {
			at := netip.AddrPortFrom(a, s.opts.DNSPort).String()
			pc, err := lc.ListenPacket(ctx, "udp", at)
			if err != nil {
				return fmt.Errorf("listen for DNS: %w", err)
			}
			serve(func() error { return s.serveDNSPackets(ctx, pc) }, pc.Close)
			ln, err := lc.Listen(ctx, "tcp", at)
			if err != nil {
				return fmt.Errorf("listen for DNS: %w", err)
			}
			serve(func() error { return s.serveDNSConns(ctx, ln) }, ln.Close)
		}
		if s.opts.NTP {
			pc, err := lc.ListenPacket(ctx, "udp", netip.AddrPortFrom(a, s.opts.NTPPort).String())
			if err != nil {
				return fmt.Errorf("listen for NTP: %w", err)
			}
			serve(func() error { return s.serveNTP(pc) }, pc.Close)
		}
	}
	return nil
}

// control binds a socket to the camera side before it has an address. The
// address need not be on the interface yet.
func (s *Sinkhole) control(network, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		if s.opts.Device != "" {
			if err = unix.BindToDevice(int(fd), s.opts.Device); err != nil {
				err = fmt.Errorf("bind to interface %s: %w", s.opts.Device, err)
				return
			}
		}
		level, option := unix.SOL_IP, unix.IP_FREEBIND
		if network[len(network)-1] == '6' {
			level, option = unix.SOL_IPV6, unix.IPV6_FREEBIND
		}
		if err = unix.SetsockoptInt(int(fd), level, option, 1); err != nil {
			err = fmt.Errorf("bind ahead of the address: %w", err)
		}
	})
	return errors.Join(controlErr, err)
}
