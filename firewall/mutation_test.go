package firewall_test

import (
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// mutationPolicy offers everything that there is to offer, so that every rule is there.
func mutationPolicy() firewall.Policy {
	p := policy()
	p.DHCP = true
	p.Devices[1].Port = "p-b"
	return p
}

// observation is what one batch shows: each path's outcome, and which services work.
type observation struct {
	paths map[string]outcome
	works map[string]bool
}

// observe sends one batch: each path once, each service once.
func (l *lab) observe(hits *hitReader) observation {
	l.t.Helper()
	// What connection tracking remembers would hide what nat does now.
	must(l.t, netlink.ConntrackTableFlush(netlink.ConntrackTable))
	type answer struct {
		name string
		ok   bool
	}
	calls := talks()
	answers := make(chan answer, len(calls))
	for name, talk := range calls {
		go func() { answers <- answer{name, talk(l.t)} }()
	}
	tags := map[string]string{}
	l.punch()
	for _, s := range services() {
		tags[s.name] = newTag()
		s.ask(l, tags[s.name])
	}
	seen := observation{paths: l.run(probes(), 1, hits), works: map[string]bool{}}
	for _, s := range services() {
		seen.works[s.name] = s.got(l, tags[s.name])
	}
	for range calls {
		a := <-answers
		seen.works[a.name] = a.ok
	}
	hits.forget()
	return seen
}

// change is what a mutant makes different from the unmutated.
type change struct {
	opened, closed []string // paths
	lost, gained   []string // services
	hits           []string // paths whose hits are others
}

func (c change) none() bool {
	return len(c.opened)+len(c.closed)+len(c.lost)+len(c.gained)+len(c.hits) == 0
}

func differ(before, now observation) change {
	var c change
	for _, p := range probes() {
		b, n := before.paths[p.name], now.paths[p.name]
		switch {
		case b.leaked == 0 && n.leaked > 0:
			c.opened = append(c.opened, p.name)
		case b.leaked > 0 && n.leaked == 0:
			c.closed = append(c.closed, p.name)
		case !slices.Equal(b.hits, n.hits):
			c.hits = append(c.hits, p.name)
		}
	}
	names := make([]string, 0, len(before.works))
	for name := range before.works {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case before.works[name] && !now.works[name]:
			c.lost = append(c.lost, name)
		case !before.works[name] && now.works[name]:
			c.gained = append(c.gained, name)
		}
	}
	return c
}

// verdict is how the suite notices, worst first; "" where it does not.
func (c change) verdict() string {
	switch {
	case len(c.opened) > 0:
		return "leak: " + few(c.opened)
	case len(c.lost) > 0:
		return "service lost: " + few(c.lost)
	case len(c.gained) > 0:
		return "lets through: " + few(c.gained)
	case len(c.closed) > 0:
		return "closed: " + few(c.closed)
	case len(c.hits) > 0:
		return "other hit: " + few(c.hits)
	}
	return ""
}

// few names the first of a list, and not how many more there are: a path more
// must not change the document.
func few(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return names[0] + " and more"
}

// twice observes until two batches in a row show the same, so that no packet
// lost on a busy machine makes a verdict.
func (l *lab) twice(hits *hitReader, before *observation) observation {
	l.t.Helper()
	last := l.observe(hits)
	if before != nil && differ(*before, last).none() {
		return last
	}
	for range 5 {
		now := l.observe(hits)
		if differ(last, now).none() {
			return now
		}
		last = now
	}
	l.t.Errorf("no two batches in a row show the same: %+v", differ(last, l.observe(hits)))
	return last
}

// finding is what became of one mutant.
type finding struct {
	mutant
	whole string // verdict with everything else loaded
	full  observation
	holds string // who held, where whole is "" and it leaks alone
	where string // stage in which only its layer is loaded and it is noticed
	alone string // verdict there
}

// mutate takes each mutant away in a stage, one at a time.
func (k *loaded) mutate(hits *hitReader, list []*finding, note func(f *finding, c change, now observation)) {
	k.l.t.Helper()
	before := k.l.twice(hits, nil)
	for _, f := range list {
		f.away(k)
		now := k.l.twice(hits, &before)
		f.back(k)
		note(f, differ(before, now), now)
	}
	if c := differ(before, k.l.twice(hits, nil)); !c.none() {
		k.l.t.Errorf("a mutant was not put back: %+v", c)
	}
}

// hunt takes away each of the mutants: with everything else loaded, then with
// only its layer, then in disguises until it is noticed.
func (l *lab) hunt(list []mutant, disguised bool) []*finding {
	l.t.Helper()
	hits := readHits(l.t)
	must(l.t, l.camA.space.Do(func() error {
		for _, limit := range []string{"icmp_ratelimit", "icmp_ratemask"} { // or it says only now and then that a port is closed
			if err := os.WriteFile("/proc/sys/net/ipv4/"+limit, []byte("0"), 0o644); err != nil {
				return err
			}
		}
		return serveCamera(l.t)
	}))
	rs := compile(l.t, mutationPolicy())
	var found []*finding
	for _, m := range list {
		found = append(found, &finding{mutant: m})
	}
	k := l.loadRules(rs)
	k.mutate(hits, found, func(f *finding, c change, now observation) { f.whole, f.full = c.verdict(), now })
	k.unload()
	for i, solo := range soloParts() {
		if left(found, i) == nil {
			continue
		}
		k := l.loadRules(only(rs, solo.part))
		k.mutate(hits, left(found, i), func(f *finding, c change, _ observation) { f.noticed("only "+solo.name, c) })
		for _, d := range disguises() {
			if !disguised || !slices.Contains(d.parts, i) || left(found, i) == nil {
				continue
			}
			d.on(k)
			k.mutate(hits, left(found, i), func(f *finding, c change, _ observation) { f.noticed("only "+solo.name+", "+d.name, c) })
			d.off(k)
		}
		k.unload()
	}
	if disguised {
		l.huntByForeignPort(hits, found, "p-r")
		l.huntByForeignPort(hits, found, "p-a")
	}
	return found
}

// left are the findings of a part that nothing has noticed alone yet.
func left(found []*finding, part int) []*finding {
	var list []*finding
	for _, f := range found {
		if f.alone == "" && slices.Contains(f.parts, part) {
			list = append(list, f)
		}
	}
	return list
}

func (f *finding) noticed(stage string, c change) {
	if f.alone = c.verdict(); f.alone == "" {
		return
	}
	f.where = stage
	if !strings.Contains(stage, ",") && !strings.HasPrefix(f.whole, "leak") {
		f.holds = f.holders(c.opened)
	}
}

// holders are the layers that stop what leaks alone, as the hits tell with
// everything else loaded; what is stopped without a hit is stopped by routing
// rules, isolation or settings.
func (f *finding) holders(paths []string) string {
	by := map[string]bool{}
	for _, name := range paths {
		hits := f.full.paths[name].hits
		if len(hits) == 0 {
			by["unseen"] = true
		}
		for _, h := range hits {
			layer, _, _ := strings.Cut(h, "|")
			by[layer] = true
		}
	}
	var list []string
	for layer := range by {
		list = append(list, layer)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// huntByForeignPort is for rules that matter only once somebody puts another
// interface into the bridge: one of the ports is then not ours.
func (l *lab) huntByForeignPort(hits *hitReader, found []*finding, port string) {
	p := mutationPolicy()
	p.Ports = slices.DeleteFunc(p.Ports, func(name string) bool { return name == port })
	rs := compile(l.t, p)
	for i, solo := range soloParts() {
		var list []*finding
		for _, m := range mutants(rs) {
			for _, f := range left(found, i) {
				if f.id == m.id && f.section == m.section && strings.HasPrefix(f.section, string(ruleset.Bridge)) {
					f.away, f.back = m.away, m.back
					list = append(list, f)
				}
			}
		}
		if list == nil {
			continue
		}
		rs := only(rs, solo.part)
		kernel, err := kernelFor(rs)
		must(l.t, err)
		k := &loaded{l: l, k: kernel, rs: rs, generation: kernel.Generation()}
		k.shell("ip link set " + port + " master br-cam; ip link set " + port + " up")
		l.neighbours()
		l.awaitLinks()
		k.mutate(hits, list, func(f *finding, c change, _ observation) {
			f.noticed("only "+solo.name+", a foreign port in the bridge", c)
		})
		k.unload()
	}
}
