package firewall_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// place is where a packet counts as leaked; they can be joined.
type place uint

// The places.
const (
	atOutside   place = 1 << iota
	atCamA            // camera A's wire
	atCamB            // camera B's
	atRogue           // the unknown device's
	atGateway         // another gateway on a flat network
	atService         // a socket of the recorder
	atStack           // the recorder's transport protocols, whoever listens
	atResolver        // another program's name or time server on the recorder
	atRoutes          // the recorder's routes: it took a camera for its router
	atRedirects       // what the recorder tells of a shorter way
	atMoved           // the recorder's neighbours: a device was moved to another MAC
)

// posted is a frame and the wire it is sent on.
type posted struct {
	from  func(*lab) *wire
	frame []byte
}

// probe is one leak path.
type probe struct {
	name   string
	at     place
	frames func(tag string) []posted // what is sent on wires, in order
	act    func(l *lab, tag string)  // what the box itself does, where it is the sender
	class                            // what each layer does about it
	never  string                    // why it cannot leak even unprotected, on this kernel
	sweep  bool                      // one of a long row: sent once, and left out where time is short
}

// class says what becomes of a probe. alone gives, per layer loaded alone in the
// order of soloParts, whether it lets through (-), blocks unseen (b), blocks and
// logs (S), or logs what the recorder got while the peer got it too (s). all is
// the hit that is expected with everything loaded, "" where none is. onSwitch is
// for what an external switch forwards by itself.
type class struct {
	alone, all string
	onSwitch   bool
}

func path(name string, at place, frames func(string) []posted, c class) probe {
	return probe{name: name, at: at, frames: frames, class: c}
}

func (p probe) neverFor(why string) probe {
	p.never = why
	return p
}

// forged marks a path whose sender the table of pairs and ports knows for a
// liar: that judges first, and alone does as well.
func (p probe) forged(reason string) probe {
	p.alone = p.alone[:1] + "S" + p.alone[2:]
	p.all = "L1|" + reason
	return p
}

func (p probe) send(l *lab, tag string) {
	if p.act != nil {
		p.act(l, tag)
		return
	}
	for _, f := range p.frames(tag) {
		f.from(l).send(l.t, f.frame)
	}
}

// group is a part of the table of paths.
type group struct {
	name   string
	probes []probe
}

// table is every path: out of a camera, to another one, into the recorder, and
// through the box to cameras.
func table() []group {
	return []group{
		{"to the outside, IPv4", outsidePaths4()},
		{"to the outside, IPv6", outsidePaths6()},
		{"to foreign name and time servers", servicePaths()},
		{"with a forged or unknown source", forgedPaths()},
		{"by tricks of the header", headerPaths()},
		{"in fragments", fragmentPaths()},
		{"in tagged and foreign frames", framePaths()},
		{"to the recorder", recorderPaths()},
		{"in flows that others opened", flowPaths()},
		{"to another camera", lateralPaths()},
		{"said to all", chatterPaths()},
		{"that change the recorder's mind", mindPaths()},
		{"from outside, and from the box itself", boxPaths()},
		{"every protocol", sweepPaths()},
	}
}

// probes are all paths but the sweeps.
func probes() []probe {
	return slices.DeleteFunc(everyPath(), func(p probe) bool { return p.sweep })
}

func everyPath() []probe {
	var all []probe
	for _, g := range table() {
		all = append(all, g.probes...)
	}
	return all
}

func probeNamed(name string) probe {
	for _, p := range probes() {
		if p.name == name {
			return p
		}
	}
	panic("no path " + name)
}

// Paths have names, each its own: results and documents are kept by them.
func TestPathsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range everyPath() {
		if seen[p.name] {
			t.Errorf("path %q is there twice", p.name)
		}
		seen[p.name] = true
		if len(p.alone) != len(soloParts()) {
			t.Errorf("path %q tells of %d layers, not of %d", p.name, len(p.alone), len(soloParts()))
		}
	}
}

// outcome of one probe: how many of its packets arrived where they must not, and their hits.
type outcome struct {
	sent, leaked int
	hits         []string // LAYER|REASON, without repeats
}

// perProbe is how often each probe is sent, sweeps excepted.
const perProbe = 3

// runProbes sends every probe but the sweeps and tells what became of each.
func (l *lab) runProbes(hits *hitReader) map[string]outcome {
	l.t.Helper()
	return l.run(probes(), perProbe, hits)
}

func (l *lab) run(list []probe, times int, hits *hitReader) map[string]outcome {
	l.t.Helper()
	l.stale()
	l.punch()
	sent := map[string][]string{}
	// No tag tells of redirects, so what may cause one is sent before anything else that does.
	before := l.redirects()
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b probe) int { return int(b.at&atRedirects) - int(a.at&atRedirects) })
	redirected := false
	for i, p := range list {
		if i > 0 && list[i-1].at&atRedirects != 0 && p.at&atRedirects == 0 {
			l.settle()
			redirected = l.redirects() > before
		}
		n := times
		if p.sweep {
			n = 1
		}
		for range n {
			tag := newTag()
			p.send(l, tag)
			sent[p.name] = append(sent[p.name], tag)
		}
	}
	l.settle()
	if hits != nil {
		hits.settle(l)
	}
	happened := l.happened()
	if redirected {
		happened |= atRedirects
	}
	results := map[string]outcome{}
	for _, p := range list {
		var o outcome
		for _, tag := range sent[p.name] {
			o.sent++
			if l.arrived(p.at, tag) > 0 || p.at&happened != 0 {
				o.leaked++
			}
			if hits != nil {
				o.hits = append(o.hits, hits.of(tag)...)
			}
		}
		slices.Sort(o.hits)
		o.hits = slices.Compact(o.hits)
		results[p.name] = o
	}
	return results
}

// arrived counts a tag at places.
func (l *lab) arrived(at place, tag string) int {
	n := 0
	for where, s := range map[place]*sightings{
		atOutside: l.out.saw, atCamA: l.camA.saw, atCamB: l.camB.saw, atRogue: l.rogue.saw,
		atService: l.service, atStack: l.stack, atResolver: l.resolver,
	} {
		if at&where != 0 {
			n += s.count(tag)
		}
	}
	if at&atGateway != 0 && l.gateway != nil {
		n += l.gateway.saw.count(tag)
	}
	return n
}

// leaks lists the probes that got through at all, in the table's order.
func leaks(results map[string]outcome) (names []string) {
	for _, p := range everyPath() {
		if results[p.name].leaked > 0 {
			names = append(names, p.name)
		}
	}
	return names
}

// proveLeaks is what every leak test begins with: unprotected, each path is open
// but for those named. One that no kernel like this lets through must really
// not get through, or the table is wrong.
func (l *lab) proveLeaks(t *testing.T, but ...string) {
	t.Helper()
	l.proveLeaksOf(t, probes(), but...)
}

func (l *lab) proveLeaksOf(t *testing.T, list []probe, but ...string) {
	t.Helper()
	results := l.run(list, perProbe, nil)
	again := l.run(list, perProbe, nil) // one packet of a sweep may get lost; that none ever comes is another matter
	for _, p := range list {
		leaked := results[p.name].leaked + again[p.name].leaked
		switch {
		case p.never != "" && leaked > 0:
			t.Errorf("%s: leaks with protection off, and the table says that it cannot: %s", p.name, p.never)
		case p.never == "" && leaked == 0 && !slices.Contains(but, p.name):
			t.Errorf("%s: does not leak with protection off: the test proves nothing", p.name)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// forgetAdvertised removes routes that came by router advertisement, and tells
// whether there were any on the camera side.
func (l *lab) forgetAdvertised() bool {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V6)
	must(l.t, err)
	found := false
	for _, r := range routes {
		if r.Gw.Equal(net.ParseIP(camALink)) {
			found = true
			_ = netlink.RouteDel(&r) // it may have gone by itself
		}
	}
	return found
}

// stale makes the recorder remember the device that is not plugged in, as it
// does any that it talked to a while ago: whether it may be moved is the question.
// Where it is pinned it stays so.
func (l *lab) stale() {
	br, err := netlink.LinkByName("br-cam")
	if err != nil {
		return // renamed by a test, which looks for something else
	}
	if n := l.neighbour(br.Attrs().Index); n != nil && n.State == netlink.NUD_PERMANENT {
		return
	}
	must(l.t, netlink.NeighSet(&netlink.Neigh{
		LinkIndex: br.Attrs().Index, State: netlink.NUD_STALE, IP: net.ParseIP(absentIP), HardwareAddr: absentMAC,
	}))
}

// moved reports whether that device has another MAC now.
func (l *lab) moved() bool {
	br, err := netlink.LinkByName("br-cam")
	if err != nil {
		return false
	}
	n := l.neighbour(br.Attrs().Index)
	return n != nil && n.HardwareAddr.String() != absentMAC.String()
}

func (l *lab) neighbour(index int) *netlink.Neigh {
	list, err := netlink.NeighList(index, unix.AF_INET)
	must(l.t, err)
	for _, n := range list {
		if n.IP.String() == absentIP {
			return &n
		}
	}
	return nil
}

// describe tells in a few words what a list of results holds, for messages.
func describe(names []string) string {
	const few = 6
	if len(names) <= few {
		return fmt.Sprintf("%q", names)
	}
	return fmt.Sprintf("%q and %d more", names[:few], len(names)-few)
}

// happened tells what changed or was said since, that no tag tells of.
func (l *lab) happened() place {
	var p place
	if l.forgetAdvertised() {
		p |= atRoutes
	}
	if l.moved() {
		p |= atMoved
	}
	return p
}

// redirects counts the ICMP redirects that the recorder sent.
func (l *lab) redirects() int {
	text, err := os.ReadFile("/proc/net/snmp")
	must(l.t, err)
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] != "Icmp:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		n, err := strconv.Atoi(f[slices.Index(names, "OutRedirects")])
		must(l.t, err)
		return n
	}
	return 0
}
