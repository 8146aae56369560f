package netfilter

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// loadNeighbours pins each device's MAC in the neighbour table, so that
// nobody's ARP answer moves it (C4). Entries that are right are left alone.
func (k *Kernel) loadNeighbours(bridge string, want []ruleset.Device) error {
	missing, stale, index, err := k.neighbours(bridge, want)
	if err != nil {
		return err
	}
	for _, s := range stale {
		if err := netlink.NeighDel(&s); err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("remove neighbour %s: %w", s.IP, permitted(err))
		}
	}
	for _, d := range missing {
		err := netlink.NeighSet(&netlink.Neigh{
			LinkIndex: index, State: netlink.NUD_PERMANENT, IP: d.IP.AsSlice(), HardwareAddr: d.MAC,
		})
		if err != nil {
			return fmt.Errorf("pin neighbour %s: %w", d.IP, permitted(err))
		}
	}
	return nil
}

// neighbours compares the permanent entries on the bridge with what is wanted.
func (k *Kernel) neighbours(bridge string, want []ruleset.Device) (missing []ruleset.Device, stale []netlink.Neigh, index int, err error) {
	link, err := netlink.LinkByName(bridge)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("find the bridge %s: %w", bridge, permitted(err))
	}
	list, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_V4)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list neighbours: %w", permitted(err))
	}
	have := map[netip.Addr]net.HardwareAddr{}
	wanted := map[netip.Addr]bool{}
	for _, d := range want {
		wanted[d.IP] = true
	}
	for _, n := range list {
		ip, _ := netip.AddrFromSlice(n.IP.To4())
		if n.State&unix.NUD_PERMANENT == 0 {
			continue
		}
		have[ip] = n.HardwareAddr
		if !wanted[ip] {
			stale = append(stale, n)
		}
	}
	for _, d := range want {
		if !bytes.Equal(have[d.IP], d.MAC) {
			missing = append(missing, d)
		}
	}
	return missing, stale, link.Attrs().Index, nil
}
