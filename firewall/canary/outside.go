package canary

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// outside is where what leaks would go: a network behind the canary's own
// interface, and addresses that only the default route leads to, zero where there
// is none.
type outside struct {
	own4, own6       netip.Prefix // the box's addresses there
	target4, target6 netip.Addr
	far4, far6       netip.Addr
}

// outsides4 and outsides6 are candidates, of those kept for documentation (RFC
// 5737, 3849 and 9637): the box routes none of them unless somebody says so.
var (
	outsides4 = [...]string{"203.0.113.240/29", "198.51.100.240/29", "192.0.2.240/29"}
	outsides6 = [...]string{"2001:db8:ca9a:1::/64", "3fff:ca9a:1::/64"}
)

// cameraSide6 is what the canary's IPv6 packets come from. There is no such network.
const cameraSide6 = "2001:db8:ca9a:c::/64"

// leastSpecific is how many bits a route must have to count as one of its own:
// halves of everything are how some programs write a default route.
const leastSpecific = 4

// ErrTaken says that the box has routes of its own for all that the canary could use.
var ErrTaken = errors.New("this box has routes for every network that the canary could use")

// free picks the networks, around what the box has routes for.
func free(avoid []netip.Prefix) (outside, error) {
	routed, default4, default6, err := routes()
	if err != nil {
		return outside{}, err
	}
	avoid = append(routed, avoid...)
	var o outside
	for _, s := range outsides4 {
		p := netip.MustParsePrefix(s)
		switch {
		case overlaps(p, avoid):
		case !o.own4.IsValid():
			o.own4, o.target4 = netip.PrefixFrom(nth(p, 1), p.Bits()), nth(p, 2)
		case default4 && !o.far4.IsValid():
			o.far4 = nth(p, 2)
		}
	}
	for _, s := range outsides6 {
		p := netip.MustParsePrefix(s)
		switch {
		case overlaps(p, avoid):
		case !o.own6.IsValid():
			o.own6, o.target6 = netip.PrefixFrom(nth(p, 1), p.Bits()), nth(p, 2)
		case default6 && !o.far6.IsValid():
			o.far6 = nth(p, 2)
		}
	}
	if !o.own4.IsValid() || !o.own6.IsValid() {
		return o, ErrTaken
	}
	return o, nil
}

// routes lists what the box has routes for, in any table, but for those by the
// canary's own interface, and whether there are default routes.
func routes() (list []netip.Prefix, default4, default6 bool, err error) {
	own := 0
	if link, err := netlink.LinkByName(sinkOn); err == nil {
		own = link.Attrs().Index
	}
	// Of the local table are our own addresses, which nobody may be sent for either.
	all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, false, false, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range all {
		if r.LinkIndex == own && own != 0 {
			continue
		}
		p, six := netip.Prefix{}, r.Family == netlink.FAMILY_V6
		if r.Dst != nil {
			ip, _ := netip.AddrFromSlice(r.Dst.IP)
			ones, bits := r.Dst.Mask.Size()
			p, six = netip.PrefixFrom(ip.Unmap(), ones), bits == 128
		}
		switch {
		case p.IsValid() && p.Bits() >= leastSpecific:
			list = append(list, p)
		case r.Type != unix.RTN_UNICAST:
		case six:
			default6 = true
		default:
			default4 = true
		}
	}
	return list, default4, default6, nil
}
