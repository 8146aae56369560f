package said

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Parts of a DNS message (RFC 1035 §4).
const (
	dnsHeader   = 12
	maxLabel    = 63
	maxPointers = 16 // followed in one name; each leads back, so that there is an end
)

// questions gives the names that a DNS message asks for. Answers are none: they are
// what a device says of itself.
func questions(m []byte) []Name {
	if len(m) < dnsHeader || m[2]&0x80 != 0 {
		return nil
	}
	var names []Name
	at := dnsHeader
	for range min(int(binary.BigEndian.Uint16(m[4:])), MaxNames) {
		name, next, ok := dnsName(m, at)
		if !ok {
			break
		}
		kind := ""
		if next+2 <= len(m) {
			kind = typeName(binary.BigEndian.Uint16(m[next:]))
		}
		if name != "" {
			names = append(names, Name{DNS, name, kind})
		}
		at = next + 4
	}
	return names
}

// dnsName reads the name at an offset and tells where what follows it begins. A
// name that is not there whole is none.
func dnsName(m []byte, at int) (name string, next int, ok bool) {
	var b strings.Builder
	size := 0
	for pointers := 0; ; {
		if at >= len(m) {
			return "", 0, false
		}
		n := int(m[at])
		switch {
		case n == 0:
			if next == 0 {
				next = at + 1
			}
			return lower(b.String()), next, true
		case n&0xc0 == 0xc0:
			if at+1 >= len(m) {
				return "", 0, false
			}
			to := n&0x3f<<8 | int(m[at+1])
			if next == 0 {
				next = at + 2
			}
			if pointers++; to >= at || pointers > maxPointers {
				return "", 0, false
			}
			at = to
		case n > maxLabel, at+1+n > len(m):
			return "", 0, false
		default:
			if size += n + 1; size > MaxName {
				return "", 0, false
			}
			label := strings.ReplaceAll(text(string(m[at+1:at+1+n]), 4*maxLabel), ".", `\046`)
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(label)
			at += 1 + n
		}
		if b.Len() > 4*MaxName {
			return "", 0, false
		}
	}
}

// typeName names the types that cameras ask for (IANA, DNS parameters); every other
// one as RFC 3597 does.
func typeName(t uint16) string {
	switch t {
	case 1:
		return "A"
	case 2:
		return "NS"
	case 5:
		return "CNAME"
	case 6:
		return "SOA"
	case 12:
		return "PTR"
	case 15:
		return "MX"
	case 16:
		return "TXT"
	case 28:
		return "AAAA"
	case 33:
		return "SRV"
	case 64:
		return "SVCB"
	case 65:
		return "HTTPS"
	case 255:
		return "ANY"
	}
	return "TYPE" + strconv.Itoa(int(t))
}
