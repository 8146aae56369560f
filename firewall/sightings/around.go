package sightings

import (
	"context"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// look reads the kernel's tables: which interfaces there are to listen to, whom
// the box knows on those that are no camera ports, and at which port the bridge
// has learnt a MAC. What cannot be read is read the next time.
func (l *listeners) look(ctx context.Context) {
	links, err := netlink.LinkList()
	if err != nil {
		return
	}
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	l.reconcile(ctx, links)
	l.neighbours(names)
	l.ports(names)
}

// cameraIfaces is what of the box belongs to the camera side: no interface of these is
// a second way.
type cameraIfaces struct {
	bridge int          // index, 0 when there is none
	parts  map[int]bool // the ports, and what their frames come in by: the members of a bond, what a macvlan lies on
}

func cameraSide(s site, links []netlink.Link) cameraIfaces {
	c := cameraIfaces{parts: map[int]bool{}}
	for _, link := range links {
		a := link.Attrs()
		if a.Name == s.Bridge {
			c.bridge = a.Index
		}
		if s.ports[a.Name] {
			c.parts[a.Index] = true
		}
	}
	for known := -1; known != len(c.parts); { // until nothing is added
		known = len(c.parts)
		for _, link := range links {
			a := link.Attrs()
			if a.MasterIndex != 0 && c.parts[a.MasterIndex] {
				c.parts[a.Index] = true
			}
			// Not a VLAN's: what it carries has a tag there. A veth's is its other end.
			if kind := link.Type(); c.parts[a.Index] && a.ParentIndex != 0 && kind != "vlan" && kind != "veth" {
				c.parts[a.ParentIndex] = true
			}
		}
	}
	return c
}

// ownPrefix begins the names of interfaces that this program makes.
const ownPrefix = "nvr-"

// elsewhere reports whether an interface is one where no pinned device belongs.
func (c cameraIfaces) elsewhere(link netlink.Link) bool {
	a := link.Attrs()
	switch {
	case a.EncapType != "ether" || a.Index == c.bridge || a.MasterIndex != 0 && a.MasterIndex == c.bridge:
		return false
	case c.parts[a.Index] || strings.HasPrefix(a.Name, ownPrefix):
		return false
	}
	return true
}

// reconcile opens what is to be listened to, and closes what is not any more.
func (l *listeners) reconcile(ctx context.Context, links []netlink.Link) {
	site := l.book.compared()
	c := cameraSide(site, links)
	wanted, others := map[int]bool{}, 0
	for _, link := range links {
		a := link.Attrs()
		port := site.ports[a.Name]
		if !port {
			if !c.elsewhere(link) || others >= maxElsewhere {
				continue
			}
			others++
		}
		wanted[a.Index] = true
		if had := l.open[a.Index]; had != nil {
			if had.name == a.Name && had.port == port && had.protocol == protocolOf(link, port) && !had.ended() {
				continue
			}
			l.close(had)
		}
		l.start(ctx, link, port)
	}
	for index, had := range l.open {
		if !wanted[index] {
			l.close(had)
		}
	}
}

func (l *listeners) start(ctx context.Context, link netlink.Link, port bool) {
	name := link.Attrs().Name
	s, err := listen(link, port)
	if err != nil {
		if !l.told[name] {
			l.log.Warn("not listened to for devices that are not pinned", "interface", name, "error", err)
			l.told[name] = true
		}
		return
	}
	delete(l.told, name)
	l.open[s.index] = s
	l.wg.Go(func() {
		defer close(s.gone)
		if err := s.read(ctx, l.book); err != nil {
			l.log.Debug("listening ended and starts again", "interface", name, "error", err)
		}
	})
}

func (s *listener) ended() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

func (l *listeners) close(s *listener) {
	_ = s.file.Close() // it was read from only
	<-s.gone
	delete(l.open, s.index)
}

func (l *listeners) closeAll() {
	for _, s := range l.open {
		l.close(s)
	}
	l.wg.Wait()
}

// neighbours looks for pinned MACs among those that the box knows elsewhere.
func (l *listeners) neighbours(names map[int]string) {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := netlink.NeighList(0, family)
		if err != nil {
			continue
		}
		for _, n := range list {
			if len(n.HardwareAddr) != 6 || n.State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE) == 0 {
				continue
			}
			s := l.open[n.LinkIndex]
			if s == nil || s.port { // no interface where no pinned device belongs
				continue
			}
			ip, _ := netip.AddrFromSlice(n.IP)
			l.book.elsewhere(nflog.MAC(n.HardwareAddr), ip.Unmap(), names[n.LinkIndex], l.book.o.Now())
		}
	}
}

// ports asks the bridge where it has seen those whose port is not known.
func (l *listeners) ports(names map[int]string) {
	missing := l.book.portsMissing()
	if len(missing) == 0 {
		return
	}
	list, err := netlink.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		return
	}
	for _, n := range list {
		if len(n.HardwareAddr) == 6 && missing[nflog.MAC(n.HardwareAddr)] {
			l.book.learned(nflog.MAC(n.HardwareAddr), names[n.LinkIndex])
		}
	}
}

// ask sends questions, each out of the port where a device looks for the address.
func (l *listeners) ask(probes []probe) {
	if len(probes) == 0 {
		return
	}
	bridge, err := netlink.LinkByName(l.book.compared().Bridge)
	if err != nil || len(bridge.Attrs().HardwareAddr) != 6 {
		return
	}
	from := nflog.MAC(bridge.Attrs().HardwareAddr)
	for _, p := range probes {
		for _, s := range l.open {
			if s.port && s.name == p.port {
				_, _ = s.file.Write(question(from, p.from, p.whom)) // asked again in a while
			}
		}
	}
}
