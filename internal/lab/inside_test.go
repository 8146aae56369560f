package lab

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"
)

func TestMarkRoundTrip(t *testing.T) {
	for _, m := range []Mark{
		{},
		{Frame: 1, Camera: 2, Stream: 1, Sent: time.UnixMicro(1_700_000_000_123_456)},
		{Frame: math.MaxUint64, Camera: math.MaxUint16, Stream: 1, Sent: time.UnixMicro(math.MaxInt64)},
	} {
		if m.Sent.IsZero() {
			m.Sent = time.UnixMicro(0)
		}
		for _, h265 := range []bool{false, true} {
			nal := markNAL(m, h265)
			if bytes.Contains(nal, []byte{0, 0}) {
				t.Errorf("%+v: needs emulation prevention", m)
			}
			got := ReadFrameNumbers(append(bytes.Repeat([]byte{0, 0, 0, 1, 6}, 3), nal...))
			if len(got) != 1 || got[0] != m {
				t.Errorf("got %+v, want %+v", got, m)
			}
			nal[len(nal)-5] ^= 4
			if got := ReadFrameNumbers(nal); len(got) != 0 {
				t.Errorf("damaged, read as %+v", got)
			}
		}
	}
}

func TestDisturb(t *testing.T) {
	feed := func(how Disturbance) (out []uint16) {
		for _, s := range newStreamsOf(how) {
			for i := range uint16(1000) {
				for _, p := range s.disturb([]*rtp.Packet{{Header: rtp.Header{SequenceNumber: i}}}) {
					out = append(out, p.SequenceNumber)
				}
			}
		}
		return out
	}
	count := func(out []uint16) (distinct, swaps int) {
		seen := map[uint16]bool{}
		for i, n := range out {
			seen[n] = true
			if i > 0 && n < out[i-1] {
				swaps++
			}
		}
		return len(seen), swaps
	}
	tests := map[string]struct {
		how                       Disturbance
		sent, distinct, swapsFrom int
	}{
		"nothing":   {Disturbance{}, 1000, 1000, 0},
		"duplicate": {Disturbance{Duplicate: 1}, 2000, 1000, 0},
		"drop":      {Disturbance{Drop: 1}, 0, 0, 0},
	}
	for name, tt := range tests {
		out := feed(tt.how)
		if distinct, swaps := count(out); len(out) != tt.sent || distinct != tt.distinct || swaps != tt.swapsFrom {
			t.Errorf("%s: %d sent, %d distinct, %d swaps", name, len(out), distinct, swaps)
		}
	}
	out := feed(Disturbance{Drop: 0.1, Reorder: 0.1, Seed: 7})
	if distinct, swaps := count(out); distinct < 850 || distinct > 950 || swaps < 50 {
		t.Errorf("mixed: %d distinct, %d swaps", distinct, swaps)
	}
}

func newStreamsOf(how Disturbance) []*disturber {
	d := &Device{streams: []*stream{{}}}
	d.Disturb(how)
	return []*disturber{d.streams[0].trouble}
}

func ipv4Header(protocol byte, dst string, payload ...byte) []byte {
	b := make([]byte, 20, 64)
	b[0], b[9] = 0x45, protocol
	src, to := netip.MustParseAddr("10.20.1.11").As4(), netip.MustParseAddr(dst).As4()
	copy(b[12:], src[:])
	copy(b[16:], to[:])
	return append(b, payload...)
}

func ipv6Header(next byte, payload ...byte) []byte {
	b := make([]byte, 40, 64)
	b[0], b[6] = 0x60, next
	return append(b, payload...)
}

func TestClassify(t *testing.T) {
	tests := map[string]struct {
		ethertype uint16
		b         []byte
		want      string
		own       bool
	}{
		"arp":             {unix.ETH_P_ARP, nil, "0/0", true},
		"dns":             {unix.ETH_P_IP, ipv4Header(17, "8.8.8.8", 0x80, 1, 0, 53), "udp4/53", false},
		"https":           {unix.ETH_P_IP, ipv4Header(6, "198.51.100.1", 0x80, 1, 1, 187), "tcp4/443", false},
		"echo":            {unix.ETH_P_IP, ipv4Header(1, "8.8.8.8", 8, 0), "icmp4/8", false},
		"gre":             {unix.ETH_P_IP, ipv4Header(47, "8.8.8.8"), "474/0", false},
		"igmp":            {unix.ETH_P_IP, ipv4Header(2, "224.0.0.22"), "24/0", true},
		"cut short":       {unix.ETH_P_IP, []byte{0x45}, "short4/0", false},
		"no ports":        {unix.ETH_P_IP, ipv4Header(17, "8.8.8.8", 0x80), "udp4/-1", false},
		"v6 https":        {unix.ETH_P_IPV6, ipv6Header(6, 0x80, 1, 1, 187), "tcp6/443", false},
		"v6 echo":         {unix.ETH_P_IPV6, ipv6Header(58, 128), "icmpv66/128", false},
		"solicitation":    {unix.ETH_P_IPV6, ipv6Header(58, 135), "icmpv66/135", true},
		"group report":    {unix.ETH_P_IPV6, ipv6Header(0, 58, 0, 5, 2, 0, 0, 1, 0, 143), "icmpv66/143", true},
		"v6 cut short":    {unix.ETH_P_IPV6, []byte{0x60}, "short6/0", false},
		"vendor protocol": {0x88b5, []byte{1}, "0x88b50/0", false},
	}
	for name, tt := range tests {
		if p, own := classify(tt.ethertype, tt.b); p.String() != tt.want || own != tt.own {
			t.Errorf("%s: got %s %v, want %s %v", name, p.Kind, own, tt.want, tt.own)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(uint16(unix.ETH_P_IP), ipv4Header(17, "8.8.8.8", 0, 1, 0, 53))
	f.Add(uint16(unix.ETH_P_IPV6), ipv6Header(0, 58, 255))
	f.Fuzz(func(t *testing.T, ethertype uint16, b []byte) {
		if p, _ := classify(ethertype, b); p.Port > math.MaxUint16 {
			t.Errorf("port %d", p.Port)
		}
	})
}

func TestNTPTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	got := ntpTime(at)
	if uint32(got) != 1<<31 || int64(got>>32)-2208988800 != at.Unix() {
		t.Errorf("%#x", got)
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], got)
	if b[4] != 0x80 {
		t.Errorf("fraction %x", b[4:])
	}
}
