package places

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxRanges bounds a list of ranges; tor-geoipdb has 390,000.
const maxRanges = 4_000_000

// ranges are those of tor-geoipdb: each with a country. v4 and v6 are in order.
type ranges struct {
	v4 []range4
	v6 []range6
}

type range4 struct {
	from, to uint32
	country  [2]byte
}

type range6 struct {
	from, to [16]byte
	country  [2]byte
}

// loadTor reads a file of tor-geoipdb: lines FROM,TO,COUNTRY, with IPv4 addresses as
// decimal numbers, IPv6 as text, and ?? where nobody knows.
func loadTor(path string) (source, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r, err := readRanges(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func readRanges(b []byte) (*ranges, error) {
	r := &ranges{}
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := r.add(string(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if len(r.v4)+len(r.v6) == 0 {
		return nil, fmt.Errorf("%w: it has no ranges", ErrDamaged)
	}
	slices.SortFunc(r.v4, func(a, b range4) int { return cmp.Compare(a.from, b.from) })
	slices.SortFunc(r.v6, func(a, b range6) int { return bytes.Compare(a.from[:], b.from[:]) })
	return r, nil
}

// add reads a line.
func (r *ranges) add(line string) error {
	wrong := func() error { return fmt.Errorf("%w: %.60q is no range", ErrDamaged, line) }
	from, rest, _ := strings.Cut(line, ",")
	to, where, ok := strings.Cut(rest, ",")
	if !ok || len(where) != 2 || len(r.v4)+len(r.v6) >= maxRanges {
		return wrong()
	}
	code := country(where)
	if code == "" && where != "??" {
		return wrong()
	}
	a, err := netip.ParseAddr(from)
	if err != nil {
		first, err1 := strconv.ParseUint(from, 10, 32)
		last, err2 := strconv.ParseUint(to, 10, 32)
		if err1 != nil || err2 != nil || first > last {
			return wrong()
		}
		if code != "" {
			r.v4 = append(r.v4, range4{uint32(first), uint32(last), [2]byte([]byte(code))})
		}
		return nil
	}
	z, err := netip.ParseAddr(to)
	if err != nil || !a.Is6() || !z.Is6() || z.Less(a) {
		return wrong()
	}
	if code != "" {
		r.v6 = append(r.v6, range6{a.As16(), z.As16(), [2]byte([]byte(code))})
	}
	return nil
}

// place finds the last range that begins at or before an address.
func (r *ranges) place(a netip.Addr) (p Place) {
	if a.Is4() {
		b := a.As4()
		v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		i, found := slices.BinarySearchFunc(r.v4, v, func(e range4, v uint32) int { return cmp.Compare(e.from, v) })
		if !found {
			i--
		}
		if i >= 0 && v <= r.v4[i].to {
			p.Country = string(r.v4[i].country[:])
		}
		return p
	}
	v := a.As16()
	i, found := slices.BinarySearchFunc(r.v6, v, func(e range6, v [16]byte) int { return bytes.Compare(e.from[:], v[:]) })
	if !found {
		i--
	}
	if i >= 0 && bytes.Compare(v[:], r.v6[i].to[:]) <= 0 {
		p.Country = string(r.v6[i].country[:])
	}
	return p
}
