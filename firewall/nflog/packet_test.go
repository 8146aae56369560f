package nflog_test

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// packet joins hex digits, spaces allowed.
func packet(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	v4udp  = "45000030 00010000 40110000 0a14010b c6336407" // 10.20.1.11 -> 198.51.100.7
	v6head = "60000000 %s fe800000000000000000000000000011 20010db8000000000000000000000053"
)

func v6(length, next string) string {
	return strings.Replace(v6head, "%s", length+next+"40", 1)
}

func TestParsePacket(t *testing.T) {
	for _, c := range []struct {
		name      string
		etherType uint16
		packet    string
		want      nflog.Hit // Payload is not compared
		malformed bool
	}{
		{"udp over ipv4", 0x0800, v4udp + "c350 7d64 001c0000", nflog.Hit{Family: 4, Protocol: 17, SrcPort: 50000, DstPort: 32100, Length: 48}, false},
		{"options before tcp", 0x0800, "46000040 00010000 40060000 0a14010b c6336407 01010101 c350 01bb", nflog.Hit{Family: 4, Protocol: 6, SrcPort: 50000, DstPort: 443, Length: 64}, false},
		{"icmp echo", 0x0800, "45000054 00010000 40010000 0a14010b c6336407 08000000", nflog.Hit{Family: 4, Protocol: 1, DstPort: 0x0800, Length: 84}, false},
		{"gre has no ports", 0x0800, "45000054 00010000 402f0000 0a14010b c6336407 00000800", nflog.Hit{Family: 4, Protocol: 47, Length: 84}, false},
		{"first fragment has ports", 0x0800, "45000030 00012000 40110000 0a14010b c6336407 c350 0035 00000000", nflog.Hit{Family: 4, Protocol: 17, SrcPort: 50000, DstPort: 53, Length: 48}, false},
		{"later fragment has none", 0x0800, "45000030 00010010 40110000 0a14010b c6336407 c350 0035 00000000", nflog.Hit{Family: 4, Protocol: 17, Length: 48}, false},
		{"header cut short", 0x0800, "45000030 0001", nflog.Hit{Length: 6}, true},
		{"header longer than the packet", 0x0800, "4f000030 00010000 40110000 0a14010b c6336407", nflog.Hit{Family: 4, Protocol: 17, Length: 48}, true},
		{"header shorter than a header", 0x0800, "41000030 00010000 40110000 0a14010b c6336407 c3500035", nflog.Hit{Family: 4, Protocol: 17, Length: 48}, true},
		{"ports cut short", 0x0800, v4udp + "c350 7d", nflog.Hit{Family: 4, Protocol: 17, Length: 48}, true},
		{"version contradicts the frame", 0x0800, v6("0004", "11") + "c3500035", nflog.Hit{Length: 44}, true},
		{"udp over ipv6", 0x86dd, v6("0008", "11") + "c3500035 00000000", nflog.Hit{Family: 6, Protocol: 17, SrcPort: 50000, DstPort: 53, Length: 48}, false},
		{"icmpv6 echo", 0x86dd, v6("0008", "3a") + "8000 0000 00000000", nflog.Hit{Family: 6, Protocol: 58, DstPort: 0x8000, Length: 48}, false},
		{"extension headers are walked", 0x86dd, v6("0020", "00") + "3c00000000000000 2b00000000000000 0600000000000000 c350 22b3 00000000", nflog.Hit{Family: 6, Protocol: 6, SrcPort: 50000, DstPort: 8883, Length: 72}, false},
		{"authentication header", 0x86dd, v6("001c", "33") + "1104000000000000 0000000000000000 0000000000000000 c350 0035", nflog.Hit{Family: 6, Protocol: 17, SrcPort: 50000, DstPort: 53, Length: 68}, false},
		{"first ipv6 fragment", 0x86dd, v6("000c", "2c") + "1100000100000001 c350 0035", nflog.Hit{Family: 6, Protocol: 17, SrcPort: 50000, DstPort: 53, Length: 52}, false},
		{"later ipv6 fragment", 0x86dd, v6("000c", "2c") + "1100001100000001 c350 0035", nflog.Hit{Family: 6, Protocol: 17, Length: 52}, false},
		{"extension header longer than the packet", 0x86dd, v6("0008", "00") + "11ff000000000000", nflog.Hit{Family: 6, Protocol: 0, Length: 48}, true},
		{"extension headers without end", 0x86dd, v6("00a0", "00") + strings.Repeat("0000000000000000", 20), nflog.Hit{Family: 6, Protocol: 0, Length: 200}, true},
		{"arp", 0x0806, "0001080006040001 020000000011 0a14010b 000000000000 0a140001", nflog.Hit{Length: 28}, false},
		{"arp for something else", 0x0806, "0001080008040001", nflog.Hit{Length: 8}, true},
		{"tagged", 0x8100, "0005 0800" + v4udp + "c350 7d64 001c0000", nflog.Hit{VLAN: 5, Family: 4, Protocol: 17, SrcPort: 50000, DstPort: 32100, Length: 48}, false},
		{"tagged twice", 0x88a8, "0007 8100 0005 0800" + v4udp + "c350 7d64 001c0000", nflog.Hit{VLAN: 7, Family: 4, Protocol: 17, SrcPort: 50000, DstPort: 32100, Length: 48}, false},
		{"tag cut short", 0x8100, "0005", nflog.Hit{}, true},
		{"foreign ethertype", 0x88b5, "deadbeef", nflog.Hit{Length: 4}, false},
		{"nothing at all", 0, "", nflog.Hit{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h nflog.Hit
			err := nflog.ParsePacket(c.etherType, packet(t, c.packet), &h)
			if errors.Is(err, nflog.ErrMalformed) != c.malformed {
				t.Errorf("error %v, malformed should be %v", err, c.malformed)
			}
			w := c.want
			if h.Family != w.Family || h.Protocol != w.Protocol || h.SrcPort != w.SrcPort ||
				h.DstPort != w.DstPort || h.Length != w.Length || h.VLAN != w.VLAN {
				t.Errorf("got family %d protocol %d ports %d>%d length %d vlan %d, want %d %d %d>%d %d %d",
					h.Family, h.Protocol, h.SrcPort, h.DstPort, h.Length, h.VLAN,
					w.Family, w.Protocol, w.SrcPort, w.DstPort, w.Length, w.VLAN)
			}
			if h.Family == 4 && (h.Src != netip.MustParseAddr("10.20.1.11") || h.Dst != netip.MustParseAddr("198.51.100.7")) {
				t.Errorf("addresses %s > %s", h.Src, h.Dst)
			}
			if h.Family == 6 && (h.Src != netip.MustParseAddr("fe80::11") || h.Dst != netip.MustParseAddr("2001:db8::53")) {
				t.Errorf("addresses %s > %s", h.Src, h.Dst)
			}
			if c.name == "arp" && h.Dst != netip.MustParseAddr("10.20.0.1") {
				t.Errorf("asked for %s", h.Dst)
			}
		})
	}
}

func TestBodyIsWhatTheTransportCarries(t *testing.T) {
	for _, c := range []struct {
		name      string
		etherType uint16
		packet    string
		want      string
	}{
		{"udp", 0x0800, v4udp + "c350 7d64 001c0000 0102", "0102"},
		{"udp over ipv6", 0x86dd, v6("000b", "11") + "c350 0035 000b0000 010203", "010203"},
		{"padding is none of it", 0x0800, "4500001e 00010000 40110000 0a14010b c6336407 c350 7d64 000a0000 0102 00000000", "0102"},
		{"tcp with options", 0x0800, "45000040 00010000 40060000 0a14010b c6336407 c35001bb 00000000 00000000 60180000 00000000 01010101 1603", "1603"},
		{"a syn carries nothing", 0x0800, "45000028 00010000 40060000 0a14010b c6336407 c35001bb 00000000 00000000 50020000 00000000", ""},
		{"tcp header cut short", 0x0800, "45000040 00010000 40060000 0a14010b c6336407 c35001bb 00000000", ""},
		{"tcp header longer than the packet", 0x0800, "45000040 00010000 40060000 0a14010b c6336407 c35001bb 00000000 00000000 f0180000 00000000 1603", ""},
		{"sctp has another header", 0x0800, "45000030 00010000 40840000 0a14010b c6336407 c350 7d64 001c0000 0102 0304 0506", ""},
		{"later fragment has none", 0x0800, "45000030 00010010 40110000 0a14010b c6336407 c350 0035 00000000 0102", ""},
		{"length that lies", 0x0800, "45000014 00010000 40110000 0a14010b c6336407 c350 0035 00000000 0102", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := nflog.Hit{Body: []byte("of the packet before")}
			_ = nflog.ParsePacket(c.etherType, packet(t, c.packet), &h) // malformed ones are among them
			if got := hex.EncodeToString(h.Body); got != c.want {
				t.Errorf("body %s, want %s", got, c.want)
			}
		})
	}
}

func TestParsePrefix(t *testing.T) {
	good := nflog.Prefix{Layer: "L3", Reason: nflog.Egress, Rule: "raw-egress", Revision: "g12-4fd1c0"}
	got, err := nflog.ParsePrefix("S1|L3|egress|raw-egress|g12-4fd1c0")
	if err != nil || got != good {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got.String() != "S1|L3|egress|raw-egress|g12-4fd1c0" {
		t.Errorf("written as %q", got.String())
	}
	for _, bad := range []string{
		"", "S1", "S2|L3|egress|a|b", "S1|L9|egress|a|b", "S1|L3|allow|a|b", "S1|L3|egress|a", "S1|L3|egress|a|b|c",
		"S1|L3|egress|a b|c", "S1|L3|egress|\x00|c", "S1||egress|a|b", "S1|L3|egress|" + strings.Repeat("a", 60) + "|b",
	} {
		if p, err := nflog.ParsePrefix(bad); !errors.Is(err, nflog.ErrForeignPrefix) {
			t.Errorf("%q: got %+v, %v", bad, p, err)
		}
	}
}

func TestMACText(t *testing.T) {
	m := nflog.MAC{2, 0, 0, 0, 0, 0x11}
	text, _ := m.MarshalText()
	var back nflog.MAC
	if err := back.UnmarshalText(text); err != nil || back != m || string(text) != "02:00:00:00:00:11" {
		t.Errorf("%s came back as %s, %v", text, back, err)
	}
	if err := back.UnmarshalText([]byte("02:00:00:00:00:11:22:33")); err == nil {
		t.Error("an eight-byte address was taken")
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add(uint16(0x0800), packet(f, v4udp+"c3507d64001c0000"))
	f.Add(uint16(0x86dd), packet(f, v6("0020", "00")+"3c000000000000002b000000000000000600000000000000c35022b300000000"))
	f.Add(uint16(0x0806), packet(f, "00010800060400010200000000110a14010b0000000000000a140001"))
	f.Add(uint16(0x8100), packet(f, "00050800"+v4udp+"c3507d64"))
	f.Fuzz(func(t *testing.T, etherType uint16, b []byte) {
		var h nflog.Hit
		err := nflog.ParsePacket(etherType, b, &h)
		if len(h.Payload) > nflog.MaxPayload || h.Length < 0 || h.Length > len(b)+0x10000+40 {
			t.Errorf("length %d, payload %d of %d", h.Length, len(h.Payload), len(b))
		}
		if err == nil && h.Family != 0 && (!h.Src.IsValid() || !h.Dst.IsValid()) {
			t.Error("no error, and no addresses")
		}
	})
}

func FuzzParsePrefix(f *testing.F) {
	f.Add("S1|L3|egress|raw-egress|g12-4fd1c0")
	f.Add("S1|L1b|lateral||")
	f.Add("nvr:deny")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := nflog.ParsePrefix(s)
		if err == nil && p.String() != s {
			t.Errorf("%q came back as %q", s, p.String())
		}
	})
}

func BenchmarkParsePacket(b *testing.B) {
	p := packet(b, v4udp+"c3507d64001c0000")
	var h nflog.Hit
	for b.Loop() {
		h = nflog.Hit{}
		if err := nflog.ParsePacket(0x0800, p, &h); err != nil {
			b.Fatal(err)
		}
	}
}
