package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// protocols are the families of nf_tables that our tables are in.
var protocols = map[ruleset.Family]uint8{
	ruleset.IPv4: unix.NFPROTO_IPV4, ruleset.IPv6: unix.NFPROTO_IPV6,
	ruleset.Bridge: unix.NFPROTO_BRIDGE, ruleset.Frames: unix.NFPROTO_BRIDGE, ruleset.Inet: unix.NFPROTO_INET,
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
	messages, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return nil, fmt.Errorf("count dropped packets: %w", permitted(err))
	}
	for _, m := range messages {
		table, chain, packets, err := parseRuleMessage(m)
		if err != nil {
			return nil, fmt.Errorf("count dropped packets: %w", err)
		}
		if permanent(chain) {
			counts[[2]string{table, chain}] += packets
		}
	}
	return counts, nil
}

func permanent(chain string) bool {
	g, ours := ruleset.ParseChainName(chain)
	return ours && g == 0
}

// parseRuleMessage reads where a rule stands and what it counted, from a message
// of nf_tables.
func parseRuleMessage(m []byte) (table, chain string, packets uint64, err error) {
	_, list, err := attributes(m)
	for _, a := range list {
		switch a.kind {
		case unix.NFTA_RULE_TABLE:
			table = text(a.value)
		case unix.NFTA_RULE_CHAIN:
			chain = text(a.value)
		case unix.NFTA_RULE_EXPRESSIONS:
			expressions, bad := parseAttrs(a.value)
			err = errors.Join(err, bad)
			for _, e := range expressions {
				n, bad := counterOf(e.value)
				packets, err = packets+n, errors.Join(err, bad)
			}
		}
	}
	return table, chain, packets, err
}

// counterOf is what an expression counted, 0 where it does not count.
func counterOf(expression []byte) (packets uint64, err error) {
	list, err := parseAttrs(expression)
	name := ""
	for _, a := range list {
		switch {
		case a.kind == unix.NFTA_EXPR_NAME:
			name = text(a.value)
		case a.kind == unix.NFTA_EXPR_DATA && name == "counter":
			counter, bad := parseAttrs(a.value)
			err = errors.Join(err, bad)
			for _, c := range counter {
				if c.kind == unix.NFTA_COUNTER_PACKETS && len(c.value) == 8 {
					packets = binary.BigEndian.Uint64(c.value)
				}
			}
		}
	}
	return packets, err
}

// dupRule says where a rule stands that copies packets.
type dupRule struct{ table, chain string }

// dupRules lists those of a family.
func dupRules(protocol uint8) ([]dupRule, error) {
	messages, err := dumpTables(unix.NFT_MSG_GETRULE, unix.NFT_MSG_NEWRULE)
	if err != nil {
		return nil, fmt.Errorf("list the rules of nf_tables: %w", permitted(err))
	}
	var list []dupRule
	for _, m := range messages {
		family, r, dup, err := parseDupRule(m)
		if err != nil {
			return nil, fmt.Errorf("list the rules of nf_tables: %w", err)
		}
		if dup && family == protocol {
			list = append(list, r)
		}
	}
	return list, nil
}

func parseDupRule(m []byte) (family uint8, r dupRule, dup bool, err error) {
	family, list, err := attributes(m)
	for _, a := range list {
		switch a.kind {
		case unix.NFTA_RULE_TABLE:
			r.table = text(a.value)
		case unix.NFTA_RULE_CHAIN:
			r.chain = text(a.value)
		case unix.NFTA_RULE_EXPRESSIONS:
			expressions, bad := parseAttrs(a.value)
			err = errors.Join(err, bad)
			for _, e := range expressions {
				inner, bad := parseAttrs(e.value)
				err = errors.Join(err, bad)
				for _, i := range inner {
					dup = dup || i.kind == unix.NFTA_EXPR_NAME && text(i.value) == "dup"
				}
			}
		}
	}
	return family, r, dup, err
}
