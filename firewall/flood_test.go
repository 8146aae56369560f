package firewall_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/internal/frames"
	"github.com/stockade-nvr/stockade/internal/long"
)

// A disturbance is what goes on while every path is flooded.
type disturbance struct {
	name string
	// open are the paths that are open until the daemon's repair, because what
	// somebody took away is all that stops them: docs/containment.md names them.
	open func() map[string]bool
	once func(d *disturbed)
}

// disturbed is a lab whose firewall another process keeps.
type disturbed struct {
	l       *lab
	backend string
	state   string
	daemon  *exec.Cmd
	round   int
}

func disturbances() []disturbance {
	none := func() map[string]bool { return nil }
	return []disturbance{
		{name: "nothing", open: none, once: func(*disturbed) { time.Sleep(50 * time.Millisecond) }},
		{name: "rules reloaded, sets swapped", open: none, once: func(d *disturbed) { d.set([]firewall.Policy{d.moreRules(), d.l.policy()}[d.round%2]) }},
		{name: "a device pinned, unpinned", open: none, once: func(d *disturbed) { d.set([]firewall.Policy{d.oneMore(), d.l.policy()}[d.round%2]) }},
		{name: "kill -9 amid a repair, restart", open: openWithoutOne, once: (*disturbed).killAmidRepair},
		{name: "foreign flushes", open: openWithoutTables, once: (*disturbed).flush},
	}
}

// set is a change by a process of ours, beside the daemon.
func (d *disturbed) set(p firewall.Policy) {
	f := firewall.New(firewall.Options{StateDir: d.l.t.TempDir(), Backend: d.backend})
	must(d.l.t, f.Set(d.l.t.Context(), p))
}

// moreRules differs from the lab's policy in rules of every table, and in so
// many devices that sets are swapped.
func (d *disturbed) moreRules() firewall.Policy {
	p := changed()
	p.Ports = d.l.ports()
	return p
}

func (d *disturbed) oneMore() firewall.Policy {
	p := d.l.policy()
	p.Devices = append(p.Devices, changed().Devices[5])
	return p
}

// start runs a daemon in a process of its own.
func (d *disturbed) start() {
	t := d.l.t
	d.daemon = exec.Command("/proc/self/exe")
	d.daemon.Env = append(os.Environ(), "STOCKADE_TEST_HOLD="+d.state, "STOCKADE_TEST_KEEP=1",
		"STOCKADE_TEST_BACKEND="+d.backend, "STOCKADE_TEST_PORTS="+strings.Join(d.l.ports(), ","))
	out, err := d.daemon.StdoutPipe()
	must(t, err)
	must(t, d.daemon.Start())
	line := make([]byte, 256)
	n, err := out.Read(line)
	must(t, err)
	if string(line[:n]) != "armed\n" {
		t.Fatalf("the daemon says %q", line[:n])
	}
}

func (d *disturbed) kill() {
	if d.daemon == nil {
		return
	}
	must(d.l.t, d.daemon.Process.Kill())
	_ = d.daemon.Wait() // it was killed
	d.daemon = nil
}

// killAmidRepair gives the daemon something to repair in one layer, kills it at
// another moment each time, and starts the next one.
func (d *disturbed) killAmidRepair() {
	if d.daemon == nil {
		d.start()
	}
	commands := []string{
		"iptables -t raw -F PREROUTING", "ip6tables -t mangle -F PREROUTING", "ipset del nvr-cams " + camBIP,
		"ebtables-nft -F FORWARD", "ip rule del pref 1 iif br-cam", "iptables -t nat -F PREROUTING",
	}
	command := commands[d.round%len(commands)]
	if d.backend == "legacy" {
		command = strings.NewReplacer("ip6tables ", "ip6tables-legacy ", "iptables ", "iptables-legacy ").Replace(command)
	}
	foreign(d.l.t, command)
	time.Sleep(time.Duration(d.round*17%120) * time.Millisecond) // another step of the repair each time
	d.kill()
	d.start()
}

// flush is what other programs do when they reload, at once and without asking.
func (d *disturbed) flush() {
	if d.daemon == nil {
		d.start()
	}
	commands := []string{
		"nft flush ruleset",
		"ipset flush",
		"for c in iptables ip6tables; do for t in raw mangle nat filter; do $c-BACKEND -t $t -F; done; done",
		"iptables-BACKEND -I FORWARD 1 -j ACCEPT; iptables-BACKEND -t raw -I PREROUTING 1 -j ACCEPT; iptables-BACKEND -t mangle -I PREROUTING 1 -j ACCEPT",
		"ip rule del pref 1 iif br-cam; ip -6 rule del pref 1 iif br-cam",
	}
	at := time.Now()
	foreign(d.l.t, strings.ReplaceAll(commands[d.round%len(commands)], "BACKEND", d.backend))
	look := firewall.New(firewall.Options{StateDir: d.state, Backend: d.backend})
	d.l.await("the repair", func() bool {
		s, err := look.Check(d.l.t.Context(), d.l.policy())
		return err == nil && s.State == firewall.Enforced
	})
	d.l.t.Logf("%q repaired in %s", commands[d.round%len(commands)], time.Since(at).Round(time.Millisecond))
	for _, c := range []string{"-D FORWARD -j ACCEPT", "-t raw -D PREROUTING -j ACCEPT", "-t mangle -D PREROUTING -j ACCEPT"} {
		_ = exec.Command("sh", "-c", "iptables-"+d.backend+" "+c).Run() // where it was left
	}
}

// floodTags begin where no other tag ever comes to: each path floods with its own.
const floodTags = tagBase*tagBase*tagBase*tagBase*tagBase - 3000

// everyShot are the frames of all paths, each with its path's tag. Those that
// the cameras' own switch forwards are left out, and those whose effect no tag tells of.
func (l *lab) everyShot() []shot {
	var shots []shot
	for i, p := range everyPath() {
		if p.frames == nil || p.onSwitch && l.kind != onPorts || p.at&(atRoutes|atMoved|atRedirects) != 0 {
			continue
		}
		for _, f := range p.frames(tagOf(uint32(floodTags + i))) {
			if l.kind != onPorts && f.frame[12] == 0x08 && f.frame[13] == 0x06 {
				// On a switch ARP moves cameras for one another: one answers the tag as a MAC, and all see it.
				continue
			}
			shots = append(shots, shot{f.from(l).fd, frames.Padded(f.frame)})
		}
	}
	return shots
}

// arrivals counts a flood's packets where they must not be, by path.
func (l *lab) arrivals() map[string]int {
	l.settle()
	n := map[string]int{}
	for i, p := range everyPath() {
		n[p.name] = l.arrived(p.at, tagOf(uint32(floodTags+i)))
	}
	return n
}

// since tells what is more than before: on paths that may be open meanwhile, and on others, by name.
func since(before, now map[string]int, open map[string]bool) (expected, leaked int, names []string) {
	for name, count := range now {
		switch more := count - before[name]; {
		case more == 0:
		case open[name]:
			expected += more
		default:
			leaked += more
			names = append(names, fmt.Sprintf("%s: %d", name, more))
		}
	}
	slices.Sort(names)
	return expected, leaked, names
}

// openWithout are the paths that none of the layers stops that are still there.
func openWithout(gone func(column int) bool) map[string]bool {
	open := map[string]bool{}
	for _, p := range everyPath() {
		held := p.never != ""
		for column := range p.alone {
			held = held || !gone(column) && (p.alone[column] == 'b' || p.alone[column] == 'S')
		}
		if !held {
			open[p.name] = true
		}
	}
	return open
}

// openWithoutTables are those that are open while somebody flushes everything:
// to the box's own ports, by answers of these, and what only tables see.
func openWithoutTables() map[string]bool {
	all := soloParts()
	return openWithout(func(column int) bool { p := all[column]; return !p.isolated && !p.routing && !p.settings })
}

// openWithoutOne are those that only one of the layers stops.
func openWithoutOne() map[string]bool {
	open := map[string]bool{}
	for away := range soloParts() {
		maps.Copy(open, openWithout(func(column int) bool { return column == away }))
	}
	return open
}

// C1, C2, C3, C10: every path at once, as fast as a processor can, while rules
// and sets change, the daemon is killed amid repairs and others flush what is
// ours: nothing leaves, and nothing reaches another device. Ten million attempts
// in the long run.
func TestNothingLeavesWhateverHappens(t *testing.T) {
	type cell struct {
		kind    topology
		backend string
	}
	cells := []cell{{onPorts, "nft"}}
	if long.Times(0, 1) > 0 {
		cells = []cell{{onPorts, "nft"}, {onPorts, "legacy"}, {onInterface, "nft"}, {onInterface, "legacy"}}
	}
	attempts := long.Times(20_000, 520_000) // of each disturbance; four cells of five make ten million
	var rows []string
	total := 0
	for _, c := range cells {
		t.Run(string(c.kind)+" "+c.backend, func(t *testing.T) {
			l := newLabOn(t, c.kind)
			l.proveLeaks(t)
			d := &disturbed{l: l, backend: c.backend, state: t.TempDir()}
			t.Cleanup(d.kill)
			d.set(l.policy())
			l.awaitLinks()
			for _, what := range disturbances() {
				before := l.arrivals()
				sent, rounds := d.flooded(what, attempts)
				expected, leaked, names := since(before, l.arrivals(), what.open())
				rows = append(rows, fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d |", c.kind, c.backend, what.name, rounds, sent, leaked, expected))
				total += sent
				if leaked > 0 {
					t.Errorf("%s: of %d packets leaked %s", what.name, sent, describe(names))
				}
			}
		})
	}
	t.Logf("%d attempts\n| topology | backend | meanwhile | rounds | attempts | leaked | on paths that are open meanwhile |\n|---|---|---|---|---|---|---|\n%s",
		total, strings.Join(rows, "\n"))
}

// flooded floods every path until as many packets were sent, and what happens
// meanwhile has happened at least a few times.
func (d *disturbed) flooded(what disturbance, attempts int) (sent, rounds int) {
	least := long.Times(2, 12)
	count, stop := d.l.floodCounted(d.l.everyShot())
	for d.round = 0; d.round < least || count() < attempts; d.round++ {
		what.once(d)
	}
	sent = stop()
	d.kill()
	d.set(d.l.policy()) // what it left is no part of what follows
	d.l.awaitLinks()
	return sent, d.round
}

// floodCounted is floodOf, of which can be asked how far it got. Only what the
// kernel took counts as sent.
func (l *lab) floodCounted(shots []shot) (count func() int, stop func() int) {
	var mu sync.Mutex
	sent, over, ended := 0, false, make(chan struct{})
	shots = slices.Clone(shots)
	go func() {
		defer close(ended)
		const batch = 64
		for next := 0; ; {
			taken := 0
			for range batch {
				s := shots[next%len(shots)]
				next++
				if _, err := unix.Write(s.fd, s.frame); err == nil {
					taken++
				}
			}
			mu.Lock()
			sent += taken
			end := over
			mu.Unlock()
			if end {
				return
			}
		}
	}()
	count = func() int { mu.Lock(); defer mu.Unlock(); return sent }
	stop = sync.OnceValue(func() int {
		mu.Lock()
		over = true
		mu.Unlock()
		<-ended
		return sent
	})
	l.t.Cleanup(func() { stop() })
	return count, stop
}
