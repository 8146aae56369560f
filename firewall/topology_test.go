package firewall_test

import (
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

// topology is how cameras are connected.
type topology string

// The topologies.
const (
	onPorts     topology = "ports"     // each camera on a port of the recorder's
	onInterface topology = "interface" // all behind one interface, on a switch that forwards between them
	onFlat      topology = "flat"      // the same, and another gateway hangs on that switch
)

type lab struct {
	t                      *testing.T
	kind                   topology
	camA, camB, rogue, out *wire
	gateway                *wire      // of a flat network; else nil
	service                *sightings // what the recorder's own sockets received, all of them
	resolver               *sightings // ... of these, what another program's name and time servers did
	home                   *sightings // what the sinkhole's did
	answers                *sightings // what camera A answered in the flow that the recorder opened
	stack                  *sightings // what got as far as the recorder's transport protocols, whoever listens
	sinkhole               []*net.UDPConn
	flow                   *net.UDPConn // the recorder's end of a flow that it opened to camera A
	listener               net.Listener
	accepted               atomic.Int64
}

// newLab builds the whole, with the bridge up and nothing protected.
func newLab(t *testing.T) *lab {
	t.Helper()
	return newLabOn(t, onPorts)
}

func newLabOn(t *testing.T, kind topology) *lab {
	t.Helper()
	l := &lab{t: t, kind: kind, service: newSightings(), resolver: newSightings(), home: newSightings(), answers: newSightings(), stack: newSightings()}
	l.wipe()
	t.Cleanup(l.wipe)
	off := false
	must(t, netlink.LinkAdd(&netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{Name: "br-cam", HardwareAddr: bridgeMAC}, MulticastSnooping: &off,
	}))
	if kind == onPorts {
		l.camA, l.camB, l.rogue = l.camera("p-a", nil), l.camera("p-b", nil), l.camera("p-r", nil)
	} else {
		l.plugSwitch()
	}
	l.out = l.plug(plugged{near: "up0", name: "outside", mac: outMAC, ip: "192.0.2.2/24", gw: otherIP, gwMAC: upMAC, mtu: 1500})
	for w, port := range map[*wire]string{l.camA: l.portOf("p-a"), l.camB: l.portOf("p-b"), l.rogue: l.portOf("p-r"), l.out: "up0"} {
		l.nearBy(w, port)
	}
	l.worstCase()
	l.plugUplink()

	br, err := netlink.LinkByName("br-cam")
	must(t, err)
	for _, p := range l.ports() {
		link, err := netlink.LinkByName(p)
		must(t, err)
		must(t, netlink.LinkSetMaster(link, br))
		must(t, netlink.LinkSetUp(link))
	}
	must(t, netlink.AddrAdd(br, addr(recorderIP+"/16")))
	must(t, netlink.AddrAdd(br, addr(recorder6+"/64")))
	must(t, netlink.LinkSetUp(br))
	must(t, netlink.RouteReplace(&netlink.Route{LinkIndex: br.Attrs().Index, Dst: addr("172.31.7.0/24").IPNet}))
	l.neighbours()
	l.awaitAddress(br, recorderLink)
	l.listen()
	l.listenAll()
	l.awaitLinks()
	l.warmUp()
	return l
}

// ports are the recorder's camera ports.
func (l *lab) ports() []string {
	if l.kind == onPorts {
		return []string{"p-a", "p-b", "p-r"}
	}
	return []string{"p-sw"}
}

// portOf is the recorder's port that leads to what hangs on this one.
func (l *lab) portOf(near string) string {
	if l.kind == onPorts {
		return near
	}
	return "p-sw"
}

// camera plugs in one of the three devices.
func (l *lab) camera(near string, at *ns.Namespace) *wire {
	p := map[string]plugged{
		"p-a": {name: "cam-a", mac: camAMAC, ip: camAIP + "/16"},
		"p-b": {name: "cam-b", mac: camBMAC, ip: camBIP + "/16"},
		"p-r": {name: "rogue", mac: rogueMAC, ip: rogueIP + "/16"},
	}[near]
	p.near, p.at, p.gw, p.gwMAC, p.mtu = near, at, recorderIP, bridgeMAC, camerasMTU
	return l.plug(p)
}

// plugSwitch makes a switch in a namespace of its own, which knows who hangs
// where, with the recorder's one interface and everybody else on it.
func (l *lab) plugSwitch() {
	t := l.t
	sw, err := ns.New("switch")
	must(t, err)
	t.Cleanup(func() { sw.Close() })
	l.camA, l.camB, l.rogue = l.camera("p-a", sw), l.camera("p-b", sw), l.camera("p-r", sw)
	hosts := map[string]net.HardwareAddr{"p-a": camAMAC, "p-b": camBMAC, "p-r": rogueMAC, "p-up": bridgeMAC}
	if l.kind == onFlat {
		hosts["p-gw"] = wayOutMAC
		l.gateway = l.plug(plugged{
			near: "p-gw", name: "gateway", mac: wayOutMAC, ip: wayOutIP + "/16", gw: recorderIP, gwMAC: bridgeMAC, mtu: camerasMTU, at: sw,
		})
	}
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "p-sw", MTU: camerasMTU}, PeerName: "p-up", PeerNamespace: sw.FD(), PeerMTU: camerasMTU,
	}))
	must(t, sw.Do(func() error {
		for _, set := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-arptables"} {
			if err := os.WriteFile("/proc/sys/"+set, []byte("0"), 0o644); err != nil {
				return err // its IP checks are no switch's
			}
		}
		off := false
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sw0"}, MulticastSnooping: &off}); err != nil {
			return err
		}
		bridge, err := netlink.LinkByName("sw0")
		if err != nil {
			return err
		}
		for port, mac := range hosts {
			if err := plugInto(bridge, port, mac); err != nil {
				return err
			}
		}
		if err := exec.Command("ip", "link", "set", "sw0", "type", "bridge", "group_fwd_mask", "0x4000").Run(); err != nil {
			return err // LLDP
		}
		return netlink.LinkSetUp(bridge)
	}))
	if l.gateway != nil {
		l.nearBy(l.gateway, "p-sw")
	}
}

// plugInto puts a port into the switch, which learns nothing: a forged MAC moves nobody.
func plugInto(bridge netlink.Link, port string, mac net.HardwareAddr) error {
	link, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(link, bridge); err != nil {
		return err
	}
	if err := netlink.LinkSetLearning(link, false); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	return exec.Command("bridge", "fdb", "replace", mac.String(), "dev", port, "master", "static").Run()
}

// plugUplink gives the recorder its own network, with a default route.
func (l *lab) plugUplink() {
	t := l.t
	up, err := netlink.LinkByName("up0")
	must(t, err)
	must(t, netlink.LinkSetHardwareAddr(up, upMAC))
	must(t, netlink.AddrAdd(up, addr(otherIP+"/24")))
	must(t, netlink.AddrAdd(up, addr(otherIP6+"/64")))
	must(t, netlink.LinkSetUp(up))
	for _, gw := range []string{"192.0.2.2", "2001:db8:1::2"} {
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: up.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(gw), HardwareAddr: outMAC}))
		must(t, netlink.RouteReplace(&netlink.Route{
			LinkIndex: up.Attrs().Index, Gw: net.ParseIP(gw), Priority: 10, // before what a router advertisement brings
		}))
	}
}

// neighbours says who has which MAC, the unpinned included: so that no probe
// waits for an answer to a question. Loading a ruleset takes these out.
func (l *lab) neighbours() {
	br, err := netlink.LinkByName("br-cam")
	must(l.t, err)
	for ip, mac := range map[string]net.HardwareAddr{
		camAIP: camAMAC, camBIP: camBMAC, rogueIP: rogueMAC, nobodyAIP: camAMAC, nobodyBIP: camBMAC,
		camA6: camAMAC, camB6: camBMAC, rogue6: rogueMAC,
		routedAIP: camAMAC, routedBIP: camBMAC, routedRIP: rogueMAC,
	} {
		must(l.t, netlink.NeighSet(&netlink.Neigh{LinkIndex: br.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(ip), HardwareAddr: mac}))
	}
}
