package canary

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Site is what the canary has to know of what is in force.
type Site struct {
	Bridge         string
	Networks       []netip.Prefix // of the camera side
	DNS, NTP, DHCP bool           // services that pinned devices may ask
}

// Who sends on a path.
const (
	Pinned   = "pinned"   // a device that is pinned, as itself
	Unpinned = "unpinned" // one that is not
	Spoofing = "spoofing" // one with an address or MAC of another's
	Outside  = "outside"  // a host behind an uplink
	Box      = "box"      // a program on the box itself
)

// path is one way that a packet could take, and what stops it.
type path struct {
	id, as, text string
	want         want
	from         wire                                    // where frames are sent
	frames       func(tag []byte, sport uint16) [][]byte // nil: sent by a socket of the box
	src, dst     netip.AddrPort                          // of that socket
}

// wire is an end that the canary sends frames by.
type wire int

// The ends.
const (
	byA wire = iota
	byB
	bySink
)

// want is the evidence that a path is stopped where it should be.
type want struct {
	layer, reason string // of the hit
	answered      bool   // instead: the recorder's own service answers, whoever was asked
	admitted      bool   // instead: it is let in, and comes out nowhere else
}

func hit(layer, reason string) want { return want{layer: layer, reason: reason} }

// String says what is expected.
func (w want) String() string {
	switch {
	case w.answered:
		return "answered by the recorder itself"
	case w.admitted:
		return "let in, and no further"
	}
	return w.layer + " " + w.reason
}

// paths are all that can be tried here.
func (g ground) paths() []path {
	all := append(g.toOutside4(), g.toServices()...)
	all = append(all, g.toRecorder4()...)
	all = append(all, g.toOthers()...)
	all = append(all, g.toAll()...)
	all = append(all, g.unpinned()...)
	if g.six {
		all = append(all, g.overIPv6()...)
	}
	// Last: where nothing stops them, the bridge takes the forger for the other.
	return append(append(all, g.fromElsewhere()...), g.spoofing()...)
}

// A tag is what a frame is known by wherever it comes out: a number that only
// this round knows, and the number of the path.
const (
	nonceBytes = 6
	tagBytes   = nonceBytes + 2
)

type nonce [nonceBytes]byte

func (n nonce) tag(path int) []byte {
	return binary.BigEndian.AppendUint16(append(make([]byte, 0, tagBytes), n[:]...), uint16(path))
}

// Tags of control packets, beyond those of paths.
const (
	controlOut4   = 0xff00 + iota // to the network behind the sink
	controlOut6                   // the same by IPv6
	controlB                      // out of the second canary's port
	controlA                      // from the recorder to the first canary
	controlAnswer                 // and back
)

// to is a frame with an IPv4 packet.
func to(eth, mac net.HardwareAddr, src, dst netip.Addr, proto byte, payload payload) func([]byte, uint16) [][]byte {
	return one(func(tag []byte, sport uint16) []byte { return frame4(eth, mac, src, dst, proto, payload(tag, sport)) })
}

// payload makes what an IP packet carries.
type payload func(tag []byte, sport uint16) []byte

// one is a single frame.
func one(frame func(tag []byte, sport uint16) []byte) func([]byte, uint16) [][]byte {
	return func(tag []byte, sport uint16) [][]byte { return [][]byte{frame(tag, sport)} }
}
