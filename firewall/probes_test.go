package firewall_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// judge says where a probe counts as leaked.
type judge int

const (
	atOutside judge = iota
	atCamB
	atCamA
	atRogue
	atService // a socket of the recorder
)

// probe is one leak path. alone gives, per layer loaded alone in the order of
// soloParts, whether it lets through (-), blocks unseen (b), blocks and logs
// (S), or logs what the recorder got while the peer got it too (s); all is the hit that is expected with everything loaded.
type probe struct {
	name  string
	at    judge
	send  func(l *lab, tag string)
	alone string
	all   string
}

// from sends a frame from a camera, with the tag in it.
func from(pick func(*lab) *wire, frame func(tag string) []byte) func(*lab, string) {
	return func(l *lab, tag string) { pick(l).send(l.t, frame(tag)) }
}

func a(frame func(tag string) []byte) func(*lab, string) {
	return from(func(l *lab) *wire { return l.camA }, frame)
}

func rogue(frame func(tag string) []byte) func(*lab, string) {
	return from(func(l *lab) *wire { return l.rogue }, frame)
}

// v4 and v6 are frames of camera A to the recorder's MAC, as to a gateway.
func v4(dst string, proto byte, payload func(tag string) []byte) func(tag string) []byte {
	return func(tag string) []byte {
		return ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, dst, proto, payload(tag)))
	}
}

func v6(dst string, next byte, payload func(tag string) []byte) func(tag string) []byte {
	return func(tag string) []byte {
		return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip6(camA6, dst, next, payload(tag)))
	}
}

func datagram(port uint16) func(string) []byte {
	return func(tag string) []byte { return udp(4000, port, tag) }
}

func as4(eth, mac net.HardwareAddr, src, dst string, payload func(string) []byte) func(string) []byte {
	return func(tag string) []byte {
		return ether(eth, mac, unix.ETH_P_IP, ip4(src, dst, 17, payload(tag)))
	}
}

func local(src, dst string, port int) func(*lab, string) {
	return func(l *lab, tag string) {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(src)}, &net.UDPAddr{IP: net.ParseIP(dst), Port: port})
		if err != nil {
			return // refused at connect is blocked, too
		}
		defer c.Close()
		_, _ = c.Write([]byte(tag)) // L5 answers with EPERM
	}
}

// probes are every way out of a camera, to another one, and into the recorder.
func probes() []probe {
	multicastMAC := mustMAC("01:00:5e:7f:ff:fa")
	allNodes := mustMAC("33:33:00:00:00:01")
	return []probe{
		// columns: isolation, bridge PREROUTING, bridge FORWARD, routing rules, fragments, raw, mangle, INPUT and FORWARD, OUTPUT
		{"udp", atOutside, a(v4(farIP, 17, datagram(32100))), "---b-SSS-", "L3|egress"},
		{"tcp", atOutside, a(v4(farIP, 6, func(tag string) []byte { return syn(4000, 443, tag) })), "---b-SSS-", "L3|egress"},
		{"icmp", atOutside, a(v4(farIP, 1, echo)), "---b-SSS-", "L3|egress"},
		{"gre", atOutside, a(v4(farIP, 47, func(tag string) []byte { return append(make([]byte, 4), tag...) })), "---b-SSS-", "L3|egress"},
		{"udp v6", atOutside, a(v6(farIP6, 17, func(tag string) []byte { return udp6(camA6, farIP6, 4000, 443, tag) })), "---b-SSS-", "L3|egress"},
		{"icmp v6", atOutside, a(v6(farIP6, 58, func(tag string) []byte { return echo6(camA6, farIP6, tag) })), "---b-SSS-", "L3|egress"},
		{"priority-tagged udp", atOutside, a(func(tag string) []byte { return tagged(0, v4(farIP, 17, datagram(80))(tag)) }), "-S-b-SSS-", "L1|lateral"},
		{"spoofed address, foreign", atOutside, a(as4(bridgeMAC, camAMAC, "8.8.8.8", farIP, datagram(80))), "---b-SSS-", "L1|unknown-device"},
		{"spoofed address, camera B's", atOutside, a(as4(bridgeMAC, camAMAC, camBIP, farIP, datagram(80))), "---b-SSS-", "L1|spoof"},
		{"spoofed MAC", atOutside, a(as4(bridgeMAC, rogueMAC, camAIP, farIP, datagram(80))), "---b-SSS-", "L1|spoof"},
		{"unknown device", atOutside, rogue(as4(bridgeMAC, rogueMAC, rogueIP, farIP, datagram(80))), "---b-SSS-", "L1|unknown-device"},
		{"hairpin to camera B", atCamB, a(as4(bridgeMAC, camAMAC, camAIP, camBIP, datagram(80))), "---b-SSS-", "L3|lateral"},

		{"spoofed address to our DNS", atService, a(as4(bridgeMAC, camAMAC, camBIP, recorderIP, datagram(53))), "-----SSS-", "L1|spoof"},
		{"unknown device to our DNS", atService, rogue(as4(bridgeMAC, rogueMAC, rogueIP, recorderIP, datagram(53))), "-----SSS-", "L1|unknown-device"},
		{"recorder's other address", atService, a(v4(otherIP, 17, datagram(openPort))), "-----SSS-", "L3|egress"},
		{"recorder's closed port", atService, a(v4(recorderIP, 17, datagram(openPort))), "------SS-", "L4|input"},
		{"recorder's closed port v6", atService, a(func(tag string) []byte {
			return ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip6(camALink, recorderLink, 17, udp6(camALink, recorderLink, 4000, openPort, tag)))
		}), "-----SSS-", "L3|input"},
		{"recorder's other address v6", atService, a(v6("2001:db8:1::1", 17, func(tag string) []byte { return udp6(camA6, "2001:db8:1::1", 4000, openPort, tag) })), "-----SSS-", "L3|egress"},
		{"multicast to the recorder", atService, a(as4(multicastMAC, camAMAC, camAIP, "239.255.255.250", datagram(1900))), "--s--SSS-", "L3|chatter"},
		{"broadcast to the recorder", atService, a(as4(broadcast, camAMAC, camAIP, "255.255.255.255", datagram(openPort))), "--s--SSS-", "L3|chatter"},

		{"lateral v4", atCamB, a(as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80))), "bSS------", "L1|lateral"},
		{"lateral v6", atCamB, a(func(tag string) []byte {
			return ether(camBMAC, camAMAC, unix.ETH_P_IPV6, ip6(camALink, camBLink, 17, udp6(camALink, camBLink, 1, 2, tag)))
		}), "bSS------", "L1|lateral"},
		{"lateral raw ethertype", atCamB, a(func(tag string) []byte { return ether(camBMAC, camAMAC, 0x88b5, []byte(tag)) }), "bSS------", "L1|lateral"},
		{"lateral ARP", atCamB, a(func(tag string) []byte { return ether(camBMAC, camAMAC, unix.ETH_P_ARP, arpAnswer(tag)) }), "bSS------", "L1|spoof"},
		{"lateral VLAN", atCamB, a(func(tag string) []byte {
			return tagged(5, as4(camBMAC, camAMAC, camAIP, camBIP, datagram(80))(tag))
		}), "bSS------", "L1|lateral"},
		{"lateral broadcast", atCamB, a(as4(broadcast, camAMAC, camAIP, "10.20.255.255", datagram(80))), "b-S--sss-", "L3|chatter"},
		{"lateral multicast", atCamB, a(as4(multicastMAC, camAMAC, camAIP, "239.255.255.250", datagram(1900))), "b-S--sss-", "L3|chatter"},
		{"lateral foreign multicast", atCamB, a(func(tag string) []byte { return ether(multicastMAC, camAMAC, 0x88cc, []byte(tag)) }), "bSS------", "L1|chatter"},
		{"lateral RA", atCamB, a(func(tag string) []byte {
			return ether(allNodes, camAMAC, unix.ETH_P_IPV6, ip6(camALink, "ff02::1", 58, routerAdvert(camALink, "ff02::1", tag)))
		}), "b-S--sss-", "L3|chatter"},

		{"fragment completed from outside", atOutside, halves(half4("198.51.100.9", farIP)), "----S----", "L1|unknown-device"},
		{"fragment completed from outside v6", atOutside, halves(half6("2001:db8:99::9", farIP6)), "----S----", "L3|egress"},
		{"fragment for the recorder's other address", atService, halves(half4("198.51.100.9", otherIP)), "----S----", "L1|unknown-device"},
		{"fragment in a priority-tagged frame", atOutside, halves(func(tag string, last bool) []byte {
			f := half4("198.51.100.9", farIP)(tag, last)
			if last {
				return f
			}
			return tagged(0, f)
		}), "-S--S----", "L1|lateral"},

		{"outside to camera", atCamA, func(l *lab, tag string) {
			l.out.send(l.t, ether(upMAC, outMAC, unix.ETH_P_IP, ip4(farIP, camAIP, 17, udp(1, 554, tag))))
		}, "---b-S-S-", "L3|output"},
		{"camera-side source to outside", atOutside, local(recorderIP, farIP, 80), "--------S", "L5|output"},
		{"recorder to an unpinned device", atRogue, local(recorderIP, rogueIP, 80), "--------S", "L5|output"},
	}
}

// halves sends the first fragment of a packet from camera A and the last one
// from a host behind the uplink, as two that work together do.
func halves(half func(tag string, last bool) []byte) func(*lab, string) {
	return func(l *lab, tag string) {
		l.camA.send(l.t, half(tag, false))
		l.out.send(l.t, half(tag, true))
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

// arpAnswer claims camera B's address for camera A, with the tag behind it.
func arpAnswer(tag string) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, 2}
	p = append(append(p, camAMAC...), net.ParseIP(camBIP).To4()...)
	p = append(append(p, camBMAC...), net.ParseIP(camBIP).To4()...)
	return append(p, tag...)
}

// outcome of one probe: how many of its packets arrived where they must not, and their hits.
type outcome struct {
	sent, leaked int
	hits         []string // LAYER|REASON, without repeats
}

const perProbe = 3

// runProbes sends every probe and tells what became of each.
func (l *lab) runProbes(hits *hitReader) map[string]outcome {
	l.t.Helper()
	sent := map[string][]string{}
	for _, p := range probes() {
		for range perProbe {
			tag := newTag()
			p.send(l, tag)
			sent[p.name] = append(sent[p.name], tag)
		}
	}
	l.settle()
	if hits != nil {
		hits.settle(l)
	}
	results := map[string]outcome{}
	for _, p := range probes() {
		var o outcome
		for _, tag := range sent[p.name] {
			o.sent++
			if l.place(p.at).count(tag) > 0 {
				o.leaked++
			}
			if hits != nil {
				o.hits = append(o.hits, hits.of(tag)...)
			}
		}
		o.hits = unique(o.hits)
		results[p.name] = o
	}
	return results
}

func (l *lab) place(j judge) *sightings {
	switch j {
	case atCamA:
		return l.camA.saw
	case atCamB:
		return l.camB.saw
	case atRogue:
		return l.rogue.saw
	case atService:
		return l.service
	}
	return l.out.saw
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !strings.Contains("\n"+strings.Join(out, "\n")+"\n", "\n"+s+"\n") {
			out = append(out, s)
		}
	}
	return out
}

// leaks lists the probes that got through at all.
func leaks(results map[string]outcome) (names []string) {
	for _, p := range probes() {
		if results[p.name].leaked > 0 {
			names = append(names, p.name)
		}
	}
	return names
}

// proveLeaks is what every leak test begins with: unprotected, each path is open but for those named.
func (l *lab) proveLeaks(t *testing.T, but ...string) {
	t.Helper()
	results := l.runProbes(nil)
	for _, p := range probes() {
		if o := results[p.name]; o.leaked == 0 && !slices.Contains(but, p.name) {
			t.Errorf("%s: does not leak with protection off: the test proves nothing", p.name)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
