package netfilter

import (
	"bytes"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ruleMessage is a rule as nf_tables tells it.
func ruleMessage(table, chain string, packets uint64) []byte {
	number := make([]byte, 8)
	for i := range number {
		number[i] = byte(packets >> (56 - 8*i))
	}
	list := nl.NewRtAttr(unix.NFTA_RULE_EXPRESSIONS|unix.NLA_F_NESTED, nil)
	for _, name := range []string{"match", "counter"} {
		e := list.AddRtAttr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, nil)
		e.AddRtAttr(unix.NFTA_EXPR_NAME, nl.ZeroTerminated(name))
		e.AddRtAttr(unix.NFTA_EXPR_DATA|unix.NLA_F_NESTED, nil).AddRtAttr(unix.NFTA_COUNTER_PACKETS, number)
	}
	m := make([]byte, nl.SizeofNfgenmsg)
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.NFTA_RULE_TABLE, nl.ZeroTerminated(table)),
		nl.NewRtAttr(unix.NFTA_RULE_CHAIN, nl.ZeroTerminated(chain)), list,
	} {
		m = append(m, a.Serialize()...)
	}
	return m
}

func TestParseRuleMessage(t *testing.T) {
	m := ruleMessage("raw", "NVR-RAW-SPOOF", 1<<40+7)
	if table, chain, packets, err := parseRuleMessage(m); err != nil || table != "raw" || chain != "NVR-RAW-SPOOF" || packets != 1<<40+7 {
		t.Errorf("%s %s %d", table, chain, packets)
	}
}

func FuzzParseRuleMessage(f *testing.F) {
	m := ruleMessage("raw", "NVR-RAW-SPOOF", 7)
	f.Add(m)
	f.Add(m[:len(m)-9])
	f.Add([]byte{0, 0, 0, 0, 3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, m []byte) {
		before := bytes.Clone(m)
		table, chain, _, _ := parseRuleMessage(m) // an error is as good as any
		if len(table)+len(chain) > len(m) || !bytes.Equal(m, before) {
			t.Errorf("table %q, chain %q of %d bytes", table, chain, len(m))
		}
	})
}
