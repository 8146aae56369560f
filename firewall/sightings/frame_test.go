package sightings

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

var (
	camera   = nflog.MAC{2, 0, 0, 0, 0, 0x11}
	stranger = nflog.MAC{2, 0, 0, 0, 0, 0x99}
	recorder = netip.MustParseAddr("10.20.0.1")
	cameraIP = netip.MustParseAddr("10.20.1.11")
	otherIP  = netip.MustParseAddr("10.20.1.99")
)

// arpOf is an ARP message from a device.
func arpOf(op byte, from nflog.MAC, fromIP, whom netip.Addr) []byte {
	f := question(from, fromIP, whom)
	f[21] = op
	return f
}

// dhcpOf is what a DHCP client says, with options as they stand on the wire.
func dhcpOf(from nflog.MAC, options string) []byte {
	m := make([]byte, bootpLength, bootpLength+len(options))
	m[0], m[1], m[2] = bootpRequest, 1, 6
	copy(m[28:], from[:])
	binary.BigEndian.PutUint32(m[236:], dhcpCookie)
	m = append(m, options...)
	p := make([]byte, 28, 28+len(m))
	p[0], p[8], p[9] = 0x45, 64, protoUDP
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(m)))
	copy(p[16:], []byte{255, 255, 255, 255})
	binary.BigEndian.PutUint16(p[20:], portClient)
	binary.BigEndian.PutUint16(p[22:], portServer)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(m)))
	f := append([]byte{255, 255, 255, 255, 255, 255}, from[:]...)
	return append(append(f, 8, 0), append(p, m...)...)
}

const helloOptions = "\x35\x01\x01\x00\x32\x04\x0a\x14\x01\x63\x0c\x05IPCAM\x3c\x0a\x1b[31mudhcp\x37\x04\x01\x03\x06\x2a\x3d\x03\x01\xab\xcd\xff"

// offerOf is what a DHCP server says.
func offerOf(from nflog.MAC, options string) []byte {
	f := dhcpOf(from, options)
	copy(f[etherHeader+12:], otherIP.AsSlice())
	binary.BigEndian.PutUint16(f[etherHeader+20:], portServer)
	binary.BigEndian.PutUint16(f[etherHeader+22:], portClient)
	f[etherHeader+28] = bootpReply
	return f
}

func TestFramesAreReadAsTheyWereMeant(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  frame
		fails bool
	}{
		{"a question", arpOf(arpRequest, camera, cameraIP, recorder), frame{src: camera, arp: true, claims: cameraIP, claimant: camera, asks: recorder}, false},
		{"an answer", arpOf(arpReply, stranger, otherIP, cameraIP), frame{src: stranger, arp: true, reply: true, claims: otherIP, claimant: stranger, asks: cameraIP}, false},
		{"a probe", arpOf(arpRequest, camera, netip.IPv4Unspecified(), cameraIP), frame{src: camera, arp: true, claimant: camera, asks: cameraIP}, false},
		{"a claim to a group's address", arpOf(arpReply, camera, netip.MustParseAddr("224.0.0.1"), cameraIP), frame{src: camera, arp: true, reply: true, claimant: camera, asks: cameraIP}, false},
		{"ARP cut short", arpOf(arpRequest, camera, cameraIP, recorder)[:41], frame{}, true},
		{"ARP of another kind", arpOf(9, camera, cameraIP, recorder), frame{}, true},
		{"from a group's address", arpOf(arpRequest, nflog.MAC{1}, cameraIP, recorder), frame{}, true},
		{"DHCP", dhcpOf(stranger, helloOptions), frame{src: stranger, wants: otherIP, Fingerprint: Fingerprint{"IPCAM", "1,3,6,42", "[31mudhcp", "01abcd"}}, false},
		{"DHCP that breaks off", dhcpOf(stranger, "\x0c\x05IPCAM\x3c\xf0short"), frame{src: stranger, Fingerprint: Fingerprint{Name: "IPCAM"}}, false},
		{"DHCP that takes an offer", dhcpOf(stranger, "\x36\x04\x0a\x14\x01\x63"), frame{src: stranger, server: otherIP}, false},
		{"a DHCP server", offerOf(stranger, "\x0c\x05IPCAM\x36\x04\x0a\x14\x00\x01"), frame{src: stranger, serves: true, server: recorder}, false},
		{"a DHCP server that says nothing", offerOf(stranger, ""), frame{src: stranger, serves: true, server: otherIP}, false},
		{"DHCP without options", dhcpOf(stranger, ""), frame{src: stranger}, false},
		{"DHCP cut short", dhcpOf(stranger, "")[:200], frame{}, true},
		{"neither", append(make([]byte, 12), 0x88, 0xb5), frame{}, true},
		{"nothing", nil, frame{}, true},
	} {
		got, err := parseFrame(c.frame)
		if (err != nil) != c.fails || err == nil && got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
	long, _ := parseFrame(dhcpOf(stranger, "\x0c\xf0"+strings.Repeat("한", 80)))
	if long.Name == "" || len(long.Name) > maxText || strings.ToValidUTF8(long.Name, "") != long.Name {
		t.Errorf("a long name became %q", long.Name)
	}
}

// TestFilterLetsNoStreamPass runs the kernel's program: what it copies and what not.
func TestFilterLetsNoStreamPass(t *testing.T) {
	rtp := dhcpOf(camera, "")
	binary.BigEndian.PutUint16(rtp[etherHeader+20:], 5004)
	between := dhcpOf(camera, "") // relays and servers
	binary.BigEndian.PutUint16(between[etherHeader+20:], portServer)
	fragment := dhcpOf(camera, "")
	fragment[etherHeader+7] = 1
	tcp := dhcpOf(camera, "")
	tcp[etherHeader+9] = 6
	options := dhcpOf(camera, helloOptions)
	options = append(options[:etherHeader+20:etherHeader+20], append([]byte{1, 1, 1, 1}, options[etherHeader+20:]...)...)
	options[etherHeader] = 0x46
	for _, c := range []struct {
		name            string
		frame           []byte
		port, elsewhere bool
	}{
		{"ARP", arpOf(arpRequest, camera, cameraIP, recorder), true, true},
		{"DHCP client", dhcpOf(camera, helloOptions), true, false},
		{"DHCP client behind IP options", options, true, false},
		{"DHCP server", offerOf(camera, ""), true, false},
		{"DHCP between servers", between, false, false},
		{"RTP", rtp, false, false},
		{"TCP", tcp, false, false},
		{"a later fragment", fragment, false, false},
		{"IPv6", append(make([]byte, 12), 0x86, 0xdd, 0x60, 0, 0, 0), false, false},
		{"a few bytes", []byte{1, 2, 3}, false, false},
	} {
		for port, want := range map[bool]bool{true: c.port, false: c.elsewhere} {
			raw, err := filter(port)
			if err != nil {
				t.Fatal(err)
			}
			program, whole := bpf.Disassemble(raw)
			if !whole {
				t.Fatal("the program does not come back")
			}
			program[0] = bpf.LoadConstant{Val: 0} // no tag: that extension is the kernel's
			vm, err := bpf.NewVM(program)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := vm.Run(c.frame); err != nil || (n > 0) != want {
				t.Errorf("%s, camera port %v: %d bytes pass, %v", c.name, port, n, err)
			}
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(arpOf(arpRequest, camera, cameraIP, recorder))
	f.Add(dhcpOf(stranger, helloOptions))
	f.Add(offerOf(stranger, helloOptions))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFrame(b)
		if err != nil {
			return
		}
		isPlain(t, got.Fingerprint)
		for _, ip := range []netip.Addr{got.claims, got.asks, got.wants, got.server} {
			if ip.IsValid() && !usable(ip) {
				t.Errorf("%s is nobody's address", ip)
			}
		}
	})
}
