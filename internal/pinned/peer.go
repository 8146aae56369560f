package pinned

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrForeign says that somebody wanted to speak to another address than the
// pinned one. The caller names who asked for it.
var ErrForeign = errors.New("not the pinned address")

// keepAlive is how soon a peer that vanished is noticed, at the latest.
const keepAlive = 15 * time.Second

// Peer is the only address that its sockets speak to.
type Peer struct {
	Address netip.Addr
	// Device is the interface that sockets are bound to (SO_BINDTODEVICE); empty
	// for none, as where the peer is on loopback.
	Device string
}

// DialContext connects by TCP. The address must be the pinned one, as a literal
// with a port: ErrForeign for any other, and for every name.
func (p Peer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, fmt.Errorf("dial %s %s: cameras are dialled by TCP", network, address)
	}
	to, err := p.check(address)
	if err != nil {
		return nil, fmt.Errorf("dial %.200q: %w", address, err)
	}
	d := net.Dialer{KeepAlive: keepAlive, Control: p.bind}
	return d.DialContext(ctx, "tcp", to.String())
}

// check reads an address and a port, and refuses a foreign one.
func (p Peer) check(address string) (netip.AddrPort, error) {
	to, err := netip.ParseAddrPort(address)
	switch {
	case !p.Address.IsValid():
		return to, errors.New("no address is pinned")
	case err != nil: // a name: whoever resolved it would be told who asks
		return to, fmt.Errorf("%w %s: it is no address and port", ErrForeign, p.Address)
	case to.Port() == 0:
		return to, errors.New("port 0 is no port")
	case bare(to.Addr()) != bare(p.Address):
		return to, fmt.Errorf("%w %s", ErrForeign, p.Address)
	}
	return netip.AddrPortFrom(p.Address.Unmap(), to.Port()), nil
}

// bare gives an address in the one form in which two are compared.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// ListenPacket opens a UDP socket at one of our addresses that takes packets of
// the pinned address only.
func (p Peer) ListenPacket(ctx context.Context, address string) (*net.UDPConn, error) {
	network := "udp4"
	if p.Address.Unmap().Is6() {
		network = "udp6"
	}
	lc := net.ListenConfig{Control: func(network, address string, raw syscall.RawConn) error {
		if err := p.bind(network, address, raw); err != nil {
			return err
		}
		return onlyFrom(raw, bare(p.Address))
	}}
	pc, err := lc.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err // says what and where
	}
	return pc.(*net.UDPConn), nil // of these networks it always is
}

// bind ties a socket to the device before it is connected or bound.
func (p Peer) bind(_, _ string, raw syscall.RawConn) error {
	if p.Device == "" {
		return nil
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), p.Device) }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("bind to %s: %w", p.Device, failed)
	}
	return nil
}
