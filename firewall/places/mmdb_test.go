package places

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"os"
	"slices"
	"testing"
)

// mmdb writes a database of the given records, in format 2 with records of 32 bits.
func mmdb(kind string, records map[string]any) []byte {
	const size = 32
	type node [2]uint32 // 0: nothing; node n: n; record r: r | 1<<31
	tree := []node{{}}
	var content bytes.Buffer
	for prefix, record := range records {
		p := netip.MustParsePrefix(prefix)
		a := p.Addr().As16()
		bits := p.Bits()
		if p.Addr().Is4() { // they stand in ::/96
			copy(a[:], make([]byte, 12))
			bits += 96
		}
		at := uint32(0)
		for i := range bits {
			way := a[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				tree[at][way] = uint32(content.Len()) | 1<<31
				break
			}
			if tree[at][way] == 0 {
				tree[at][way] = uint32(len(tree))
				tree = append(tree, node{})
			}
			at = tree[at][way]
		}
		content.Write(mmdbValue(record))
	}
	var b []byte
	for _, n := range tree {
		for _, to := range n {
			switch {
			case to == 0:
				to = uint32(len(tree)) // no data
			case to >= 1<<31:
				to = to&^(1<<31) + uint32(len(tree)) + 16
			}
			b = binary.BigEndian.AppendUint32(b, to)
		}
	}
	b = append(append(b, make([]byte, 16)...), content.Bytes()...)
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	return append(b, mmdbValue(map[string]any{
		"node_count": uint32(len(tree)), "record_size": uint16(size), "ip_version": uint16(6), "database_type": kind,
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint32(1),
	})...)
}

// mmdbValue writes a value as the format has it: a control byte of type and size,
// where types above 7 follow in another byte.
func mmdbValue(v any) []byte {
	head := func(kind, size int) []byte {
		if size >= 29 {
			return append([]byte{byte(kind<<5 | 29)}, byte(size-29))
		}
		return []byte{byte(kind<<5 | size)}
	}
	switch v := v.(type) {
	case string:
		return append(head(2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(head(3, 8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(head(5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(head(6, 4), v)
	case map[string]any:
		b := head(7, len(v))
		for _, k := range slices.SortedFunc(mapKeys(v), cmp.Compare[string]) {
			b = append(append(b, mmdbValue(k)...), mmdbValue(v[k])...)
		}
		return b
	}
	panic("no such value")
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type fields = map[string]any

// countries and networks are databases as MaxMind and DB-IP write them.
func countries() []byte {
	return mmdb("Test-Country", map[string]any{
		"198.51.100.0/24": fields{"country": fields{"iso_code": "kr", "names": fields{"en": "Korea"}}},
		"203.0.113.0/25":  fields{"registered_country": fields{"iso_code": "US"}},
		"2001:db8::/32":   fields{"country": fields{"iso_code": "FR"}},
		"192.0.2.0/24":    fields{"country": fields{"iso_code": "KOR"}, "weight": 0.5},
	})
}

func networks() []byte {
	return mmdb("Test-ASN", map[string]any{
		"198.51.100.0/24": fields{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example\x1b Cloud\u202e"},
		"203.0.113.0/25":  fields{"autonomous_system_organization": "Nobody's"},
	})
}

// both is a database as IPinfo writes it.
func both() []byte {
	return mmdb("Test-Both", map[string]any{
		"198.51.100.0/24": fields{"country_code": "KR", "country": "South Korea", "asn": "AS64500", "as_name": "Example Cloud"},
		"2001:db8::/32":   fields{"country": "FR", "asn": "AS64501", "name": "Autre"},
	})
}

func TestDatabasesOfManyMakers(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		want map[string]Place
	}{
		{"countries", countries(), map[string]Place{
			"198.51.100.7": {Country: "KR"}, "203.0.113.9": {Country: "US"}, "203.0.113.200": {}, "2001:db8::7": {Country: "FR"}, "192.0.2.1": {}, "2001:db9::": {},
		}},
		{"networks", networks(), map[string]Place{
			"198.51.100.7": {Network: "AS64500 Example Cloud"}, "203.0.113.9": {Network: "Nobody's"}, "8.8.8.8": {},
		}},
		{"both in one", both(), map[string]Place{
			"198.51.100.7": {"KR", "AS64500 Example Cloud"}, "2001:db8::7": {"FR", "AS64501 Autre"},
		}},
	} {
		d, err := openDatabase(c.file)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for a, want := range c.want {
			if got := d.place(netip.MustParseAddr(a)); got != want {
				t.Errorf("%s: %s is %+v, want %+v", c.name, a, got, want)
			}
		}
	}
}

func TestDatabasesOfTheMachine(t *testing.T) {
	found := false
	for _, path := range Debian().Location {
		if s, err := loadLocation(path); err == nil {
			found = true
			if p := s.place(netip.MustParseAddr("8.8.8.8")); p.Country == "" || p.Network == "" {
				t.Errorf("%s knows nothing of 8.8.8.8: %+v", path, p)
			}
		} else if !os.IsNotExist(err) {
			t.Errorf("%v", err)
		}
	}
	for path, a := range map[string]string{Debian().TorIPv4: "8.8.8.8", Debian().TorIPv6: "2001:4860:4860::8888"} {
		if s, err := loadTor(path); err == nil {
			found = true
			if p := s.place(netip.MustParseAddr(a)); p.Country == "" {
				t.Errorf("%s knows nothing of %s", path, a)
			}
		} else if !os.IsNotExist(err) {
			t.Errorf("%v", err)
		}
	}
	t.Logf("a database is installed: %v", found)
}

func FuzzDatabase(f *testing.F) {
	for _, b := range [][]byte{countries(), networks(), both()} {
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d, err := openDatabase(b)
		if err != nil {
			return
		}
		for _, a := range []string{"198.51.100.7", "2001:db8::7", "::", "255.255.255.255"} {
			d.place(netip.MustParseAddr(a))
		}
	})
}
