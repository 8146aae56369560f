package nflog

import (
	"net/netip"
	"time"
)

// Prefix is what a rule's NFLOG prefix tells. As text, at most 63 bytes:
//
//	S1|LAYER|REASON|RULE|REVISION
//
// for example "S1|L3|egress|raw-egress|g12-4fd1c0".
type Prefix struct {
	Layer    string // L1 ... L5
	Reason   Reason
	Rule     string // the rule's id in the plan
	Revision string // generation and policy revision
}

// Reason says why a packet was dropped.
type Reason string

// The reasons of a hit.
const (
	Egress        Reason = "egress"         // to somewhere that is not the recorder
	Spoof         Reason = "spoof"          // a pinned address with a MAC that is not its own
	UnknownDevice Reason = "unknown-device" // a source address that is not pinned
	Lateral       Reason = "lateral"        // to another device
	Input         Reason = "input"          // to the recorder, but not for something it offers to cameras
	Output        Reason = "output"         // from the box to a camera that is not pinned, or through it
	Chatter       Reason = "chatter"        // multicast, SSDP, mDNS, router solicitations
	Redirected    Reason = "redirected"     // a question to a foreign name or time server, answered here: not dropped
)

// MAC is a hardware address as an array, to be a map key.
type MAC [6]byte

// Hit is one logged packet.
type Hit struct {
	Time   time.Time // recorder's clock, when read, or the kernel's stamp where there is one
	Prefix Prefix
	Port   string // bridge port it came in by, else the interface

	SrcMAC, DstMAC MAC
	EtherType      uint16
	VLAN           uint16 // id of the frame's 802.1Q tag, 0 when it has none
	Family         uint8  // 4, 6, or 0 when not IP
	Protocol       uint8  // IP protocol
	Src, Dst       netip.Addr
	SrcPort        uint16
	DstPort        uint16 // or ICMP type<<8 | code
	Length         int    // of the packet on the wire, bytes, from the IP header on
	Payload        []byte // the packet's beginning, at most 320 bytes, from the IP header on
	Body           []byte // what of Payload stands behind a TCP or UDP header; empty where that is not there
}

// Stats is the reader's account.
type Stats struct {
	Read uint64 // hits handed over
	Lost uint64 // sequence numbers missed, and messages that found the ring full
	// Foreign counts messages in our group whose prefix is not ours: some other
	// program's rule logs there. They are in no account and not handed over.
	Foreign uint64
}
