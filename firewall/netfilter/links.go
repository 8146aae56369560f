package netfilter

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// closePorts sets ports down until all is read back (L0); where guarded is true,
// only those that are not already closed-in ports of ours.
func (k *Kernel) closePorts(l ruleset.Link, guarded bool) error {
	master := 0
	if b, err := netlink.LinkByName(l.Bridge); err == nil {
		master = b.Attrs().Index
	}
	ports, err := existing(l.Ports)
	if err != nil {
		return err
	}
	for _, link := range ports {
		p := link.Attrs().Name
		if guarded && master != 0 && link.Attrs().MasterIndex == master && (isolated(link) || !l.Isolated) {
			continue // recording goes on while rules change
		}
		if err := netlink.LinkSetDown(link); err != nil {
			return fmt.Errorf("set port %s down: %w", p, permitted(err))
		}
	}
	return nil
}

// existing are those of the ports that are there: one that was unplugged must
// not keep the others from being repaired. Verify names it.
func existing(ports []string) ([]netlink.Link, error) {
	var links []netlink.Link
	for _, p := range ports {
		link, err := netlink.LinkByName(p)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find port %s: %w", p, permitted(err))
		}
		links = append(links, link)
	}
	return links, nil
}

func isolated(link netlink.Link) bool {
	p, err := netlink.LinkGetProtinfo(link)
	return err == nil && p.Isolated
}

// buildBridge makes the bridge, puts the ports in while they are down, and
// isolates them (L1). Foreign ports are put out: isolation does not hold against them.
func (k *Kernel) buildBridge(l ruleset.Link) error {
	bridge, err := k.bridge(l)
	if err != nil {
		return err
	}
	foreign, err := foreignPorts(l, bridge)
	if err != nil {
		return err
	}
	for _, f := range foreign {
		k.log.Warn("foreign port put out of the bridge", "port", f.Attrs().Name)
		if err := errors.Join(netlink.LinkSetDown(f), netlink.LinkSetNoMaster(f)); err != nil {
			return fmt.Errorf("put %s out of the bridge: %w", f.Attrs().Name, permitted(err))
		}
	}
	if l.Isolated { // observing closes nothing
		if err := errors.Join(k.stopRiders(l), k.stopBypassed(l)); err != nil {
			return err
		}
	}
	ports, err := existing(l.Ports)
	if err != nil {
		return err
	}
	for _, link := range ports {
		p := link.Attrs().Name
		if link.Attrs().MasterIndex != bridge.Attrs().Index {
			if err := netlink.LinkSetMaster(link, bridge); err != nil {
				return fmt.Errorf("put port %s into the bridge: %w", p, permitted(err))
			}
		}
		if isolated(link) != l.Isolated {
			if err := netlink.LinkSetIsolated(link, l.Isolated); err != nil {
				return fmt.Errorf("isolate port %s: %w", p, permitted(err))
			}
		}
		if err := group(link, l.Group); err != nil {
			return err
		}
		own, err := ownAddresses(link)
		if err != nil {
			return err
		}
		for _, a := range own {
			k.log.Warn("address taken off a camera port", "port", p, "address", a.IPNet.String())
			if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				return fmt.Errorf("remove address %s of port %s: %w", a.IPNet, p, permitted(err))
			}
		}
	}
	return group(bridge, l.Group)
}

// ownAddresses are those that somebody gave a port: one there would be an
// address of the box on the cameras' wire, and a second route to their network.
func ownAddresses(link netlink.Link) ([]netlink.Addr, error) {
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, permitted(err))
	}
	return slices.DeleteFunc(list, func(a netlink.Addr) bool { return a.IP.To4() == nil && a.IP.IsLinkLocalUnicast() }), nil
}

// stopRiders sets virtual interfaces on the cameras' wire down. They are another
// program's: Verify names them until that one removes them.
func (k *Kernel) stopRiders(l ruleset.Link) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", permitted(err))
	}
	for _, x := range riders(links, l) {
		if x.Attrs().Flags&net.FlagUp == 0 {
			continue
		}
		k.log.Warn("virtual interface on a camera port set down", "interface", x.Attrs().Name)
		if err := netlink.LinkSetDown(x); err != nil {
			return fmt.Errorf("set %s down: %w", x.Attrs().Name, permitted(err))
		}
	}
	return nil
}

// group marks an interface as the cameras', whatever its name will be.
func group(link netlink.Link, group uint32) error {
	if link.Attrs().Group == group {
		return nil
	}
	if err := netlink.LinkSetGroup(link, int(group)); err != nil {
		return fmt.Errorf("put %s into the group of camera interfaces: %w", link.Attrs().Name, permitted(err))
	}
	return nil
}

func (k *Kernel) bridge(l ruleset.Link) (netlink.Link, error) {
	link, err := netlink.LinkByName(l.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		if err := k.nameAgain(l); err != nil {
			return nil, err
		}
		link, err = netlink.LinkByName(l.Bridge)
	}
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		off := false
		b := &netlink.Bridge{
			LinkAttrs:         netlink.LinkAttrs{Name: l.Bridge, HardwareAddr: l.MAC},
			MulticastSnooping: &off, // no queries of the bridge's own
		}
		if err := netlink.LinkAdd(b); err != nil {
			return nil, fmt.Errorf("make the bridge %s: %w", l.Bridge, permitted(err))
		}
		link, err = netlink.LinkByName(l.Bridge)
	}
	if err != nil {
		return nil, fmt.Errorf("find the bridge %s: %w", l.Bridge, permitted(err))
	}
	if link.Type() != "bridge" {
		return nil, fmt.Errorf("%w: %s exists and is a %s, not a bridge", ErrPort, l.Bridge, link.Type())
	}
	if !bytes.Equal(link.Attrs().HardwareAddr, l.MAC) {
		if err := netlink.LinkSetHardwareAddr(link, l.MAC); err != nil {
			return nil, fmt.Errorf("set the bridge's MAC: %w", permitted(err))
		}
	}
	return link, nil
}

// nameAgain gives a renamed bridge of ours its name back: a second one beside it
// would share its addresses, and the cameras would be lost between them.
func (k *Kernel) nameAgain(l ruleset.Link) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", permitted(err))
	}
	for _, link := range links {
		a := link.Attrs()
		if link.Type() != "bridge" || a.Group != l.Group || l.Group == 0 {
			continue
		}
		k.log.Warn("the bridge was renamed and gets its name back", "found", a.Name, "bridge", l.Bridge)
		err := netlink.LinkSetName(link, l.Bridge)
		if errors.Is(err, syscall.EBUSY) { // kernels before 6.2 rename only what is down
			err = errors.Join(netlink.LinkSetDown(link), netlink.LinkSetName(link, l.Bridge))
		}
		if err != nil {
			return fmt.Errorf("name %s %s again: %w", a.Name, l.Bridge, permitted(err))
		}
		return nil
	}
	return nil
}

func foreignPorts(l ruleset.Link, bridge netlink.Link) ([]netlink.Link, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", permitted(err))
	}
	return slices.DeleteFunc(links, func(x netlink.Link) bool {
		return x.Attrs().MasterIndex != bridge.Attrs().Index || slices.Contains(l.Ports, x.Attrs().Name)
	}), nil
}

// addressBridge sets the bridge up with exactly our addresses. Its ports may still be down.
func (k *Kernel) addressBridge(l ruleset.Link) error {
	bridge, err := netlink.LinkByName(l.Bridge)
	if err != nil {
		return fmt.Errorf("find the bridge %s: %w", l.Bridge, permitted(err))
	}
	have, err := netlink.AddrList(bridge, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the bridge's addresses: %w", permitted(err))
	}
	for _, a := range have {
		if slices.ContainsFunc(l.Addresses, func(w netip.Prefix) bool { return samePrefix(a, w) }) {
			continue
		}
		if err := netlink.AddrDel(bridge, &a); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", a.IPNet, permitted(err))
		}
	}
	// With the first address of a network, the kernel removes its others.
	if have, err = netlink.AddrList(bridge, netlink.FAMILY_V4); err != nil {
		return fmt.Errorf("list the bridge's addresses: %w", permitted(err))
	}
	for _, w := range l.Addresses {
		if slices.ContainsFunc(have, func(a netlink.Addr) bool { return samePrefix(a, w) }) {
			continue
		}
		if err := netlink.AddrAdd(bridge, &netlink.Addr{IPNet: ipNet(w)}); err != nil {
			return fmt.Errorf("add address %s: %w", w, permitted(err))
		}
	}
	if bridge.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set the bridge up: %w", permitted(err))
		}
	}
	return nil
}

func samePrefix(a netlink.Addr, p netip.Prefix) bool {
	ip, _ := netip.AddrFromSlice(a.IP.To4())
	ones, _ := a.Mask.Size()
	return ip == p.Addr() && ones == p.Bits()
}

// openPorts is the last step: everything else was read back (C1, L0).
func (k *Kernel) openPorts(l ruleset.Link) error {
	ports, err := existing(l.Ports)
	if err != nil {
		return err
	}
	found, err := bypasses(l, outguard.Noted(k.guardFile))
	if err != nil {
		return err
	}
	down := shut(l, found)
	for _, link := range ports {
		if link.Attrs().Flags&net.FlagUp == 0 && !down[link.Attrs().Name] {
			if err := netlink.LinkSetUp(link); err != nil {
				return fmt.Errorf("set port %s up: %w", link.Attrs().Name, permitted(err))
			}
		}
	}
	return nil
}
