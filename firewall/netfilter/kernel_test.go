package netfilter_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) {
	if !ns.Inside() {
		bequeathXDP()
	}
	ns.Main(m)
}

// ports makes two ports with nothing behind them, and leaves nothing of a test behind.
func ports(t testing.TB) {
	t.Helper()
	wipe := func() {
		for _, c := range []string{
			"nft flush ruleset", "ipset destroy",
			"for t in raw mangle nat filter; do for c in iptables-legacy ip6tables-legacy; do $c -t $t -F; $c -t $t -X; done; done",
			"for f in -4 -6; do for p in 1 2 3; do while ip $f rule del pref $p; do :; done; done; done",
			"for i in mv0 p1 p2 br-cam up0; do ip link del $i; done",
		} {
			_ = exec.Command("sh", "-c", c).Run() // most of it is not there
		}
	}
	wipe()
	t.Cleanup(wipe)
	for _, p := range []string{"p1", "p2"} {
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: p}, PeerName: p + "x"}); err != nil {
			t.Fatal(err)
		}
	}
}

// site compiles a site with two camera networks and n devices spread over both.
func site(t testing.TB, n int) ruleset.Ruleset {
	t.Helper()
	in := ruleset.Input{
		Bridge: "br-cam", Ports: []string{"p1", "p2"},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16"), netip.MustParsePrefix("10.21.0.1/16")},
		DNS:       true, NTP: true,
	}
	for i := range n {
		in.Devices = append(in.Devices, ruleset.Device{
			IP:  netip.AddrFrom4([4]byte{10, byte(20 + i%2), byte(1 + i/200), byte(1 + i/2%100 + 100*(i%2))}),
			MAC: net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)},
		})
	}
	rs, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func kernel(t testing.TB, backend string) *netfilter.Kernel {
	t.Helper()
	k, err := netfilter.New(netfilter.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func apply(t testing.TB, k *netfilter.Kernel, rs ruleset.Ruleset) {
	t.Helper()
	if err := k.Apply(context.Background(), rs); err != nil {
		t.Fatal(err)
	}
}

func findings(t testing.TB, k *netfilter.Kernel) []string {
	t.Helper()
	r, err := k.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Layer)+": "+f.What)
	}
	return list
}

func shell(t testing.TB, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

// C2, C9: a change of devices makes no generation and no command more; a
// change of rules makes one generation and leaves nothing of the last.
func TestGenerations(t *testing.T) {
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			ports(t)
			k := kernel(t, backend)
			apply(t, k, site(t, 2))
			if k.Generation() != 1 {
				t.Errorf("first generation is %d", k.Generation())
			}
			before := k.Commands()
			apply(t, k, site(t, 3))
			few := k.Commands() - before
			apply(t, k, site(t, 1300))
			if many := k.Commands() - before - few; few != many {
				t.Errorf("%d commands to change one device, %d for 1,297", few, many)
			}
			if k.Generation() != 1 {
				t.Errorf("devices made generation %d", k.Generation())
			}
			other := site(t, 1300)
			other.Tables = slices.Clone(other.Tables)
			other.Tables[0].Chains = slices.Clone(other.Tables[0].Chains)
			c := &other.Tables[0].Chains[0]
			c.Rules = append(slices.Clone(c.Rules), ruleset.Rule{ID: "one-more", Target: "RETURN"})
			apply(t, k, other)
			if k.Generation() != 2 {
				t.Errorf("a rule more made generation %d", k.Generation())
			}
			save := "iptables-" + backend + "-save"
			if backend == "legacy" {
				save = "for t in raw mangle nat filter; do iptables-legacy-save -t $t; done"
			}
			if out := shell(t, save) + shell(t, "ebtables-nft-save"); strings.Contains(out, "NVR1-") || strings.Contains(out, "NVR1 ") {
				t.Error("chains of generation 1 are left")
			}
			if out := shell(t, "ipset list -n"); strings.Contains(out, ".new") {
				t.Errorf("temporary sets are left: %s", out)
			}
		})
	}
}

// A process that starts anew takes over what it finds: nothing to rebuild, so nothing can open.
func TestRestartAdopts(t *testing.T) {
	ports(t)
	rs := site(t, 5)
	apply(t, kernel(t, ""), rs)
	k := kernel(t, "")
	apply(t, k, rs)
	if k.Generation() != 1 {
		t.Errorf("generation %d after a restart", k.Generation())
	}
}

// A ruleset that the kernel refuses leaves the one before in force, whole.
func TestRefusedRulesetChangesNothing(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	good := site(t, 5)
	apply(t, k, good)
	bad := site(t, 5)
	bad.Tables = slices.Clone(bad.Tables)
	bad.Tables[1].Chains = append(slices.Clone(bad.Tables[1].Chains),
		ruleset.Chain{Name: "BAD", Rules: []ruleset.Rule{{ID: "bad", Match: "-m nosuchmatch", Target: "DROP"}}})
	if err := k.Apply(context.Background(), bad); err == nil {
		t.Fatal("applied")
	}
	if f := findings(t, k); len(f) != 0 {
		t.Errorf("found %q", f)
	}
	apply(t, k, good)
	if out := shell(t, "iptables-save"); strings.Contains(out, "NVR2-") {
		t.Error("the refused generation is left")
	}
}

// A change that fails half way, when its chains are already in force, is undone.
func TestHalfAChangeIsUndone(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 5))
	bad := site(t, 7)
	bad.Neighbours = append(slices.Clone(bad.Neighbours),
		ruleset.Device{IP: netip.MustParseAddr("10.20.9.9"), MAC: make(net.HardwareAddr, 20)})
	bad.Tables = slices.Clone(bad.Tables)
	bad.Tables[1].Chains = append(slices.Clone(bad.Tables[1].Chains), ruleset.Chain{Name: "EXTRA", Rules: []ruleset.Rule{{ID: "extra", Target: "RETURN"}}})
	if err := k.Apply(context.Background(), bad); err == nil {
		t.Fatal("applied")
	}
	if f := findings(t, k); len(f) != 0 {
		t.Errorf("found %q", f)
	}
	if out := shell(t, "iptables-save; ipset list nvr-cams"); strings.Contains(out, "-EXTRA") || strings.Contains(out, "10.20.1.4\n") {
		t.Errorf("left of the change:\n%s", out)
	}
}

// C1: rules are gone from ports that are up and isolated, and loading fails: they go down.
func TestPortsThatNothingGuardsGoDown(t *testing.T) {
	bad := func() ruleset.Ruleset {
		rs := site(t, 2)
		rs.Tables = slices.Clone(rs.Tables)
		rs.Tables[0].Chains = append(slices.Clone(rs.Tables[0].Chains),
			ruleset.Chain{Name: "BAD", Rules: []ruleset.Rule{{ID: "bad", Match: "nosuchmatch", Target: "DROP"}}})
		return rs
	}
	// A set of another type in our set's place keeps it from being loaded.
	const ruin = "nft flush ruleset; ipset destroy nvr-self; ipset create nvr-self bitmap:port range 0-9; iptables -A FORWARD -p udp -m set --match-set nvr-self dst -j RETURN"
	for name, try := range map[string]func(t *testing.T, k *netfilter.Kernel) error{
		"a process that starts": func(t *testing.T, _ *netfilter.Kernel) error {
			shell(t, "nft flush ruleset")
			return kernel(t, "").Apply(context.Background(), bad())
		},
		"a repair": func(t *testing.T, k *netfilter.Kernel) error {
			shell(t, ruin)
			return k.Repair(context.Background())
		},
		"a change": func(t *testing.T, k *netfilter.Kernel) error {
			shell(t, ruin)
			return k.Apply(context.Background(), bad())
		},
	} {
		t.Run(name, func(t *testing.T) {
			ports(t)
			k := kernel(t, "")
			apply(t, k, site(t, 2))
			if !up(t, "p1") || !up(t, "p2") {
				t.Fatal("ports are not up to begin with")
			}
			if try(t, k) == nil {
				t.Fatal("loaded: the test proves nothing")
			}
			if up(t, "p1") || up(t, "p2") {
				t.Error("a port is up")
			}
			shell(t, "nft flush ruleset; ipset destroy || true") // what was in the way is taken out of it
			apply(t, kernel(t, ""), site(t, 2))
			if !up(t, "p1") || !up(t, "p2") {
				t.Error("a port stays down")
			}
		})
	}
}

// A change that fails, and drift in one layer, leave ports up that are guarded: footage goes on.
func TestGuardedPortsStayUp(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 2))
	shell(t, "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev p1 nud permanent") // goes when the port does
	apply(t, k, site(t, 40))
	shell(t, "iptables -t raw -F PREROUTING; ip rule del pref 1")
	if err := k.Repair(context.Background()); err != nil {
		t.Fatal(err)
	}
	apply(t, kernel(t, ""), site(t, 3))
	if out := shell(t, "ip neigh show dev p1"); !strings.Contains(out, "192.0.2.9") {
		t.Error("p1 went down")
	}
}

func up(t *testing.T, name string) bool {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Attrs().Flags&net.FlagUp != 0
}

// L0: while anything is missing, no port comes up: neither when something
// cannot be loaded, nor when it can and reads back as something else.
func TestPortsStayDownUntilAllIsReadBack(t *testing.T) {
	rule := func(match string) func(*ruleset.Ruleset) {
		return func(rs *ruleset.Ruleset) {
			rs.Tables = slices.Clone(rs.Tables)
			i := slices.IndexFunc(rs.Tables, func(x ruleset.Table) bool { return x.Name == "filter" })
			rs.Tables[i].Chains = append(slices.Clone(rs.Tables[i].Chains),
				ruleset.Chain{Name: "BAD", Rules: []ruleset.Rule{{ID: "bad", Match: match, Target: "DROP"}}})
		}
	}
	for name, c := range map[string]struct {
		spoil   func(*ruleset.Ruleset)
		differs bool
	}{
		"a rule that cannot be loaded":          {rule("-m nosuchmatch"), false},
		"a rule that reads back in another way": {rule("-p tcp -m tcp --dport 80:80"), true},
		"a setting that reads back in another way": {func(rs *ruleset.Ruleset) {
			rs.Sysctls = append(slices.Clone(rs.Sysctls), ruleset.Sysctl{Path: "net/ipv4/conf/br-cam/log_martians", Value: "01"})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ports(t)
			shell(t, "ip link set p1 up; ip link set p2 up")
			rs := site(t, 2)
			c.spoil(&rs)
			if err := kernel(t, "").Apply(context.Background(), rs); err == nil || errors.Is(err, netfilter.ErrNotEnforced) != c.differs {
				t.Fatalf("applied, or refused for another reason: %v", err)
			}
			for _, p := range []string{"p1", "p2"} {
				if up(t, p) {
					t.Errorf("port %s is up", p)
				}
			}
		})
	}
}

// C10: each kind of change is found and named, and one repair mends it.
func TestVerifyFinds(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 5))
	for command, says := range map[string]string{
		"iptables -t raw -F NVR-RAW-SPOOF":  "L3: ipv4 raw: chain NVR-RAW-SPOOF was changed",
		"iptables -t raw -D PREROUTING 1":   "L3: ipv4 raw: the hook in PREROUTING is gone",
		"iptables -I INPUT -j ACCEPT":       "L4: ipv4 filter: a foreign rule stands before ours in INPUT",
		"ip6tables -F OUTPUT":               "L5: ipv6 filter: the hook in OUTPUT is gone",
		"ebtables-nft -t nat -F":            "L1: bridge nat: ",
		"ebtables-nft -I FORWARD -j ACCEPT": "L1: bridge filter: a foreign rule stands before ours in FORWARD",
		"ipset flush nvr-self":              "L3: set nvr-self was changed: lacks 10.20.0.1 and 1 more",
		"ipset add nvr-cams 8.8.8.8":        "L3: set nvr-cams was changed: has 8.8.8.8",
		"ipset del nvr-nets 10.20.0.0/16; ipset add nvr-nets 10.20.0.0/16 nomatch": "L3: set nvr-nets was changed",
		"ipset create x hash:ip timeout 5; ipset swap x nvr-self; ipset destroy x": "L3: set nvr-self is another one",
		"ip addr add 192.0.2.9/24 dev p1":                                          "L1: port p1 has an address of its own",
		"ip addr add 2001:db8::9/64 dev p1 nodad":                                  "L1: port p1 has an address of its own",
		"ip rule del pref 3":                                                             "L2: routing rule is gone: ip rule add pref 3 to 10.20.0.0/16 blackhole",
		"ip rule add pref 1 iif p9 blackhole":                                            "L2: a foreign routing rule stands before or among ours: ip rule add pref 1 iif p9 blackhole",
		"echo 1 > /proc/sys/net/ipv4/conf/br-cam/forwarding":                             "L2: setting net/ipv4/conf/br-cam/forwarding",
		"echo 2 > /proc/sys/net/ipv6/conf/p1/accept_ra":                                  "L2: setting net/ipv6/conf/p1/accept_ra",
		"bridge link set dev p1 isolated off":                                            "L1: port p1 is not isolated",
		"ip link set p1 nomaster":                                                        "L1: port p1 is not in the bridge",
		"ip link set p1 group 0":                                                         "L1: port p1 left the group",
		"ip link set br-cam group 7":                                                     "L1: the bridge left the group",
		"ip link set br-cam name br-x":                                                   "L2: routing rule matches nothing",
		"nft flush chain inet nvr PREROUTING":                                            "L3: inet nvr: the hook in PREROUTING is gone",
		"nft add table inet nvr '{ flags dormant; }'":                                    "L3: inet nvr: the hook in PREROUTING is gone",
		"nft insert rule inet nvr PREROUTING accept":                                     "L3: inet nvr: a foreign rule stands before ours",
		"nft 'delete table inet nvr; add table inet nvr; add chain inet nvr PREROUTING'": "L3: inet nvr: the hook in PREROUTING is gone",
		"ip link set p1 down":                                                            "L0: port p1 is down",
		"ip link set br-cam down":                                                        "L0: the bridge is down",
		"ip link set br-cam address 02:00:00:00:00:77":                                   "L1: the bridge's MAC was changed",
		"ip addr del 10.20.0.1/16 dev br-cam":                                            "L1: the bridge lost address 10.20.0.1/16",
		"ip addr add 10.99.0.1/16 dev br-cam":                                            "L1: the bridge has addresses that are not ours",
		"ip neigh replace 10.20.1.1 lladdr 02:00:00:00:00:66 dev br-cam":                 "L1: 1 pinned neighbours",
		"ip link add up0 type veth peer name up0x; ip link set up0 master br-cam":        "L1: foreign port up0 is in the bridge",
		"ip link del br-cam":                                                             "L1: the bridge br-cam is gone",
	} {
		t.Run(command, func(t *testing.T) {
			shell(t, command)
			f := findings(t, k)
			if !slices.ContainsFunc(f, func(s string) bool { return strings.HasPrefix(s, says) }) {
				t.Errorf("found %q, want %q", f, says)
			}
			if err := k.Repair(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f := findings(t, k); len(f) != 0 {
				t.Errorf("after the repair: %q", f)
			}
		})
	}
}

// C3: a virtual interface on the cameras' wire passes by the rules. It is
// another program's: it is set down, and named until that one removes it.
func TestVirtualInterfacesOnTheWire(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 2))
	shell(t, "ip link add mv0 link br-cam type macvlan; ip link set mv0 up")
	named := func() bool {
		f := findings(t, k)
		return len(f) == 1 && strings.HasPrefix(f[0], "L1: virtual interface mv0 stands on the cameras' wire")
	}
	if !named() {
		t.Errorf("found %q", findings(t, k))
	}
	if err := k.Repair(context.Background()); err != nil {
		t.Fatal(err)
	}
	if up(t, "mv0") || !named() {
		t.Errorf("up %t, found %q", up(t, "mv0"), findings(t, k))
	}
	shell(t, "ip link del mv0")
	if f := findings(t, k); len(f) != 0 {
		t.Errorf("found %q", f)
	}
}

// An unplugged port is named, and does not keep the rest from being repaired.
func TestUnpluggedPort(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 2))
	shell(t, "ip link del p2; ipset flush nvr-cams")
	if err := k.Repair(context.Background()); err != nil {
		t.Fatal(err)
	}
	if f := findings(t, k); !slices.Equal(f, []string{"L0: port p2 is gone"}) {
		t.Errorf("found %q", f)
	}
	shell(t, "ip link add p2 type veth peer name p2x")
	if err := k.Repair(context.Background()); err != nil {
		t.Fatal(err)
	}
	if f := findings(t, k); len(f) != 0 {
		t.Errorf("plugged in again: %q", f)
	}
}

// Ports whose loss would cut the box off, and what is no port, are refused before anything is changed.
func TestRefusedPorts(t *testing.T) {
	for command, says := range map[string]string{
		"ip link del p2": "no interface p2",
		"ip addr add 192.0.2.1/24 dev p2; ip link set p2 up; ip route add default via 192.0.2.2 dev p2":                                                             "p2 carries the default route",
		"ip -6 addr add 2001:db8::1/64 dev p2 nodad; ip link set p2 up; ip -6 route add default via 2001:db8::2 dev p2":                                             "p2 carries the default route",
		"ip link add br0 type bridge; ip link set p2 master br0":                                                                                                    "p2 belongs to br0",
		"ip link add mv0 link p2 type macvlan":                                                                                                                      "mv0 stands on the cameras' wire",
		"ip link add br-cam type bridge; ip link add mv0 link br-cam type macvlan":                                                                                  "mv0 stands on the cameras' wire",
		"ip link add mv0 link p2 type macvlan; ip link set p2 up; ip link set mv0 up; ip addr add 192.0.2.1/24 dev mv0; ip route add default via 192.0.2.2 dev mv0": "mv0 carries the default route",
		"ip link del p2; ip link add p2 type bridge":                                                                                                                "p2 is a bridge",
		"ip link add up0 type veth peer name up0x; ip addr add 10.20.5.1/24 dev up0":                                                                                "10.20.5.1, which lies in the camera network",
	} {
		t.Run(command, func(t *testing.T) {
			ports(t)
			t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "br0").Run() })
			shell(t, command)
			err := kernel(t, "").Apply(context.Background(), site(t, 2))
			if !errors.Is(err, netfilter.ErrPort) || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want it to say %q", err, says)
			}
			if out := shell(t, "iptables-save; ip rule"); strings.Contains(out, "NVR") || strings.Contains(out, "br-cam") {
				t.Error("something was changed all the same")
			}
		})
	}
	t.Run("the caller's SSH", func(t *testing.T) {
		ports(t)
		shell(t, "ip addr add 192.0.2.9/24 dev p2")
		t.Setenv("SSH_CONNECTION", "198.51.100.7 50000 192.0.2.9 22")
		if err := kernel(t, "").Apply(context.Background(), site(t, 2)); !errors.Is(err, netfilter.ErrPort) || !strings.Contains(err.Error(), "SSH") {
			t.Errorf("got %v", err)
		}
	})
}

// What is left after removing everything is what was there before, but for the bridge.
func TestRemoveLeavesNothingOfOurs(t *testing.T) {
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			ports(t)
			shell(t, "iptables-"+backend+" -A INPUT -p tcp --dport 1 -j DROP")
			k := kernel(t, backend)
			rs := site(t, 5)
			apply(t, k, rs)
			if err := k.Remove(context.Background(), rs.Link); err != nil {
				t.Fatal(err)
			}
			out := shell(t, "iptables-"+backend+" -S; ip6tables-"+backend+" -S; iptables-"+backend+" -t raw -S; nft list tables inet; ebtables-nft-save; ipset list -n; ip rule; ip -6 rule; bridge -d link")
			if strings.Contains(out, "NVR") || strings.Contains(out, "nvr-") || strings.Contains(out, "blackhole") || strings.Contains(out, "isolated on") || strings.Contains(out, "inet nvr") {
				t.Errorf("left:\n%s", out)
			}
			if !strings.Contains(out, "--dport 1 ") {
				t.Error("another's rule is gone")
			}
		})
	}
}

// A port that the policy no longer names is down and out, not left open.
func TestLeftPortIsClosed(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	apply(t, k, site(t, 2))
	one := site(t, 2)
	in := ruleset.Input{Bridge: "br-cam", Ports: []string{"p1"}, Addresses: one.Link.Addresses, Devices: one.Neighbours}
	rs, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, k, rs)
	link, err := netlink.LinkByName("p2")
	if err != nil {
		t.Fatal(err)
	}
	if link.Attrs().Flags&net.FlagUp != 0 || link.Attrs().MasterIndex != 0 {
		t.Error("p2 is up or still in the bridge")
	}
	if out := shell(t, "ip rule"); strings.Contains(out, "iif p2") {
		t.Errorf("a rule for p2 is left: %s", out)
	}
}

// The kernel removes a network's other addresses with its first: they must come back.
func TestAddressesChange(t *testing.T) {
	ports(t)
	k := kernel(t, "")
	compile := func(addresses ...string) ruleset.Ruleset {
		in := ruleset.Input{Bridge: "br-cam", Ports: []string{"p1", "p2"}}
		for _, a := range addresses {
			in.Addresses = append(in.Addresses, netip.MustParsePrefix(a))
		}
		rs, err := ruleset.Compile(in)
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	apply(t, k, compile("10.20.0.1/16", "10.20.0.254/16"))
	apply(t, k, compile("10.20.0.254/16", "10.20.0.2/16", "10.30.0.1/24"))
	if f := findings(t, k); len(f) != 0 {
		t.Errorf("found %q", f)
	}
	if out := shell(t, "ipset list -n; ip rule"); !strings.Contains(out, "nvr-pairs-10.30.0.0") || !strings.Contains(out, "10.30.0.0/24") {
		t.Errorf("the new network is not there: %s", out)
	}
	apply(t, k, compile("10.30.0.1/24"))
	if out := shell(t, "ipset list -n; ip rule; ip -4 addr show br-cam"); strings.Contains(out, "10.20.") {
		t.Errorf("the old network is left: %s", out)
	}
}

// Rules of others that take nothing from ours are told, with what removes them,
// and are no reason to repair anything or to shut a port.
func TestRulesOfOthersAreNoted(t *testing.T) {
	for backend, other := range map[string]string{"nft": "legacy", "legacy": "nft"} {
		t.Run(backend, func(t *testing.T) {
			ports(t)
			shell(t, "iptables-"+other+" -t nat -A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080")
			shell(t, "ip6tables-"+other+" -A FORWARD -j ACCEPT; iptables-"+other+" -A FORWARD -i eth0 -j ACCEPT")
			shell(t, "nft add table ip evil '{ chain c { type filter hook prerouting priority -400; }; chain d { type filter hook prerouting priority -150; }; }'")
			k := kernel(t, backend)
			apply(t, k, site(t, 2))
			r, err := k.Verify(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range r.Findings {
				if !f.Note || !f.Foreign {
					t.Errorf("found %+v", f)
				}
				_, fix, _ := strings.Cut(f.What, "if nobody needs it: ")
				got = append(got, fix)
			}
			want := []string{
				"nft delete chain ip evil c",
				"iptables-" + other + " -t nat -D PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
				"ip6tables-" + other + " -t filter -D FORWARD -j ACCEPT",
			}
			if !slices.Equal(got, want) {
				t.Errorf("fixes %q, want %q", got, want)
			}
			for _, fix := range got {
				shell(t, fix)
			}
			if f := findings(t, kernelLike(t, backend, site(t, 2))); len(f) != 0 {
				t.Errorf("after the fixes: %q", f)
			}
		})
	}
}

// kernelLike is one that has not read anything of others yet.
func kernelLike(t *testing.T, backend string, rs ruleset.Ruleset) *netfilter.Kernel {
	t.Helper()
	k := kernel(t, backend)
	apply(t, k, rs)
	return k
}
