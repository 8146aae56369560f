package firewall_test

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// headerPaths play with headers: options, extension headers, hops, lengths.
func headerPaths() []probe {
	ahead6 := func(name string, dst string, kind byte, body []byte, c class) probe {
		return path(name, atOutside, a(v6(dst, kind, func(tag string) []byte {
			return ahead(17, body, udp6(camA6, dst, 4000, 443, tag))
		})), c)
	}
	short := class{alone: "bbbbbbbbbbb"}
	const early = "the kernel drops it before all rules"
	return []probe{
		// To the recorder, and on from there.
		path("loose source route to the outside", atOutside, a(odd4(recorderIP, route(looseRoute, farIP), nil)), class{alone: "----b--SS-b", all: "L4|input"}),
		path("strict source route to the outside", atOutside, a(odd4(recorderIP, route(strictRoute, "192.0.2.2"), nil)), class{alone: "----b--SS-b", all: "L4|input"}),
		path("source route to camera B", atCamB, a(odd4(recorderIP, route(looseRoute, camBIP), nil)), class{alone: "----b--SS-b", all: "L4|input"}),
		path("source route to the recorder's other address", atStack, a(odd4(recorderIP, route(looseRoute, otherIP), nil)), class{alone: "-------SS-b", all: "L4|input"}),
		path("source route by the outside", atOutside, a(odd4(farIP, route(looseRoute, "198.51.100.1"), nil)), egress4),
		path("record route", atOutside, a(odd4(farIP, []byte{1, recordRoute, 7, 4, 0, 0, 0, 0}, nil)), egress4),
		path("router alert", atOutside, a(odd4(farIP, []byte{148, 4, 0, 0}, nil)), egress4),
		path("options of no known kind", atOutside, a(odd4(farIP, []byte{0x5e, 4, 1, 2}, nil)), egress4),
		path("last hop", atOutside, a(odd4(farIP, nil, func(h []byte) { h[8] = 1 })), refused).neverFor("nobody forwards a TTL of 1"),
		path("no hop left", atOutside, a(odd4(farIP, nil, func(h []byte) { h[8] = 0 })), refused).neverFor("nobody forwards a TTL of 0"),
		path("two hops left", atOutside, a(odd4(farIP, nil, func(h []byte) { h[8] = 2 })), egress4),
		path("reserved flag", atOutside, a(odd4(farIP, nil, func(h []byte) { h[6] |= 0x80 })), egress4),
		path("every type of service", atOutside, a(odd4(farIP, nil, func(h []byte) { h[1] = 0xff })), egress4),
		path("bytes behind the packet", atOutside, a(func(tag string) []byte {
			return append(v4(farIP, 17, datagram(80))(tag), filler(20)...)
		}), egress4),
		path("datagram shorter than its header says", atOutside, a(v4(farIP, 17, func(tag string) []byte {
			p := udp(4000, 80, tag)
			binary.BigEndian.PutUint16(p[4:], 400)
			return p
		})), egress4),
		path("datagram of length 0", atOutside, a(v4(farIP, 17, func(tag string) []byte {
			p := udp(4000, 80, tag)
			binary.BigEndian.PutUint16(p[4:], 0)
			return p
		})), egress4),
		path("segment whose header is longer than it", atOutside, a(v4(farIP, 6, func(tag string) []byte {
			p := syn(4000, 443, tag)
			p[12] = 0xf0
			return p
		})), egress4),
		path("bad checksum", atOutside, a(func(tag string) []byte {
			f := v4(farIP, 17, datagram(80))(tag)
			f[14+10] ^= 0xff
			return f
		}), short).neverFor(early),
		path("longer than the frame", atOutside, a(odd4(farIP, nil, func(h []byte) { binary.BigEndian.PutUint16(h[2:], 1000) })), short).neverFor(early),
		path("header shorter than a header", atOutside, a(odd4(farIP, nil, func(h []byte) { h[0] = 0x43 })), short).neverFor(early),
		path("version 5", atOutside, a(odd4(farIP, nil, func(h []byte) { h[0] = 0x55 })), short).neverFor(early),
		path("IPv6 in a frame of IPv4", atOutside, a(func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip6(camA6, farIP6, 17, udp6(camA6, farIP6, 4000, 443, tag)))
		}), short).neverFor(early),
		path("IPv4 in a frame of IPv6", atOutside, a(func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip4(camAIP, farIP, 17, udp(4000, 443, tag)))
		}), short).neverFor(early),

		ahead6("hop-by-hop options", farIP6, hopByHop, padding(), egress6),
		ahead6("router alert v6", farIP6, hopByHop, []byte{5, 2, 0, 0, 1, 0}, egress6),
		ahead6("destination options", farIP6, destOptions, padding(), egress6),
		ahead6("routing header of type 0 in transit", farIP6, routingV6, routingTo(0, "2001:db8:113::9"), egress6),
		ahead6("routing header of type 2 in transit", farIP6, routingV6, routingTo(2, "2001:db8:113::9"), egress6),
		ahead6("routing header of type 0 by the recorder", recorder6, routingV6, routingTo(0, farIP6), class{alone: "bbbbbbSSSSb", all: "L3|egress"}).
			neverFor("the kernel follows no routing header of type 0 (RFC 5095)"),
		ahead6("segment route by the recorder", recorder6, routingV6, append([]byte{4, 1, 0, 0, 0, 0}, routingTo(0, farIP6)[6:]...), class{alone: "bbbbbbSSSbb", all: "L3|egress"}).
			neverFor("the kernel follows no segment route unless seg6_enabled says so"),
		path("last hop v6", atOutside, a(func(tag string) []byte {
			f := v6(farIP6, 17, datagram6(camA6, farIP6, 443))(tag)
			f[14+7] = 1
			return f
		}), class{alone: "bbbbbbSSbSb", all: "L3|egress"}).neverFor("nobody forwards a hop limit of 1"),
		path("long header chain v6", atOutside, a(v6(farIP6, destOptions, func(tag string) []byte {
			p := udp6(camA6, farIP6, 4000, 443, tag)
			p = ahead(17, padding(), p)
			for range 6 {
				p = ahead(destOptions, padding(), p)
			}
			return p
		})), egress6),
	}
}

func fragmentPaths() []probe {
	// Only what comes before the kernel puts fragments together stops one that a
	// host outside completes.
	completed := class{alone: "-----S-----", all: "L3|egress"}
	// Put together, it is a camera's packet as any other.
	whole4 := class{alone: "----bSSSS-b", all: "L3|egress"}
	whole6 := class{alone: "----bSSSS--", all: "L3|egress"}
	return []probe{
		path("fragment completed from outside", atOutside, halves(half4("198.51.100.9", farIP)), completed).forged("unknown-device"),
		path("fragment completed from outside v6", atOutside, halves(half6("2001:db8:99::9", farIP6)), completed),
		path("fragment for the recorder's other address", atService, halves(half4("198.51.100.9", otherIP)), completed).forged("unknown-device"),
		path("fragment for the recorder", atService, halves(half4("198.51.100.9", recorderIP)), class{alone: "-----SS----", all: "L3|input"}).forged("unknown-device"),
		path("fragment in a priority-tagged frame", atOutside, halves(func(tag string, last bool) []byte {
			f := half4("198.51.100.9", farIP)(tag, last)
			if last {
				return f
			}
			return tagged(0, f)
		}), class{alone: "--S--S-----", all: "L1|lateral"}),
		path("fragments", atOutside, both(half4(camAIP, farIP)), whole4),
		path("fragments v6", atOutside, both(half6(camA6, farIP6)), whole6),
		path("fragments to the recorder", atService, both(half4(camAIP, recorderIP)), class{alone: "-----S-SS--", all: "L3|input"}),
		path("fragment of camera B, completed by camera A", atOutside, func(tag string) []posted {
			p := both(half4(camAIP, farIP))(tag)
			p[0].from = camB
			return p
		}, whole4),
		path("fragments v6 to the recorder", atStack, both(half6(camALink, recorderLink)), class{alone: "-----SSSS--", all: "L3|input"}),
		path("fragments of an unknown device", atOutside, func(tag string) []posted {
			p := both(half4(rogueIP, farIP))(tag)
			for i := range p {
				p[i].from = rogueD
				copy(p[i].frame[6:], rogueMAC)
			}
			return p
		}, whole4).forged("unknown-device"),
		path("packet in one fragment v6", atOutside, a(func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6,
				fragment6(camA6, farIP6, tagNumber(tag), 0, false, udp6(camA6, farIP6, 4000, 443, tag)))
		}), whole6),
	}
}

// framePaths are frames that are not plain IP or ARP.
func framePaths() []probe {
	priority := class{alone: "--S-b-SSS-b", all: "L1|lateral"}
	notRouted := class{alone: "bbSbbbbbbbb", all: "L1|lateral"}
	const noVLAN = "nobody made this VLAN's interface on the recorder"
	lldp := mustMAC("01:80:c2:00:00:0e")
	return []probe{
		path("priority-tagged udp", atOutside, a(func(tag string) []byte { return tagged(0, v4(farIP, 17, datagram(80))(tag)) }), priority),
		path("priority-tagged udp v6", atOutside, a(func(tag string) []byte {
			return tagged(0, v6(farIP6, 17, datagram6(camA6, farIP6, 80))(tag))
		}), class{alone: "--S-b-SSS--", all: "L1|lateral"}),
		path("priority service tag", atOutside, a(inVLAN(serviceTag, 0, v4(farIP, 17, datagram(80)))), priority),
		path("priority-tagged to the recorder", atService, a(inVLAN(customerTag, 0, v4(recorderIP, 17, datagram(openPort)))), class{alone: "--S----SS--", all: "L1|lateral"}),
		path("VLAN", atOutside, a(inVLAN(customerTag, 5, v4(farIP, 17, datagram(80)))), notRouted).neverFor(noVLAN),
		path("service VLAN", atOutside, a(inVLAN(serviceTag, 5, v4(farIP, 17, datagram(80)))), notRouted).neverFor(noVLAN),
		path("double tag, outer of priority", atOutside, a(inVLAN(customerTag, 0, inVLAN(customerTag, 5, v4(farIP, 17, datagram(80))))), notRouted).neverFor(noVLAN),
		path("two priority tags", atOutside, a(inVLAN(customerTag, 0, inVLAN(customerTag, 0, v4(farIP, 17, datagram(80))))), priority),
		path("lateral foreign multicast", atCamB, a(raw(mustMAC("01:00:5e:7f:ff:fa"), 0x88cc)), foreignToAll),
		path("foreign broadcast", atCamB, a(raw(broadcast, 0x88b5)), foreignToAll),
		path("LLDP", atCamB, a(raw(lldp, 0x88cc)), foreignToAll),
		path("spanning tree", atCamB, a(func(tag string) []byte {
			return ether(mustMAC("01:80:c2:00:00:00"), camAMAC, 38, []byte("\x42\x42\x03"+tag))
		}), foreignToAll),
		path("pause frame", atCamB, a(raw(mustMAC("01:80:c2:00:00:01"), 0x8808)), class{alone: "bbbbbbbbbbb"}).neverFor("a bridge forwards no pause frame"),
		path("EAPOL", atCamB, a(raw(mustMAC("01:80:c2:00:00:03"), 0x888e)), class{alone: "bbbbbbbbbbb"}).neverFor("a bridge forwards no frame to 01:80:c2:00:00:03"),
		path("Cisco discovery", atCamB, a(raw(mustMAC("01:00:0c:cc:cc:cc"), 0x2000)), foreignToAll),
		path("PTP", atCamB, a(raw(mustMAC("01:1b:19:00:00:00"), 0x88f7)), foreignToAll),
		path("tagged broadcast", atCamB, a(inVLAN(customerTag, 5, as4(broadcast, camAMAC, camAIP, "255.255.255.255", datagram(80)))), lateral),
		path("service-tagged broadcast", atCamB, a(inVLAN(serviceTag, 5, as4(broadcast, camAMAC, camAIP, "255.255.255.255", datagram(80)))), foreignToAll),
		path("tagged ARP", atCamB, a(inVLAN(customerTag, 5, func(tag string) []byte {
			return ether(broadcast, camAMAC, unix.ETH_P_ARP, arpPacket(arpAnswer, camAMAC, recorderIP, broadcast, recorderIP, tag))
		})), lateral),
		path("wake-on-LAN", atCamB, a(raw(broadcast, 0x0842)), foreignToAll),
		path("reverse ARP", atCamB, a(func(tag string) []byte {
			return ether(broadcast, camAMAC, 0x8035, arpPacket(3, camAMAC, camAIP, camAMAC, camAIP, tag))
		}), foreignToAll),
		path("IPX", atCamB, a(raw(broadcast, 0x8137)), foreignToAll),
	}
}
