package canary

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
)

// Plug makes what is missing of the canary's pairs of interfaces. Their outer ends
// stay down and in no bridge: that is the firewall's to do, which takes them as
// ports like any other.
func Plug() error {
	bridge, err := quiet()
	if err != nil {
		return err
	}
	for _, p := range [][2]string{{PortA, innerA}, {PortB, innerB}} {
		made, err := pair(p[0], p[1], bridge)
		if err != nil {
			return err
		}
		if made {
			if err := silence(p[0]); err != nil {
				return err
			}
		}
	}
	// Before the guard at the way out is attached: an interface that comes later is not
	// looked at, and only root may mend that (L6).
	_, err = sink()
	return err
}

// Unplug takes all of the canary's interfaces away.
func Unplug() error {
	var errs []error
	for _, name := range []string{PortA, PortB, sinkOn, still} { // the other ends go with these
		link, err := netlink.LinkByName(name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err == nil {
			err = netlink.LinkDel(link)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Plugged reports whether both outer ends are ports of a bridge, and up.
func Plugged(bridge string) bool {
	master, err := netlink.LinkByName(bridge)
	if err != nil {
		return false
	}
	for _, name := range []string{PortA, PortB} {
		link, err := netlink.LinkByName(name)
		if err != nil || link.Attrs().MasterIndex != master.Attrs().Index || link.Attrs().Flags&net.FlagUp == 0 {
			return false
		}
	}
	return true
}

// quiet makes the bridge that is never up, or finds it so.
func quiet() (netlink.Link, error) {
	link, err := netlink.LinkByName(still)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: still}}); err != nil {
			return nil, fmt.Errorf("make %s: %w", still, err)
		}
		link, err = netlink.LinkByName(still)
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", still, err)
	}
	if link.Attrs().Flags&net.FlagUp != 0 {
		if err := netlink.LinkSetDown(link); err != nil {
			return nil, fmt.Errorf("set %s down: %w", still, err)
		}
	}
	return link, nil
}

// pair makes a veth pair where it is missing, and tells whether it did. Its inner
// end is up, silent and in the quiet bridge.
func pair(outer, inner string, bridge netlink.Link) (made bool, err error) {
	out, errOut := netlink.LinkByName(outer)
	in, errIn := netlink.LinkByName(inner)
	if errOut != nil || errIn != nil {
		for _, half := range []netlink.Link{out, in} { // somebody renamed the other
			if half != nil {
				if err := netlink.LinkDel(half); err != nil {
					return false, fmt.Errorf("remove half of a pair, %s: %w", half.Attrs().Name, err)
				}
			}
		}
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: outer}, PeerName: inner}); err != nil {
			return false, fmt.Errorf("make the pair %s, %s (is there a kernel module veth?): %w", outer, inner, err)
		}
		made = true
		if in, err = netlink.LinkByName(inner); err != nil {
			return made, fmt.Errorf("find %s: %w", inner, err)
		}
	}
	if err := silence(inner); err != nil {
		return made, err
	}
	a := in.Attrs()
	if a.MasterIndex != bridge.Attrs().Index {
		if err := netlink.LinkSetMaster(in, bridge); err != nil {
			return made, fmt.Errorf("put %s into %s: %w", inner, still, err)
		}
	}
	if a.Flags&net.FlagUp == 0 {
		if err := errors.Join(netlink.LinkSetARPOff(in), netlink.LinkSetUp(in)); err != nil {
			return made, fmt.Errorf("set %s up: %w", inner, err)
		}
	}
	return made, nil
}

// silence keeps the kernel from sending IPv6 of its own on an interface.
func silence(name string) error {
	path := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
	have, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(have) > 0 && have[0] == '1' {
		return nil // this kernel has none, or it is off
	}
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
		return fmt.Errorf("keep %s silent: %w", name, err)
	}
	return nil
}
