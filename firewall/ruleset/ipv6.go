package ruleset

// On the camera side nothing of IPv6 passes, in either direction (C6). The
// rules only tell attempts from the noise that every IPv6 host makes.

var neighbourDiscovery = [...]struct{ id, match string }{
	{"multicast", "-d ff00::/8"},
	{"router-solicit", "-p ipv6-icmp -m icmp6 --icmpv6-type 133"},
	{"router-advert", "-p ipv6-icmp -m icmp6 --icmpv6-type 134"},
	{"solicit", "-p ipv6-icmp -m icmp6 --icmpv6-type 135"},
	{"advert", "-p ipv6-icmp -m icmp6 --icmpv6-type 136"},
}

func (c compiler) raw6() Table {
	b := c.build(IPv6, "raw", "raw6")
	b.hook("PREROUTING", "RAW6", L3)
	b.chain("RAW6", L3, b.fromCameras("RAW6-CAM")...)
	b.judge6("RAW6", L3)
	return b.table
}

func (c compiler) mangle6() Table {
	b := c.build(IPv6, "mangle", "man6")
	b.hook("PREROUTING", "MAN6", L4)
	b.chain("MAN6", L4, b.fromCameras("MAN6-CAM")...)
	b.judge6("MAN6", L4)
	return b.table
}

func (c compiler) filter6() Table {
	b := c.build(IPv6, "filter", "in6")
	b.hook("INPUT", "IN6", L4)
	b.hook("FORWARD", "FWD6", L4)
	b.hook("OUTPUT", "OUT6", L5)
	b.chain("IN6", L4, b.fromCameras("IN6-CAM")...)
	b.judge6("IN6", L4)

	b.tag = "fwd6"
	b.chain("FWD6", L4, append(
		b.fromCameras(b.deny("FWD6", reasonEgress, L4)),
		b.towardsCameras(b.deny("FWD6", reasonOutput, L4))...)...)

	b.tag = "out6"
	b.chain("OUT6", L5, b.towardsCameras("OUT6-CAM")...)
	// The kernel's own reports and solicitations end here too.
	b.chain("OUT6-CAM", L5,
		b.leads("icmp", "-p ipv6-icmp", b.deny("OUT6", reasonChatter, L5)),
		b.leads("multicast", "-d ff00::/8", b.deny("OUT6", reasonChatter, L5)),
		b.leads("other", "", b.deny("OUT6", reasonOutput, L5)))
	return b.table
}

func (b *builder) judge6(chain string, l Layer) {
	var rules []Rule
	for _, n := range neighbourDiscovery {
		rules = append(rules, b.leads(n.id, n.match, b.deny(chain, reasonChatter, l)))
	}
	b.chain(chain+"-CAM", l, append(rules,
		b.leads("link-local", "-d fe80::/10", b.deny(chain, reasonInput, l)),
		b.leads("is-egress", "", b.deny(chain, reasonEgress, l)))...)
}
