package netfilter

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// protocols are the families of nf_tables that our tables are in.
var protocols = map[ruleset.Family]uint8{
	ruleset.IPv4: unix.NFPROTO_IPV4, ruleset.IPv6: unix.NFPROTO_IPV6,
	ruleset.Bridge: unix.NFPROTO_BRIDGE, ruleset.Inet: unix.NFPROTO_INET,
}

// recount is the same snapshot with the counters of permanent chains as they
// are now (C11). It fails where the kernel counts in a chain that is not in the
// snapshot, or the other way round: then something was changed.
func (s snapshot) recount() (snapshot, error) {
	now := map[uint8]map[[2]string]uint64{} // packets by table and chain, by protocol
	out := snapshot{}
	for f, tables := range s {
		p := protocols[f]
		if now[p] == nil {
			counts, err := countRules(p)
			if err != nil {
				return nil, err
			}
			now[p] = counts
		}
		out[f] = map[string]table{}
		for name, t := range tables {
			fresh := make(table, len(t))
			for chain, rules := range t {
				if g, ours := ruleset.ParseChainName(chain); ours && g == 0 && len(rules) > 0 {
					packets, ok := now[p][[2]string{name, chain}]
					if !ok {
						return nil, fmt.Errorf("count in %s %s %s: %w", f, name, chain, errAnswer)
					}
					rules = append([]rule{}, rules...)
					for i := range rules {
						rules[i].packets = 0
					}
					rules[0].packets = packets
				}
				fresh[chain] = rules
			}
			out[f][name] = fresh
		}
	}
	return out, nil
}

// countRules adds up the counters of the rules in each chain of ours that is permanent.
func countRules(protocol uint8) (map[[2]string]uint64, error) {
	counts := map[[2]string]uint64{}
	req := netfilterMessage(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, protocol)
	if err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(m []byte) bool {
		if table, chain, packets := parseRuleMessage(m); permanent(chain) {
			counts[[2]string{table, chain}] += packets
		}
		return true
	}); err != nil {
		return nil, fmt.Errorf("count dropped packets: %w", permitted(err))
	}
	return counts, nil
}

func permanent(chain string) bool {
	g, ours := ruleset.ParseChainName(chain)
	return ours && g == 0
}

// parseRuleMessage reads where a rule stands and what it counted, from a
// message of nf_tables; what it does not know it passes over.
func parseRuleMessage(m []byte) (table, chain string, packets uint64) {
	for kind, value := range attributes(m, nl.SizeofNfgenmsg) {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			table = text(value)
		case unix.NFTA_RULE_CHAIN:
			chain = text(value)
		case unix.NFTA_RULE_EXPRESSIONS:
			for _, expression := range attributes(value, 0) {
				packets += counterOf(expression)
			}
		}
	}
	return table, chain, packets
}

// counterOf is what an expression counted, 0 where it does not count.
func counterOf(expression []byte) (packets uint64) {
	name := ""
	for kind, value := range attributes(expression, 0) {
		switch {
		case kind == unix.NFTA_EXPR_NAME:
			name = text(value)
		case kind == unix.NFTA_EXPR_DATA && name == "counter":
			for kind, value := range attributes(value, 0) {
				if kind == unix.NFTA_COUNTER_PACKETS && len(value) == 8 {
					packets = binary.BigEndian.Uint64(value)
				}
			}
		}
	}
	return packets
}

// attributes walks over netlink attributes behind a header of the given
// length; it ends at the first that does not fit.
func attributes(b []byte, header int) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for header = min(header, len(b)); len(b)-header >= unix.SizeofRtAttr; {
			at := b[header:]
			size := int(nl.NativeEndian().Uint16(at))
			if size < unix.SizeofRtAttr || size > len(at) {
				return
			}
			kind := int(nl.NativeEndian().Uint16(at[2:])) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, at[unix.SizeofRtAttr:size]) {
				return
			}
			header += min((size+3)&^3, len(at))
		}
	}
}

// text is a string that ends with a zero byte.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
