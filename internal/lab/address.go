package lab

import (
	"net"
	"net/netip"
)

// The lab's addresses. The outside is everything else.
//
// 192.0.2.0/24, 203.0.113.0/24 and 2001:db8:113::/48 stay unused: the firewall's
// canary sends its probes there.
var (
	cameraNet   = netip.MustParsePrefix("10.20.0.0/16")
	recorderIP  = netip.MustParseAddr("10.20.0.1")
	rogueIP     = netip.MustParseAddr("10.20.9.66")
	cameraNet6  = netip.MustParsePrefix("2001:db8:20::/64")
	recorderIP6 = netip.MustParseAddr("2001:db8:20::1") // with OpenBridge only
	gateway6    = netip.MustParseAddr("fe80::1")        // a name for whatever answers to the bridge's hardware address

	uplinkIP   = netip.MustParsePrefix("172.31.255.2/30")
	outsideIP  = netip.MustParsePrefix("172.31.255.1/30")
	uplinkIP6  = netip.MustParsePrefix("fd00:5:0c::2/64")
	outsideIP6 = netip.MustParsePrefix("fd00:5:0c::1/64")

	// controlIP is where the canary's control packet goes, which must leave by the
	// uplink to show that its tap there sees.
	controlIP = netip.MustParseAddr("192.0.2.1")
)

// cameraIP is 10.20.1.11 for the first camera.
func cameraIP(number int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 20, 1, byte(10 + number)})
}

// hardware is 02:00 followed by the address.
func hardware(ip netip.Addr) net.HardwareAddr {
	b := ip.As4()
	return net.HardwareAddr{0x02, 0x00, b[0], b[1], b[2], b[3]}
}

// sixth is a device's global IPv6 address: the network and its IPv4 address's last half.
func sixth(ip netip.Addr) netip.Addr {
	b, v4 := cameraNet6.Addr().As16(), ip.As4()
	b[14], b[15] = v4[2], v4[3]
	return netip.AddrFrom16(b)
}
