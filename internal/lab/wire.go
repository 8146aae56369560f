package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

const (
	farPort    = "eth0" // every other namespace's one interface
	uplinkPort = "uplink"
	roguePort  = "rogue"
	bridgeName = "br-cam"
)

// cable joins a port of the recorder to eth0 of another namespace. The
// recorder's end stays down.
func (l *Lab) cable(port string, nearMAC net.HardwareAddr, far *ns.Namespace, farMAC net.HardwareAddr) error {
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port, HardwareAddr: nearMAC},
		PeerName:  farPort, PeerNamespace: far.FD(), PeerHardwareAddr: farMAC,
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("lay the cable to %s: %w", far.Name, err)
	}
	l.closers = append(l.closers, linkCloser{veth})
	return nil
}

// linkCloser removes a link that the lab made, by name: it may be gone already.
type linkCloser struct{ netlink.Link }

func (l linkCloser) Close() error {
	if err := netlink.LinkDel(l.Link); err != nil && !errors.As(err, new(netlink.LinkNotFoundError)) {
		return fmt.Errorf("remove %s: %w", l.Attrs().Name, err)
	}
	return nil
}

// address gives an interface an address that is usable at once: a tentative one
// would make IPv6 tests pass without a packet sent.
func address(h *netlink.Handle, link netlink.Link, ip netip.Addr, bits int) error {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(bits, ip.BitLen())}}
	if ip.Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := h.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add address %s to %s: %w", ip, link.Attrs().Name, err)
	}
	return nil
}

// route leads a network to a gateway, whether or not that can be reached yet.
func route(h *netlink.Handle, link netlink.Link, to netip.Prefix, via netip.Addr) error {
	r := &netlink.Route{
		LinkIndex: link.Attrs().Index, Gw: via.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
		Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())},
	}
	if err := h.RouteReplace(r); err != nil {
		return fmt.Errorf("add route to %s: %w", to, err)
	}
	return nil
}

// everything is the default route's destination.
func everything(like netip.Addr) netip.Prefix {
	if like.Is6() {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// answerForAll makes a namespace the owner of every address that it has no
// other route to.
func answerForAll(h *netlink.Handle) error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	for _, like := range []netip.Addr{outsideIP.Addr(), outsideIP6.Addr()} {
		all := everything(like)
		r := &netlink.Route{
			LinkIndex: lo.Attrs().Index, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Table: unix.RT_TABLE_MAIN,
			Dst: &net.IPNet{IP: all.Addr().AsSlice(), Mask: net.CIDRMask(0, all.Addr().BitLen())},
		}
		if err := h.RouteReplace(r); err != nil {
			return fmt.Errorf("own every address like %s: %w", like, err)
		}
	}
	return nil
}

// neighbour tells an interface a hardware address once and for all.
func neighbour(h *netlink.Handle, link netlink.Link, ip netip.Addr, mac net.HardwareAddr) error {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	n := &netlink.Neigh{LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT, IP: ip.AsSlice(), HardwareAddr: mac}
	if err := h.NeighSet(n); err != nil {
		return fmt.Errorf("pin %s to %s: %w", ip, mac, err)
	}
	return nil
}

// setting writes a kernel setting of the calling thread's namespace.
func setting(name, value string) error {
	if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0o600); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// settingIs reads one back.
func settingIs(name, value string) bool {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	return err == nil && strings.TrimSpace(string(b)) == value
}
