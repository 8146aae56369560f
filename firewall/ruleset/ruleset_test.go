package ruleset_test

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mac(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }

func device(ip string, last byte) ruleset.Device {
	return ruleset.Device{IP: netip.MustParseAddr(ip), MAC: mac(last)}
}

func site() ruleset.Input {
	return ruleset.Input{
		Bridge: "br-cam", Ports: []string{"enp2s0", "enp3s0"},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16")},
		DNS:       true, NTP: true,
		Devices: []ruleset.Device{device("10.20.1.12", 0x12), device("10.20.1.11", 0x11)},
	}
}

// Golden files show in review what a change of the compiler does to the kernel.
func TestGolden(t *testing.T) {
	wide := site()
	wide.Ports, wide.DHCP = []string{"eth1"}, true
	wide.Addresses = append(wide.Addresses, netip.MustParsePrefix("10.20.0.254/16"),
		netip.MustParsePrefix("10.32.0.1/14"), netip.MustParsePrefix("192.168.7.1/24"))
	wide.Devices = append(wide.Devices, device("10.33.0.5", 5), device("192.168.7.6", 6))
	bare := site()
	bare.DNS, bare.NTP, bare.Devices = false, false, nil
	observe := site()
	observe.Observe = true
	bound := site()
	bound.Devices[0].Port = "enp3s0"
	for name, in := range map[string]ruleset.Input{"site": site(), "wide": wide, "bare": bare, "observe": observe, "bound": bound} {
		t.Run(name, func(t *testing.T) {
			rs, err := ruleset.Compile(in)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".rules")
			if *update {
				if err := os.WriteFile(file, []byte(rs.Text()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), rs.Text()); d != "" {
				t.Errorf("%s differs (go test -update writes it anew):\n%s", file, d)
			}
		})
	}
}

// C4, C6: what could open a hole or break a command is refused by name.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ruleset.Input)
		says   string
	}{
		"no port":              {func(in *ruleset.Input) { in.Ports = nil }, "0 camera ports"},
		"port twice":           {func(in *ruleset.Input) { in.Ports = []string{"a", "a"} }, "named twice"},
		"port is the bridge":   {func(in *ruleset.Input) { in.Ports = []string{"br-cam"} }, "named twice"},
		"wildcard":             {func(in *ruleset.Input) { in.Ports = []string{"eth+"} }, `"eth+"`},
		"option":               {func(in *ruleset.Input) { in.Ports = []string{"-j"} }, `"-j"`},
		"path":                 {func(in *ruleset.Input) { in.Ports = []string{"../all"} }, `"../all"`},
		"loopback":             {func(in *ruleset.Input) { in.Ports = []string{"lo"} }, `"lo"`},
		"all":                  {func(in *ruleset.Input) { in.Bridge = "all" }, `"all"`},
		"long name":            {func(in *ruleset.Input) { in.Bridge = "sixteen-letters-" }, "longer than 15"},
		"no address":           {func(in *ruleset.Input) { in.Addresses = nil }, "0 camera-side addresses"},
		"IPv6 address":         {func(in *ruleset.Input) { in.Addresses[0] = netip.MustParsePrefix("fd00::1/64") }, "not IPv4"},
		"whole Internet":       {func(in *ruleset.Input) { in.Addresses[0] = netip.MustParsePrefix("10.0.0.1/0") }, "prefix length"},
		"network address":      {func(in *ruleset.Input) { in.Addresses[0] = netip.MustParsePrefix("10.20.0.0/16") }, "cannot be the recorder's"},
		"broadcast address":    {func(in *ruleset.Input) { in.Addresses[0] = netip.MustParsePrefix("10.20.255.255/16") }, "cannot be the recorder's"},
		"loopback address":     {func(in *ruleset.Input) { in.Addresses[0] = netip.MustParsePrefix("127.0.0.1/8") }, "cannot be the recorder's"},
		"no valid address":     {func(in *ruleset.Input) { in.Addresses[0] = netip.Prefix{} }, "not IPv4"},
		"device elsewhere":     {func(in *ruleset.Input) { in.Devices[0] = device("10.21.0.5", 5) }, "in no camera network"},
		"device at broadcast":  {func(in *ruleset.Input) { in.Devices[0] = device("10.20.255.255", 5) }, "in no camera network"},
		"device is us":         {func(in *ruleset.Input) { in.Devices[0] = device("10.20.0.1", 5) }, "named twice"},
		"device twice":         {func(in *ruleset.Input) { in.Devices[0] = device("10.20.1.11", 5) }, "named twice"},
		"device without MAC":   {func(in *ruleset.Input) { in.Devices[0].MAC = nil }, "MAC"},
		"device with zero MAC": {func(in *ruleset.Input) { in.Devices[0].MAC = make(net.HardwareAddr, 6) }, "MAC"},
		"device multicast MAC": {func(in *ruleset.Input) { in.Devices[0].MAC = net.HardwareAddr{1, 0, 0x5e, 0, 0, 1} }, "MAC"},
		"device at no port":    {func(in *ruleset.Input) { in.Devices[0].Port = "eth9" }, "none of the camera ports"},
		"MAC at two ports": {func(in *ruleset.Input) {
			in.Devices[0].Port, in.Devices[1].Port, in.Devices[1].MAC = "enp2s0", "enp3s0", in.Devices[0].MAC
		}, "bound to enp2s0 and to enp3s0"},
		"device long MAC": {func(in *ruleset.Input) { in.Devices[0].MAC = make(net.HardwareAddr, 8) }, "MAC"},
	} {
		t.Run(name, func(t *testing.T) {
			in := site()
			c.change(&in)
			_, err := ruleset.Compile(in)
			if !errors.Is(err, ruleset.ErrInput) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want it to say %q", err, c.says)
			}
		})
	}
}

// C9: neither the rules nor their digest know how many devices there are.
func TestRulesDoNotGrowWithDevices(t *testing.T) {
	few, err := ruleset.Compile(site())
	if err != nil {
		t.Fatal(err)
	}
	in := site()
	for i := range 1300 {
		in.Devices = append(in.Devices, device(fmt.Sprintf("10.20.%d.%d", 2+i/200, 1+i%200), 0x20))
	}
	many, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	if few.Digest() != many.Digest() {
		t.Error("1,300 devices more made other rules")
	}
	in.Ports = append(in.Ports, "eth9")
	other, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest() == many.Digest() {
		t.Error("another port made the same rules")
	}
}

// What iptables cuts or refuses, silently or not.
func TestNamesFitTheKernel(t *testing.T) {
	in := site()
	in.Ports, in.DHCP = []string{"fifteen-letters"}, true
	rs, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	const generation = 9999999
	for _, s := range rs.Sets {
		if len(s.Name)+len(".new") > 31 {
			t.Errorf("set name %s is too long", s.Name)
		}
	}
	seen := map[string]bool{}
	for _, table := range rs.Tables {
		for _, c := range table.Chains {
			if n := c.ChainName(generation); len(n) > 28 {
				t.Errorf("chain name %s is too long", n)
			}
			if g, ours := ruleset.ParseChainName(c.ChainName(generation)); !ours || g != generation && !c.Permanent {
				t.Errorf("chain name %s reads as generation %d, ours %t", c.ChainName(generation), g, ours)
			}
			for _, r := range c.Rules {
				if seen[r.ID] && table.Family != ruleset.Bridge {
					t.Errorf("rule id %s is not unique", r.ID)
				}
				seen[r.ID] = true
			}
		}
		for _, l := range table.Lines(generation, rs.Revision(generation)) {
			if _, p, ok := strings.Cut(l, `--nflog-prefix "`); ok {
				p, _, _ = strings.Cut(p, `"`)
				if len(p) > 63 || strings.Count(p, "|") != 4 || !strings.HasPrefix(p, "S1|L") {
					t.Errorf("prefix %q", p)
				}
			}
		}
	}
}

// C3, C11: each refusal logs first, then drops in a permanent chain; nothing limits between.
func TestEveryDropIsLoggedAndKeepsItsCounter(t *testing.T) {
	rs, err := ruleset.Compile(site())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range rs.Tables {
		drops := 0
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				if r.Target == "DROP" {
					drops++
					if !c.Permanent || len(c.Rules) != 1 || r.Match != "" {
						t.Errorf("%s %s: %s drops outside a permanent chain of its own", table.Family, c.Name, r.ID)
					}
				}
			}
		}
		if drops == 0 && table.Name != "nat" {
			t.Errorf("%s %s drops nothing", table.Family, table.Name)
		}
	}
}

// Chain names of others are never taken for ours.
func TestParseChainName(t *testing.T) {
	for name, want := range map[string]struct {
		generation int
		ours       bool
	}{
		"NVR12-RAW": {12, true}, "NVR-RAW-SPOOF": {0, true}, "NVR": {}, "NVRx-RAW": {}, "INPUT": {},
		"DOCKER": {}, "NVR1a-X": {}, "nvr1-RAW": {}, "": {}, "NVR99999999999999999999-X": {},
	} {
		if g, ours := ruleset.ParseChainName(name); ours != want.ours || ours && g != want.generation {
			t.Errorf("%q: generation %d, ours %t", name, g, ours)
		}
	}
}
