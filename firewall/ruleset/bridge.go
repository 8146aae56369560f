package ruleset

import "net"

// bridgeNat is the part of L1 that sees: isolation drops a frame unseen, so
// frames for other stations, tagged frames and foreign ethertypes are logged
// and dropped before it (C7). IP and ARP for us or for all go on, to be judged above.
func (c compiler) bridgeNat(mac net.HardwareAddr) Table {
	b := c.build(Bridge, "nat", "br")
	b.hook("PREROUTING", "BR", L1)
	var ports []Rule
	for _, p := range b.in.Ports {
		ports = append(ports, b.leads("from-"+p, "-i "+p, "BR-CAM"))
	}
	b.chain("BR", L1, ports...)
	var rules []Rule
	for _, p := range []struct{ id, name string }{{"ipv4", "IPv4"}, {"ipv6", "IPv6"}, {"arp", "ARP"}} {
		rules = append(rules,
			b.verdict(p.id+"-us", "-p "+p.name+" -d "+mac.String(), "RETURN"),
			b.verdict(p.id+"-all", "-p "+p.name+" -d Multicast", "RETURN"))
	}
	b.chain("BR-CAM", L1, append(rules,
		b.leads("tagged", "-p 802_1Q", b.deny("BR", reasonLateral, L1)),
		b.leads("foreign-all", "-d Multicast", b.deny("BR", reasonChatter, L1)),
		b.leads("is-lateral", "", b.deny("BR", reasonLateral, L1)))...)
	return b.table
}

// bridgeFilter forwards nothing between ports. Isolation comes before it; it
// holds when a port lost that flag, or when a foreign port was put into the bridge.
func (c compiler) bridgeFilter() Table {
	b := c.build(Bridge, "filter", "brf")
	b.hook("FORWARD", "BRF", L1)
	var rules []Rule
	deny := b.deny("BRF", reasonLateral, L1)
	for _, p := range b.in.Ports {
		rules = append(rules,
			b.leads("from-"+p, "-i "+p, deny),
			b.leads("to-"+p, "-o "+p, deny))
	}
	b.chain("BRF", L1, rules...)
	return b.table
}
