package firewall_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// compiled is the ruleset of the lab's policy.
func compiled(t *testing.T) ruleset.Ruleset { return compile(t, policy()) }

func compile(t *testing.T, p firewall.Policy) ruleset.Ruleset {
	t.Helper()
	in := ruleset.Input{Bridge: "br-cam", Ports: p.Ports, Addresses: p.Addresses, DNS: p.DNS, NTP: p.NTP, DHCP: p.DHCP}
	for _, d := range p.Devices {
		in.Devices = append(in.Devices, ruleset.Device{IP: d.IP, MAC: d.MAC, Port: d.Port})
	}
	rs, err := ruleset.Compile(in)
	must(t, err)
	return rs
}

// part says which of a ruleset's layers a test loads.
type part struct {
	isolated, routing, settings bool
	hook                        func(ruleset.Table, ruleset.Hook) bool
}

func noHook(ruleset.Table, ruleset.Hook) bool { return false }

func hooksIn(f func(ruleset.Table, ruleset.Hook) bool) part { return part{hook: f} }

// soloParts are the layers that are tested alone, in the order of the columns of probe.alone.
func soloParts() []struct {
	name, layer string
	part
} {
	type row = struct {
		name, layer string
		part
	}
	bridge := func(table string) part {
		return hooksIn(func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Bridge && t.Name == table })
	}
	return []row{
		{"L1 isolation", "L1", part{isolated: true, hook: noHook}},
		{"L1 pinning", "L1", hooksIn(func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Frames })},
		{"L1 bridge PREROUTING", "L1", bridge("nat")},
		{"L1 bridge FORWARD", "L1", bridge("filter")},
		{"L2 routing rules", "L2", part{routing: true, hook: noHook}},
		{"L3 fragments", "L3", hooksIn(func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Inet })},
		{"L3 raw", "L3", hooksIn(func(t ruleset.Table, _ ruleset.Hook) bool { return t.Name == "raw" })},
		{"L4 mangle", "L4", hooksIn(func(t ruleset.Table, h ruleset.Hook) bool { return t.Name == "mangle" })},
		// INPUT admits only questions that nat redirected.
		{"L4 filter", "L4", hooksIn(func(t ruleset.Table, h ruleset.Hook) bool {
			return (t.Name == "filter" || t.Family == ruleset.IPv4 && t.Name == "nat") && h.Layer == ruleset.L4
		})},
		{"L5 filter OUTPUT", "L5", hooksIn(func(_ ruleset.Table, h ruleset.Hook) bool { return h.Layer == ruleset.L5 })},
		// Under /proc/sys, and the neighbours: no layer, but a help to all.
		{"settings", "", part{settings: true, hook: noHook}},
	}
}

// only keeps some layers of a ruleset. Where settings are none of them, they are
// left as the lab has them: the worst case.
func only(rs ruleset.Ruleset, p part) ruleset.Ruleset {
	rs.Link.Isolated = p.isolated
	if !p.settings {
		rs.Sysctls, rs.Neighbours = nil, nil
	}
	if !p.routing {
		rs.IPRules = nil
	}
	var tables []ruleset.Table
	for _, t := range rs.Tables {
		t.Hooks = slices.DeleteFunc(slices.Clone(t.Hooks), func(h ruleset.Hook) bool { return !p.hook(t, h) })
		if len(t.Hooks) > 0 {
			tables = append(tables, t)
		}
	}
	rs.Tables = tables
	return rs
}

// load puts some layers in force until the test ends.
func (l *lab) load(t *testing.T, p part) {
	t.Helper()
	k, err := netfilter.New(netfilter.Options{Log: logger(t)})
	must(t, err)
	rs := only(compiled(t), p)
	must(t, k.Apply(context.Background(), rs))
	t.Cleanup(func() {
		must(t, k.Remove(context.Background(), rs.Link))
		l.worstSettings()
	})
	l.neighbours()
	foreign(t, "conntrack -F 2>&1") // or nat goes on with what another layer's test began
	l.awaitLinks()
}

// C3: each layer alone does what it is there for. A layer whose rules do
// nothing is found here, even though the others would hide it.
func TestEachLayerAlone(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	hits := readHits(t)
	for column, solo := range soloParts() {
		t.Run(solo.name, func(t *testing.T) {
			l.load(t, solo.part)
			list := everyPath()
			results := l.run(list, perProbe, hits)
			for _, p := range list {
				o := results[p.name]
				if got, want := letter(o), p.alone[column]; got != want {
					t.Errorf("%s: %c, want %c (%d of %d leaked, hits %q)", p.name, got, want, o.leaked, o.sent, o.hits)
				}
				for _, h := range o.hits {
					if !strings.HasPrefix(h, solo.layer+"|") {
						t.Errorf("%s: hit %s of another layer", p.name, h)
					}
				}
			}
		})
	}
}

// letter tells an outcome as the columns of probe.alone do.
func letter(o outcome) byte {
	switch {
	case o.leaked > 0 && len(o.hits) > 0:
		return 's'
	case o.leaked > 0:
		return '-'
	case len(o.hits) > 0:
		return 'S'
	}
	return 'b'
}

// C3: whichever one layer is gone, the others hold what it held, but for what
// only it can see. What that is follows from what each does alone: nothing else
// may open, and nothing that the documents call open may be closed by accident.
func TestOneLayerAway(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	all := soloParts()
	for away := range all {
		t.Run(all[away].name, func(t *testing.T) {
			l.load(t, without(away))
			l.expectLeaks(t, func(column int) bool { return column != away })
		})
	}
	// What is left when somebody flushes all tables: nothing crosses the box, but its own ports are open.
	t.Run("all tables", func(t *testing.T) {
		l.load(t, part{isolated: true, routing: true, settings: true, hook: noHook})
		l.expectLeaks(t, func(column int) bool { p := all[column]; return p.isolated || p.routing || p.settings })
	})
}

// without is everything but one layer.
func without(away int) part {
	gone := soloParts()[away]
	return part{
		isolated: !gone.isolated, routing: !gone.routing, settings: !gone.settings,
		hook: func(t ruleset.Table, h ruleset.Hook) bool { return !gone.hook(t, h) },
	}
}

// expectLeaks runs all probes: those leak that no loaded layer stops alone.
func (l *lab) expectLeaks(t *testing.T, loaded func(column int) bool) {
	t.Helper()
	results, expected := l.runProbes(nil), openWithout(func(column int) bool { return !loaded(column) })
	var open []string
	for _, p := range probes() {
		if leaked := results[p.name].leaked > 0; leaked != expected[p.name] {
			t.Errorf("%s: leaked %t; by what each layer does alone it should be %t", p.name, leaked, expected[p.name])
		}
		if expected[p.name] {
			open = append(open, p.name)
		}
	}
	t.Logf("open: %s", describe(open))
}
