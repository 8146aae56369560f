package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// rehearsalPort is a camera port that hangs on nothing.
const rehearsalPort = "doctor0"

// rehearseKernel arms a small site in the namespace that this process was
// started in, with everything that a ruleset can hold, and binds the log group.
func rehearseKernel(ctx context.Context) []check {
	arming := rehearseArming(ctx)
	return []check{
		found("firewall", arming),
		found("packet log", rehearseLog(ctx)),
	}
}

func rehearseArming(ctx context.Context) (err error) {
	if !ns.Inside() {
		return errors.New("this verb is nvr doctor's own: run nvr doctor")
	}
	if err := ns.Enter(); err != nil {
		return err
	}
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: rehearsalPort}, PeerName: "doctor1"}); err != nil {
		return fmt.Errorf("make a network card: %w", err)
	}
	state, err := os.MkdirTemp("", "stockade-doctor-")
	if err != nil {
		return fmt.Errorf("make a state directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	fw := firewall.New(firewall.Options{StateDir: state, Log: slog.New(slog.DiscardHandler)})
	err = fw.Set(ctx, firewall.Policy{
		Revision: "doctor", Bridge: bridge, Ports: []string{rehearsalPort}, DNS: true, NTP: true,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16")},
		Devices:   []firewall.Device{{ID: "dev", IP: netip.MustParseAddr("10.20.1.11"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0x11}}},
	})
	if s := fw.Status(); err == nil && s.State != firewall.Enforced {
		err = fmt.Errorf("a ruleset was loaded and is %s: %s", s.State, strings.Join(s.Reasons, "; "))
	}
	return err
}

func rehearseLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r := nflog.New(nflog.Options{Group: ruleset.LogGroup, Handle: func(*nflog.Hit) {}})
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-r.Ready():
		cancel()
		return <-done
	case err := <-done:
		if err == nil {
			err = errors.New("the kernel's packet log could not be bound in time")
		}
		return err
	}
}
