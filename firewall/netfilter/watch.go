package netfilter

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// watched are the netlink groups that tell of drift at once. Sets, settings
// and legacy tables tell nothing: those are for the poll (C10).
var watched = [...]struct {
	protocol int
	groups   []uint
}{
	{unix.NETLINK_NETFILTER, []uint{unix.NFNLGRP_NFTABLES}},
	{unix.NETLINK_ROUTE, []uint{
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_RULE,
		unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF, unix.RTNLGRP_TC,
	}},
}

// Watch calls changed, often and from several goroutines, when rules, links,
// addresses, routing rules or traffic control of this namespace change, also by our own hand.
// It returns at once; the watching ends with ctx.
func Watch(ctx context.Context, changed func()) error {
	for _, w := range watched {
		s, err := nl.Subscribe(w.protocol, w.groups...)
		if err != nil {
			return fmt.Errorf("subscribe to netlink events: %w", permitted(err))
		}
		// A receive that ends now and then is how the goroutine sees ctx.
		tick := unix.NsecToTimeval(int64(250 * time.Millisecond))
		if err := s.SetReceiveTimeout(&tick); err != nil {
			s.Close()
			return fmt.Errorf("set the receive timeout: %w", err)
		}
		go func() {
			defer s.Close()
			for ctx.Err() == nil {
				_, _, err := s.Receive()
				switch {
				case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
				case err == nil || errors.Is(err, syscall.ENOBUFS): // too much to tell is news as well
					changed()
				default:
					// An odd message is no reason to go blind, nor to spin.
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
					}
				}
			}
		}()
	}
	return nil
}
