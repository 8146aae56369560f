package said

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// By is the protocol that a name was said in.
type By string

// The protocols that are read.
const (
	DNS  By = "dns"  // a question's name: also of multicast DNS and LLMNR
	TLS  By = "tls"  // the hello's server name, also over UDP (DTLS)
	QUIC By = "quic" // the same, in a QUIC Initial, whose rest was not there to check it by
	HTTP By = "http" // the Host, without its port
)

// Bounds of what one packet gives.
const (
	MaxNames = 8   // names; the rest of a packet's questions is left out
	MaxName  = 253 // bytes of a name as text, the longest that DNS has
	maxLine  = 120 // bytes of a request line
)

// Name is a name that a packet said. Both texts are valid UTF-8 of characters that
// can be printed: every other byte is written as a backslash and three decimal
// digits, like in DNS (RFC 1035 §5.1), and so is a backslash.
type Name struct {
	By   By     `json:"by"`
	Name string `json:"name"` // in lower case; "" where a request has no Host
	// Detail is the request line of HTTP, or the type of a DNS question, such as AAAA.
	Detail string `json:"detail,omitempty"`
}

// IP protocols that are read.
const (
	protoTCP = 6
	protoUDP = 17
)

// Ports on which DNS is spoken (RFC 1035, 6762, 4795). Elsewhere twelve bytes that
// look like its header are too likely to be something else.
const (
	portDNS   = 53
	portMDNS  = 5353
	portLLMNR = 5355
)

// Names gives the names in a packet's body, which stands behind its TCP or UDP
// header and may be cut off anywhere. None is normal: most packets that are blocked
// carry no body at all.
func Names(protocol uint8, port uint16, body []byte) []Name {
	if len(body) == 0 {
		return nil
	}
	dns := port == portDNS || port == portMDNS || port == portLLMNR
	switch {
	case protocol == protoUDP && dns:
		return questions(body)
	case protocol == protoTCP && dns && len(body) > 2:
		return questions(body[2:]) // behind the message's length
	case protocol == protoUDP:
		if n := quicName(body); n != "" {
			return named(QUIC, n, "")
		}
		return named(TLS, datagramName(body), "")
	case protocol == protoTCP:
		if n := recordName(body); n != "" {
			return named(TLS, n, "")
		}
		if host, line, ok := request(body); ok {
			return []Name{{HTTP, host, line}}
		}
	}
	return nil
}

// named is a list of one, or none.
func named(by By, name, detail string) []Name {
	if name == "" {
		return nil
	}
	return []Name{{by, name, detail}}
}

// hostText writes a host's name as text.
func hostText(b []byte) string {
	return text(lower(strings.TrimSuffix(string(b), ".")), MaxName)
}

// lower puts A to Z in lower case and leaves all else, as names are compared.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// text writes bytes so that they can be printed, at most limit bytes of text.
func text(s string, limit int) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		one := s[:size]
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) || r == '\\' {
			one = escaped(s[:size])
		}
		if b.Len()+len(one) > limit {
			break
		}
		b.WriteString(one)
		s = s[size:]
	}
	return b.String()
}

// escaped writes each byte as a backslash and three decimal digits.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03d`, s[i])
	}
	return b.String()
}

// withoutPort takes the port off a host.
func withoutPort(host string) string {
	if a, err := netip.ParseAddrPort(host); err == nil {
		return a.Addr().String()
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") == "" {
		return host[:i]
	}
	return host
}
