package firewall_test

import (
	"net"

	"golang.org/x/sys/unix"
)

var (
	// Between two ports of the bridge, never up to IP.
	lateral      = class{alone: "b-SS-------", all: "L1|lateral", onSwitch: true}
	foreignToAll = class{alone: "b-SS-------", all: "L1|chatter", onSwitch: true}
	// To all: up to IP as well, where it is logged, while the peer gets it.
	toAll = class{alone: "b--S--sss--", all: "L3|chatter", onSwitch: true}
	// The same where the recorder did not join the group: IP drops it after mangle.
	unheard = class{alone: "b--S--ss---", all: "L3|chatter", onSwitch: true}
	arpAll  = class{alone: "b--S-------", onSwitch: true}
)

func lateralPaths() []probe {
	return []probe{
		path("lateral v4", atCamB, a(as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80))), lateral),
		path("lateral tcp", atCamB, a(from4(camBMAC, camAMAC, camAIP, camBIP, 6, func(tag string) []byte { return syn(4000, 80, tag) })), lateral),
		path("lateral v6", atCamB, a(from6(camBMAC, camAMAC, camALink, camBLink, 17, datagram6(camALink, camBLink, 2))), lateral),
		path("lateral raw ethertype", atCamB, a(raw(camBMAC, 0x88b5)), lateral),
		path("lateral ARP", atCamB, a(func(tag string) []byte {
			return ether(camBMAC, camAMAC, unix.ETH_P_ARP, arpPacket(arpAnswer, camAMAC, camBIP, camBMAC, camBIP, tag))
		}), lateral).forged("spoof"),
		path("lateral ARP that claims the recorder", atCamB, a(func(tag string) []byte {
			return ether(camBMAC, camAMAC, unix.ETH_P_ARP, arpPacket(arpAnswer, camAMAC, recorderIP, camBMAC, camBIP, tag))
		}), lateral).forged("spoof"),
		path("lateral VLAN", atCamB, a(inVLAN(customerTag, 5, as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80)))), lateral),
		path("lateral priority tag", atCamB, a(inVLAN(customerTag, 0, as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80)))), lateral),
		path("lateral service tag", atCamB, a(inVLAN(serviceTag, 5, as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80)))), lateral),
		path("lateral double tag", atCamB, a(inVLAN(serviceTag, 7, inVLAN(customerTag, 5, as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80))))), lateral),
		path("lateral VLAN v6", atCamB, a(inVLAN(customerTag, 5, from6(camBMAC, camAMAC, camALink, camBLink, 17, datagram6(camALink, camBLink, 2)))), lateral),
		path("lateral length for a type", atCamB, a(func(tag string) []byte { return ether(camBMAC, camAMAC, 46, []byte("\xaa\xaa\x03"+tag)) }), lateral),
		path("lateral PPPoE", atCamB, a(raw(camBMAC, 0x8864)), lateral),
		path("lateral EAPOL to a station", atCamB, a(raw(camBMAC, 0x888e)), lateral),
		path("lateral to nobody's MAC", atCamB, a(as4(mustMAC("02:00:00:00:55:55"), camAMAC, camAIP, camBIP, datagram(80))), lateral),
		path("lateral with a spoofed MAC", atCamB, healed(a(as4(camBMAC, rogueMAC, camAIP, camBIP, datagram(80)))), lateral).forged("spoof"),
		path("lateral fragment", atCamB, a(func(tag string) []byte {
			return ether(camBMAC, camAMAC, unix.ETH_P_IP, fragment4(camAIP, camBIP, uint16(tagNumber(tag)), 0, true, udp(1, 2, tag+"xx")))
		}), lateral),
		path("lateral with a TTL of 1", atCamB, a(func(tag string) []byte {
			return ether(camBMAC, camAMAC, unix.ETH_P_IP, ip4odd(camAIP, camBIP, 17, nil, udp(1, 2, tag), func(h []byte) { h[8] = 1 }))
		}), lateral),
		path("lateral, a long frame", atCamB, a(as4(camBMAC, camAMAC, camAIP, camBIP, says(1, 2, func(tag string) string { return tag + filler(6000) }))), lateral),
		path("lateral from an unknown device", atCamB, rogue(as4(camBMAC, rogueMAC, rogueIP, camBIP, datagram(80))), lateral).forged("unknown-device"),
		path("lateral from an unknown device to camera A", atCamA, rogue(as4(camAMAC, rogueMAC, rogueIP, camAIP, datagram(80))), lateral).forged("unknown-device"),
		path("lateral from camera B to an unknown device", atRogue, b(as4(rogueMAC, camBMAC, camBIP, rogueIP, datagram(80))), lateral),
		path("lateral from camera B", atCamA, b(as4(camAMAC, camBMAC, camBIP, camAIP, datagram(80))), lateral),
		path("lateral to an unknown device", atRogue, a(as4(rogueMAC, camAMAC, camAIP, rogueIP, datagram(80))), lateral),
		path("hairpin to camera B", atCamB, a(as4(bridgeMAC, camAMAC, camAIP, camBIP, datagram(80))), class{alone: "----b-SSS-b", all: "L3|lateral"}),
		path("hairpin to an unknown device", atRogue, a(as4(bridgeMAC, camAMAC, camAIP, rogueIP, datagram(80))), class{alone: "----b-SSS-b", all: "L3|lateral"}),
		path("hairpin to camera B v6", atCamB, a(v6(camB6, 17, datagram6(camA6, camB6, 80))), egress6),
	}
}

func chatterPaths() []probe {
	all4 := func(name string, mac net.HardwareAddr, src, dst string, sport, port uint16, text func(string) string) probe {
		return path(name, atCamB, a(as4(mac, camAMAC, src, dst, says(sport, port, text))), toAll)
	}
	all6 := func(name, mac, dst string, next byte, payload func(string) []byte) probe {
		c := unheard
		if dst == "ff02::1" || dst == "ff02::2" {
			c = toAll
		}
		return path(name, atCamB, a(from6(mustMAC(mac), camAMAC, camALink, dst, next, payload)), c)
	}
	report := func(kind byte, dst string) func(string) []byte {
		return func(tag string) []byte { return icmp6(camALink, dst, kind, [4]byte{}, tag) }
	}
	return []probe{
		all4("lateral broadcast", broadcast, camAIP, "10.20.255.255", 4000, 80, plain),
		all4("lateral multicast", mustMAC("01:00:5e:7f:ff:fa"), camAIP, "239.255.255.250", 4000, 1900, plain),
		all4("mDNS", mustMAC("01:00:5e:00:00:fb"), camAIP, "224.0.0.251", 5353, 5353, plain),
		all4("LLMNR", mustMAC("01:00:5e:00:00:fc"), camAIP, "224.0.0.252", 4000, 5355, plain),
		all4("WS-Discovery", mustMAC("01:00:5e:7f:ff:fa"), camAIP, "239.255.255.250", 4000, 3702, plain),
		all4("NetBIOS names", broadcast, camAIP, "10.20.255.255", 137, 137, plain),
		all4("NetBIOS datagrams", broadcast, camAIP, "10.20.255.255", 138, 138, plain),
		all4("limited broadcast", broadcast, camAIP, "255.255.255.255", 4000, 80, plain),
		all4("DHCP offer of a camera", broadcast, camAIP, "255.255.255.255", 67, 68, func(tag string) string { return dhcp(2, tag) }),
		all4("DHCP offer to the network's broadcast", broadcast, camAIP, "10.20.255.255", 67, 68, func(tag string) string { return dhcp(2, tag) }),
		path("DHCP question", atCamB, a(as4(broadcast, camAMAC, "0.0.0.0", "255.255.255.255", says(68, 67, func(tag string) string { return dhcp(1, tag) }))), toAll),
		path("DHCP question to the recorder", atStack, a(as4(broadcast, camAMAC, "0.0.0.0", "255.255.255.255", says(68, 67, func(tag string) string { return dhcp(1, tag) }))), toAllHere),
		path("DHCP renewal to the recorder", atStack, a(v4(recorderIP, 17, says(68, 67, func(tag string) string { return dhcp(1, tag) }))), inputOnly),
		path("IGMP report", atCamB, a(from4(mustMAC("01:00:5e:00:00:16"), camAMAC, camAIP, "224.0.0.22", 2, bare(8))), unheard),
		path("VRRP", atCamB, a(from4(mustMAC("01:00:5e:00:00:12"), camAMAC, camAIP, "224.0.0.18", 112, bare(8))), unheard),
		path("broadcast of an unknown device", atCamB, rogue(as4(broadcast, rogueMAC, rogueIP, "255.255.255.255", datagram(80))),
			class{alone: toAll.alone, all: "L3|unknown-device", onSwitch: true}).forged("unknown-device"),
		path("broadcast of a spoofed address", atCamB, a(as4(broadcast, camAMAC, camBIP, "255.255.255.255", datagram(80))),
			class{alone: toAll.alone, all: "L3|spoof", onSwitch: true}).forged("spoof"),
		path("ARP question to all", atCamB, a(func(tag string) []byte {
			return ether(broadcast, camAMAC, unix.ETH_P_ARP, arpPacket(arpAsk, camAMAC, camAIP, make([]byte, 6), "10.20.7.7", tag))
		}), arpAll),
		path("gratuitous ARP to all that claims the recorder", atCamB, a(func(tag string) []byte {
			return ether(broadcast, camAMAC, unix.ETH_P_ARP, arpPacket(arpAnswer, camAMAC, recorderIP, broadcast, recorderIP, tag))
		}), arpAll).forged("spoof"),
		all6("lateral RA", "33:33:00:00:00:01", "ff02::1", 58, func(tag string) []byte { return routerAdvert(camALink, "ff02::1", tag) }),
		all6("mDNS v6", "33:33:00:00:00:fb", "ff02::fb", 17, datagram6(camALink, "ff02::fb", 5353)),
		all6("DHCP v6", "33:33:00:01:00:02", "ff02::1:2", 17, datagram6(camALink, "ff02::1:2", 547)),
		all6("MLD report", "33:33:00:00:00:16", "ff02::16", 58, report(143, "ff02::16")),
		all6("MLD query", "33:33:00:00:00:01", "ff02::1", 58, report(130, "ff02::1")),
		all6("router solicitation", "33:33:00:00:00:02", "ff02::2", 58, report(133, "ff02::2")),
		all6("neighbour solicitation", "33:33:ff:00:00:12", "ff02::1:ff00:12", 58, report(135, "ff02::1:ff00:12")),
	}
}
