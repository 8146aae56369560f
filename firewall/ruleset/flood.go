package ruleset

import (
	"fmt"
	"strings"
)

// What is logged of one source in a second, and of all for one reason. Beyond it
// packets are dropped and counted as suppressed (C11): who floods would else keep
// the reader so busy that the kernel forgets what others try. No limit ever
// decides whether a packet is dropped.
const (
	logsOfOne   = 4000
	logsOfAll   = 10000
	atOnceOfAll = 5000 // what the log's buffer holds while the reader waits for a processor
)

// tableOf bounds what the kernel keeps of sources. Where addresses are those of
// pinned devices there are not so many.
const tableOf = 131072

// setTalk keeps, for each MAC, how much of it was logged lately. The kernel fills it.
const setTalk = "nvr-talk"

// moreSuffix ends the names of chains, and the ids of rules, that drop what is not logged.
const moreSuffix = "-more"

// Suppressed reports whether what a permanent rule counts was dropped without being logged.
func Suppressed(id string) bool { return strings.HasSuffix(id, moreSuffix) }

// beyond matches what is too much to log, in the table's words; empty where all is logged.
func (b *builder) beyond(name, reason string, l Layer) []string {
	if b.in.Observe || l == L5 {
		return nil // nothing is dropped; or the box itself sends it
	}
	all := fmt.Sprintf("-m hashlimit --hashlimit-above %d/sec --hashlimit-burst %d --hashlimit-name %s",
		logsOfAll, atOnceOfAll, strings.ToLower(SetPrefix+name))
	switch {
	case b.table.Family.Nft() != "":
		return []string{beyondOne, fmt.Sprintf("limit rate over %d/second burst %d packets", logsOfAll, atOnceOfAll)}
	case b.table.Family == Bridge:
		return nil // frames that are not for us were judged before; there are no others of a flood's size
	case b.table.Family == IPv6, reason == reasonUnknown, reason == reasonOutput, strings.HasPrefix(name, "FWD"):
		return []string{all} // sources may be invented without end there: a table of them would be full
	}
	return []string{fmt.Sprintf("-m hashlimit --hashlimit-above %d/sec --hashlimit-burst %d --hashlimit-mode srcip --hashlimit-name %s --hashlimit-htable-max %d",
		logsOfOne, logsOfOne, strings.ToLower(SetPrefix+name), tableOf)}
}

// beyondOne matches a frame of a MAC of which too much was logged. Where the set is
// full it matches nothing: then all of it is logged.
var beyondOne = fmt.Sprintf("update @%s { ether saddr limit rate over %d/second burst %d packets }", setTalk, logsOfOne, logsOfOne)

// talk is the set that beyondOne looks at.
func talk() Set {
	return Set{Name: setTalk, Create: "type ether_addr; size 65535; flags dynamic,timeout; timeout 10s;"}
}

// more makes the chain that drops what is too much to log, and the rules that lead there.
func (b *builder) more(name, id string, l Layer, matches []string) []Rule {
	if len(matches) == 0 {
		return nil
	}
	to := name + strings.ToUpper(moreSuffix)
	var rules []Rule
	for i, m := range matches {
		rules = append(rules, Rule{ID: fmt.Sprintf("%s-beyond%d", id, i+1), Match: m, To: to, Goto: true, toKept: true})
	}
	b.table.Chains = append(b.table.Chains, Chain{
		Name: to, Permanent: true, Layer: l, Rules: []Rule{{ID: id + moreSuffix, Target: "DROP"}},
	})
	return rules
}
