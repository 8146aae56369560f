package ruleset

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Input is what is to be enforced, already validated as a site file would be;
// Compile checks again whatever could open a hole or break a command.
type Input struct {
	Observe        bool           // log only: drop nothing, close nothing
	Bridge         string         // interface that the cameras' ports are enslaved to
	Ports          []string       // the ports, at least one
	Made           []string       // of these, those that this program makes itself, and that may be missing
	Addresses      []netip.Prefix // the recorder's on the camera side (IPv4); the first is the one cameras are told
	DNS, NTP, DHCP bool           // services offered to pinned cameras
	Devices        []Device
}

// Device is a pinned pair.
type Device struct {
	IP   netip.Addr
	MAC  net.HardwareAddr
	Port string // the one of Ports that it hangs on; empty: any
}

const (
	maxInterfaceName = 15      // IFNAMSIZ less its terminating zero
	maxDevices       = 1 << 20 // of one recorder: bounds memory, not ambition
	maxNetworks      = 64
	maxPorts         = 256
)

// ErrInput marks a policy that cannot be compiled.
var ErrInput = errors.New("policy cannot be enforced")

func (in Input) check() error {
	if err := checkInterfaces(in.Bridge, in.Ports); err != nil {
		return err
	}
	if len(in.Addresses) == 0 || len(in.Addresses) > maxNetworks {
		return fmt.Errorf("%w: %d camera-side addresses, want 1 to %d", ErrInput, len(in.Addresses), maxNetworks)
	}
	seen := map[netip.Addr]bool{}
	for _, a := range in.Addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
		if seen[a.Addr()] {
			return fmt.Errorf("%w: camera-side address %s is named twice", ErrInput, a.Addr())
		}
		seen[a.Addr()] = true
	}
	if len(in.Devices) > maxDevices {
		return fmt.Errorf("%w: %d devices, at most %d", ErrInput, len(in.Devices), maxDevices)
	}
	for _, d := range in.Devices {
		if err := in.checkDevice(d); err != nil {
			return err
		}
		if seen[d.IP] {
			return fmt.Errorf("%w: address %s is named twice", ErrInput, d.IP)
		}
		seen[d.IP] = true
	}
	return in.checkBound()
}

func checkInterfaces(bridge string, ports []string) error {
	if len(ports) == 0 || len(ports) > maxPorts {
		return fmt.Errorf("%w: %d camera ports, want 1 to %d", ErrInput, len(ports), maxPorts)
	}
	names := append([]string{bridge}, ports...)
	for i, n := range names {
		if err := checkInterfaceName(n); err != nil {
			return err
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("%w: interface %s is named twice", ErrInput, n)
		}
	}
	return nil
}

// checkInterfaceName refuses what the kernel refuses, and what would mean
// something else on a command line ("eth+" matches many) or in a path.
func checkInterfaceName(n string) error {
	switch n {
	case "", "lo", "all", "default", ".", "..":
		return fmt.Errorf("%w: %q cannot be a camera port", ErrInput, n)
	}
	if len(n) > maxInterfaceName {
		return fmt.Errorf("%w: interface name %q is longer than %d bytes", ErrInput, n, maxInterfaceName)
	}
	for i := range len(n) {
		c := n[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !plain && (i == 0 || c != '.' && c != '-') {
			return fmt.Errorf("%w: interface name %q: want letters, digits, . _ -", ErrInput, n)
		}
	}
	return nil
}

func checkAddress(a netip.Prefix) error {
	switch ip := a.Addr(); {
	case !a.IsValid() || !ip.Is4():
		return fmt.Errorf("%w: camera-side address %s is not IPv4; IPv6 is closed there", ErrInput, a)
	case a.Bits() < 8 || a.Bits() > 30:
		return fmt.Errorf("%w: camera network %s: want a prefix length of 8 to 30", ErrInput, a)
	case !ip.IsGlobalUnicast() || ip == a.Masked().Addr() || ip == lastOf(a):
		return fmt.Errorf("%w: %s cannot be the recorder's address in %s", ErrInput, ip, a.Masked())
	}
	return nil
}

func (in Input) checkDevice(d Device) error {
	if !d.IP.Is4() || !slices.ContainsFunc(in.Addresses, func(a netip.Prefix) bool {
		return a.Contains(d.IP) && d.IP != a.Masked().Addr() && d.IP != lastOf(a)
	}) {
		return fmt.Errorf("%w: device address %s lies in no camera network", ErrInput, d.IP)
	}
	// A pair without a MAC would make the kernel's set learn the first it sees (C4).
	if len(d.MAC) != 6 || d.MAC[0]&1 == 1 || bytes.Equal(d.MAC, make([]byte, 6)) {
		return fmt.Errorf("%w: device %s: %q is not a device's MAC", ErrInput, d.IP, d.MAC)
	}
	return nil
}

// lastOf is a network's broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a)
}

// networks gives the camera networks, each once, in order.
func (in Input) networks() []netip.Prefix {
	var nets []netip.Prefix
	for _, a := range in.Addresses {
		nets = append(nets, a.Masked())
	}
	slices.SortFunc(nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	return slices.Compact(nets)
}
