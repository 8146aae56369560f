package ruleset

import "fmt"

// beforeDefragmentation is a priority ahead of the kernel's own -400, where
// connection tracking puts fragments together, which no iptables table has.
const beforeDefragmentation = "type filter hook prerouting priority -450; policy accept;"

// OwnTable is the name of the one table that is ours as a whole.
const OwnTable = "nvr"

// fragments is the part of L3 that comes before fragments are put together. The
// kernel's queue of fragments has no interface in its key: with one fragment of
// a camera's and one that a host behind the uplink sends, the whole packet would
// count as come in by the uplink, and no later rule would know it for a
// camera's. So no fragment of a camera gets that far; there is no honest use for
// one that TCP does not serve better.
func (c compiler) fragments() Table {
	b := c.build(Inet, OwnTable, "frag")
	b.table.Hooks = []Hook{{Base: "PREROUTING", Chain: "FRAG", Layer: L3, Definition: beforeDefragmentation}}
	b.table.Sets = []Set{talk()}
	var from []Rule
	for _, i := range b.in.interfaces() {
		from = append(from, b.leads("from-"+i, fmt.Sprintf("iifname \"%s\"", i), "FRAG-CAM"))
	}
	b.chain("FRAG", L3, append(from, b.leads("from-group", fmt.Sprintf("iifgroup %d", Group), "FRAG-CAM"))...)
	b.chain("FRAG-CAM", L3,
		b.leads("ipv4", "ip frag-off & 0x3fff != 0", "FRAG-IS"), // more to come, or not the first
		b.leads("ipv6", "exthdr frag exists", "FRAG-IS"))        // behind other headers, too
	var is []Rule
	for _, a := range b.in.Addresses {
		is = append(is, b.leads("self-"+a.Addr().String(), "ip daddr "+a.Addr().String(), b.deny("FRAG", reasonInput, L3)))
	}
	b.chain("FRAG-IS", L3, append(is,
		b.leads("link-local", "ip6 daddr fe80::/10", b.deny("FRAG", reasonInput, L3)),
		b.leads("is-egress", "", b.deny("FRAG", reasonEgress, L3)))...)
	return b.table
}
