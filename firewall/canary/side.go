package canary

import (
	"net"
	"net/netip"
	"slices"
)

// Names of the canary's interfaces. They begin like all that this program makes.
const (
	PortA = "nvr-cn0" // outer ends: ports of the bridge
	PortB = "nvr-cn2"

	innerA = "nvr-cn1"
	innerB = "nvr-cn3"
	sinkOn = "nvr-out0" // the box's own end of the network behind it
	sinkAt = "nvr-out1"
	still  = "nvr-cnx" // a bridge that is never up: what its ports receive ends there
)

// Interfaces are all of them.
func Interfaces() []string { return []string{PortA, innerA, PortB, innerB, sinkOn, sinkAt, still} }

// MACs of the canary: locally administered, and no MAC of its interfaces, so that
// the box's own stack takes nothing for its own that was meant for a canary.
var (
	macA        = net.HardwareAddr{0x06, 0xca, 0x9a, 0, 0, 0x0a}
	macB        = net.HardwareAddr{0x06, 0xca, 0x9a, 0, 0, 0x0b}
	macUnpinned = net.HardwareAddr{0x06, 0xca, 0x9a, 0, 0, 0x0c}
	macBehind   = net.HardwareAddr{0x06, 0xca, 0x9a, 0, 0, 0x0f} // of whoever is behind the sink
	broadcast   = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// Side is the canary's own part of the camera side, which the ruleset has like
// any camera network: the recorder's address in it, and two pinned devices, each
// bound to its port, so that no camera can pass for one.
type Side struct {
	Recorder netip.Prefix
	Devices  [2]Device
}

// Device is a pinned one.
type Device struct {
	IP   netip.Addr
	MAC  net.HardwareAddr
	Port string
}

// sides are where the canary's own camera network may lie: in networks that are
// kept for documentation (RFC 5737), where no device is.
var sides = [...]string{"198.51.100.224/29", "203.0.113.224/29", "192.0.2.224/29"}

// SideOf gives the first that overlaps none of a site's camera networks; false
// where they take all of them. The same site always gives the same.
func SideOf(networks []netip.Prefix) (Side, bool) {
	for _, s := range sides {
		p := netip.MustParsePrefix(s)
		if overlaps(p, networks) {
			continue
		}
		return Side{
			Recorder: netip.PrefixFrom(nth(p, 1), p.Bits()),
			Devices:  [2]Device{{nth(p, 2), macA, PortA}, {nth(p, 3), macB, PortB}},
		}, true
	}
	return Side{}, false
}

// unlisted is an address of the network that is no device's, and nobody another one.
func (s Side) unlisted() netip.Addr { return nth(s.Recorder, 4) }
func (s Side) nobody() netip.Addr   { return nth(s.Recorder, 5) }

func overlaps(p netip.Prefix, with []netip.Prefix) bool {
	return slices.ContainsFunc(with, p.Overlaps)
}

// nth is an address of a network, counted from its own.
func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a
}
