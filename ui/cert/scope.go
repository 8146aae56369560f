package cert

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/publicsuffix"
)

// loopbackNames are in every leaf: a tunnel ends there.
func loopbackNames() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// localDomains exist in local networks only.
func localDomains() []string { return []string{"localhost", "local", "lan", "internal", "home.arpa"} }

// localRanges are addresses that no two networks share by the Internet.
func localRanges() []string {
	return []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
		"::1/128", "fc00::/7", "fe80::/10",
	}
}

// scope is what a root for these names is constrained to: what is local, and of
// the rest the registered domains and the very addresses.
func scope(names []string) (domains []string, ranges []*net.IPNet) {
	domains = localDomains()
	var prefixes []netip.Prefix
	for _, p := range localRanges() {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	for _, name := range names {
		ip, err := netip.ParseAddr(name)
		if err != nil {
			domains = append(domains, registered(name))
			continue
		}
		ip = ip.Unmap().WithZone("")
		if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			prefixes = append(prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	for _, p := range prefixes {
		ranges = append(ranges, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	slices.Sort(domains)
	return slices.Compact(domains), ranges
}

// registered is the domain that an organisation has: camp.example of
// nvr.camp.example. A name that has no such part (nvr) stands for itself.
func registered(name string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return domain
}

// namesOf lists what a certificate is good for.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// wanted are the names that a leaf shall have: the site's, then the loopback's, each once.
func wanted(names []string) []string {
	var all []string
	for _, name := range slices.Concat(names, loopbackNames()) {
		if ip, err := netip.ParseAddr(name); err == nil {
			name = ip.Unmap().WithZone("").String()
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// same tells whether two lists have the same names, in any order.
func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
