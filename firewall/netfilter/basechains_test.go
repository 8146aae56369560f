package netfilter

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func attr(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// flowtableMessage is what a kernel with flowtables answers (linux/netfilter/nf_tables.h).
func flowtableMessage() []byte {
	return join([]byte{unix.NFPROTO_INET, 0, 0, 0},
		attr(flowtableTable, []byte("filter\x00")...), attr(flowtableName, []byte("fast\x00")...),
		attr(flowtableHook|unix.NLA_F_NESTED, join(
			attr(1, 0, 0, 0, 0), attr(flowtableHookPriority, 0xff, 0xff, 0xff, 0xf6),
			attr(flowtableHookDevices|unix.NLA_F_NESTED, join(attr(deviceName, []byte("enp2s0\x00")...), attr(devicePrefix, []byte("lan")...))...),
		)...))
}

func TestAFlowtableOfOurPortIsKnown(t *testing.T) {
	c, ok, err := parseFlowtable(flowtableMessage())
	if err != nil || !ok || c.priority != -10 || !c.flowtable {
		t.Fatalf("%+v %t %v", c, ok, err)
	}
	for name, want := range map[string]bool{"enp2s0": true, "lan7": true, "enp2s": false, "wan0": false} {
		if c.calls(name) != want {
			t.Errorf("%s: calls %t", name, c.calls(name))
		}
	}
	b := c.bypass("enp2s0")
	if want := "flowtable inet filter fast on enp2s0; remove it: nft delete flowtable inet filter fast"; b.String() != want || !b.passes {
		t.Errorf("%q, passes %t", b, b.passes)
	}
}

// elementsMessage is what the kernel answers for nvr-at-port-pair.
func elementsMessage() []byte {
	key := join([]byte("p-a"), make([]byte, 13), []byte{2, 0, 0, 0, 0, 0x11, 0, 0}, []byte{10, 20, 1, 11})
	element := attr(1|unix.NLA_F_NESTED, attr(elementKey|unix.NLA_F_NESTED, attr(keyValue, key...)...)...)
	ends := attr(1, join(attr(elementKey, attr(keyValue, key...)...), attr(4, 1))...)
	return join([]byte{unix.NFPROTO_BRIDGE, 0, 0, 0}, attr(elementsTable, 'x', 0), attr(elementsList, join(element, ends)...))
}

func TestParseElements(t *testing.T) {
	got, err := parseElements(elementsMessage(), []string{"ifname", "ether_addr", "ipv4_addr"})
	const pair = `"p-a" . 02:00:00:00:00:11 . 10.20.1.11`
	if err != nil || !slices.Equal(got, []string{pair, pair + " with 4=01"}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, kinds := range [][]string{{"ifname", "ether_addr"}, {"ifname", "mark"}, {"ifname", "ether_addr", "ipv4_addr", "ipv4_addr"}} {
		if got, _ := parseElements(elementsMessage(), kinds); len(got) == 0 || got[0] == pair {
			t.Errorf("as %q: %q", kinds, got)
		}
	}
}

func FuzzBaseChains(f *testing.F) {
	f.Add(flowtableMessage())
	f.Add(join([]byte{5, 0, 0, 0}, attr(1, 'a'), attr(3, 'b'), attr(4, join(attr(1, 0, 0, 0, 0), attr(2, 0, 0, 0, 1), attr(3, 'p', '1', 0))...)))
	f.Add([]byte{1, 0, 0, 0, 3, 0, 0, 0})
	f.Add(elementsMessage())
	f.Fuzz(func(t *testing.T, m []byte) {
		for _, parse := range []func([]byte) (baseChain, bool, error){parseBaseChain, parseFlowtable} {
			if c, ok, err := parse(m); err == nil && ok {
				_ = c.bypass("p1").String()
			}
		}
		_ = classifierKind(m)
		_, _, _ = parseTable(m)
		_, _, _, _ = parseDupRule(m)
		_, _ = parseElements(m, []string{"ifname", "ether_addr", "ipv4_addr"})
	})
}
