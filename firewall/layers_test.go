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
	in := ruleset.Input{Bridge: "br-cam", Ports: p.Ports, Addresses: p.Addresses, DNS: p.DNS, NTP: p.NTP}
	for _, d := range p.Devices {
		in.Devices = append(in.Devices, ruleset.Device{IP: d.IP, MAC: d.MAC, Port: d.Port})
	}
	rs, err := ruleset.Compile(in)
	must(t, err)
	return rs
}

// part says which of a ruleset's layers a test loads.
type part struct {
	isolated, routing bool
	hook              func(ruleset.Table, ruleset.Hook) bool
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
	}
}

// only keeps some layers of a ruleset. Settings are left as the lab has them: the worst case.
func only(rs ruleset.Ruleset, p part) ruleset.Ruleset {
	rs.Sysctls, rs.Link.Isolated = nil, p.isolated
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
	t.Cleanup(func() { must(t, k.Remove(context.Background(), rs.Link)) })
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
			results := l.runProbes(hits)
			for _, p := range probes() {
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
// only it can see: frames between cameras (L1) and packets of the box itself (L5).
func TestOneLayerAway(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	for name, c := range map[string]struct {
		away func(ruleset.Table, ruleset.Hook) bool
		part
		leaks []string
	}{
		"isolation":         {part: part{routing: true}},
		"bridge PREROUTING": {away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Bridge && t.Name == "nat" }, part: part{isolated: true, routing: true}},
		"bridge FORWARD":    {away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Bridge && t.Name == "filter" }, part: part{isolated: true, routing: true}},
		"routing rules":     {part: part{isolated: true}},
		"pinning":           {away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Frames }, part: part{isolated: true, routing: true}},
		// Only this layer comes before fragments are put together; pinning stops those of IPv4 with an unlisted source.
		"fragments": {
			away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family == ruleset.Inet }, part: part{isolated: true, routing: true},
			leaks: []string{"fragment completed from outside v6"},
		},
		"fragments and pinning": {
			away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Family.Nft() != "" }, part: part{isolated: true, routing: true},
			leaks: []string{"fragment completed from outside", "fragment completed from outside v6", "fragment for the recorder's other address"},
		},
		"raw":               {away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Name == "raw" }, part: part{isolated: true, routing: true}},
		"mangle":            {away: func(t ruleset.Table, _ ruleset.Hook) bool { return t.Name == "mangle" }, part: part{isolated: true, routing: true}},
		"INPUT and FORWARD": {away: func(t ruleset.Table, h ruleset.Hook) bool { return t.Name == "filter" && h.Layer == ruleset.L4 }, part: part{isolated: true, routing: true}},
		"OUTPUT": {
			away: func(_ ruleset.Table, h ruleset.Hook) bool { return h.Layer == ruleset.L5 }, part: part{isolated: true, routing: true},
			leaks: []string{"camera-side source to outside", "recorder to an unpinned device"},
		},
		// What is left when somebody flushes all tables: nothing crosses the box, but its own ports are open.
		"all tables": {
			away: func(ruleset.Table, ruleset.Hook) bool { return true }, part: part{isolated: true, routing: true},
			leaks: []string{
				"spoofed address to our DNS", "unknown device to our DNS",
				"recorder's other address", "recorder's closed port",
				"recorder's closed port v6", "recorder's other address v6",
				"multicast to the recorder", "broadcast to the recorder",
				"fragment completed from outside", "fragment completed from outside v6",
				"fragment for the recorder's other address", "fragment in a priority-tagged frame",
				"camera-side source to outside", "recorder to an unpinned device",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.hook = func(t ruleset.Table, h ruleset.Hook) bool { return c.away == nil || !c.away(t, h) }
			l.load(t, c.part)
			if got := leaks(l.runProbes(nil)); !slices.Equal(got, c.leaks) {
				t.Errorf("leaks %q, want %q", got, c.leaks)
			}
		})
	}
}
