package ruleset

import (
	"fmt"
	"net"
	"net/netip"
)

// Preferences of our ip rules. Nothing foreign may stand between the local
// table at 0 and ours.
const (
	prefFromCameras = 1 // nothing from the camera side is routed
	prefToCameras   = 2 // the recorder itself reaches its cameras
	prefOutside     = 3 // nobody else does
)

// Compile makes the ruleset. Its errors wrap ErrInput and name what is wrong.
func Compile(in Input) (Ruleset, error) {
	if err := in.check(); err != nil {
		return Ruleset{}, err
	}
	sets := setsOf(in)
	rs := Ruleset{
		Observe: in.Observe,
		Link: Link{
			Bridge: in.Bridge, MAC: bridgeMAC(in.Addresses[0].Addr()),
			Addresses: in.Addresses, Ports: in.Ports, Made: in.Made, Isolated: !in.Observe, Group: Group,
		},
		Sysctls:    sysctlsOf(in),
		Sets:       sets.all(),
		Neighbours: in.Devices,
	}
	if !in.Observe {
		rs.IPRules = ipRulesOf(in)
	}
	c := compiler{in: in, sets: sets}
	rs.Tables = []Table{
		c.fragments(), c.filter4(), c.raw4(), c.mangle4(), c.nat4(),
		c.filter6(), c.raw6(), c.mangle6(),
		c.pinning(), c.bridgeNat(rs.Link.MAC), c.bridgeFilter(),
	}
	return rs, nil
}

// bridgeMAC is locally administered and as unique on its wire as the address it is made of.
func bridgeMAC(ip netip.Addr) net.HardwareAddr {
	a := ip.As4()
	return net.HardwareAddr{0x02, 0x5a, a[0], a[1], a[2], a[3]}
}

// interfaces are the bridge and each port: a port taken out of the bridge
// must find itself hooked all the same (C3).
func (in Input) interfaces() []string {
	return append([]string{in.Bridge}, in.Ports...)
}

// ipRulesOf is L2. blackhole and not prohibit: that would answer a forged
// source with an error through the uplink, quoting the camera's payload.
func ipRulesOf(in Input) []IPRule {
	var rules []IPRule
	for _, f := range []Family{IPv4, IPv6} {
		for _, i := range in.interfaces() {
			rules = append(rules, IPRule{Family: f, Pref: prefFromCameras, In: i})
		}
	}
	for _, n := range in.networks() {
		rules = append(rules,
			IPRule{Family: IPv4, Pref: prefToCameras, In: "lo", To: n, Main: true},
			IPRule{Family: IPv4, Pref: prefOutside, To: n})
	}
	return rules
}

// sysctlsOf never switches IPv6 off: that would hide attempts, not stop them (C6).
func sysctlsOf(in Input) []Sysctl {
	var list []Sysctl
	add := func(optional bool, family, name string, pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, Sysctl{
				Path:  fmt.Sprintf("net/%s/conf/%s/%s", family, name, pairs[i]),
				Value: pairs[i+1], Optional: optional,
			})
		}
	}
	// The kernel sends redirects if either "all" or the interface says so.
	add(false, "ipv4", "all", "send_redirects", "0")
	for _, i := range in.interfaces() {
		add(false, "ipv4", i, "forwarding", "0", "rp_filter", "1", "send_redirects", "0", "accept_redirects", "0",
			"accept_source_route", "0", "route_localnet", "0", "proxy_arp", "0", "arp_ignore", "1", "arp_announce", "2")
		add(true, "ipv6", i, "accept_ra", "0", "autoconf", "0", "accept_redirects", "0",
			"accept_source_route", "0", "forwarding", "0")
	}
	return list
}
