package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// watchGateway tells the devices the hardware address of the recorder's camera
// side whenever that comes up or changes: for IPv6 all of them, since nobody
// there answers for a gateway, for IPv4 those with Pinned and the rogue. Without it their
// packets would never leave them, and a test would pass for nothing.
func (l *Lab) watchGateway(ctx context.Context) error {
	done := make(chan struct{})
	defer close(done)
	addresses := make(chan netlink.AddrUpdate, 64)
	links := make(chan netlink.LinkUpdate, 64)
	if err := netlink.AddrSubscribe(addresses, done); err != nil {
		return fmt.Errorf("watch the recorder's addresses: %w", err)
	}
	if err := netlink.LinkSubscribe(links, done); err != nil {
		return fmt.Errorf("watch the recorder's links: %w", err)
	}
	// The subscription may drop events under load; the ticker makes up for that.
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	var known net.HardwareAddr
	for {
		mac, err := cameraSide()
		if err != nil {
			return err
		}
		if mac != nil && !bytes.Equal(mac, known) {
			if err := l.tellGateway(mac); err != nil {
				return err
			}
			known = slices.Clone(mac)
			l.log.Debug("devices know their gateway", "mac", mac.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-addresses:
			if !ok {
				addresses = nil
			}
		case _, ok := <-links:
			if !ok {
				links = nil
			}
		case <-tick.C:
		}
	}
}

// cameraSide is the hardware address of the interface that has the recorder's
// camera-side address, or nil.
func cameraSide() (net.HardwareAddr, error) {
	all, err := netlink.AddrList(nil, unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("list the recorder's addresses: %w", err)
	}
	for _, a := range all {
		if a.IP.Equal(recorderIP.AsSlice()) {
			link, err := netlink.LinkByIndex(a.LinkIndex)
			if err != nil {
				return nil, nil //nolint:nilerr // gone again; the next event tells
			}
			return link.Attrs().HardwareAddr, nil
		}
	}
	return nil, nil
}

func (l *Lab) tellGateway(mac net.HardwareAddr) error {
	for _, d := range l.devices {
		if err := d.host.pin(gateway6, mac); err != nil {
			return err
		}
		if !d.Camera.Pinned {
			continue
		}
		if err := d.host.pin(recorderIP, mac); err != nil {
			return err
		}
	}
	if l.rogue == nil {
		return nil
	}
	if err := l.rogue.pin(recorderIP, mac); err != nil {
		return err
	}
	return l.rogue.pin(gateway6, mac)
}

// openBridge does what the firewall would, without any firewall.
func (l *Lab) openBridge() error {
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName, HardwareAddr: hardware(recorderIP)}}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("make the bridge: %w", err)
	}
	l.closers = append(l.closers, linkCloser{br})
	for _, port := range l.plan.Ports() {
		link, err := netlink.LinkByName(port)
		if err != nil {
			return fmt.Errorf("find port %s: %w", port, err)
		}
		if err := netlink.LinkSetMaster(link, br); err != nil {
			return fmt.Errorf("enslave port %s: %w", port, err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set port %s up: %w", port, err)
		}
	}
	h := &netlink.Handle{}
	if err := address(h, br, recorderIP, cameraNet.Bits()); err != nil {
		return err
	}
	if err := address(h, br, recorderIP6, cameraNet6.Bits()); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(br); err != nil {
		return fmt.Errorf("set the bridge up: %w", err)
	}
	return nil
}
