package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/said"
)

// Attempt is what one device tried, once or a million times. Fields that may
// differ between its hits (layer, rule, revision, bridge port) are the last hit's.
type Attempt struct {
	ID    string    `json:"id"` // follows from the key alone: the same after a restart
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count uint64    `json:"count"` // packets
	Bytes uint64    `json:"bytes"` // from the IP header on

	Device  string       `json:"device,omitempty"` // "" when nobody is pinned to these addresses
	Cameras []string     `json:"cameras,omitempty"`
	MAC     nflog.MAC    `json:"mac"`
	Source  netip.Addr   `json:"source,omitzero"`
	Port    string       `json:"bridge_port,omitempty"`
	Reason  nflog.Reason `json:"reason"`

	Family          uint8      `json:"family"` // 4, 6, or 0 when not IP
	EtherType       uint16     `json:"ethertype,omitempty"`
	Protocol        uint8      `json:"protocol"`
	ProtocolName    string     `json:"protocol_name"`
	Destination     netip.Addr `json:"destination,omitzero"`
	DestinationMAC  nflog.MAC  `json:"destination_mac"`
	DestinationPort uint16     `json:"port"`              // ICMP: type<<8 | code
	Host            string     `json:"host,omitempty"`    // that the sinkhole gave this address to, at that time
	Country         string     `json:"country,omitempty"` // of the destination at the first hit: two letters, "" when nobody knows
	Network         string     `json:"network,omitempty"` // whose it was then, such as "AS64500 Example Cloud"

	// Said are the names in what was blocked, the first of each, at most 16;
	// SaidMore that there were more. Rows for many destinations have none.
	Said     []said.Name `json:"said,omitempty"`
	SaidMore bool        `json:"said_more,omitempty"`

	Layer    string `json:"layer"`
	Rule     string `json:"rule"`
	Revision string `json:"revision"`

	Chatter  bool `json:"chatter,omitempty"`  // multicast and the like: shown apart
	Overflow bool `json:"overflow,omitempty"` // a row for all that found no row of its own
	Scan     bool `json:"scan,omitempty"`     // one source tried ever new destinations: those are in this row
	Many     bool `json:"many,omitempty"`     // one destination was tried under ever new sources: those are in this row
	// Folded is how many attempts a row stands for that would else have been rows
	// of their own; one that came again after a while counts again.
	Folded uint64 `json:"folded,omitempty"`
	// Into is the row that an attempt was folded into: it is itself no more.
	Into string `json:"into,omitempty"`

	Kind    string `json:"kind,omitempty"`    // of the device, as declared: who has the same are its siblings
	Novel   bool   `json:"novel,omitempty"`   // the device had never tried this destination before
	Odd     bool   `json:"odd,omitempty"`     // ... nor had any of its siblings, of which there are some
	Changed bool   `json:"changed,omitempty"` // much more in an hour, at the last hit, than this attempt's past
	// Period is that of one who calls by the clock, Jitter how much it varies; 0 of others.
	Period time.Duration `json:"period,omitempty"`
	Jitter time.Duration `json:"jitter,omitempty"`
}

// Flood reports whether an attempt is of a device that asks for ever new host
// names: so many that the rest share an address.
func (a *Attempt) Flood() bool { return a.Host == SharedHost }

// Collected reports whether a row has no one source and destination.
func (a *Attempt) Collected() bool { return a.Overflow || a.Scan || a.Many }

// key is what makes two hits the same attempt.
type key struct {
	bucket    string // device, or port of an unknown one
	reason    nflog.Reason
	mac, to   nflog.MAC // to only where there is no IP
	src, dst  netip.Addr
	etherType uint16 // only where there is no IP
	port      uint16
	family    uint8
	protocol  uint8
	other     bool // the row for what found no row of its own
	folded    fold // what the row stands for in place of one attempt
}

// fold says what a row leaves open so that many attempts are one.
type fold byte

const (
	foldNone    fold = iota
	foldTargets      // the destinations of one source
	foldSources      // the sources of one destination
)

// collected gives the key of the row that an attempt is folded into.
func (k key) collected(by fold) key {
	k.folded = by
	switch by {
	case foldTargets:
		k.to, k.dst, k.etherType, k.port, k.family, k.protocol = nflog.MAC{}, netip.Addr{}, 0, 0, 0, 0
	case foldSources:
		k.mac, k.src = nflog.MAC{}, netip.Addr{}
	case foldNone:
	}
	return k
}

// keyOf gives the key of a hit that is counted in bucket.
func keyOf(bucket string, h *nflog.Hit) key {
	k := key{
		bucket: bucket, reason: h.Prefix.Reason, mac: h.SrcMAC, src: h.Src, dst: h.Dst,
		family: h.Family, protocol: h.Protocol, port: h.DstPort,
	}
	if h.Family == 0 {
		k.to, k.etherType = h.DstMAC, h.EtherType
	}
	return k
}

// rowID names a row in the database and to the world.
type rowID [16]byte

// String writes the ID as an Attempt carries it.
func (id rowID) String() string { return hex.EncodeToString(id[:]) }

// parseID reads what String wrote.
func parseID(s string) (rowID, error) {
	var id rowID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is no attempt's id", s)
	}
	return rowID(b), nil
}

// id hashes the key. Its input is part of the stored format: changing it would
// start every attempt anew.
func (k key) id() rowID {
	b := make([]byte, 0, 128)
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	text(k.bucket)
	text(string(k.reason))
	b = append(b, k.mac[:]...)
	b = append(b, k.to[:]...)
	src, dst := k.src.As16(), k.dst.As16()
	b = append(append(b, src[:]...), dst[:]...)
	b = binary.BigEndian.AppendUint16(b, k.etherType)
	b = binary.BigEndian.AppendUint16(b, k.port)
	other := byte(0)
	if k.other {
		other = 1
	}
	b = append(b, k.family, k.protocol, other)
	if k.folded != foldNone { // the ids of all others are as they were before there was folding
		b = append(b, byte(k.folded))
	}
	sum := sha256.Sum256(b)
	return rowID(sum[:16])
}

// isChatter tells the noise that any device makes from an attempt to get out. A
// spoofed or unknown source is never noise.
func isChatter(h *nflog.Hit) bool {
	switch h.Prefix.Reason {
	case nflog.Chatter:
		return true
	case nflog.Spoof, nflog.UnknownDevice, nflog.Output:
		return false
	}
	return h.Dst.IsMulticast() || h.Dst == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// protocolName says in a word what was spoken.
func protocolName(h *nflog.Hit) string {
	if h.Family == 0 {
		switch h.EtherType {
		case 0x0800:
			return "ipv4"
		case 0x86dd:
			return "ipv6"
		case 0x0806:
			return "arp"
		}
		return fmt.Sprintf("ethertype 0x%04x", h.EtherType)
	}
	switch h.Protocol {
	case 1:
		return "icmp"
	case 2:
		return "igmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 41:
		return "ipv6-in-ipv4"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 58:
		return "icmpv6"
	case 132:
		return "sctp"
	}
	return fmt.Sprintf("ip protocol %d", h.Protocol)
}
