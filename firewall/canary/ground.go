package canary

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Errors that say why no round can be made. They are states of a box, not faults.
var (
	ErrNoSide     = errors.New("the canary has no place: the site's camera networks take every network that it could use")
	ErrNotPlugged = errors.New("the canary's ports are not in the bridge: nvr firewall arm puts them there")
)

// ground is where a round takes place.
type ground struct {
	site Site
	side Side
	out  outside

	bridgeMAC   net.HardwareAddr
	sinkMAC     net.HardwareAddr // of the box's end of the sink
	other4      netip.Addr       // an address of the box's elsewhere, zero where there is none
	other6      netip.Addr
	link6       netip.Addr // link-local one of the bridge
	six         bool       // IPv6 is seen on the bridge
	servicePort uint16     // of the box's socket that is no camera's business
}

func (g ground) a() netip.Addr        { return g.side.Devices[0].IP }
func (g ground) b() netip.Addr        { return g.side.Devices[1].IP }
func (g ground) recorder() netip.Addr { return g.side.Recorder.Addr() }

// source6 is an address that IPv6 packets come from.
func (g ground) source6(n int) netip.Addr { return nth(netip.MustParsePrefix(cameraSide6), n) }

// look finds out where a round takes place, and makes what is missing for it.
func look(s Site) (g ground, err error) {
	g = ground{site: s}
	var ok bool
	if g.side, ok = SideOf(s.Networks); !ok {
		return g, ErrNoSide
	}
	if err := Plug(); err != nil {
		return g, err
	}
	if !Plugged(s.Bridge) {
		return g, ErrNotPlugged
	}
	if g.out, err = free(append(slices.Clone(s.Networks), g.side.Recorder.Masked())); err != nil {
		return g, err
	}
	bridge, err := net.InterfaceByName(s.Bridge)
	if err != nil {
		return g, fmt.Errorf("find the bridge: %w", err)
	}
	g.bridgeMAC, g.six = bridge.HardwareAddr, sees6(s.Bridge)
	if g.sinkMAC, err = lead(g.out, g.six); err != nil {
		return g, err
	}
	return g, g.addresses()
}

// sees6 reports whether the kernel takes IPv6 on an interface. Where it is
// switched off it drops such packets before any rule, and nothing tells of them.
func sees6(name string) bool {
	off, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6")
	return err == nil && strings.TrimSpace(string(off)) == "0"
}

// addresses finds others of the box, which cameras must not reach either.
func (g *ground) addresses() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	for _, link := range links {
		name := link.Attrs().Name
		if link.Attrs().Flags&net.FlagLoopback != 0 || slices.Contains(Interfaces(), name) {
			continue
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("list addresses of %s: %w", name, err)
		}
		for _, a := range list {
			ip := prefixOf(a).Addr()
			switch {
			case a.Flags&unix.IFA_F_TENTATIVE != 0:
			case name == g.site.Bridge && ip.Is6() && ip.IsLinkLocalUnicast():
				g.link6 = ip
			case name == g.site.Bridge || !ip.IsGlobalUnicast():
			case ip.Is4() && !g.other4.IsValid():
				g.other4 = ip
			case ip.Is6() && !g.other6.IsValid():
				g.other6 = ip
			}
		}
	}
	return nil
}

// notes says what could not be tried here.
func (g ground) notes() []string {
	var list []string
	if !g.six {
		list = append(list, "IPv6 is switched off on the bridge: what cameras send over it is dropped by the kernel, unseen, and was not tried")
	}
	if !g.out.far4.IsValid() {
		list = append(list, "there is no default route of IPv4: the way by it was not tried")
	}
	if g.six && !g.out.far6.IsValid() {
		list = append(list, "there is no default route of IPv6: the way by it was not tried")
	}
	if on, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); err == nil && strings.TrimSpace(string(on)) == "0" {
		list = append(list, "this box does not forward: without any rule, too, only what its own programs send would leave it")
	}
	return list
}
