package sinkhole

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fixed is a memory of one name.
type fixed struct{}

func (fixed) AddressOf(context.Context, netip.Addr, string) (netip.Addr, error) {
	return netip.AddrFrom4([4]byte{198, 18, 0, 1}), nil
}
func (fixed) HostOf(netip.Addr) (string, bool) { return "a.example", true }
func (fixed) Asked(netip.Addr, string, uint16) {}

func TestMalformedMessages(t *testing.T) {
	s := New(Options{Names: fixed{}})
	good, err := new(dns.Msg).SetQuestion("a.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		message []byte
		reply   bool
	}{
		"nothing":             {nil, false},
		"less than a header":  {good[:11], false},
		"a reply":             {append([]byte{0, 1, 0x80}, good[3:]...), false},
		"question cut short":  {good[:14], true},
		"no question":         {append(append([]byte(nil), good[:4]...), make([]byte, 8)...), true},
		"pointer to itself":   {append(append([]byte(nil), good[:12]...), 0xc0, 12, 0, 1, 0, 1), true},
		"longer than allowed": {append(append([]byte(nil), good...), make([]byte, maxMessage)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.answer(t.Context(), netip.Addr{}, c.message)
			if (r != nil) != c.reply {
				t.Fatalf("answered %x", r)
			}
			if r != nil && (len(r) != headerLen || r[0] != c.message[0] || r[1] != c.message[1] || r[2]&bitReply == 0 || r[3] != dns.RcodeFormatError) {
				t.Errorf("answered %x", r)
			}
		})
	}
}

func FuzzDNSMessage(f *testing.F) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypePTR, dns.TypeHTTPS, dns.TypeANY} {
		m := new(dns.Msg).SetQuestion("1.0.18.198.in-addr.arpa.", qtype)
		m.SetEdns0(512, true)
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	s := New(Options{Names: fixed{}})
	f.Fuzz(func(t *testing.T, message []byte) {
		r := s.answer(t.Context(), netip.Addr{}, message)
		if r == nil {
			return
		}
		if r[0] != message[0] || r[1] != message[1] || r[2]&bitReply == 0 || len(r) > 512+300 {
			t.Errorf("%x answered with %x", message, r)
		}
		if err := new(dns.Msg).Unpack(r); err != nil {
			t.Errorf("the answer %x cannot be read: %v", r, err)
		}
	})
}

func request(first byte) []byte {
	r := make([]byte, ntpSize)
	r[0], r[2] = first, 6
	copy(r[40:], "transmit")
	return r
}

func TestNTPReply(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 500_000_000, time.UTC)
	for name, c := range map[string]struct {
		request []byte
		clock   ClockState
		ok      bool
		first   byte
		stratum byte
	}{
		"version 4":              {request(0x23), ClockState{Synchronised: true}, true, 0x24, ntpStratum},
		"version 3":              {request(0x1b), ClockState{Synchronised: true}, true, 0x1c, ntpStratum},
		"not synchronised":       {request(0xe3), ClockState{}, true, 0xe4, 16},
		"extension is ignored":   {append(request(0x23), make([]byte, 400)...), ClockState{Synchronised: true}, true, 0x24, ntpStratum},
		"too short":              {request(0x23)[:47], ClockState{}, false, 0, 0},
		"a server's":             {request(0x24), ClockState{}, false, 0, 0},
		"a control message":      {request(0x26), ClockState{}, false, 0, 0},
		"a version to come":      {request(0x2b), ClockState{}, false, 0, 0},
		"a version that is none": {request(0x03), ClockState{}, false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := ntpReply(c.request, now, c.clock)
			if ok != c.ok {
				t.Fatalf("taken is %v", ok)
			}
			if !ok {
				return
			}
			if r[0] != c.first || r[1] != c.stratum || r[2] != 6 || string(r[24:32]) != "transmit" {
				t.Errorf("answered %x", r)
			}
			// 2026-11-23 12:00:00.5 in seconds since 1900, checked with date(1).
			if got := binary.BigEndian.Uint64(r[40:]); got != (1795435200+2208988800)<<32|1<<31 {
				t.Errorf("time is %x", got)
			}
		})
	}
}

func TestNTPShort(t *testing.T) {
	for d, want := range map[time.Duration]uint32{0: 0, time.Second: 1 << 16, 500 * time.Millisecond: 1 << 15, -1: 0, 1 << 62: 0xffff << 16} {
		if got := ntpShort(d); got != want {
			t.Errorf("%s is %x, want %x", d, got, want)
		}
	}
}

func FuzzNTP(f *testing.F) {
	f.Add(request(0x23))
	f.Add(request(0xe3)[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := ntpReply(b, time.Unix(1795435200, 0), ClockState{})
		if ok && (r[0]&7 != ntpModeServer || len(b) < ntpSize) {
			t.Errorf("%x answered with %x", b, r)
		}
	})
}
