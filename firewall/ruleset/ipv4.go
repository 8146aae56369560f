package ruleset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Matches, in the spelling of iptables-save.
const (
	toSelf      = "-m set --match-set " + setSelf + " dst"
	toNets      = "-m set --match-set " + setNets + " dst"
	fromNets    = "-m set --match-set " + setNets + " src"
	toChatter   = "-m set --match-set " + setChatter + " dst"
	fromPinned  = "-m set --match-set " + setCams + " src"
	toPinned    = "-m set --match-set " + setCams + " dst"
	loopbackIn  = "-i lo"
	loopbackOut = "-o lo"
	dhcpAsk     = "-s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67"
	dhcpRenew   = "-p udp -m udp --sport 68 --dport 67"
	// Only the answering side of a connection that the recorder opened (C5). A
	// plain ESTABLISHED would also keep alive what a camera opened earlier.
	answers    = "-m conntrack --ctstate ESTABLISHED --ctdir REPLY"
	icmpErrors = "-p icmp -m icmp --icmp-type 3 -m conntrack --ctstate RELATED --ctdir REPLY"
	redirected = " -m conntrack --ctstate DNAT"
)

// Ports that the sinkhole binds. Questions are brought there by redirection
// only: what listens on 53 or 123 of this box may be a resolver that asks others
// (C8). They lie below the ports that the kernel gives out by itself.
const (
	DNSPort = 30053
	NTPPort = 30123
)

// atMost is how much of a service one device gets, in mangle alone, through which
// all of it goes. Connection tracking keeps each question for half a minute, each
// connection for up to two: without a limit one device fills the kernel's table
// within seconds, and then nothing new gets through, for nobody (C5). So much is
// more than any device asks, and 6 % of a table of 262,144. What is beyond is
// refused, logged and counted like anything else that is not admitted.
const atMost = " -m hashlimit --hashlimit-upto 500/sec --hashlimit-burst 1000 --hashlimit-mode srcip --hashlimit-name nvr-services"

// raw4 is L3: before conntrack, so a refused flood costs no entry there and an
// established flow ends at once; before any foreign DNAT.
func (c compiler) raw4() Table {
	b := c.build(IPv4, "raw", "raw")
	b.hook("PREROUTING", "RAW", L3)
	b.chain("RAW", L3, append(b.fromCameras("RAW-CAM"),
		b.verdict("own", loopbackIn, "RETURN"),
		// A camera-side source on another interface: the bridge was renamed, or somebody pretends.
		b.leads("from-nets", fromNets, "RAW-CAM"),
		b.leads("to-nets", toNets, b.deny("RAW", reasonOutput, L3)))...)
	b.classify("RAW", L3)
	b.pinned("RAW", L3, b.toSelf(func(id, match string) Rule { return b.verdict(id, match, "RETURN") }))
	return b.table
}

// mangle4 is the first half of L4: after conntrack, before DNAT. It judges as
// raw does, so that without raw each hit still has its right reason; but a packet
// of a flow that the recorder opened has its pair judged by the second half.
func (c compiler) mangle4() Table {
	b := c.build(IPv4, "mangle", "man")
	b.hook("PREROUTING", "MAN", L4)
	b.chain("MAN", L4, append(b.fromCameras("MAN-CAM"),
		b.verdict("own", loopbackIn, "RETURN"),
		b.leads("from-nets", fromNets, "MAN-CAM"))...)
	b.classify("MAN", L4)
	b.pinned("MAN", L4, b.toSelf(func(id, match string) Rule { return b.leads(id, match, "MAN-SELF") }))
	b.self("MAN", "RETURN", L4)
	return b.table
}

// nat4 brings questions for name and time servers, the recorder and foreign
// ones, to the sinkhole.
func (c compiler) nat4() Table {
	b := c.build(IPv4, "nat", "nat")
	b.hook("PREROUTING", "NAT", L4)
	b.chain("NAT", L4, b.fromCameras("NAT-CAM")...)
	var ours, others []Rule
	for _, s := range b.services() {
		to := fmt.Sprintf("REDIRECT --to-ports %d", s.port)
		ours = append(ours, b.verdict("self-"+s.id, s.match+" "+toSelf, to))
		if !b.in.Observe {
			// One line for each flow, which is all that nat sees: who asks whom is worth knowing.
			others = append(others, Rule{ID: "nat-" + s.id + "-log", Match: s.match, Log: &Log{Layer: L4, Reason: reasonAsked, Rule: "nat-" + s.id, Asked: true}},
				b.verdict(s.id, s.match, to))
		}
	}
	b.chain("NAT-CAM", L4, slices.Concat(ours, []Rule{
		b.verdict("self", toSelf, "ACCEPT"), // no foreign DNAT after us
		b.verdict("chatter", toChatter, "RETURN"),
		b.verdict("nets", toNets, "RETURN"),
	}, others)...)
	return b.table
}

// filter4 is the second half of L4 (INPUT, FORWARD) and L5 (OUTPUT).
func (c compiler) filter4() Table {
	b := c.build(IPv4, "filter", "in")
	b.hook("INPUT", "IN", L4)
	b.hook("FORWARD", "FWD", L4)
	b.hook("OUTPUT", "OUT", L5)

	b.chain("IN", L4, append(b.fromCameras("IN-CAM"),
		b.verdict("own", loopbackIn, "RETURN"),
		b.leads("from-nets", fromNets, "IN-CAM"))...)
	b.classify("IN", L4)
	b.chain("IN-PIN", L4, append(b.toSelf(func(id, match string) Rule { return b.leads(id, match, "IN-SELF") }),
		b.leads("is-chatter", toChatter, b.deny("IN", reasonChatter, L4)),
		b.leads("other", "", b.deny("IN", reasonInput, L4)))...)
	b.self("IN", "ACCEPT", L4)

	b.tag = "fwd"
	b.chain("FWD", L4, append(append(b.fromCameras("FWD-CAM"),
		b.towardsCameras(b.deny("FWD", reasonOutput, L4))...),
		b.leads("from-nets", fromNets, "FWD-CAM"),
		b.leads("to-nets", toNets, b.deny("FWD", reasonOutput, L4)))...)
	b.chain("FWD-CAM", L4,
		b.leads("is-chatter", toChatter, b.deny("FWD", reasonChatter, L4)),
		b.leads("is-lateral", toNets, b.deny("FWD", reasonLateral, L4)),
		b.leads("is-egress", "", b.deny("FWD", reasonEgress, L4)))

	b.tag = "out"
	b.chain("OUT", L5, append(append([]Rule{b.verdict("own", loopbackOut, "RETURN")},
		b.towardsCameras("OUT-CAM")...),
		// Our camera-side address as a source elsewhere: an answer to a forged packet.
		b.leads("from-nets", fromNets, b.deny("OUT", reasonOutput, L5)))...)
	// Nothing for DHCP: who has no address yet is answered by a frame to its MAC. An
	// answer to everybody would come back to us as if a camera had sent it.
	b.chain("OUT-CAM", L5,
		b.verdict("pinned", toPinned, "RETURN"),
		b.leads("is-chatter", toChatter, b.deny("OUT", reasonChatter, L5)),
		b.leads("other", "", b.deny("OUT", reasonOutput, L5)))
	return b.table
}

// classify tells pinned pairs from forged and from unlisted ones (C4).
func (b *builder) classify(chain string, l Layer) {
	var rules []Rule
	if chain == "MAN" {
		// A video passes here. Whether its pair is listed was judged in raw and will be
		// in filter; to look it up a third time costs more than all else in this table.
		rules = b.toSelf(func(id, match string) Rule { return b.verdict("answers-"+id, match+" "+answers, "RETURN") })
	}
	for _, s := range b.sets.pairs { // first: who sends a video asks for no address
		rules = append(rules, b.leads("pair-"+strings.TrimPrefix(s.Name, setPairs),
			"-m set --match-set "+s.Name+" src,src", chain+"-PIN"))
	}
	switch {
	case b.in.DHCP && chain == "IN":
		rules = append(rules, b.verdict("dhcp", dhcpAsk, "ACCEPT"))
	case b.in.DHCP:
		rules = append(rules, b.verdict("dhcp", dhcpAsk, "RETURN"))
	default:
		rules = append(rules, b.leads("dhcp", dhcpAsk, b.deny(chain, reasonChatter, l)))
	}
	b.chain(chain+"-CAM", l, append(rules,
		b.leads("is-spoof", fromPinned, b.deny(chain, reasonSpoof, l)),
		b.leads("is-unknown", "", b.deny(chain, reasonUnknown, l)))...)
}

// pinned judges the destinations of a pinned device before routing.
func (b *builder) pinned(chain string, l Layer, self []Rule) {
	rules := append(self,
		b.leads("is-chatter", toChatter, b.deny(chain, reasonChatter, l)),
		b.leads("is-lateral", toNets, b.deny(chain, reasonLateral, l)))
	for _, s := range b.services() {
		match := s.match
		if chain == "MAN" {
			match += atMost
		}
		rules = append(rules, b.verdict(s.id, match, "RETURN")) // nat brings it to us
	}
	b.chain(chain+"-PIN", l, append(rules, b.leads("is-egress", "", b.deny(chain, reasonEgress, l)))...)
}

// toSelf makes a rule for each of the recorder's addresses. Each packet of a video
// passes three of these: to compare an address costs it far less than to look one up
// in a set, and of our own there are few.
func (b *builder) toSelf(rule func(id, match string) Rule) []Rule {
	var rules []Rule
	for _, a := range b.in.Addresses {
		rules = append(rules, rule("self-"+a.Addr().String(), "-d "+a.Addr().String()+"/32"))
	}
	return rules
}

// self admits what a pinned device may send to the recorder, and nothing else (C5).
// Before redirection a question is known by the port that was asked, after it
// by the sinkhole's: at the recorder nothing else of it is admitted (C8).
func (b *builder) self(chain, verdict string, l Layer) {
	rules := []Rule{b.verdict("icmp-errors", icmpErrors, verdict)}
	if chain == "IN" {
		rules = slices.Insert(rules, 0, b.verdict("answers", answers, verdict))
	}
	for _, s := range b.services() {
		match := s.match
		if chain == "IN" {
			match = s.arrived
		} else {
			match += atMost
		}
		rules = append(rules, b.verdict("self-"+s.id, match, verdict))
	}
	if b.in.DHCP {
		rules = append(rules, b.verdict("self-dhcp", dhcpRenew, verdict))
	}
	b.chain(chain+"-SELF", l, append(rules, b.leads("is-input", "", b.deny(chain, reasonInput, l)))...)
}

type service struct {
	id, match string
	arrived   string // the match once it was redirected
	port      uint16 // of the sinkhole
}

// services are what pinned devices may ask, of us or of any foreign server.
func (b *builder) services() []service {
	var list []service
	add := func(id, protocol string, asked, port uint16) {
		match := "-p " + protocol + " -m " + protocol + " --dport "
		list = append(list, service{
			id: id, match: match + strconv.Itoa(int(asked)),
			arrived: match + strconv.Itoa(int(port)) + redirected, port: port,
		})
	}
	if b.in.DNS {
		add("dns-udp", "udp", 53, DNSPort)
		add("dns-tcp", "tcp", 53, DNSPort)
	}
	if b.in.NTP {
		add("ntp", "udp", 123, NTPPort)
	}
	return list
}
