package ruleset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Names of the sets.
const (
	setSelf    = "nvr-self"    // the recorder's camera-side addresses
	setNets    = "nvr-nets"    // camera networks
	setChatter = "nvr-chatter" // multicast and broadcast addresses
	setCams    = "nvr-cams"    // pinned addresses
	setPairs   = "nvr-pairs-"  // and a /16: pinned pairs of address and MAC (C4)
)

// SetPrefix begins every set's name.
const SetPrefix = "nvr-"

// sets are the compiled sets; pairs has one for each /16 that has devices (C9).
type sets struct {
	fixed []Set
	pairs []Set
}

func (s sets) all() []Set { return append(slices.Clone(s.fixed), s.pairs...) }

func setsOf(in Input) sets {
	var self, nets, cams []string
	chatter := []string{"224.0.0.0/4", "255.255.255.255"}
	for _, a := range in.Addresses {
		self = append(self, a.Addr().String())
	}
	for _, n := range in.networks() {
		nets = append(nets, n.String())
		chatter = append(chatter, lastOf(n).String())
	}
	blocks := map[netip.Prefix][]string{}
	for _, n := range in.networks() {
		if n.Bits() >= 16 { // known beforehand, so that its first device changes no rule
			blocks[netip.PrefixFrom(n.Addr(), 16).Masked()] = nil
		}
	}
	for _, d := range in.Devices {
		cams = append(cams, d.IP.String())
		b := netip.PrefixFrom(d.IP, 16).Masked()
		blocks[b] = append(blocks[b], d.IP.String()+","+strings.ToUpper(d.MAC.String()))
	}
	hash := fmt.Sprintf("hash:ip family inet hashsize 1024 maxelem %d", maxDevices)
	out := sets{fixed: []Set{
		newSet(setSelf, "hash:ip family inet hashsize 1024 maxelem 1024", self),
		newSet(setNets, "hash:net family inet hashsize 1024 maxelem 1024", nets),
		newSet(setChatter, "hash:net family inet hashsize 1024 maxelem 1024", chatter),
		newSet(setCams, hash, cams),
	}}
	for b, members := range blocks {
		out.pairs = append(out.pairs, newSet(setPairs+b.Addr().String(),
			fmt.Sprintf("bitmap:ip,mac range %s-%s", b.Addr(), lastOf(b)), members))
	}
	slices.SortFunc(out.pairs, func(a, b Set) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func newSet(name, create string, members []string) Set {
	members = slices.Clone(members)
	slices.Sort(members)
	return Set{Name: name, Create: create, Members: slices.Compact(members)}
}
