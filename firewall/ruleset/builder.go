package ruleset

import (
	"fmt"
	"strings"
)

// The reasons of a hit, as firewall/nflog knows them.
const (
	reasonEgress  = "egress"
	reasonSpoof   = "spoof"
	reasonUnknown = "unknown-device"
	reasonLateral = "lateral"
	reasonInput   = "input"
	reasonOutput  = "output"
	reasonChatter = "chatter"
	reasonAsked   = "redirected"
)

type compiler struct {
	in   Input
	sets sets
}

// builder collects one table. tag begins the names of its rules, such as raw6.
type builder struct {
	compiler
	table Table
	tag   string
}

func (c compiler) build(f Family, table, tag string) *builder {
	return &builder{compiler: c, table: Table{Family: f, Name: table}, tag: tag}
}

func (b *builder) hook(base, chain string, l Layer) {
	b.table.Hooks = append(b.table.Hooks, Hook{Base: base, Chain: chain, Layer: l})
}

func (b *builder) chain(name string, l Layer, rules ...Rule) {
	b.table.Chains = append(b.table.Chains, Chain{Name: name, Layer: l, Rules: rules})
}

// leads makes a rule that hands packets over to another chain for good.
func (b *builder) leads(id, match, to string) Rule {
	return Rule{ID: b.tag + "-" + id, Match: match, To: to, Goto: b.table.Family != Bridge}
}

func (b *builder) verdict(id, match, target string) Rule {
	return Rule{ID: b.tag + "-" + id, Match: match, Target: target}
}

// fromCameras leads what comes in by the bridge or by any port to a chain.
func (b *builder) fromCameras(to string) []Rule {
	return b.interfaces("-i", "from", "-m devgroup --src-group", to)
}

// towardsCameras leads what goes out by the bridge or by any port to a chain.
func (b *builder) towardsCameras(to string) []Rule {
	return b.interfaces("-o", "to", "-m devgroup --dst-group", to)
}

// interfaces matches by name and then by group: the name holds where somebody
// changed the group, the group where somebody renamed the interface (C3).
func (b *builder) interfaces(flag, word, group, to string) []Rule {
	var rules []Rule
	for _, i := range b.in.interfaces() {
		rules = append(rules, b.leads(word+"-"+i, flag+" "+i, to))
	}
	return append(rules, b.leads(word+"-group", fmt.Sprintf("%s 0x%x", group, Group), to))
}

// deny makes the pair of chains that a refused packet ends in, and names the
// first: it logs and belongs to a generation; the second drops, is permanent,
// and its rule's counter is the account of what was dropped (C3, C11). What is too
// much to log a third drops, whose counter says how much that was.
func (b *builder) deny(chain, reason string, l Layer) string {
	word, _, _ := strings.Cut(reason, "-")
	name := chain + "-" + strings.ToUpper(word)
	for _, c := range b.table.Chains {
		if c.Name == name {
			return name
		}
	}
	id := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	logs := Rule{ID: id + "-log", Log: &Log{Layer: l, Reason: reason, Rule: id}}
	drops := Rule{ID: id + "-drop", To: name, toKept: true}
	rules := append(b.more(name, id, l, b.beyond(name, reason, l)), logs, drops)
	switch {
	case b.in.Observe && b.table.Family == Bridge:
		logs.Target = "RETURN"
		rules = []Rule{logs}
	case b.in.Observe:
		rules = []Rule{logs}
	case b.table.Family == Bridge: // there, logging is part of a rule with a target
		logs.To, logs.toKept = name, true
		rules = []Rule{logs}
	}
	b.chain(name, l, rules...)
	if !b.in.Observe {
		b.table.Chains = append(b.table.Chains, Chain{
			Name: name, Permanent: true, Layer: l, Rules: []Rule{{ID: id, Target: "DROP"}},
		})
	}
	return name
}
