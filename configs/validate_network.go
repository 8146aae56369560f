package configs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// portForm is an interface's name (IFNAMSIZ) that means only itself wherever it is
// written: in iptables a + at the end, in nftables and systemd a * mean others too, and a
// quotation mark ends what was quoted. The bolt (configs/deb/bolt) takes the same.
var portForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$`)

// sinkholeRange is where the recorder's DNS answers from: nothing else may live there.
var sinkholeRange = netip.MustParsePrefix("198.18.0.0/15")

func (d *decoder) validateNetwork(c *CameraNetwork) {
	if len(c.Ports) == 0 {
		d.problem("camera_network.ports", "no port of the camera network is given", "write ports: [enp2s0] with the interfaces that cameras hang on")
	}
	seen := map[string]string{}
	for i, p := range c.Ports {
		path := fmt.Sprintf("camera_network.ports[%d]", i)
		if !d.has(path) {
			path = "camera_network.interface"
		}
		switch {
		case p == "" && !d.clean(path): // said already
		case !portForm.MatchString(p):
			d.problem(path, fmt.Sprintf("%q is not the name of an interface that can be a port", p), "write a name that ip link shows, of at most 15 letters, digits, dots, dashes and underscores; ip link set OLD name NEW gives a card such a name")
		case p == "lo" || p == "br-cam" || p == "all" || p == "default": // the latter are not one card's settings below /proc/sys
			d.problem(path, p+" cannot be a port of the camera network", "name the network card that cameras hang on")
		}
		d.unique(seen, path, p, "port")
	}
	if len(c.Addresses) == 0 {
		d.problem("camera_network.addresses", "the recorder has no address on the camera network", "write addresses: [10.20.0.1/16]")
	}
	addresses := map[string]string{}
	for i, p := range c.Addresses {
		path := fmt.Sprintf("camera_network.addresses[%d]", i)
		if p.IsValid() {
			d.unique(addresses, path, p.Addr().String(), "address")
		}
		switch {
		case !p.IsValid():
		case !p.Addr().Is4():
			d.problem(path, fmt.Sprintf("%s is not IPv4", p), "IPv6 is closed on the camera side: give the IPv4 address")
		case p.Bits() < 16 || p.Bits() > 30:
			d.problem(path, fmt.Sprintf("/%d is not between /16 and /30", p.Bits()), "list several /16 networks if one is too small")
		case p.Addr() == p.Masked().Addr():
			d.problem(path, fmt.Sprintf("%s names the network, not the recorder in it", p), "write "+p.Addr().Next().String()+fmt.Sprintf("/%d", p.Bits()))
		case p.Addr() == broadcastOf(p):
			d.problem(path, fmt.Sprintf("%s is the network's broadcast address", p), "write "+p.Masked().Addr().Next().String()+fmt.Sprintf("/%d", p.Bits()))
		case !usable(p.Addr()):
			d.problem(path, fmt.Sprintf("%s is no address that a network card can have", p), "use a private network such as 10.20.0.1/16")
		case p.Overlaps(sinkholeRange):
			d.problem(path, fmt.Sprintf("%s overlaps %s, which the recorder's DNS answers from", p, sinkholeRange), "use another private network")
		}
	}
}

// validateDHCP refuses a network in which there is no address to hand out.
func (d *decoder) validateDHCP(s *Site) {
	c := &s.CameraNetwork
	if !c.DHCP || len(c.Addresses) == 0 || !c.Addresses[0].IsValid() || !c.Addresses[0].Addr().Is4() {
		return // said already
	}
	switch p := c.Addresses[0]; {
	case p.Bits() > 29:
		d.problem("camera_network.dhcp", fmt.Sprintf("%s has no room for devices that are not pinned yet", p.Masked()),
			"write dhcp: false and give cameras static addresses, or make the first of camera_network.addresses a larger network, /29 or more")
	case !sparesOne(c.Addresses):
		d.problem("camera_network.dhcp", fmt.Sprintf("each address of %s is the recorder's own", p.Masked()),
			"make the first of camera_network.addresses a larger network, or write dhcp: false and give cameras static addresses")
	}
}

// sparesOne tells whether the first network has an address that is not the
// recorder's own. That devices are pinned to all of them is no fault of the file: the
// next pin must not end the arming of all others; health says it.
func sparesOne(ours []netip.Prefix) bool {
	first := ours[0]
	for ip := broadcastOf(first).Prev(); ip != first.Masked().Addr(); ip = ip.Prev() {
		if !slices.ContainsFunc(ours, func(p netip.Prefix) bool { return p.Addr() == ip }) {
			return true
		}
	}
	return false
}

// broadcastOf gives an IPv4 network's last address.
func broadcastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	n := binary.BigEndian.Uint32(a[:]) | (1<<(32-p.Bits()) - 1)
	binary.BigEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a)
}

// usable tells whether a host may have an IPv4 address: not loopback (127/8),
// not "this network" (0/8), not multicast, reserved or broadcast (224/3).
func usable(a netip.Addr) bool {
	first := a.As4()[0]
	return !a.IsLoopback() && first != 0 && first < 224
}

func (d *decoder) validateDevices(s *Site) {
	ids, ips, macs := map[string]string{}, map[string]string{}, map[string]string{}
	for i, v := range s.Devices {
		at := fmt.Sprintf("devices[%d]", i)
		d.id(ids, at+".id", v.ID)
		if v.IP.IsValid() {
			d.deviceAddress(s, at+".ip", v.IP)
			d.unique(ips, at+".ip", v.IP.String(), "address")
		} else if !d.has(at + ".ip") {
			d.problem(at+".ip", "the device has no address", "write ip: with its IPv4 address")
		}
		switch {
		case v.MAC == nil && !d.has(at+".mac"):
			d.problem(at+".mac", "the device has no MAC", "write mac: as its label says: a device is pinned by both")
		case v.MAC == nil:
		case len(v.MAC) != 6:
			d.problem(at+".mac", fmt.Sprintf("%s has not six bytes", v.MAC), "write six pairs of hexadecimal digits")
		case v.MAC.String() == "00:00:00:00:00:00":
			d.problem(at+".mac", "no device has this MAC", "write the device's own, as its label says")
		case v.MAC[0]&1 != 0:
			d.problem(at+".mac", fmt.Sprintf("%s is a multicast address", v.MAC), "write the device's own: its second digit is even")
		default:
			d.unique(macs, at+".mac", v.MAC.String(), "MAC")
		}
		d.devicePort(s, at+".port", v.Port)
		if v.PasswordFile != "" {
			d.absolute(at+".password_file", v.PasswordFile, "/etc/nvr/secrets/"+v.ID)
		}
		if (v.Username == "") != (v.PasswordFile == "") {
			d.problem(at, "username and password_file go together", "give both or neither")
		}
	}
	d.validateDHCP(s)
}

// devicePort checks that a device is bound to a port that cameras hang on.
func (d *decoder) devicePort(s *Site, path, port string) {
	switch {
	case port == "" && d.has(path) && d.clean(path):
		d.problem(path, "the port has no name", "write one of "+strings.Join(s.CameraNetwork.Ports, ", ")+", or leave port: out")
	case port == "" || len(s.CameraNetwork.Ports) == 0: // said already
	case !slices.Contains(s.CameraNetwork.Ports, port):
		d.problem(path, port+" is no port of the camera network", "write one of "+strings.Join(s.CameraNetwork.Ports, ", ")+", or add it to camera_network.ports")
	}
}

// deviceAddress checks that a device's address can be pinned.
func (d *decoder) deviceAddress(s *Site, path string, ip netip.Addr) {
	if !ip.Is4() {
		d.problem(path, fmt.Sprintf("%s is not IPv4", ip), "IPv6 is closed on the camera side: give the IPv4 address")
		return
	}
	inside := false
	for _, p := range s.CameraNetwork.Addresses {
		if !p.IsValid() {
			return // said already
		}
		if p.Addr() == ip {
			d.problem(path, fmt.Sprintf("%s is the recorder's own address", ip), "give the device's")
			return
		}
		if p.Addr().Is4() && p.Contains(ip) {
			inside = true
			if ip == p.Masked().Addr() || ip == broadcastOf(p) {
				d.problem(path, fmt.Sprintf("%s is the network or broadcast address of %s", ip, p.Masked()), "give the device's own address")
				return
			}
		}
	}
	if !inside && len(s.CameraNetwork.Addresses) > 0 {
		d.problem(path, fmt.Sprintf("%s is outside the camera network", ip), "give an address inside "+prefixes(s.CameraNetwork.Addresses)+", or add its network there")
	}
}

func prefixes(ps []netip.Prefix) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.Masked().String()
	}
	return strings.Join(words, ", ")
}
