package sightings

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Numbers of Ethernet, IPv4, ARP (RFC 826), BOOTP and DHCP (RFC 951, 2131, 2132).
const (
	etherHeader = 14
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	protoUDP    = 17
	portServer  = 67
	portClient  = 68

	arpLength  = 28
	arpRequest = 1
	arpReply   = 2

	bootpRequest = 1
	bootpReply   = 2
	bootpLength  = 240 // with the cookie that says that options follow
	dhcpCookie   = 0x63825363

	optionPad        = 0
	optionHostName   = 12
	optionWanted     = 50
	optionServer     = 54
	optionParameters = 55
	optionClass      = 60
	optionClient     = 61
	optionEnd        = 255
)

// Bounds of what a device says of itself.
const (
	maxText   = 64 // bytes of a text
	maxCodes  = 48 // options that it asks for
	maxClient = 32 // bytes of its identifier
)

// errFrame says that a frame is not what the filter should have let through, or
// contradicts itself. It is normal: devices may send anything.
var errFrame = errors.New("neither ARP nor DHCP")

// frame is what is read from a frame.
type frame struct {
	src nflog.MAC // of the Ethernet header: what the switch goes by

	// Of ARP.
	arp      bool
	reply    bool
	claims   netip.Addr // the sender's own address, as it says; not valid in a probe
	claimant nflog.MAC  // the hardware address that it names for it
	asks     netip.Addr // whom it looks for; the sender's own in a probe or an announcement

	// Of DHCP.
	wants  netip.Addr // the address that it has or asks for
	serves bool       // a server's message
	server netip.Addr // whose offer it takes; of a server's message, who that is
	Fingerprint
}

// parseFrame reads a whole Ethernet frame without tag.
func parseFrame(b []byte) (frame, error) {
	if len(b) < etherHeader {
		return frame{}, errFrame
	}
	f := frame{src: nflog.MAC(b[6:12])}
	if f.src[0]&1 != 0 || f.src.IsZero() {
		return frame{}, errFrame // no device sends from a group's address
	}
	switch binary.BigEndian.Uint16(b[12:]) {
	case etherARP:
		return f, f.readARP(b[etherHeader:])
	case etherIPv4:
		return f, f.readDHCP(b[etherHeader:])
	}
	return frame{}, errFrame
}

func (f *frame) readARP(p []byte) error {
	if len(p) < arpLength || binary.BigEndian.Uint16(p) != 1 || binary.BigEndian.Uint16(p[2:]) != etherIPv4 || p[4] != 6 || p[5] != 4 {
		return errFrame
	}
	op := binary.BigEndian.Uint16(p[6:])
	if op != arpRequest && op != arpReply {
		return errFrame
	}
	f.arp, f.reply = true, op == arpReply
	f.claimant = nflog.MAC(p[8:14])
	if ip := netip.AddrFrom4([4]byte(p[14:18])); usable(ip) {
		f.claims = ip
	}
	if ip := netip.AddrFrom4([4]byte(p[24:28])); usable(ip) {
		f.asks = ip
	}
	return nil
}

// usable reports whether an address may be a device's.
func usable(ip netip.Addr) bool {
	return ip.Is4() && ip.IsGlobalUnicast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// readDHCP reads what a DHCP client or server says in an unfragmented datagram.
func (f *frame) readDHCP(p []byte) error {
	if len(p) < 20 || p[0]>>4 != 4 || p[9] != protoUDP || binary.BigEndian.Uint16(p[6:])&0x1fff != 0 {
		return errFrame
	}
	header := int(p[0]&0x0f) * 4
	if header < 20 || len(p) < header+8 {
		return errFrame
	}
	op := byte(bootpRequest)
	switch from, to := binary.BigEndian.Uint16(p[header:]), binary.BigEndian.Uint16(p[header+2:]); {
	case from == portClient && to == portServer:
	case from == portServer && to == portClient:
		op = bootpReply
	default:
		return errFrame
	}
	m := p[header+8:]
	if len(m) < bootpLength || m[0] != op || m[1] != 1 || m[2] != 6 || binary.BigEndian.Uint32(m[236:]) != dhcpCookie {
		return errFrame
	}
	f.readOptions(m[bootpLength:])
	if op == bootpReply { // what it tells of is another device
		from := netip.AddrFrom4([4]byte(p[12:16]))
		if !f.server.IsValid() && usable(from) {
			f.server = from
		}
		*f = frame{src: f.src, serves: true, server: f.server}
		return nil
	}
	if has := netip.AddrFrom4([4]byte(m[12:16])); usable(has) {
		f.wants = has
	}
	return nil
}

// readOptions takes what is whole; a message that breaks off has said what it said.
func (f *frame) readOptions(o []byte) {
	for len(o) >= 2 && o[0] != optionEnd {
		if o[0] == optionPad {
			o = o[1:]
			continue
		}
		size := int(o[1])
		if len(o) < 2+size {
			return
		}
		value := o[2 : 2+size]
		switch o[0] {
		case optionHostName:
			f.Name = plain(string(value))
		case optionClass:
			f.Class = plain(string(value))
		case optionParameters:
			f.Parameters = inOrder(value)
		case optionClient:
			f.ClientID = hex.EncodeToString(value[:min(size, maxClient)])
		case optionWanted:
			f.wants = addressIn(value)
		case optionServer:
			f.server = addressIn(value)
		}
		o = o[2+size:]
	}
}

// addressIn is the address that an option has; not valid where it has none that a device may have.
func addressIn(value []byte) netip.Addr {
	if len(value) != 4 {
		return netip.Addr{}
	}
	if ip := netip.AddrFrom4([4]byte(value)); usable(ip) {
		return ip
	}
	return netip.Addr{}
}

// inOrder are the numbers of options, in the order in which a device asks for them:
// that differs from one maker's software to another's.
func inOrder(value []byte) string {
	var b []byte
	for i, c := range value[:min(len(value), maxCodes)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(c), 10)
	}
	return string(b)
}

// plain is text of a device that is safe to print, one line, at most maxText bytes.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.TrimSpace(s)
}

// question is an ARP request (RFC 826) from one of ours for an address.
func question(from nflog.MAC, fromIP, whom netip.Addr) []byte {
	f := make([]byte, 0, 60)
	f = append(f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f = append(f, from[:]...)
	f = append(f, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, arpRequest)
	f = append(f, from[:]...)
	f = append(f, fromIP.AsSlice()...)
	f = append(f, 0, 0, 0, 0, 0, 0)
	f = append(f, whom.AsSlice()...)
	return append(f, make([]byte, 60-len(f))...)
}
