package frames_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// Every checksum is one that a receiver accepts: a packet that the kernel drops
// for its checksum would prove nothing about a rule.
func TestChecksumsAreGood(t *testing.T) {
	a4, b4 := netip.MustParseAddr("10.20.1.11"), netip.MustParseAddr("203.0.113.5")
	a6, b6 := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	text := []byte("odd length") // and one more
	good := func(name string, sum uint16) {
		t.Helper()
		if sum != 0xffff {
			t.Errorf("%s: the sum with its checksum is %04x, want ffff", name, sum)
		}
	}
	for _, n := range []int{len(text), len(text) - 1} {
		text := text[:n]
		good("IPv4", frames.Sum(0, frames.IPv4(a4, b4, 17, text)[:20]))
		good("IPv4 with options", frames.Sum(0, frames.IPv4With(a4, b4, 17, frames.SourceRoute(frames.LooseRoute, b4), text, nil)[:28]))
		good("fragment", frames.Sum(0, frames.Fragment4(a4, b4, 7, 2, true, text)[:20]))
		good("ICMP", frames.Sum(0, frames.ICMP(frames.Echo, 0, [4]byte{1, 2, 3, 4}, text)))
		good("TCP", frames.Pseudo(a4, b4, 6, frames.Summed(a4, b4, frames.TCP(1, 2, 3, frames.FlagSYN, text))))
		good("UDP of IPv6", frames.Pseudo(a6, b6, 17, frames.UDP6(a6, b6, 1, 2, text)))
		good("ICMPv6", frames.Pseudo(a6, b6, 58, frames.ICMPv6(a6, b6, frames.Echo6, [4]byte{}, text)))
	}
	ra := frames.RouterAdvertisement(a6, b6, 1800, []byte("#00001"))
	good("router advertisement", frames.Pseudo(a6, b6, 58, ra))
	if got := binary.BigEndian.Uint16(ra[6:]); got != 1800 {
		t.Errorf("lifetime %d, want 1800", got)
	}
	if f := frames.Padded(frames.Ether(make([]byte, 6), make([]byte, 6), frames.TypeIPv4, nil)); len(f) != 60 {
		t.Errorf("a padded frame has %d bytes, want 60", len(f))
	}
}
