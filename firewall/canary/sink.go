package canary

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lead makes the way to the networks behind the sink, and gives the MAC of the
// box's end. six says whether there is IPv6.
func lead(o outside, six bool) (net.HardwareAddr, error) {
	link, err := sink()
	if err != nil {
		return nil, err
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", sinkOn, err)
	}
	want := map[netip.Prefix]netip.Addr{o.own4: o.target4}
	if six {
		want[o.own6] = o.target6
	}
	for _, a := range have {
		if p := prefixOf(a); !want[p].IsValid() && !p.Addr().IsLinkLocalUnicast() {
			if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				return nil, fmt.Errorf("remove %s from %s: %w", a.IPNet, sinkOn, err)
			}
		}
	}
	for own, target := range want {
		network := &net.IPNet{IP: own.Addr().AsSlice(), Mask: net.CIDRMask(own.Bits(), own.Addr().BitLen())}
		if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: network, Flags: unix.IFA_F_NODAD}); err != nil {
			return nil, fmt.Errorf("give %s to %s: %w", own, sinkOn, err)
		}
		if err := netlink.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: target.AsSlice(), HardwareAddr: macBehind,
		}); err != nil {
			return nil, fmt.Errorf("name the neighbour %s: %w", target, err)
		}
	}
	return link.Attrs().HardwareAddr, nil
}

// sink makes the pair that leads to those networks. Of its outer end the box's
// stack takes part: what a host there could send is one of the paths.
func sink() (netlink.Link, error) {
	bridge, err := quiet()
	if err != nil {
		return nil, err
	}
	made, err := pair(sinkOn, sinkAt, bridge)
	if err != nil {
		return nil, err
	}
	link, err := netlink.LinkByName(sinkOn)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", sinkOn, err)
	}
	if made { // it takes nobody for a router
		for _, set := range []string{"accept_ra", "autoconf"} {
			path := "/proc/sys/net/ipv6/conf/" + sinkOn + "/" + set
			if err := os.WriteFile(path, []byte("0"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, fmt.Errorf("set up %s: %w", sinkOn, err)
			}
		}
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return nil, fmt.Errorf("set %s up: %w", sinkOn, err)
		}
	}
	return link, nil
}

func prefixOf(a netlink.Addr) netip.Prefix {
	ip, _ := netip.AddrFromSlice(a.IP)
	ones, _ := a.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), ones)
}
