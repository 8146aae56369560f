package netfilter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// checkPorts refuses ports whose loss would cut the box off, before anything is changed.
func (k *Kernel) checkPorts(l ruleset.Link) error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list routes: %w", permitted(err))
	}
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", permitted(err))
	}
	for _, p := range l.Ports {
		link, err := netlink.LinkByName(p)
		if (k.absent || slices.Contains(l.Made, p)) && errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: there is no interface %s: %w", ErrPort, p, err)
		}
		if err := k.checkPort(link, l.Bridge, routes, above(links, link)); err != nil {
			return err
		}
	}
	if r := riders(links, l); len(r) > 0 {
		name := r[0].Attrs().Name
		return fmt.Errorf("%w: %s stands on the cameras' wire and would pass by the rules; remove it first: ip link del %s",
			ErrPort, name, name)
	}
	found, err := bypasses(l, outguard.Noted(k.guardFile))
	if err != nil {
		return err
	}
	if len(found) > 0 && l.Isolated {
		return fmt.Errorf("%w: frames can pass by the rules: %s", ErrPort, found[0])
	}
	return k.checkOverlap(l)
}

func (k *Kernel) checkPort(link netlink.Link, bridge string, routes []netlink.Route, riders []netlink.Link) error {
	a := link.Attrs()
	if a.Flags&net.FlagLoopback != 0 || link.Type() == "bridge" || link.Type() == "vrf" {
		return fmt.Errorf("%w: %s is a %s, not a port", ErrPort, a.Name, link.Type())
	}
	if a.MasterIndex != 0 {
		master, err := netlink.LinkByIndex(a.MasterIndex)
		if err != nil {
			return fmt.Errorf("find what %s belongs to: %w", a.Name, err)
		}
		if master.Attrs().Name != bridge {
			return fmt.Errorf("%w: %s belongs to %s; take it out first: ip link set %s nomaster",
				ErrPort, a.Name, master.Attrs().Name, a.Name)
		}
	}
	for _, x := range append([]netlink.Link{link}, riders...) {
		for _, r := range routes {
			if (r.Dst == nil || isDefault(r.Dst)) && usesLink(r, x.Attrs().Index) {
				return fmt.Errorf("%w: %s carries the default route; the camera side must be a port of its own", ErrPort, x.Attrs().Name)
			}
		}
		if err := checkSession(x); err != nil {
			return err
		}
	}
	return nil
}

// above are the virtual interfaces made on a link, such as VLANs, and those on
// them. The other end of a veth is none, nor is one in another namespace.
func above(links []netlink.Link, link netlink.Link) []netlink.Link {
	var list []netlink.Link
	for _, x := range links {
		a := x.Attrs()
		if a.ParentIndex == link.Attrs().Index && a.NetNsID < 0 && x.Type() != "veth" && a.Index != a.ParentIndex {
			list = append(append(list, x), above(links, x)...)
		}
	}
	return list
}

// riders are the virtual interfaces on the bridge and its ports: what they
// receive never passes the rules, which know the bridge and its ports (C3).
func riders(links []netlink.Link, l ruleset.Link) []netlink.Link {
	var list []netlink.Link
	for _, x := range links {
		if name := x.Attrs().Name; name == l.Bridge || slices.Contains(l.Ports, name) {
			list = append(list, above(links, x)...)
		}
	}
	return list
}

func isDefault(n *net.IPNet) bool {
	ones, _ := n.Mask.Size()
	return ones == 0 && n.IP.IsUnspecified()
}

func usesLink(r netlink.Route, index int) bool {
	return r.LinkIndex == index || slices.ContainsFunc(r.MultiPath, func(h *netlink.NexthopInfo) bool {
		return h.LinkIndex == index
	})
}

// checkSession refuses the port that the caller's own SSH connection comes in by.
func checkSession(link netlink.Link) error {
	sessions := sshAddresses("/proc", os.Getpid())
	if len(sessions) == 0 {
		return nil
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, permitted(err))
	}
	for _, a := range addresses {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && slices.Contains(sessions, ip.Unmap()) {
			return fmt.Errorf("%w: your SSH connection comes in by %s", ErrPort, link.Attrs().Name)
		}
	}
	return nil
}

// maxAncestors bounds the walk up the processes: they may change meanwhile.
const maxAncestors = 64

// sshAddresses are this box's ends of the SSH connections that a process and
// those it descends from were started in. sudo takes SSH_CONNECTION out of its
// child's environment, but not out of its parent's.
func sshAddresses(proc string, pid int) []netip.Addr {
	var list []netip.Addr
	for range maxAncestors {
		if pid <= 0 {
			break
		}
		dir := filepath.Join(proc, strconv.Itoa(pid))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ")) // of another user's: nothing to learn
		if pid == os.Getpid() {                                  // what was set since the start counts as well
			environ = []byte(strings.Join(os.Environ(), "\x00"))
		}
		for v := range strings.SplitSeq(string(environ), "\x00") {
			f := strings.Fields(strings.TrimPrefix(v, "SSH_CONNECTION=")) // client, its port, server, its port
			if !strings.HasPrefix(v, "SSH_CONNECTION=") || len(f) != 4 {
				continue
			}
			if ip, err := netip.ParseAddr(f[2]); err == nil {
				list = append(list, ip.WithZone("").Unmap())
			}
		}
		pid = parent(filepath.Join(dir, "status"))
	}
	return list
}

// parent reads a process's parent out of its status, 0 where it cannot.
func parent(status string) int {
	b, _ := os.ReadFile(status)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "PPid:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(v))
			return n
		}
	}
	return 0
}

// checkOverlap refuses a camera network that another interface lives in: our
// rules would cut that one off, and cameras could hide in it.
func (k *Kernel) checkOverlap(l ruleset.Link) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", permitted(err))
	}
	for _, link := range links {
		name := link.Attrs().Name
		if name == l.Bridge || slices.Contains(l.Ports, name) {
			continue
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if err != nil {
			return fmt.Errorf("list addresses of %s: %w", name, permitted(err))
		}
		for _, a := range addresses {
			ip, _ := netip.AddrFromSlice(a.IP.To4())
			for _, n := range l.Addresses {
				if n.Masked().Contains(ip) {
					return fmt.Errorf("%w: %s has address %s, which lies in the camera network %s",
						ErrPort, name, ip, n.Masked())
				}
			}
		}
	}
	return nil
}
