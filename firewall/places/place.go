package places

import "net/netip"

// Place is where an address is.
type Place struct {
	Country string // two capital letters (ISO 3166), "" when nobody knows
	Network string // whose network, such as "AS64500 Example Cloud"; "" when nobody knows
}

// a source is a file in memory. It does not change.
type source interface {
	place(netip.Addr) Place
}

// sinkholes is the block that cameras are given for names: nobody's.
func sinkholes() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18}), 15) }

// shared is the block that providers use within (RFC 6598).
func shared() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) }

// anybodys tells addresses that mean nobody outside.
func anybodys(a netip.Addr) bool {
	return !a.IsGlobalUnicast() || a.IsPrivate() || sinkholes().Contains(a) || shared().Contains(a)
}

// country takes two letters, in capitals; whatever else a file says is no country.
func country(s string) string {
	if len(s) != 2 {
		return ""
	}
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		} else if c < 'A' || c > 'Z' {
			return ""
		}
	}
	return string(b)
}
