package firewall_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// service is what must go on with everything in force. Where one is lost, a
// rule does too much, or one that makes way for it is gone.
type service struct {
	name string
	ask  func(l *lab, tag string)
	got  func(l *lab, tag string) bool
}

// services are asked with one packet each, whose tag must arrive.
func services() []service {
	on := func(at *sightings, tag string) bool { return at.count(tag) > 0 }
	sends := func(p func(string) []posted) func(*lab, string) {
		return func(l *lab, tag string) { probe{frames: p}.send(l, tag) }
	}
	home := func(l *lab, tag string) bool { return on(l.home, tag) }
	stack := func(l *lab, tag string) bool { return on(l.stack, tag) }
	here := func(l *lab, tag string) bool { return on(l.service, tag) }
	tcp := func(dst string) func(string) []posted {
		return a(v4(dst, 6, func(tag string) []byte {
			return summed(camAIP, dst, syn(uint16(1024+tagNumber(tag)%60000), 53, tag)) // a connection of its own each time
		}))
	}
	lease := func(tag string) string { return dhcp(1, tag) }
	lost := func(mac net.HardwareAddr) func(string) []byte {
		return as4(broadcast, mac, "0.0.0.0", "255.255.255.255", says(68, 67, lease))
	}
	return []service{
		{"DNS", sends(a(v4(recorderIP, 17, datagram(53)))), home},
		{"DNS of others", sends(a(v4("8.8.8.8", 17, datagram(53)))), home},
		{"DNS over TCP", sends(tcp(recorderIP)), stack},
		{"DNS over TCP of others", sends(tcp("8.8.8.8")), stack},
		{"NTP", sends(a(v4(recorderIP, 17, datagram(123)))), home},
		{"NTP of others", sends(a(v4("8.8.8.8", 17, datagram(123)))), home},
		{"DHCP question", sends(func(tag string) []posted { // of a device that is bound to its port, and of one that is not
			return []posted{{camA, lost(camAMAC)(tag)}, {camB, lost(camBMAC)(tag)}}
		}), func(l *lab, tag string) bool { return l.stack.count(tag) == 2 }},
		{"DHCP renewal", sends(a(v4(recorderIP, 17, says(68, 67, lease)))), stack},
		{"RTP over UDP", sends(a(v4(recorderIP, 17, says(rtpPort, flowPort, plain)))), func(l *lab, tag string) bool { return on(l.answers, tag) }},
		{"recorder to camera B", local(recorderIP, camBIP, 80), func(l *lab, tag string) bool { return on(l.camB.saw, tag) }},
		{"recorder to the outside", local(otherIP, farIP, 80), func(l *lab, tag string) bool { return on(l.out.saw, tag) }},
		{"DNS of camera B", sends(b(as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53)))), home},
		{"ARP of camera A", asks(camA, camAMAC, camAIP), answered(camA)},
		{"ARP of camera B", asks(camB, camBMAC, camBIP), answered(camB)},
		{"what is for camera B goes there", func(l *lab, tag string) {
			l.camA.send(l.t, from6(bridgeMAC, camBMAC, camB6, farIP6, 17, datagram6(camB6, farIP6, 80))(newTag()))
			local(recorderIP, camBIP, 80)(l, tag)
			l.camB.send(l.t, as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53))("")) // it speaks, and is found again
		}, func(l *lab, tag string) bool { return on(l.camB.saw, tag) }},
		{"outside to the recorder", sends(o(as4(upMAC, outMAC, farIP, otherIP, datagram(openPort)))), here},
		{"the box to itself", local(recorderIP, recorderIP, openPort), here},
		{"the box to itself v6", local(recorder6, recorder6, openPort), here},
	}
}

// How long a conversation may take: it takes a millisecond where it is let.
const conversation = 500 * time.Millisecond

// talks are the services that take more than a packet: a TCP session with the
// camera, and its word that a port is closed.
func talks() map[string]func(t *testing.T) bool {
	return map[string]func(t *testing.T) bool{
		"TCP session": func(t *testing.T) bool { return askTCP(t, camAIP+":554", conversation) != "" },
		"port unreachable": func(*testing.T) bool {
			c, err := net.Dial("udp4", camAIP+":7777")
			if err != nil {
				return false
			}
			defer c.Close()
			if _, err := c.Write([]byte("anybody there?")); err != nil {
				return false
			}
			if err := c.SetReadDeadline(time.Now().Add(conversation)); err != nil {
				return false
			}
			_, err = c.Read(make([]byte, 1))
			return errors.Is(err, syscall.ECONNREFUSED)
		},
	}
}

// arpSeen stands for a tag: what a wire sees of answers to ARP, which carry none.
const arpSeen = "answer to ARP"

// asks asks the recorder by ARP for its address.
func asks(pick func(*lab) *wire, mac net.HardwareAddr, ip string) func(*lab, string) {
	return func(l *lab, _ string) {
		pick(l).saw.forget(arpSeen)
		pick(l).send(l.t, ether(broadcast, mac, unix.ETH_P_ARP, arpPacket(arpAsk, mac, ip, make([]byte, 6), recorderIP, "")))
	}
}

func answered(pick func(*lab) *wire) func(*lab, string) bool {
	return func(l *lab, _ string) bool { return pick(l).saw.count(arpSeen) > 0 }
}
