package firewall_test

import "golang.org/x/sys/unix"

// Classes: isolation, pinning, bridge PREROUTING, bridge FORWARD, routing rules,
// fragments, raw, mangle, INPUT and FORWARD, OUTPUT, settings.
var (
	egress4 = class{alone: "----b-SSS-b", all: "L3|egress"}
	egress6 = class{alone: "----b-SSS--", all: "L3|egress"}
	unknown = class{alone: "-S--b-SSS-b", all: "L1|unknown-device"}
	spoof   = class{alone: "-S--b-SSS-b", all: "L1|spoof"}
	// The kernel itself refuses it in routing, after raw and mangle have seen it.
	refused = class{alone: "bbbbbbSSbbb", all: "L3|egress"}
	// Brought to the sinkhole by nat, so that no hit tells of it.
	brought = class{alone: "----b---b-b"}
	// Let pass for nat, which leaves it alone: routing rules stop it, unseen.
	untracked = class{alone: "----b---S-b"}
)

func outsidePaths4() []probe {
	to := func(name string, port uint16) probe {
		return path(name, atOutside, a(v4(farIP, 17, datagram(port))), egress4)
	}
	message := func(name string, kind, code byte, rest [4]byte) probe {
		return path(name, atOutside, a(v4(farIP, 1, func(tag string) []byte { return icmp(kind, code, rest, tag) })), egress4)
	}
	list := []probe{
		to("udp", 32100),
		path("tcp", atOutside, a(v4(farIP, 6, func(tag string) []byte { return syn(4000, 443, tag) })), egress4),
		path("tcp without a connection", atOutside, a(v4(farIP, 6, func(tag string) []byte { return segment(4000, 443, 0x18, tag) })), egress4),
		path("tcp with all flags", atOutside, a(v4(farIP, 6, func(tag string) []byte { return segment(4000, 443, 0xff, tag) })), egress4),
		path("gre", atOutside, a(v4(farIP, 47, bare(4))), egress4),
		to("DNS over TLS", 853), to("DNS over QUIC and HTTPS", 443), to("mDNS to a host", 5353), to("relayed video", 3478),
		path("from a name server's port", atOutside, a(v4(farIP, 17, says(53, 4000, plain))), egress4),
		path("from a time server's port", atOutside, a(v4(farIP, 17, says(123, 4000, plain))), egress4),
		path("camera B", atOutside, b(as4(bridgeMAC, camBMAC, camBIP, farIP, datagram(80))), egress4),
		path("a long frame", atOutside, a(v4(farIP, 17, says(4000, 80, func(tag string) string { return tag + filler(4000) }))), egress4),
		path("class E", atOutside, a(v4("240.0.0.5", 17, datagram(80))), egress4),
		path("address in a private network", atOutside, a(v4("192.168.77.7", 17, datagram(80))), egress4),
	}
	list = append(list,
		message("icmp", 8, 0, [4]byte{0, 1, 0, 1}),
		message("icmp echo reply", 0, 0, [4]byte{0, 1, 0, 1}),
		message("icmp redirect", 5, 1, [4]byte{10, 20, 1, 11}),
		message("icmp timestamp", 13, 0, [4]byte{0, 1, 0, 1}),
		message("icmp timestamp reply", 14, 0, [4]byte{0, 1, 0, 1}),
		message("icmp address mask", 17, 0, [4]byte{0, 1, 0, 1}),
		message("icmp router advertisement", 9, 0, [4]byte{1, 2, 0, 60}),
		message("icmp of no known type", 253, 7, [4]byte{}),
		path("icmp error about nothing", atOutside, a(v4(farIP, 1, func(tag string) []byte {
			return icmp(3, 1, [4]byte{}, about(farIP, camAIP, 80, 4000, tag))
		})), egress4),
		path("icmp error about a flow of the recorder's", atOutside, a(v4(farIP, 1, func(tag string) []byte {
			return icmp(3, 1, [4]byte{}, about(otherIP, farIP, flowPort, 80, tag))
		})), egress4),
	)
	return list
}

func plain(tag string) string { return tag }

// segment is a piece of a TCP connection that nobody opened.
func segment(sport, dport uint16, flags byte, text string) []byte {
	p := syn(sport, dport, text)
	p[13] = flags
	return p
}

func outsidePaths6() []probe {
	to := func(name string, port uint16) probe {
		return path(name, atOutside, a(v6(farIP6, 17, datagram6(camA6, farIP6, port))), egress6)
	}
	message := func(name string, kind byte, c class) probe {
		return path(name, atOutside, a(v6(farIP6, 58, func(tag string) []byte {
			return icmp6(camA6, farIP6, kind, [4]byte{0, 1, 0, 1}, tag)
		})), c)
	}
	discovery := class{alone: egress6.alone, all: "L3|chatter"}
	return []probe{
		to("udp v6", 443), to("DNS v6", 53), to("NTP v6", 123),
		path("tcp v6", atOutside, a(v6(farIP6, 6, func(tag string) []byte { return syn(4000, 443, tag) })), egress6),
		message("icmp v6", 128, egress6), message("icmp v6 echo reply", 129, egress6), message("icmp v6 too big", 2, egress6),
		message("icmp v6 node information", 139, egress6),
		message("MLD report to a host", 131, egress6),
		message("router solicitation to a host", 133, discovery), message("router advertisement to a host", 134, discovery),
		message("neighbour solicitation to a host", 135, discovery), message("neighbour advertisement to a host", 136, discovery),
		message("redirect v6 to a host", 137, egress6),
		path("camera B v6", atOutside, b(from6(bridgeMAC, camBMAC, camB6, farIP6, 17, datagram6(camB6, farIP6, 443))), egress6),
		path("unknown device v6", atOutside, rogue(from6(bridgeMAC, rogueMAC, rogue6, farIP6, 17, datagram6(rogue6, farIP6, 443))), egress6),
		path("IPv4 in IPv6", atOutside, a(v6(farIP6, 4, func(tag string) []byte { return ip4(camAIP, farIP, 17, udp(4000, 80, tag)) })), egress6),
		path("no next header", atOutside, a(v6(farIP6, noNextHeader, bare(4))), egress6),
		path("6to4 by a relay", atOutside, a(v4("192.88.99.1", 41, func(tag string) []byte {
			return ip6(camA6, farIP6, 17, udp6(camA6, farIP6, 4000, 443, tag))
		})), egress4),
	}
}

// servicePaths ask name and time servers: the recorder's own sinkhole answers,
// whoever is asked; not a host outside, nor another program on this box.
func servicePaths() []probe {
	const outside = atOutside | atResolver
	ours := class{alone: "--------b--"}
	return []probe{
		path("DNS to a foreign server", outside, a(v4("8.8.8.8", 17, datagram(53))), brought),
		path("DNS with a name that is all payload", outside, a(v4("8.8.8.8", 17, says(4000, 53, question))), brought),
		path("DNS over TCP to a foreign server", outside, a(v4("8.8.8.8", 6, func(tag string) []byte {
			return summed(camAIP, "8.8.8.8", syn(4000, 53, tag))
		})), brought),
		// nat brings home only what connection tracking takes for a connection.
		path("DNS over TCP of a bad checksum", outside, a(v4("8.8.8.8", 6, func(tag string) []byte { return syn(4000, 53, tag) })), untracked),
		path("DNS over TCP with all flags", outside, a(v4("8.8.8.8", 6, func(tag string) []byte {
			return summed(camAIP, "8.8.8.8", segment(4001, 53, 0xff, tag))
		})), untracked),
		path("DNS of a bad checksum", outside, a(v4("8.8.8.8", 17, func(tag string) []byte {
			p := udp(4000, 53, tag)
			p[6], p[7] = 0xba, 0xad
			return p
		})), untracked),
		path("NTP to a foreign server", outside, a(v4("8.8.8.8", 17, datagram(123))), brought),
		path("NTP whose time stamps are a message", outside, a(v4("8.8.8.8", 17, says(123, 123, clockQuestion))), brought),
		path("DNS to another program on this box", atResolver, a(v4(recorderIP, 17, datagram(53))), ours),
		path("NTP to another program on this box", atResolver, a(v4(recorderIP, 17, datagram(123))), ours),
		path("DNS to the recorder's other address", atResolver, a(v4(otherIP, 17, datagram(53))), ours),
		path("DNS to a multicast group", atResolver, a(as4(mustMAC("01:00:5e:7f:ff:fa"), camAMAC, camAIP, "239.255.255.250", datagram(53))),
			toAllHere),
		path("DNS broadcast", atResolver, a(as4(broadcast, camAMAC, camAIP, "255.255.255.255", datagram(53))), toAllHere),
		path("DNS to camera B by the recorder", atCamB, a(as4(bridgeMAC, camAMAC, camAIP, camBIP, datagram(53))),
			class{alone: "----b-SSS-b", all: "L3|lateral"}),
		path("the sinkhole's own port, without redirection", atService, a(v4(recorderIP, 17, datagram(30053))), inputOnly),
		path("another device asks the sinkhole's port", atService, rogue(as4(bridgeMAC, rogueMAC, rogueIP, recorderIP, datagram(30053))), unknownInput),
	}
}

func forgedPaths() []probe {
	as := func(src string) func(string) []posted { return a(as4(bridgeMAC, camAMAC, src, farIP, datagram(80))) }
	// Martians: raw and mangle see them, routing would refuse them anyway.
	martian := class{alone: "bbbbbbSSbbb", all: "L3|unknown-device"}
	const martians = "the kernel routes no packet of such a source"
	v6as := func(src string) func(string) []posted {
		return a(from6(bridgeMAC, camAMAC, src, farIP6, 17, datagram6(src, farIP6, 80)))
	}
	before := class{alone: "bbbbbbbbbbb"}
	return []probe{
		path("spoofed address, foreign", atOutside, as("8.8.8.8"), unknown),
		path("spoofed address, a private network's", atOutside, as("172.16.3.3"), unknown),
		path("spoofed address, foreign, by camera B", atOutside, b(as4(bridgeMAC, camBMAC, "8.8.8.8", farIP, datagram(80))), unknown),
		path("spoofed address, foreign, by an unknown device", atOutside, rogue(as4(bridgeMAC, rogueMAC, "8.8.8.8", farIP, datagram(80))), unknown),
		path("spoofed address, camera B's", atOutside, as(camBIP), spoof),
		path("spoofed address, of a device that is not plugged in", atOutside, as(absentIP), spoof),
		path("spoofed address, the recorder's", atOutside, as(recorderIP), unknown).forged("spoof"),
		path("spoofed address, the uplink's", atOutside, as(otherIP), unknown),
		path("spoofed address, a host's behind the uplink", atOutside, as("192.0.2.2"), unknown),
		path("spoofed address, the outside's own", atOutside, as(farIP), unknown),
		path("spoofed address, loopback", atOutside, as("127.0.0.1"), unknown),
		path("spoofed address, none", atOutside, as("0.0.0.0"), martian).neverFor(martians),
		path("spoofed address, multicast", atOutside, as("224.0.0.5"), martian).forged("unknown-device").neverFor(martians),
		path("spoofed address, broadcast", atOutside, as("255.255.255.255"), martian).forged("unknown-device").neverFor(martians),
		path("spoofed MAC", atOutside, healed(a(as4(bridgeMAC, rogueMAC, camAIP, farIP, datagram(80)))), spoof),
		path("spoofed MAC and no known address", atOutside, healed(a(as4(bridgeMAC, rogueMAC, "10.20.3.3", farIP, datagram(80)))), unknown),
		path("MAC of camera B, address of camera A", atOutside, healed(a(as4(bridgeMAC, camBMAC, camAIP, farIP, datagram(80)))), spoof),
		path("the recorder's own MAC", atOutside, a(as4(bridgeMAC, bridgeMAC, camAIP, farIP, datagram(80))), spoof),
		// What a device that is bound to its port is kept from, or protected from: see mutationPolicy.
		path("camera A's pair at camera B's port", atOutside, healed(b(as4(bridgeMAC, camAMAC, camAIP, farIP, datagram(80)))), egress4),
		path("camera A's pair at camera B's port, ARP", atCamA, healed(b(askAll(camAMAC, camAIP))), arpAll),
		path("camera B's pair at camera A's port", atOutside, healed(a(as4(bridgeMAC, camBMAC, camBIP, farIP, datagram(80)))), egress4),
		path("camera B's MAC with IPv6 at camera A's port", atOutside, healed(a(from6(bridgeMAC, camBMAC, camB6, farIP6, 17, datagram6(camB6, farIP6, 80)))), egress6),
		path("camera B with another address", atOutside, b(as4(bridgeMAC, camBMAC, camAIP, farIP, datagram(80))), spoof),
		path("camera B with another address, ARP", atCamA, b(askAll(camBMAC, camAIP)), arpAll).forged("spoof"),
		path("unlisted at camera B's port", atOutside, healed(b(as4(bridgeMAC, rogueMAC, "10.20.3.3", farIP, datagram(80)))), unknown),
		path("unlisted at camera B's port, ARP", atCamA, healed(b(askAll(rogueMAC, "10.20.3.3"))), arpAll),
		path("unlisted at camera B's port, tagged", atOutside, healed(b(inVLAN(customerTag, 0, as4(bridgeMAC, rogueMAC, "10.20.3.3", farIP, datagram(80))))),
			class{alone: "--S-b-SSS-b", all: "L1|lateral"}),
		path("camera B's MAC and an unlisted address at camera A's port, ARP", atCamB, healed(a(askAll(camBMAC, "10.20.3.4"))), arpAll),
		path("unlisted at camera B's port v6", atOutside, healed(b(from6(bridgeMAC, rogueMAC, rogue6, farIP6, 17, datagram6(rogue6, farIP6, 80)))), egress6),
		path("unknown device", atOutside, rogue(as4(bridgeMAC, rogueMAC, rogueIP, farIP, datagram(80))), unknown),
		path("unknown device with a pinned address", atOutside, rogue(as4(bridgeMAC, rogueMAC, camAIP, farIP, datagram(80))), spoof),
		path("unknown device without an address", atOutside, rogue(as4(bridgeMAC, rogueMAC, "169.254.7.7", farIP, datagram(80))), unknown),
		path("spoofed address v6, foreign", atOutside, v6as("2001:db8:77::7"), egress6),
		path("spoofed address v6, the recorder's", atOutside, v6as(recorder6), egress6),
		path("spoofed address v6, link-local", atOutside, v6as(camALink), class{alone: "bbbbbbSSbSb", all: "L3|egress"}).neverFor("the kernel forwards no link-local source"),
		path("spoofed address v6, loopback", atOutside, v6as("::1"), before).neverFor("the kernel drops it before all rules"),
		path("spoofed address v6, multicast", atOutside, v6as("ff02::5"), before).neverFor("the kernel drops it before all rules"),
		// What it would make the recorder send somewhere else.
		path("DNS answer to a forged source", atOutside, a(as4(bridgeMAC, camAMAC, farIP, recorderIP, says(5000, 53, plain))),
			class{alone: "------SSS-b", all: "L3|unknown-device"}).forged("unknown-device"),
		path("answer of another address to a forged source", atOutside, a(as4(bridgeMAC, camAMAC, farIP, otherIP, says(5000, openPort, plain))),
			class{alone: "------SSS-b", all: "L3|unknown-device"}).forged("unknown-device"),
		path("error to a forged source", atOutside, a(as4(bridgeMAC, camAMAC, farIP, recorderIP, datagram(7))),
			class{alone: "------SSSSb", all: "L3|unknown-device"}).forged("unknown-device"),
		path("answer to camera B for camera A", atCamB, a(as4(bridgeMAC, camAMAC, camBIP, recorderIP, says(5000, openPort, plain))),
			class{alone: "------SSS--", all: "L3|spoof"}).forged("spoof"),
	}
}

// sweepPaths are every protocol number, to the outside and to the recorder.
func sweepPaths() []probe {
	var list []probe
	add := func(p probe) {
		p.sweep = true
		list = append(list, p)
	}
	for n := range 256 {
		add(path(sprintf("protocol %d", n), atOutside, a(v4(farIP, byte(n), bare(20))), egress4))
	}
	for n := range 256 {
		if n == hopByHop || n == fragmentV6 { // these are paths of their own
			continue
		}
		add(path(sprintf("protocol %d v6", n), atOutside, a(v6(farIP6, byte(n), bare(20))), egress6))
	}
	for n := 1; n < 256; n++ {
		add(path(sprintf("protocol %d to the recorder", n), atStack, a(v4(recorderIP, byte(n), bare(20))), inputOnly))
	}
	for n := range 256 {
		if n == 3 || n == 11 || n == 12 { // errors: about what, is the question
			continue
		}
		add(path(sprintf("icmp type %d to the recorder", n), atStack, a(v4(recorderIP, unix.IPPROTO_ICMP, func(tag string) []byte {
			return icmp(byte(n), 0, [4]byte{0, 1, 0, 1}, tag)
		})), inputOnly))
	}
	return list
}
