package outputs

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the community id is defined by it, and protects nothing
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// IANA's numbers of protocols.
const (
	icmp4 = 1
	tcp   = 6
	udp   = 17
	icmp6 = 58
	sctp  = 132
)

// icmpAnswers are the types that come in pairs, by IANA's registries: the community
// id takes the other one of a pair for the second port.
var icmpAnswers = map[byte]map[uint16]uint16{
	icmp4: {0: 8, 8: 0, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
	icmp6: {128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144},
}

// flow is what a community id is of. ICMP has its type and code for ports.
type flow struct {
	protocol byte
	from, to netip.Addr
	fromPort uint16
	toPort   uint16
}

// communityID is version 1 with seed 0, as github.com/corelight/community-id-spec
// defines it: SHA-1 over seed, the lesser end's address, the other's, protocol, a
// zero, and the ports in the same order. Empty: the flow has none.
func (f flow) communityID() string {
	if !f.from.IsValid() || !f.to.IsValid() || f.from.Is4() != f.to.Is4() {
		return ""
	}
	ported, ordered := true, true
	switch f.protocol {
	case tcp, udp, sctp:
	case icmp4, icmp6:
		kind, code := f.toPort>>8, f.toPort&0xff
		answer, pair := icmpAnswers[f.protocol][kind]
		f.fromPort, f.toPort = kind, code
		if ordered = pair; pair {
			f.toPort = answer
		}
	default:
		ported = false
	}
	a, b := f.from.AsSlice(), f.to.AsSlice()
	if c := bytes.Compare(a, b); ordered && (c > 0 || c == 0 && ported && f.fromPort > f.toPort) {
		a, b, f.fromPort, f.toPort = b, a, f.toPort, f.fromPort
	}
	text := make([]byte, 2, 2+16+16+2+4)
	text = append(append(append(text, a...), b...), f.protocol, 0)
	if ported {
		text = binary.BigEndian.AppendUint16(text, f.fromPort)
		text = binary.BigEndian.AppendUint16(text, f.toPort)
	}
	sum := sha1.Sum(text) //nolint:gosec // as above
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
