package firewall_test

import (
	"slices"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// disguise is a state that somebody else may bring the box into. Rules that are
// doubles of one another on a healthy box stand alone in one of these.
type disguise struct {
	name  string
	parts []int // where it makes a difference
	on    func(k *loaded)
	off   func(k *loaded)
}

func disguises() []disguise {
	rules := partNamed("L3 fragments", "L3 raw", "L4 mangle", "L4 filter", "L5 filter OUTPUT")
	all := func(k *loaded, group string) {
		for _, i := range append([]string{"br-cam"}, k.rs.Link.Ports...) {
			k.shell("ip link set dev " + i + " group " + group)
		}
	}
	group := sprintf("%d", ruleset.Group)
	rename := func(k *loaded) { k.shell("ip link set br-cam name br-y") }
	again := func(k *loaded) { k.shell("ip link set br-y name br-cam") }
	list := []disguise{
		{name: "in no group", parts: append(partNamed("L1 pinning"), rules...), on: func(k *loaded) { all(k, "0") }, off: func(k *loaded) { all(k, group) }},
		{name: "bridge renamed", parts: append(partNamed("L2 routing rules"), rules...), on: rename, off: again},
		{
			name: "bridge renamed, in no group", parts: rules,
			on:  func(k *loaded) { all(k, "0"); rename(k) },
			off: func(k *loaded) { again(k); all(k, group) },
		},
		{
			name: "another program's DNAT after ours", parts: partNamed("L4 filter"),
			on: func(k *loaded) {
				k.shell("iptables-nft -t nat -A PREROUTING -i br-cam -p udp -j DNAT --to-destination 203.0.113.9:7")
			},
			off: func(k *loaded) {
				k.shell("iptables-nft -t nat -D PREROUTING -i br-cam -p udp -j DNAT --to-destination 203.0.113.9:7")
			},
		},
	}
	list = append(list, disguise{
		name: "forwarding set again", parts: partNamed("settings"),
		on:  func(k *loaded) { k.l.sysctl("net/ipv4/conf/br-cam/forwarding", "1") },
		off: func(k *loaded) { k.l.sysctl("net/ipv4/conf/br-cam/forwarding", "0") },
	})
	for _, port := range []string{"p-a", "p-b", "p-r"} {
		list = append(list, disguise{
			name: port + " out of the bridge, in no group", parts: append(partNamed("L2 routing rules", "settings"), rules...),
			on:  func(k *loaded) { all(k, "0"); k.putOut(port, port) },
			off: func(k *loaded) { k.putBack(port, port); all(k, group); k.l.awaitLinks() },
		}, disguise{
			name: port + " renamed", parts: partNamed("L1 pinning"),
			on:  func(k *loaded) { k.shell("ip link set " + port + " name p-y") },
			off: func(k *loaded) { k.shell("ip link set p-y name " + port) },
		}, disguise{
			name: port + " out of the bridge, renamed", parts: rules,
			on:  func(k *loaded) { k.shell("ip link set " + port + " name p-y"); k.putOut(port, "p-y") },
			off: func(k *loaded) { k.putBack(port, "p-y"); k.shell("ip link set p-y name " + port); k.l.awaitLinks() },
		})
	}
	slices.SortFunc(list, func(a, b disguise) int { return len(a.name) - len(b.name) }) // the plainest first
	return list
}

// behind tells what a port leads to: addresses and the MAC they have.
func behind(port string) (addresses []string, mac string) {
	switch port {
	case "p-a":
		return []string{camAIP, nobodyAIP, camA6, routedAIP}, camAMAC.String()
	case "p-b":
		return []string{camBIP, nobodyBIP, camB6, routedBIP}, camBMAC.String()
	}
	return []string{rogueIP, rogue6, routedRIP}, rogueMAC.String()
}

// putOut takes a port out of the bridge and routes to what is behind it, as if
// it were an interface of its own; name is what it is called by then.
func (k *loaded) putOut(port, name string) {
	k.shell("ip link set " + name + " nomaster; ip link set " + name + " address " + bridgeMAC.String())
	addresses, mac := behind(port)
	for _, ip := range addresses {
		k.shell("ip neigh replace " + ip + " lladdr " + mac + " nud permanent dev " + name + "; ip route replace " + ip + " dev " + name)
	}
}

func (k *loaded) putBack(port, name string) {
	addresses, _ := behind(port)
	for _, ip := range addresses {
		k.shell("ip route del " + ip + " dev " + name + " || true; ip neigh del " + ip + " dev " + name + " || true")
	}
	isolated := map[bool]string{true: "on", false: "off"}[k.rs.Link.Isolated]
	k.shell("ip link set " + name + " master br-cam; bridge link set dev " + name + " isolated " + isolated)
}
