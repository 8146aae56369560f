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

func FuzzBaseChains(f *testing.F) {
	f.Add(flowtableMessage())
	f.Add(join([]byte{5, 0, 0, 0}, attr(1, 'a'), attr(3, 'b'), attr(4, join(attr(1, 0, 0, 0, 0), attr(2, 0, 0, 0, 1), attr(3, 'p', '1', 0))...)))
	f.Add([]byte{1, 0, 0, 0, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, m []byte) {
		for _, parse := range []func([]byte) (baseChain, bool, error){parseBaseChain, parseFlowtable} {
			if c, ok, err := parse(m); err == nil && ok {
				_ = c.bypass("p1").String()
			}
		}
		_ = classifierKind(m)
	})
}
