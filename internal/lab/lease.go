package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"
)

// Of DHCP (RFC 2131).
const (
	dhcpServer   = 67
	askAgain     = time.Second // while nobody answers
	shortestTerm = 10 * time.Second
)

// lease gets the device its address from whoever hands them out, and gets it
// again half-way through its term, until ctx ends. It takes what it is given.
func (h *host) lease(ctx context.Context, log *slog.Logger) error {
	for {
		term, err := h.ask(ctx)
		if err != nil {
			log.Debug("a device has no address yet", "device", h.Name, "error", err)
			term = askAgain
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(term):
		}
	}
}

// ask asks once, and says when to ask again.
func (h *host) ask(ctx context.Context) (time.Duration, error) {
	var got *nclient4.Lease
	err := h.Do(func() error {
		c, err := nclient4.New(farPort, nclient4.WithTimeout(askAgain), nclient4.WithRetry(2))
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // nothing is written
		got, err = c.Request(ctx, dhcpv4.WithOption(dhcpv4.OptHostName("IPCAM-"+h.Name)), dhcpv4.WithOption(dhcpv4.OptClassIdentifier("udhcp 1.30.1")))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ask for an address: %w", err)
	}
	ip, _ := netip.AddrFromSlice(got.ACK.YourIPAddr.To4())
	bits, _ := got.ACK.SubnetMask().Size()
	gateways := got.ACK.Router()
	if !ip.IsValid() || bits == 0 || len(gateways) == 0 {
		return 0, errors.New("the answer has no address, network or gateway")
	}
	if err := address(h.handle, h.link, ip, bits); err != nil && !errors.Is(err, errExists) {
		return 0, err
	}
	gateway, _ := netip.AddrFromSlice(gateways[0].To4())
	if err := route(h.handle, h.link, everything(ip), gateway); err != nil {
		return 0, err
	}
	return max(got.ACK.IPAddressLeaseTime(0)/2, shortestTerm), nil
}

// aheadOfAddress lets a server bind to an address that its device has not got yet.
func aheadOfAddress(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1) })
	return errors.Join(controlErr, err)
}
