package sinkhole

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// noted is a memory that keeps what was asked.
type noted struct {
	fixed
	mu    sync.Mutex
	names []string
	given []string
}

func (n *noted) Asked(_ netip.Addr, name string, _ uint16) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = append(n.names, name)
}

func (n *noted) AddressOf(ctx context.Context, asker netip.Addr, host string) (netip.Addr, error) {
	n.mu.Lock()
	n.given = append(n.given, host)
	n.mu.Unlock()
	return n.fixed.AddressOf(ctx, asker, host)
}

// wireQuestion is a question with its name as it stands on the wire.
func wireQuestion(name []byte, qtype uint16) []byte {
	m := make([]byte, headerLen, headerLen+len(name)+4)
	m[1], m[2], m[5] = 7, 1, 1
	m = append(m, name...)
	m = binary.BigEndian.AppendUint16(m, qtype)
	return binary.BigEndian.AppendUint16(m, dns.ClassINET)
}

func labels(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(append(b, byte(len(p))), p...)
	}
	return append(b, 0)
}

// Hostile names are answered or refused, never believed: each that can be read
// is noted, only a host's gets an address.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, c := range map[string]struct {
		wire  []byte
		rcode int
		host  string // that gets an address
	}{
		"upper case":           {labels("CLOUD", "Example"), dns.RcodeSuccess, "cloud.example"},
		"255 bytes":            {labels(long, long, long, long[:61]), dns.RcodeSuccess, strings.Join([]string{long, long, long, long[:61]}, ".")},
		"256 bytes":            {labels(long, long, long, long[:62]), dns.RcodeFormatError, ""},
		"a label of 64":        {append(append([]byte{64}, make([]byte, 64)...), 0), dns.RcodeFormatError, ""},
		"binary":               {labels("\x00\xff\x1b[31m", "example"), dns.RcodeNameError, ""},
		"a dot in a label":     {labels("a.b", "example"), dns.RcodeNameError, ""},
		"a space":              {labels("a b", "example"), dns.RcodeNameError, ""},
		"not UTF-8, not ASCII": {labels("\xed\xa0\x80"), dns.RcodeNameError, ""},
		"points to itself":     {[]byte{0xc0, 12}, dns.RcodeFormatError, ""},
		"points to and fro":    {[]byte{1, 'a', 0xc0, 16, 0xc0, 12}, dns.RcodeFormatError, ""},
		"points ahead":         {[]byte{0xc0, 14, 1, 'a', 0}, dns.RcodeRefused, ""}, // what is left over is of no class
		"points outside":       {[]byte{0xff, 0xff}, dns.RcodeFormatError, ""},
		"never ends":           {bytes.Repeat([]byte{1, 'a'}, 2000), dns.RcodeFormatError, ""},
		"of a reserved kind":   {[]byte{0x80, 1, 0}, dns.RcodeFormatError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			memory := &noted{}
			s := New(Options{Names: memory})
			r := s.answer(t.Context(), netip.Addr{}, wireQuestion(c.wire, dns.TypeA))
			if len(r) < headerLen || r[1] != 7 || int(r[3]&0xf) != c.rcode {
				t.Fatalf("answered %x", r)
			}
			if got := strings.Join(memory.given, " "); got != c.host {
				t.Errorf("an address was given to %q", got)
			}
			if read := c.rcode != dns.RcodeFormatError; (len(memory.names) == 1) != read {
				t.Errorf("noted %q", memory.names)
			}
		})
	}
}

// Whatever is asked for is noted, also what has no answer.
func TestEachTypeIsNoted(t *testing.T) {
	memory := &noted{}
	s := New(Options{Names: memory})
	types := []uint16{
		dns.TypeA, dns.TypeAAAA, dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeANY,
		dns.TypeMX, dns.TypeNS, dns.TypeSOA, dns.TypeCNAME, dns.TypeNULL, dns.TypeDNSKEY, dns.TypeAXFR, dns.TypeIXFR, 65280,
	}
	for _, qtype := range types {
		if r := s.answer(t.Context(), netip.Addr{}, wireQuestion(labels("cloud", "example"), qtype)); r == nil {
			t.Errorf("type %d is not answered", qtype)
		}
	}
	if len(memory.names) != len(types) || len(memory.given) != 2 { // A and ANY
		t.Errorf("%d of %d noted, %d addresses given", len(memory.names), len(types), len(memory.given))
	}
}
