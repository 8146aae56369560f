package firewall_test

import (
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// Words of the table of paths: who sends what.

func onWire(pick func(*lab) *wire, frame func(tag string) []byte) func(string) []posted {
	return func(tag string) []posted { return []posted{{pick, frame(tag)}} }
}

func camA(l *lab) *wire   { return l.camA }
func camB(l *lab) *wire   { return l.camB }
func rogueD(l *lab) *wire { return l.rogue }
func far(l *lab) *wire    { return l.out }

func a(frame func(string) []byte) func(string) []posted     { return onWire(camA, frame) }
func b(frame func(string) []byte) func(string) []posted     { return onWire(camB, frame) }
func rogue(frame func(string) []byte) func(string) []posted { return onWire(rogueD, frame) }
func o(frame func(string) []byte) func(string) []posted     { return onWire(far, frame) }

// v4 and v6 are frames of camera A to the recorder's MAC, as to a gateway.
func v4(dst string, proto byte, payload func(tag string) []byte) func(tag string) []byte {
	return from4(bridgeMAC, camAMAC, camAIP, dst, proto, payload)
}

func v6(dst string, next byte, payload func(tag string) []byte) func(tag string) []byte {
	return from6(bridgeMAC, camAMAC, camA6, dst, next, payload)
}

func from4(eth, mac net.HardwareAddr, src, dst string, proto byte, payload func(string) []byte) func(string) []byte {
	return func(tag string) []byte {
		return ether(eth, mac, unix.ETH_P_IP, ip4(src, dst, proto, payload(tag)))
	}
}

func from6(eth, mac net.HardwareAddr, src, dst string, next byte, payload func(string) []byte) func(string) []byte {
	return func(tag string) []byte {
		return ether(eth, mac, unix.ETH_P_IPV6, ip6(src, dst, next, payload(tag)))
	}
}

// odd4 is a frame of camera A with options in its IP header, or a changed header.
func odd4(dst string, options []byte, change func([]byte)) func(string) []byte {
	return func(tag string) []byte {
		return ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4odd(camAIP, dst, 17, options, udp(4000, openPort, tag), change))
	}
}

func datagram(port uint16) func(string) []byte {
	return func(tag string) []byte { return udp(4000, port, tag) }
}

// says is a datagram with more than a tag in it.
func says(sport, dport uint16, text func(tag string) string) func(string) []byte {
	return func(tag string) []byte { return udp(sport, dport, text(tag)) }
}

// datagram6 is the same between two IPv6 addresses.
func datagram6(src, dst string, port uint16) func(string) []byte {
	return func(tag string) []byte { return udp6(src, dst, 4000, port, tag) }
}

func as4(eth, mac net.HardwareAddr, src, dst string, payload func(string) []byte) func(string) []byte {
	return from4(eth, mac, src, dst, 17, payload)
}

// bare is a tag behind some zero bytes, for protocols of which nobody looks at more.
func bare(zeros int) func(string) []byte {
	return func(tag string) []byte { return append(make([]byte, zeros), tag...) }
}

// raw is a frame of camera A of any type.
func raw(dst net.HardwareAddr, kind uint16) func(string) []byte {
	return func(tag string) []byte { return ether(dst, camAMAC, kind, []byte(tag)) }
}

// tag puts a VLAN tag around what a frame is.
func inVLAN(kind, vid uint16, frame func(string) []byte) func(string) []byte {
	return func(tag string) []byte { return stacked(kind, vid, frame(tag)) }
}

// local is a datagram that the recorder itself sends.
func local(src, dst string, port int) func(*lab, string) {
	return func(_ *lab, tag string) {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(src)}, &net.UDPAddr{IP: net.ParseIP(dst), Port: port})
		if err != nil {
			return // refused at connect is blocked, too
		}
		defer c.Close()
		_, _ = c.Write([]byte(tag)) // L5 answers with EPERM
	}
}

// halves sends the first fragment of a packet from camera A and the last one
// from a host behind the uplink, as two that work together do.
func halves(half func(tag string, last bool) []byte) func(string) []posted {
	return func(tag string) []posted {
		return []posted{{camA, half(tag, false)}, {far, half(tag, true)}}
	}
}

// both sends both fragments from camera A.
func both(half func(tag string, last bool) []byte) func(string) []posted {
	return func(tag string) []posted {
		last := half(tag, true)
		copy(last, bridgeMAC)
		copy(last[6:], camAMAC)
		return []posted{{camA, half(tag, false)}, {camA, last}}
	}
}

// half4 is one of two fragments; the first has the datagram's header and the tag.
func half4(src, dst string) func(tag string, last bool) []byte {
	return func(tag string, last bool) []byte {
		whole := udp(4000, openPort, tag+strings.Repeat("x", 18)) // 32 bytes, cut after 16
		id := uint16(tagNumber(tag))
		if last {
			return ether(upMAC, outMAC, unix.ETH_P_IP, fragment4(src, dst, id, 2, false, whole[16:]))
		}
		return ether(bridgeMAC, camAMAC, unix.ETH_P_IP, fragment4(src, dst, id, 0, true, whole[:16]))
	}
}

// half6 has its fragment header behind another one.
func half6(src, dst string) func(tag string, last bool) []byte {
	return func(tag string, last bool) []byte {
		whole := udp6(src, dst, 4000, openPort, tag+strings.Repeat("x", 18))
		if last {
			return ether(upMAC, outMAC, unix.ETH_P_IPV6, fragment6(src, dst, tagNumber(tag), 2, false, whole[16:]))
		}
		return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, fragment6(src, dst, tagNumber(tag), 0, true, whole[:16]))
	}
}

// healed lets those whose MAC was forged speak afterwards, or the bridge would
// take them for where the forger is, and other paths would lead there.
func healed(frames func(string) []posted) func(string) []posted {
	return func(tag string) []posted {
		return append(frames(tag),
			posted{camA, as4(bridgeMAC, camAMAC, camAIP, recorderIP, datagram(53))("")},
			posted{camB, as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53))("")},
			posted{rogueD, as4(bridgeMAC, rogueMAC, rogueIP, recorderIP, datagram(53))("")})
	}
}

// askAll asks everybody by ARP for an address that nobody has.
func askAll(mac net.HardwareAddr, ip string) func(string) []byte {
	return func(tag string) []byte {
		return ether(broadcast, mac, unix.ETH_P_ARP, arpPacket(arpAsk, mac, ip, make([]byte, 6), "10.20.7.7", tag))
	}
}
