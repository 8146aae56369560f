package firewall_test

import (
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

var (
	inputOnly    = class{alone: "-------SS--", all: "L4|input"}  // raw lets pass what is for us
	otherAddress = class{alone: "------SSS--", all: "L3|egress"} // not ours on the camera side
	unknownInput = class{alone: "-S----SSS--", all: "L1|unknown-device"}
	spoofInput   = class{alone: "-S----SSS--", all: "L1|spoof"}
	spoofInFlow  = class{alone: "-S----S-S--", all: "L1|spoof"} // mangle leaves it to filter
	input6       = class{alone: "------SSS--", all: "L3|input"}
	answered6    = class{alone: "------SSSs-", all: "L3|input"} // L5 keeps back the answer
	// The recorder gets it, and so do all cameras: isolation and the bridge's
	// FORWARD keep the cameras from it, the others the recorder.
	toAllHere = class{alone: "---s--SSS--", all: "L3|chatter"}
)

func recorderPaths() []probe {
	v6here := func(dst string, port uint16) func(string) []posted {
		return a(from6(bridgeMAC, camAMAC, camALink, dst, 17, datagram6(camALink, dst, port)))
	}
	discovery := func(name string, kind byte) probe {
		return path(name, atStack, a(from6(bridgeMAC, camAMAC, camALink, recorderLink, 58, func(tag string) []byte {
			return icmp6(camALink, recorderLink, kind, [4]byte{}, tag)
		})), class{alone: "------SSS--", all: "L3|chatter"})
	}
	return []probe{
		path("recorder's closed port", atService, a(v4(recorderIP, 17, datagram(openPort))), inputOnly),
		path("recorder's closed port, tcp", atStack, a(v4(recorderIP, 6, func(tag string) []byte { return syn(4000, openPort, tag) })), inputOnly),
		path("recorder's port where nobody listens", atStack, a(v4(recorderIP, 17, datagram(7))), inputOnly),
		path("recorder by an Ethernet broadcast", atService, a(as4(broadcast, camAMAC, camAIP, recorderIP, datagram(openPort))),
			class{alone: "---s---SS--", all: "L4|input"}),
		path("recorder's port v6 by an Ethernet broadcast", atService, a(from6(broadcast, camAMAC, camALink, recorderLink, 17, datagram6(camALink, recorderLink, openPort))),
			class{alone: "---s--SSS--", all: "L3|input"}),
		path("ping", atStack, a(v4(recorderIP, 1, echo)), inputOnly),
		path("TTL of 1 to the recorder", atStack, a(odd4(recorderIP, nil, func(h []byte) { h[8] = 1 })), inputOnly),
		path("recorder's other address", atService, a(v4(otherIP, 17, datagram(openPort))), otherAddress),
		path("recorder's other address, tcp", atStack, a(v4(otherIP, 6, func(tag string) []byte { return syn(4000, openPort, tag) })), otherAddress),
		path("recorder's other address, ping", atStack, a(v4(otherIP, 1, echo)), otherAddress),
		path("recorder's loopback address", atService, a(v4("127.0.0.1", 17, datagram(openPort))), class{alone: "------SSS-b", all: "L3|egress"}),
		path("recorder's closed port v6", atService, v6here(recorderLink, openPort), input6),
		path("recorder's address v6", atService, a(v6(recorder6, 17, datagram6(camA6, recorder6, openPort))), otherAddress),
		path("recorder's other address v6", atService, a(v6(otherIP6, 17, datagram6(camA6, otherIP6, openPort))), otherAddress),
		path("recorder's DNS v6", atStack, v6here(recorderLink, 53), answered6),
		path("ping v6", atStack, a(from6(bridgeMAC, camAMAC, camALink, recorderLink, 58, func(tag string) []byte { return echo6(camALink, recorderLink, tag) })), answered6),
		path("spoofed address to our DNS", atService, a(as4(bridgeMAC, camAMAC, camBIP, recorderIP, datagram(53))), spoofInput),
		path("foreign source to the recorder", atService, a(as4(bridgeMAC, camAMAC, "198.51.100.77", recorderIP, datagram(openPort))),
			class{alone: "------SSS-b", all: "L3|unknown-device"}).forged("unknown-device"),
		path("foreign source to the recorder, by camera B", atService, b(as4(bridgeMAC, camBMAC, "198.51.100.77", recorderIP, datagram(openPort))),
			class{alone: "------SSS-b", all: "L3|unknown-device"}).forged("unknown-device"),
		path("foreign source to the recorder, by an unknown device", atService, rogue(as4(bridgeMAC, rogueMAC, "198.51.100.77", recorderIP, datagram(openPort))),
			class{alone: "------SSS-b", all: "L3|unknown-device"}).forged("unknown-device"),
		path("recorder's closed port v6, by camera B", atService, b(from6(bridgeMAC, camBMAC, camBLink, recorderLink, 17, datagram6(camBLink, recorderLink, openPort))), input6),
		path("recorder's closed port v6, by an unknown device", atService, rogue(from6(bridgeMAC, rogueMAC, "fe80::99", recorderLink, 17, datagram6("fe80::99", recorderLink, openPort))), input6),
		discovery("router solicitation to the recorder", 133), discovery("neighbour solicitation to the recorder", 135),
		discovery("neighbour advertisement to the recorder", 136),
		path("unknown device to our DNS", atService, rogue(as4(bridgeMAC, rogueMAC, rogueIP, recorderIP, datagram(53))), unknownInput),
		path("unknown device to an open port", atService, rogue(as4(bridgeMAC, rogueMAC, rogueIP, recorderIP, datagram(openPort))), unknownInput),
		path("pinned address of camera B by an unknown device", atService, rogue(as4(bridgeMAC, rogueMAC, camBIP, recorderIP, datagram(openPort))), spoofInput),
		path("multicast to the recorder", atService, a(as4(mustMAC("01:00:5e:7f:ff:fa"), camAMAC, camAIP, "239.255.255.250", datagram(1900))), toAllHere),
		path("broadcast to the recorder", atService, a(as4(broadcast, camAMAC, camAIP, "255.255.255.255", datagram(openPort))), toAllHere),
		path("network's broadcast to the recorder", atService, a(as4(broadcast, camAMAC, camAIP, "10.20.255.255", datagram(openPort))), toAllHere),
		path("mDNS to the recorder", atService, a(as4(mustMAC("01:00:5e:00:00:fb"), camAMAC, camAIP, "224.0.0.251", datagram(5353))), toAllHere),
		path("LLMNR to the recorder", atService, a(as4(mustMAC("01:00:5e:00:00:fc"), camAMAC, camAIP, "224.0.0.252", datagram(5355))), toAllHere),
		path("IGMP to the recorder", atStack, a(from4(mustMAC("01:00:5e:00:00:01"), camAMAC, camAIP, "224.0.0.1", 2, bare(8))), toAllHere),
		path("MLD report to the recorder", atStack, a(from6(mustMAC("33:33:00:00:00:01"), camAMAC, camALink, "ff02::1", 58, func(tag string) []byte {
			return icmp6(camALink, "ff02::1", 131, [4]byte{}, tag)
		})), toAllHere),
	}
}

// flowPaths abuse a flow that the recorder opened to camera A: from flowPort to rtpPort.
func flowPaths() []probe {
	reply := says(rtpPort, flowPort, plain)
	aboutFlow := func(kind byte) func(string) []byte {
		return func(tag string) []byte {
			return icmp(kind, 0, [4]byte{}, about(recorderIP, camAIP, flowPort, rtpPort, tag))
		}
	}
	return []probe{
		path("answer to another destination", atOutside, a(v4(farIP, 17, reply)), egress4),
		path("answer to the recorder's other address", atStack, a(v4(otherIP, 17, reply)), otherAddress),
		path("answer from another port", atService, a(v4(recorderIP, 17, says(rtpPort+1, flowPort, plain))), inputOnly),
		path("answer to another port", atService, a(v4(recorderIP, 17, says(rtpPort, openPort, plain))), inputOnly),
		path("answer of camera B", atService, b(as4(bridgeMAC, camBMAC, camBIP, recorderIP, reply)), inputOnly),
		path("answer of an unknown device as camera A", atStack, rogue(as4(bridgeMAC, rogueMAC, camAIP, recorderIP, reply)), spoofInFlow),
		path("answer by the uplink, as camera A", atStack, o(as4(upMAC, outMAC, camAIP, recorderIP, reply)),
			class{alone: "------S-S--", all: "L3|spoof"}),
		path("source quench about the recorder's flow", atStack, a(v4(recorderIP, 1, aboutFlow(4))), inputOnly),
		path("redirect about the recorder's flow", atStack, a(v4(recorderIP, 1, aboutFlow(5))), inputOnly),
		path("time exceeded about the recorder's flow", atStack, a(v4(recorderIP, 1, aboutFlow(11))), inputOnly),
		path("source quench about the recorder's flow, of camera B", atStack, b(from4(bridgeMAC, camBMAC, camBIP, recorderIP, unix.IPPROTO_ICMP, func(tag string) []byte {
			return icmp(4, 0, [4]byte{}, about(recorderIP, camAIP, flowPort, rtpPort, tag))
		})), inputOnly),
	}
}

// mindPaths change what the recorder believes: routes, neighbours, its answers to ARP.
func mindPaths() []probe {
	ask := func(target string) func(string) []posted {
		return a(func(tag string) []byte {
			return ether(broadcast, camAMAC, unix.ETH_P_ARP, arpPacket(arpAsk, tagMAC(tag), camAIP, make([]byte, 6), target, ""))
		})
	}
	settings := class{alone: "----------b"}
	return []probe{
		path("router advertisement to the recorder", atRoutes, a(from6(bridgeMAC, camAMAC, camALink, recorderLink, 58, func(tag string) []byte {
			return routerAdvert(camALink, recorderLink, tag)
		})), class{alone: "------SSS-b", all: "L3|chatter"}),
		path("ARP answer that moves a device", atMoved, a(func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_ARP, arpPacket(arpAnswer, camAMAC, absentIP, bridgeMAC, recorderIP, tag))
		}), settings).forged("spoof"),
		path("gratuitous ARP that moves a device", atMoved, a(func(tag string) []byte {
			return ether(broadcast, camAMAC, unix.ETH_P_ARP, arpPacket(arpAsk, camAMAC, absentIP, make([]byte, 6), absentIP, tag))
		}), class{alone: "---s------b"}).forged("spoof"),
		path("ARP for the recorder's other address", atCamA, ask(otherIP), class{alone: "---s------b"}).forged("spoof"),
		path("ARP for an address outside", atCamA, ask("203.0.113.77"), class{alone: "---sb-----b"}).forged("spoof"),
		path("redirect to who takes the recorder for a way to camera B", atRedirects, a(func(tag string) []byte {
			n := tagNumber(tag) // each from an address that never sent any: the kernel tells a host only now and then
			return as4(bridgeMAC, camAMAC, sprintf("10.20.%d.%d", 128+n>>7&0x7f, 1+n&0x7f), camBIP, datagram(81))(tag)
		}), class{alone: "-S--b-SSs-b", all: "L1|unknown-device"}),
	}
}

func boxPaths() []probe {
	down4 := func(dst string) func(string) []posted { return o(as4(upMAC, outMAC, farIP, dst, datagram(554))) }
	down6 := func(dst string) func(string) []posted {
		return o(from6(upMAC, outMAC, farIP6, dst, 17, datagram6(farIP6, dst, 554)))
	}
	box := func(name string, at place, src, dst string, c class) probe {
		return probe{name: name, at: at, act: local(src, dst, 80), class: c}
	}
	inward := class{alone: "----b-S-S--", all: "L3|output"}
	routed := class{alone: "--------S--", all: "L4|output"} // into no camera network of ours
	own := class{alone: "---------S-", all: "L5|output"}
	return []probe{
		path("outside to camera", atCamA, down4(camAIP), inward),
		path("outside to camera B", atCamB, down4(camBIP), inward),
		path("outside to an unknown device", atRogue, down4(rogueIP), inward),
		path("outside to camera v6", atCamA, down6(camA6), class{alone: "--------S--", all: "L4|output"}),
		path("outside to camera B v6", atCamB, down6(camB6), class{alone: "--------S--", all: "L4|output"}),
		path("outside to an unknown device v6", atRogue, down6(rogue6), class{alone: "--------S--", all: "L4|output"}),
		path("outside to what somebody routed to camera A", atCamA, down4(routedAIP), routed),
		path("outside to what somebody routed to camera B", atCamB, down4(routedBIP), routed),
		path("outside to what somebody routed to an unknown device", atRogue, down4(routedRIP), routed),
		path("outside to the recorder's camera-side address", atService, o(as4(upMAC, outMAC, farIP, recorderIP, datagram(openPort))),
			class{alone: "------S----", all: "L3|output"}),
		path("outside as a camera to the recorder", atService, o(as4(upMAC, outMAC, camAIP, otherIP, datagram(openPort))), class{alone: "------SSS--", all: "L3|spoof"}),
		path("outside as an unknown device to the recorder", atService, o(as4(upMAC, outMAC, rogueIP, otherIP, datagram(openPort))), class{alone: "------SSS--", all: "L3|unknown-device"}),
		box("camera-side source to outside", atOutside, recorderIP, farIP, own),
		box("recorder to an unpinned device", atRogue, recorderIP, rogueIP, own),
		box("recorder to an unpinned address, at camera A", atCamA, recorderIP, nobodyAIP, own),
		box("recorder to an unpinned address, at camera B", atCamB, recorderIP, nobodyBIP, own),
		box("recorder's other address to an unpinned device", atRogue, otherIP, rogueIP, own),
		box("recorder to a camera v6", atCamA, recorder6, camA6, own),
		box("recorder to camera B v6", atCamB, recorder6, camB6, own),
		box("recorder to an unknown device v6", atRogue, recorder6, rogue6, own),
		{name: "recorder to a multicast group of cameras v6", at: atCamA | atCamB, act: toGroup6, class: class{alone: "---------S-", all: "L5|chatter"}},
		{name: "recorder to a multicast group of cameras", at: atCamA | atCamB, act: toGroup, class: class{alone: "---------S-", all: "L5|chatter"}},
	}
}

// toGroup sends to a multicast group by the bridge, as a scan for devices would.
func toGroup(l *lab, tag string) {
	br, err := net.InterfaceByName("br-cam")
	if err != nil {
		return
	}
	c, err := net.ListenPacket("udp4", recorderIP+":0")
	if err != nil {
		return
	}
	defer c.Close()
	p := ipv4.NewPacketConn(c)
	if p.SetMulticastInterface(br) != nil || p.SetMulticastLoopback(false) != nil {
		return
	}
	_, _ = c.WriteTo([]byte(tag), &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702})
}

func toGroup6(_ *lab, tag string) {
	c, err := net.DialUDP("udp6", nil, &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353, Zone: "br-cam"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(tag))
}
