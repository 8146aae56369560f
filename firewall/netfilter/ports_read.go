package netfilter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// Port is a camera port as it was read back.
type Port struct {
	Name     string
	Present  bool
	Up       bool
	Carrier  bool // something is plugged in at the other end
	Bridged  bool // in our bridge
	Isolated bool
}

// Ports reads the ports of a ruleset back. What of it is amiss, Verify says.
func (k *Kernel) Ports(rs ruleset.Ruleset) ([]Port, error) {
	master := -1
	if b, err := netlink.LinkByName(rs.Link.Bridge); err == nil {
		master = b.Attrs().Index
	}
	list := make([]Port, 0, len(rs.Link.Ports))
	for _, name := range rs.Link.Ports {
		link, err := netlink.LinkByName(name)
		switch {
		case errors.As(err, new(netlink.LinkNotFoundError)):
			list = append(list, Port{Name: name})
			continue
		case err != nil:
			return nil, fmt.Errorf("find port %s: %w", name, permitted(err))
		}
		a := link.Attrs()
		list = append(list, Port{
			Name: name, Present: true, Up: a.Flags&net.FlagUp != 0, Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
			Bridged: a.MasterIndex == master, Isolated: isolated(link),
		})
	}
	return list, nil
}

func (k *Kernel) compareLinks(_ context.Context, rs ruleset.Ruleset) (Difference, error) {
	d := Difference{Part: "L0, L1: the bridge"}
	is, err := linkLines(rs.Link)
	d.Lines = lineDifference(is, rs.Link.Lines())
	return d, err
}

// linkLines are the bridge and its ports as they are, in the words of ruleset.Link.Lines.
func linkLines(l ruleset.Link) ([]string, error) {
	bridge, err := netlink.LinkByName(l.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the bridge %s: %w", l.Bridge, permitted(err))
	}
	a := bridge.Attrs()
	lines := []string{fmt.Sprintf("bridge %s mac %s", a.Name, a.HardwareAddr)}
	addresses, err := netlink.AddrList(bridge, unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("list the bridge's addresses: %w", permitted(err))
	}
	for _, a := range addresses {
		lines = append(lines, fmt.Sprintf("address %s", a.IPNet))
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", permitted(err))
	}
	grouped := a.Group == l.Group
	for _, x := range links {
		p := x.Attrs()
		if p.MasterIndex == a.Index {
			lines = append(lines, fmt.Sprintf("port %s isolated %t", p.Name, isolated(x)))
		}
		if slices.Contains(l.Ports, p.Name) {
			grouped = grouped && p.Group == l.Group
		}
	}
	if grouped {
		lines = append(lines, fmt.Sprintf("group 0x%x of the bridge and its ports", l.Group))
	}
	return inOrderOf(lines, l.Lines()), nil
}

// inOrderOf puts lines that are also in another list into its order: interfaces
// and addresses have none of their own.
func inOrderOf(lines, order []string) []string {
	at := func(line string) int {
		if i := slices.Index(order, line); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(lines, func(a, b string) int { return at(a) - at(b) })
	return lines
}
