package firewall_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sinkhole"
)

// proven is a lab with a canary, its log read, and nothing repaired.
type proven struct {
	*lab
	f     *firewall.Firewall
	state string // its directory
}

// withCanary arms the lab's policy with a canary among its ports.
func (l *lab) withCanary(backend string) *proven {
	l.t.Helper()
	p := &proven{lab: l, state: l.t.TempDir()}
	reader := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: logger(l.t), Handle: func(h *nflog.Hit) { p.f.Hit(h) }})
	p.f = firewall.New(firewall.Options{
		StateDir: p.state, Log: logger(l.t), Interval: 200 * time.Millisecond, Backend: backend,
		Hits:    func() (uint64, uint64) { s := reader.Stats(); return s.Read, s.Lost },
		Binding: reader.Binding,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
	<-reader.Ready()
	policy := l.policy()
	policy.Canary = true
	must(l.t, p.f.Set(l.t.Context(), policy))
	if s := p.f.Status(); s.State != firewall.Enforced || s.Unproved == "" {
		l.t.Fatalf("state %s, unproved %q: %v", s.State, s.Unproved, s.Reasons)
	}
	return p
}

// answering has the sinkhole itself where the lab's sockets were.
func (p *proven) answering() {
	for _, c := range p.sinkhole {
		c.Close()
	}
	sink := sinkhole.New(sinkhole.Options{
		Log: logger(p.t), Device: "br-cam", Listen: []netip.Addr{ip(recorderIP)}, DNS: true, NTP: true, Names: noNames{p.t},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sink.Run(ctx) }()
	p.t.Cleanup(func() { cancel(); <-done })
	select {
	case <-sink.Ready():
	case err := <-done:
		p.t.Fatal(err)
	}
}

// noNames is a memory that must not be asked: the canary makes no name known.
type noNames struct{ t *testing.T }

func (n noNames) AddressOf(_ context.Context, _ netip.Addr, host string) (netip.Addr, error) {
	n.t.Errorf("the canary asked for %q", host)
	return netip.Addr{}, errors.New("no names here")
}
func (n noNames) HostOf(netip.Addr) (string, bool) { return "", false }
func (n noNames) Asked(_ netip.Addr, name string, _ uint16) {
	n.t.Errorf("the canary asked %q", name)
}

// C12: with everything in force each path is stopped where it should be, in each
// topology that can be enforced and with both backends.
func TestTheCanaryProvesWhatHolds(t *testing.T) {
	for _, c := range []struct {
		kind    topology
		backend string
	}{{onPorts, ""}, {onInterface, "legacy"}} {
		t.Run(string(c.kind)+" "+c.backend, func(t *testing.T) {
			p := newLabOn(t, c.kind).withCanary(c.backend)
			p.answering()
			sent := p.sent()
			proof := p.f.Prove(t.Context())
			if v := proof.Verdict(); v != canary.Proved || len(proof.Paths) < 60 {
				t.Fatalf("%s by %d paths: %q", v, len(proof.Paths), proof.Reasons())
			}
			t.Logf("%d paths in %s, %s of a processor; %q", len(proof.Paths), proof.Took, proof.CPU, proof.Notes)
			if s := p.f.Status(); s.State != firewall.Contained || s.Unproved != "" {
				t.Errorf("state %s, unproved %q: %q", s.State, s.Unproved, s.Reasons)
			}
			if p.sent() != sent {
				t.Errorf("devices sent %d frames for it", p.sent()-sent)
			}
			p.await("the account to balance with the canary's hits in it", func() bool { // C11
				policy := p.policy()
				policy.Canary = true
				must(t, p.f.Set(t.Context(), policy))
				n := p.f.Status().Counted
				return n.Canary > 50 && n.Read >= n.Canary && n.Dropped == n.Read+n.Lost+n.Unread && n.Lost == 0
			})
		})
	}
}

// outcomes are the paths of a round, by id.
func outcomes(p canary.Proof) map[string]canary.Path {
	all := map[string]canary.Path{}
	for _, x := range p.Paths {
		all[x.ID] = x
	}
	return all
}

// C12: the canary fails. With each layer taken away it names what opened, or which
// layer held instead; where it cannot see that one is missing, the read-back does.
func TestTheCanaryFails(t *testing.T) {
	p := newLab(t).withCanary("nft")
	p.answering()
	policy := p.policy()
	policy.Canary = true
	both := func(rest string) string { return "iptables " + rest + " && ip6tables " + rest }
	for _, c := range []struct {
		name, away string
		verdict    canary.Verdict
		is         map[string]canary.Outcome
		where      string // of what leaked or held, one of them
		layer      string // that the read-back names
	}{
		{
			"L1", "for i in p-a p-b p-r nvr-cn0 nvr-cn2; do bridge link set dev $i isolated off; done; nft delete table bridge nvr; ebtables -t nat -F PREROUTING; ebtables -F FORWARD", canary.Leaking,
			map[string]canary.Outcome{"lateral4": canary.Leaked, "lateral-arp": canary.Leaked, "lateral-raw": canary.Leaked, "lateral-vlan": canary.Leaked, "lateral6": canary.Leaked, "broadcast": canary.Leaked, "spoof-address": canary.OtherLayer, "unpinned-udp4": canary.OtherLayer, "udp4": canary.Stopped},
			"nvr-cn2", "L1",
		},
		{"L1, the flags alone", "bridge link set dev nvr-cn0 isolated off; bridge link set dev p-a isolated off", canary.Proved, nil, "", "L1"},
		{"L2", "for f in -4 -6; do for i in br-cam nvr-cn0 nvr-cn2; do ip $f rule del pref 1 iif $i; done; done", canary.Proved, nil, "", "L2"},
		{
			"L1, the bridge table alone", "nft delete table bridge nvr", canary.Weakened,
			map[string]canary.Outcome{"unpinned-arp": canary.Unseen, "arp-camera": canary.Unseen, "arp-recorder": canary.Unseen, "udp4": canary.Stopped, "lateral4": canary.Stopped},
			"L1 spoof", "L1",
		},
		{"L2, a setting alone", "sysctl -qw net.ipv4.conf.br-cam.forwarding=1", canary.Proved, nil, "", "L2"},
		{
			"the sets", "ipset flush", canary.Leaking,
			map[string]canary.Outcome{"in-recorder": canary.Leaked, "box-source": canary.Leaked},
			"nvr-out0", "L3",
		},
		{
			"L3", both("-t raw -F PREROUTING") + " && nft delete table inet nvr", canary.Weakened,
			map[string]canary.Outcome{"udp4": canary.OtherLayer, "tcp6": canary.OtherLayer, "hairpin4": canary.OtherLayer, "broadcast": canary.OtherLayer, "lateral4": canary.Stopped, "recorder-udp": canary.Stopped},
			"L4 egress", "L3",
		},
		{
			"L4", both("-t mangle -F PREROUTING") + " && " + both("-F INPUT") + " && " + both("-F FORWARD") + " && iptables -t nat -F PREROUTING", canary.Leaking,
			map[string]canary.Outcome{"recorder-udp": canary.Leaked, "recorder-ssh": canary.Leaked, "recorder-ping": canary.Leaked, "dns4": canary.Unseen, "udp4": canary.Stopped},
			"a socket of the recorder", "L4",
		},
		{
			"L5", both("-F OUTPUT"), canary.Leaking,
			map[string]canary.Outcome{"box-source": canary.Leaked, "box-broadcast": canary.Leaked, "udp4": canary.Stopped},
			"nvr-out0", "L5",
		},
		{
			"all but L1", both("-F") + " && " + both("-t raw -F") + " && " + both("-t mangle -F") + " && iptables -t nat -F && nft delete table inet nvr && for f in -4 -6; do for p in 1 2 3; do while ip $f rule del pref $p 2> /dev/null; do :; done; done; done; " +
				"sysctl -qw net.ipv4.conf.br-cam.forwarding=1 net.ipv4.conf.br-cam.rp_filter=0 net.ipv6.conf.br-cam.forwarding=1", canary.Leaking,
			map[string]canary.Outcome{"udp4": canary.Leaked, "tcp4": canary.Leaked, "icmp4": canary.Leaked, "gre4": canary.Leaked, "uplink4": canary.Leaked, "dns4": canary.Leaked, "ntp4": canary.Leaked, "udp6": canary.Leaked, "uplink6": canary.Leaked, "lateral4": canary.Stopped},
			"up0", "L3",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, p.f.Set(t.Context(), policy))
			foreign(t, c.away)
			proof := p.f.Prove(t.Context())
			if v := proof.Verdict(); v != c.verdict {
				t.Errorf("%s, want %s: %q", v, c.verdict, proof.Reasons())
			}
			all, found := outcomes(proof.Proof), c.where == ""
			for id, want := range c.is {
				if got := all[id]; got.Outcome != want {
					t.Errorf("%s, want %s: %s", got.Outcome, want, got)
				}
			}
			for _, x := range all {
				found = found || strings.Contains(x.String(), c.where)
			}
			if !found {
				t.Errorf("no path tells of %q: %q", c.where, proof.Reasons())
			}
			look, err := firewall.New(firewall.Options{Backend: "nft"}).Check(t.Context(), policy)
			must(t, err)
			for _, l := range look.Layers {
				if l.Layer == c.layer && l.Holds {
					t.Errorf("the read-back says that %s holds", l.Layer)
				}
			}
		})
	}
	must(t, p.f.Set(t.Context(), policy))
	if proof := p.f.Prove(t.Context()); proof.Verdict() != canary.Proved {
		t.Errorf("with all in force again: %q", proof.Reasons())
	}
}

// C12: with a tap deaf nothing is proved, whatever the others say.
func TestADeafCanaryProvesNothing(t *testing.T) {
	p := newLab(t).withCanary("nft")
	p.answering()
	for control, deaf := range map[string]string{
		"leaving4": "OUTPUT -o nvr-out0 -j DROP",
		"portA":    "OUTPUT -o br-cam -p udp -j DROP",
		"service":  "INPUT -i br-cam -p udp -m conntrack --ctstate ESTABLISHED -j DROP",
	} {
		foreign(t, "iptables -I "+deaf)
		proof := p.f.Prove(t.Context())
		foreign(t, "iptables -D "+deaf)
		if !slices.ContainsFunc(proof.Controls, func(c canary.Control) bool { return c.ID == control && !c.Seen }) {
			t.Errorf("%s: the control was seen: %v", control, proof.Controls)
		}
		if s := p.f.Status(); proof.Verdict() == canary.Proved || s.State == firewall.Contained || s.Unproved == "" {
			t.Errorf("%s: %s, state %s, unproved %q", control, proof.Verdict(), s.State, s.Unproved)
		}
	}
	if proof := p.f.Prove(t.Context()); proof.Verdict() != canary.Proved {
		t.Errorf("with nothing in the way: %q", proof.Reasons())
	}
}

// C12: where the canary has no place, everything is enforced all the same.
func TestWhereTheCanaryHasNoPlace(t *testing.T) {
	l := newLab(t)
	foreign(t, "ip addr add 198.51.100.226/32 dev up0")
	p := l.withCanary("nft")
	if s := p.f.Status(); s.State != firewall.Enforced || !strings.Contains(s.Unproved, "198.51.100.226") {
		t.Errorf("state %s, unproved %q", s.State, s.Unproved)
	}
	if proof := p.f.Prove(t.Context()); proof.Verdict() != canary.Unproved || !strings.Contains(proof.Fault, "no place") {
		t.Errorf("%s: %q", proof.Verdict(), proof.Fault)
	}
	if strings.Contains(foreign(t, "ip -br link"), canary.PortA) {
		t.Error("its interfaces are there")
	}
}

// C1, C12: where another process takes the disarming back, as nvr firewall arm does, the
// daemon guards and proves again, and not only reads back.
func TestArmedAgainByACommandItIsProvedAgain(t *testing.T) {
	p := newLab(t).withCanary("nft")
	p.answering()
	keep(t, p.f)
	p.await("a proof", func() bool { return p.f.Status().State == firewall.Contained })
	policy := p.policy()
	policy.Canary = true
	command := firewall.New(firewall.Options{StateDir: p.state, Log: logger(t), Backend: "nft"})
	_, _, err := command.Disarm(t.Context(), policy, firewall.Note{Who: "kim", Why: "a new switch"})
	must(t, err)
	disarmed := time.Now()
	p.await("the daemon to obey", func() bool { return p.f.Status().State == firewall.Disarmed })
	_, err = command.Arm(t.Context(), policy)
	must(t, err)
	p.await("contained again", func() bool { return p.f.Status().State == firewall.Contained })
	if proof := p.f.Status().Proof; proof == nil || proof.Began.Before(disarmed) {
		t.Errorf("proved by %+v, of before it was disarmed at %s", proof, disarmed)
	}
}
