package firewall_test

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
	"github.com/stockade-nvr/stockade/internal/frames"
)

// keep runs the firewall until the test ends.
func keep(t *testing.T, f *firewall.Firewall) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// awaitState waits for a state that was read back after an instant.
func (l *lab) awaitState(f *firewall.Firewall, want firewall.State, after time.Time) {
	l.t.Helper()
	l.await("state "+string(want), func() bool {
		s := f.Status()
		return s.State == want && s.Checked.After(after)
	})
}

// shot is a frame of a flood.
type shot struct {
	fd    int
	frame []byte
}

// flood sends egress attempts of camera A, of the usual kind and of a stranger's
// address, as fast as one thread can until stop is called, which tells how many.
func (l *lab) flood() (stop func() int) {
	return l.floodOf(
		shot{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, farIP, 17, udp(4000, 32100, floodTag)))},
		shot{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IPV6, ip6(camA6, farIP6, 17, udp6(camA6, farIP6, 4000, 443, floodTag)))},
		shot{l.camA.fd, ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4("8.8.8.8", farIP, 17, udp(4000, 80, floodTag)))},
	)
}

func (l *lab) floodOf(shots ...shot) (stop func() int) {
	over, ended := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(ended)
		for ; ; n++ {
			select {
			case <-over:
				return
			default:
			}
			// An error is a full queue: what was not sent cannot leak.
			s := shots[n%len(shots)]
			_, _ = unix.Write(s.fd, s.frame)
		}
	}()
	stop = sync.OnceValue(func() int { close(over); <-ended; return n })
	l.t.Cleanup(func() { stop() })
	return stop
}

const floodTag = "#99999"

// C10: whatever another program does to one layer, another one holds until ours
// is back, and it is back soon.
func TestForeignHandsOpenNothingAndAreRepaired(t *testing.T) {
	// What is not ours is never removed: that it stands there is alarmed instead.
	const intruder = "ip rule add pref 0 iif br-cam lookup main"
	l := newLab(t)
	l.proveLeaks(t)
	f := l.arm(policy())
	keep(t, f)
	for name, c := range map[string]struct{ command, found string }{
		"ip rule add":             {intruder, "a foreign routing rule stands before or among ours: ip rule add pref 0 iif br-cam lookup main"},
		"iptables -F":             {"for t in raw mangle nat filter; do iptables -t $t -F; ip6tables -t $t -F; done", "is gone"},
		"nft flush ruleset":       {"nft flush ruleset", "inet nvr: the hook in PREROUTING is gone"},
		"ipset flush":             {"ipset flush", "set nvr-self was changed: lacks 10.20.0.1"},
		"iptables -I ACCEPT":      {"iptables -I FORWARD 1 -j ACCEPT; iptables -t raw -I PREROUTING 1 -j ACCEPT", "ipv4 filter: a foreign rule stands before ours in FORWARD: -A FORWARD -j ACCEPT"},
		"ip rule del":             {"ip rule del pref 1; ip -6 rule del pref 1", "routing rule is gone: ip rule add pref 1 iif br-cam blackhole"},
		"isolated off":            {"bridge link set dev p-a isolated off", "port p-a is not isolated"},
		"nomaster":                {"ip link set p-a nomaster", "port p-a is not in the bridge"},
		"bridge renamed":          {"ip link set br-cam name br-x", "the bridge br-cam is gone"},
		"group":                   {"ip link set br-cam group 0", "the bridge left the group"},
		"table put to sleep":      {"nft add table inet nvr '{ flags dormant; }'", "inet nvr: the hook in PREROUTING is gone"},
		"iptables put to sleep":   {"for t in raw mangle filter; do nft add table ip $t '{ flags dormant; }'; nft add table ip6 $t '{ flags dormant; }'; done", "ipv4 raw: the kernel does not ask PREROUTING"},
		"ebtables put to sleep":   {"nft add table bridge nat '{ flags dormant; }'", "bridge nat: the kernel does not ask PREROUTING"},
		"nft delete table inet":   {"nft delete table inet nvr", "inet nvr: the hook in PREROUTING is gone"},
		"nft delete table bridge": {"nft delete table bridge nvr", "frames nvr: the hook in PREROUTING is gone"},
		"source routes":           {"echo 1 > /proc/sys/net/ipv4/conf/br-cam/accept_source_route", `setting net/ipv4/conf/br-cam/accept_source_route is "1", want 0`},
		"ip_forward=1":            {"echo 0 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/ip_forward", `setting net/ipv4/conf/br-cam/forwarding is "1", want 0`},
		"forwarding of a port":    {"echo 1 > /proc/sys/net/ipv4/conf/p-a/forwarding", `setting net/ipv4/conf/p-a/forwarding is "1", want 0`},
		"Docker":                  {dockerStart, "ipv4 filter: a foreign rule stands before ours in FORWARD: -A FORWARD "},
		"firewalld":               {firewalldReload, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			command := c.command
			before := l.out.saw.count(floodTag)
			stop := l.flood()
			at := time.Now()
			foreign(t, command)
			l.await("the repair", func() bool {
				s := f.Status()
				if command == intruder {
					return s.State == firewall.Degraded && contains(s.Reasons[0], "foreign")
				}
				repaired := false
				for _, layer := range s.Layers {
					repaired = repaired || layer.RepairedAt.After(at)
				}
				return s.State == firewall.Enforced && repaired
			})
			done := firewall.DriftRepaired
			if command == intruder {
				done = firewall.DriftStands
			}
			if d := f.Status().Drift; !slices.ContainsFunc(d, func(d firewall.Drift) bool {
				return contains(d.Found, c.found) && d.Done == done && !d.Last.Before(at)
			}) {
				t.Errorf("listed %+v, want %q, %s", d[:min(4, len(d))], c.found, done)
			}
			took := time.Since(at)
			n := stop()
			l.settle()
			if got := l.out.saw.count(floodTag) - before; got != 0 {
				t.Errorf("%d of %d packets reached the outside", got, n)
			}
			for _, name := range leaks(l.runProbes(nil)) {
				t.Errorf("leaked after the repair: %s", name)
			}
			if command == intruder {
				foreign(t, "ip rule del pref 0 iif br-cam lookup main")
			}
			l.awaitState(f, firewall.Enforced, time.Now())
			t.Logf("repaired in %s; %d packets sent meanwhile", took.Round(time.Millisecond), n)
		})
	}
}

// What Docker does to the tables when it starts (Engine 27, iptables): it switches
// forwarding and bridge-nf on and puts its jumps before everything in FORWARD.
const dockerStart = `
echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
for c in DOCKER DOCKER-ISOLATION-STAGE-1 DOCKER-USER; do iptables -N $c; iptables -A $c -j RETURN; done
iptables -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -I FORWARD -j DOCKER-ISOLATION-STAGE-1; iptables -I FORWARD -j DOCKER-USER`

// What firewalld does on a reload with its iptables backend, and with the one of
// nftables: it empties all tables of iptables, sets policies, and makes its own table anew.
const firewalldReload = `
for i in iptables ip6tables; do for c in INPUT FORWARD OUTPUT; do $i -P $c ACCEPT; done
for t in raw mangle nat filter; do $i -t $t -F; $i -t $t -X; done; done
ebtables-nft -t nat -F; ebtables-nft -F
iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT; iptables -A FORWARD -j ACCEPT
nft -f - <<'end'
add table inet firewalld
delete table inet firewalld
table inet firewalld {
	chain filter_PREROUTING { type filter hook prerouting priority -140; policy accept; }
	chain filter_INPUT { type filter hook input priority 10; policy accept; ct state { established, related } accept; ct status dnat accept; }
	chain filter_FORWARD { type filter hook forward priority 10; policy accept; ct state { established, related } accept; accept; }
}
end`

// C3, C10: for what gets a port's frames before any rule there is no other layer
// but L0: the port goes down, stays down until the redirection is gone, and all is said.
func TestARedirectionShutsItsPort(t *testing.T) {
	l := newLab(t)
	l.proveLeaks(t)
	redirections := map[string]struct{ put, off, found string }{
		"tc": {
			"tc qdisc replace dev p-a clsact; tc filter add dev p-a ingress protocol all u32 match u32 0 0 action mirred egress redirect dev up0",
			"tc filter del dev p-a ingress", "tc ingress filter u32 on p-a; remove it: tc filter del dev p-a ingress",
		},
		"nft": {
			"nft add table netdev evil '{ chain c { type filter hook ingress device p-a priority 0; fwd to up0; }; }'",
			"nft delete table netdev evil", "chain netdev evil c on p-a; remove it: nft delete chain netdev evil c",
		},
	}
	for name, c := range redirections { // no rule sees what they send on
		foreign(t, c.put)
		l.await("a frame by "+name+": else the test proves nothing", func() bool {
			tag := newTag()
			l.camA.send(t, ether(camBMAC, camAMAC, 0x88b5, []byte(tag)))
			return l.out.saw.soon(tag)
		})
		foreign(t, c.off)
	}
	f := l.arm(policy())
	keep(t, f)
	for name, c := range redirections {
		t.Run(name, func(t *testing.T) {
			before := l.out.saw.count(floodTag)
			stop := l.flood()
			at := time.Now()
			foreign(t, c.put)
			l.await("the alarm", func() bool {
				s := f.Status()
				return s.State == firewall.Degraded && len(s.Reasons) > 0 && contains(s.Reasons[0], c.found) && !isUp(t, "p-a")
			})
			took := time.Since(at)
			until := l.out.saw.settled(t, floodTag)                                  // what was on its way when the port went down
			l.awaitState(f, firewall.Degraded, time.Now().Add(300*time.Millisecond)) // another repair does not open it
			n := stop()
			if after := l.out.saw.count(floodTag); after != until || isUp(t, "p-a") {
				t.Errorf("%d of %d packets went on after the port was shut; up %t", after-until, n, isUp(t, "p-a"))
			}
			foreign(t, c.off)
			l.awaitState(f, firewall.Enforced, at)
			l.awaitLinks()
			if d := f.Status().Drift[0]; !contains(d.Found+f.Status().Drift[1].Found, c.found) {
				t.Errorf("listed %+v", d)
			}
			for _, name := range leaks(l.runProbes(nil)) {
				t.Errorf("leaked afterwards: %s", name)
			}
			t.Logf("shut in %s; %d packets went by until then", took.Round(time.Millisecond), until-before)
		})
	}
}

// settled gives how often a tag was seen, once no more of it comes: a judge that is
// flooded reads what came before for a while.
func (s *sightings) settled(t *testing.T, tag string) int {
	t.Helper()
	n := s.count(tag)
	for still, deadline := time.Now(), time.Now().Add(10*time.Second); time.Since(still) < 100*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Errorf("packets go on after the port was shut: %d and more", n)
			break
		}
		time.Sleep(5 * time.Millisecond)
		if now := s.count(tag); now != n {
			n, still = now, time.Now()
		}
	}
	return n
}

func isUp(t *testing.T, name string) bool {
	t.Helper()
	i, err := net.InterfaceByName(name)
	must(t, err)
	return i.Flags&net.FlagUp != 0
}

// C5: what a pinned camera is there for goes on.
func TestAPinnedCameraServesTheRecorder(t *testing.T) {
	l := newLab(t)
	f := l.arm(policy())
	must(t, l.camA.space.Do(func() error { return serveCamera(t) }))
	if got := askTCP(t, camAIP+":554", surely); got != "hello from the camera" {
		t.Errorf("over TCP the recorder reads %q", got)
	}
	if got := punchUDP(t, camAIP+":6970"); got != "rtp" {
		t.Errorf("over UDP the recorder reads %q", got)
	}
	// A device that is not pinned any more is cut at once, open connections too.
	p := policy()
	p.Devices = p.Devices[1:]
	must(t, f.Set(context.Background(), p))
	if got := askTCP(t, camAIP+":554", never); got != "" {
		t.Errorf("an unpinned device still says %q", got)
	}
}

// C8: DNS and NTP end at the sinkhole, wherever a camera sends them: not
// outside, and not at a server that somebody else runs on this box, which would
// ask others. Nor are the sinkhole's own ports open to who was not redirected.
func TestServicesEndAtTheSinkhole(t *testing.T) {
	l := newLab(t)
	tag := newTag()
	l.camA.send(t, v4(recorderIP, 17, datagram(53))(tag))
	l.await("the resolver without protection: else the test proves nothing", func() bool { return l.resolver.count(tag) == 1 })
	l.arm(policy())
	ask := func() map[string]string {
		tags := map[string]string{}
		for name, dst := range map[string]struct {
			ip   string
			port uint16
		}{
			"DNS": {recorderIP, 53}, "NTP": {recorderIP, 123}, "DNS of others": {"8.8.8.8", 53}, "NTP of others": {"8.8.8.8", 123},
		} {
			tags[name] = newTag()
			l.camA.send(t, v4(dst.ip, 17, datagram(dst.port))(tags[name]))
		}
		return tags
	}
	judge := func(tags map[string]string) {
		l.settle()
		for name, tag := range tags {
			if l.out.saw.count(tag) != 0 {
				t.Errorf("%s reached the outside", name)
			}
			if l.resolver.count(tag) != 0 {
				t.Errorf("%s reached another program's server", name)
			}
		}
	}
	tags := ask()
	for name, tag := range tags {
		l.await(name+" at the sinkhole", func() bool { return l.service.count(tag) == 1 })
	}
	judge(tags)

	direct := newTag()
	l.camA.send(t, v4(recorderIP, 17, datagram(sinkhole.DefaultDNSPort))(direct))
	l.settle()
	if l.service.count(direct) != 0 {
		t.Error("the sinkhole's own port is open without redirection")
	}

	for _, c := range l.sinkhole { // the program is down
		c.Close()
	}
	judge(ask())
}

// The ports that rules redirect to are those that the sinkhole binds.
func TestRedirectionLeadsToTheSinkhole(t *testing.T) {
	if ruleset.DNSPort != sinkhole.DefaultDNSPort || ruleset.NTPPort != sinkhole.DefaultNTPPort {
		t.Error("the ruleset and the sinkhole disagree on the ports")
	}
}

// C11: the kernel's counters are the hits that were logged.
func TestDropsAreCountedToThePacket(t *testing.T) {
	l := newLab(t)
	f := l.arm(policy())
	hits := readHits(t)
	keep(t, f)
	// The box's own IPv6 reports are dropped and logged as well: begin between two of them.
	var before uint64
	var read int
	l.await("a quiet moment", func() bool {
		before, read = f.Status().Counted.Dropped, hits.count()
		l.awaitState(f, firewall.Enforced, time.Now())
		hits.settle(l)
		l.awaitState(f, firewall.Enforced, time.Now())
		return f.Status().Counted.Dropped == before && hits.count() == read
	})
	const n = 500
	for i := range n {
		b := ether(bridgeMAC, camAMAC, unix.ETH_P_IP, ip4(camAIP, farIP, 17, udp(4000, 32100, "x")))
		binary.BigEndian.PutUint16(b[14+4:], uint16(i)) // IP id; the checksum is looked at by nobody who drops
		binary.BigEndian.PutUint16(b[14+10:], 0)
		binary.BigEndian.PutUint16(b[14+10:], ^frames.Sum(0, b[14:34]))
		l.camA.send(t, b)
	}
	l.settle()
	var dropped uint64
	var got int
	l.await("the account to balance", func() bool {
		hits.settle(l)
		l.awaitState(f, firewall.Enforced, time.Now())
		dropped, got = f.Status().Counted.Dropped-before, hits.count()-read
		return dropped >= n && int(dropped) == got
	})
	if dropped > n+50 {
		t.Errorf("%d sent, %d counted, %d hits", n, dropped, got)
	}
}

func disarm(t *testing.T, f *firewall.Firewall) {
	t.Helper()
	_, _, err := f.Disarm(context.Background(), policy(), firewall.Note{Who: "kim", Why: "moving the rack"})
	must(t, err)
}

func armAgain(t *testing.T, f *firewall.Firewall) *firewall.Note {
	t.Helper()
	n, err := f.Arm(context.Background(), policy())
	must(t, err)
	return n
}

// C1: disarming takes a name and a reason, is obeyed, and ended by arming only.
func TestDisarmingIsObeyedAndSaid(t *testing.T) {
	l := newLab(t)
	f := l.arm(policy())
	keep(t, f)
	ctx := context.Background()
	if _, _, err := f.Disarm(ctx, policy(), firewall.Note{Who: "kim"}); err == nil {
		t.Error("disarmed without a reason")
	}
	disarm(t, f)
	l.awaitState(f, firewall.Disarmed, time.Now())
	if r := f.Status().Reasons; len(r) != 1 || !contains(r[0], "kim") || !contains(r[0], "moving the rack") {
		t.Errorf("reasons %q", r)
	}
	if len(leaks(l.runProbes(nil))) == 0 {
		t.Error("nothing opened")
	}
	if err := f.Set(ctx, policy()); err == nil {
		t.Error("the daemon armed against the note")
	}
	if n := armAgain(t, f); n == nil || n.Who != "kim" {
		t.Errorf("arming ended the note %v", n)
	}
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked after arming again: %s", name)
	}
}

// C1: a command beside the daemon disarms and arms again; the daemon neither
// repairs what is being disarmed, nor needs to be told.
func TestDisarmingBesideTheDaemon(t *testing.T) {
	l := newLab(t)
	state, ctx := t.TempDir(), context.Background()
	daemon := firewall.New(firewall.Options{StateDir: state, Log: logger(t), Interval: 50 * time.Millisecond})
	must(t, daemon.Set(ctx, policy()))
	keep(t, daemon)
	command := func() *firewall.Firewall { return firewall.New(firewall.Options{StateDir: state, Log: logger(t)}) }
	disarm(t, command())
	l.awaitState(daemon, firewall.Disarmed, time.Now().Add(150*time.Millisecond))
	if out := foreign(t, "iptables-save; ipset list -n; ip rule"); contains(out, "NVR") || contains(out, "nvr-") || contains(out, "blackhole") {
		t.Errorf("the daemon repaired what was disarmed:\n%s", out)
	}
	armAgain(t, command())
	l.awaitState(daemon, firewall.Enforced, time.Now())
	s, err := command().Check(ctx, policy())
	must(t, err)
	if s.State != firewall.Enforced {
		t.Errorf("a look finds %s: %q", s.State, s.Reasons)
	}
	foreign(t, "iptables -t raw -F PREROUTING; iptables -F INPUT")
	l.awaitState(daemon, firewall.Enforced, time.Now().Add(100*time.Millisecond))
	for _, name := range leaks(l.runProbes(nil)) {
		t.Errorf("leaked: %s", name)
	}
}

// C1: a look at a box where nothing is loaded says so, and changes nothing.
func TestALookChangesNothing(t *testing.T) {
	newLab(t)
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t)})
	s, err := f.Check(context.Background(), policy())
	must(t, err)
	if s.State != firewall.NotEnforced || len(s.Reasons) == 0 {
		t.Errorf("state %s: %q", s.State, s.Reasons)
	}
	if out := foreign(t, "iptables-save; ipset list -n; ip rule"); contains(out, "NVR") || contains(out, "nvr-") || contains(out, "blackhole") {
		t.Errorf("something was loaded:\n%s", out)
	}
}

// C1: a box that was armed once never observes again.
func TestObservingIsRefusedOnceArmed(t *testing.T) {
	l := newLab(t)
	state := t.TempDir()
	f := firewall.New(firewall.Options{StateDir: state, Log: logger(t)})
	p := policy()
	p.Observe = true
	must(t, f.Set(context.Background(), p))
	if s := f.Status().State; s != firewall.Observing {
		t.Errorf("state %s", s)
	}
	if len(leaks(l.runProbes(nil))) == 0 {
		t.Error("observing blocks")
	}
	must(t, f.Set(context.Background(), policy()))
	look, err := firewall.New(firewall.Options{StateDir: state, Log: logger(t)}).Check(context.Background(), p)
	must(t, err)
	if look.State != firewall.Enforced {
		t.Errorf("a look finds %s: %v", look.State, look.Reasons)
	}
	must(t, f.Set(context.Background(), p))
	if s := f.Status(); s.State != firewall.Enforced {
		t.Errorf("state %s after having been armed: %v", s.State, s.Reasons)
	}
}

// A port that carries the box's own way out is never taken.
func TestThePortOfTheDefaultRouteIsRefused(t *testing.T) {
	newLab(t)
	f := firewall.New(firewall.Options{StateDir: t.TempDir(), Log: logger(t)})
	p := policy()
	p.Ports = append(p.Ports, "up0")
	if err := f.Set(context.Background(), p); err == nil || !contains(err.Error(), "up0") {
		t.Errorf("got %v", err)
	}
}
