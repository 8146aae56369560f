package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// takeIn puts the canary's ports, pairs and network into what is compiled: it is
// guarded as cameras are (C12).
func takeIn(in *ruleset.Input) error {
	side, ok := canary.SideOf(masked(in.Addresses))
	if !ok {
		return fmt.Errorf("%w: %w", ruleset.ErrInput, canary.ErrNoSide)
	}
	// Last, so that the recorder's first address stays what redirection leads to.
	in.Addresses = append(slices.Clone(in.Addresses), side.Recorder)
	in.Ports = slices.Clone(in.Ports)
	for _, d := range side.Devices {
		in.Ports, in.Made = append(in.Ports, d.Port), append(in.Made, d.Port)
		in.Devices = append(in.Devices, ruleset.Device{IP: d.IP, MAC: d.MAC, Port: d.Port})
	}
	return nil
}

// masked are the networks of addresses.
func masked(addresses []netip.Prefix) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(addresses))
	for _, a := range addresses {
		list = append(list, a.Masked())
	}
	return list
}

// withRoom is the policy without the canary where it cannot be compiled with one,
// and can be without.
func withRoom(p Policy) Policy {
	if _, err := compile(p); err != nil {
		p.Canary = false
	}
	return p
}

// withCanary is the policy without the canary where it has no place on this box:
// that keeps nothing from being enforced, and is said.
func (f *Firewall) withCanary(p Policy) Policy {
	if !p.Canary || p.Observe {
		p.Canary = false
		return p
	}
	_, err := compile(p)
	if err == nil {
		err = elsewhere(p)
	}
	why := ""
	if err != nil {
		why, p.Canary = "the canary has no place: "+err.Error(), false
	}
	f.proving.lacks(why)
	return p
}

// elsewhere is an error where something else of this box lives in the canary's
// network. Once the canary is in place nobody else does.
func elsewhere(p Policy) error {
	bridge := p.Bridge
	if bridge == "" {
		bridge = defaultBridge
	}
	if canary.Plugged(bridge) {
		return nil
	}
	own, err := netlink.LinkByName(bridge)
	if err != nil && !errors.As(err, new(netlink.LinkNotFoundError)) {
		return fmt.Errorf("find the bridge: %w", err)
	}
	all, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	side, _ := canary.SideOf(masked(p.Addresses)) // it was found a moment ago
	for _, a := range all {
		if own != nil && a.LinkIndex == own.Attrs().Index {
			continue
		}
		if ip, ok := netip.AddrFromSlice(a.IP); ok && side.Recorder.Masked().Contains(ip.Unmap()) {
			return fmt.Errorf("another interface of this box has %s, which lies in the network that it would use", ip.Unmap())
		}
	}
	return nil
}

// plug makes the canary's interfaces. Where that cannot be, its ports stay
// missing: nothing comes in by them, and nothing is proved.
func (f *Firewall) plug(p Policy) {
	if !p.Canary {
		return
	}
	why := ""
	if err := canary.Plug(); err != nil {
		why = "the canary's interfaces could not be made: " + err.Error()
		f.log.Error("containment cannot be proved: the canary's interfaces could not be made", "error", err)
	}
	f.proving.lacks(why)
}
