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
	// Clock tells whether the box's clock may be believed; default KernelClock.
	Clock func() ClockState

	DNSPort, NTPPort uint16           // default 53 and 123
	Now              func() time.Time // default time.Now
}

// Sinkhole answers DNS and NTP.
type Sinkhole struct {
	opts  Options
	ready chan struct{}
	once  sync.Once // closes ready

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
		o.DNSPort = 53
	}
	if o.NTPPort == 0 {
		o.NTPPort = 123
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sinkhole{opts: o, ready: make(chan struct{})}
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

// Run answers until ctx is done, then returns nil. An error says that a socket
// could not be bound, or broke; Run may be called again.
func (s *Sinkhole) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	var stops []func() error
	err := s.bind(ctx, func(run, stop func() error) {
		stops = append(stops, stop)
		g.Go(run)
	})
	if err == nil {
		s.once.Do(func() { close(s.ready) })
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

// bind opens all sockets and hands each to serve.
func (s *Sinkhole) bind(ctx context.Context, serve func(run, stop func() error)) error {
	lc := net.ListenConfig{Control: s.control}
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
