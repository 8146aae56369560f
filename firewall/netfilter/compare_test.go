package netfilter_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall/netfilter"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// numbered begins the name of a chain that belongs to a generation.
var numbered = regexp.MustCompile(`NVR[0-9]+-`)

func compared(t *testing.T, rs ruleset.Ruleset, backend string) (netfilter.Comparison, []string) {
	t.Helper()
	c, err := kernel(t, backend).Compare(context.Background(), rs)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range c.Differences {
		for _, l := range d.Lines {
			lines = append(lines, d.Part+": "+numbered.ReplaceAllString(l, "NVRn-"))
		}
	}
	return c, lines
}

// Before arming everything is to come; once armed nothing differs, in either
// backend; and what somebody changes is told line by line, in the plan's words.
func TestCompare(t *testing.T) {
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			ports(t)
			rs := site(t, 3)
			c, lines := compared(t, rs, backend)
			if c.Generation != 0 || c.Revision != "" {
				t.Errorf("generation %d, revision %q before anything", c.Generation, c.Revision)
			}
			text := rs.Text()
			for _, l := range lines {
				_, l, _ = strings.Cut(l, ": ")
				if i := strings.Index(l, "+"); i >= 0 {
					l = l[i+1:]
				}
				if strings.HasPrefix(l, "-A ") || strings.HasPrefix(l, "add ") {
					if !strings.Contains(text, l+"\n") && !strings.Contains(l, "NVRn-") && !strings.Contains(l, "nvr-hook") && !strings.Contains(l, " type filter hook") {
						t.Errorf("%q is not in the plan", l)
					}
				}
			}
			if len(lines) < 150 {
				t.Errorf("%d lines are to come", len(lines))
			}
			if out := shell(t, "iptables-"+backend+" -S; ipset list -n; ip rule; ip link"); strings.Contains(out, "NVR") || strings.Contains(out, "nvr-") || strings.Contains(out, "br-cam") {
				t.Errorf("comparing changed something:\n%s", out)
			}
			apply(t, kernel(t, backend), rs)
			if c, lines = compared(t, rs, backend); len(lines) > 0 || c.Generation != 1 || c.Revision != c.Wanted {
				t.Errorf("armed, and %d of %q differs: %q", c.Generation, c.Revision, lines)
			}
			ipt := "iptables-" + backend
			for command, want := range map[string][]string{
				ipt + " -t raw -F NVR-RAW-SPOOF": {"ipv4 raw: +-A NVR-RAW-SPOOF -m comment --comment raw-spoof -j DROP"},
				ipt + " -I INPUT -j ACCEPT":      {"ipv4 filter: --A INPUT -j ACCEPT"},
				"ipset del nvr-cams 10.20.1.1":   {"Set nvr-cams: +add nvr-cams 10.20.1.1"},
				"ipset add nvr-cams 8.8.8.8":     {"Set nvr-cams: -add nvr-cams 8.8.8.8"},
				"ip rule del pref 3; ip rule add pref 1 iif p9 blackhole": {
					"L2: routing: +ip rule add pref 3 to 10.20.0.0/16 blackhole", "L2: routing: -ip rule add pref 1 iif p9 blackhole",
				},
				"echo 1 > /proc/sys/net/ipv4/conf/p1/forwarding": {
					"Settings under /proc/sys: -net/ipv4/conf/p1/forwarding = 1", "Settings under /proc/sys: +net/ipv4/conf/p1/forwarding = 0",
				},
				"bridge link set dev p1 isolated off": {"L0, L1: the bridge: -port p1 isolated true", "L0, L1: the bridge: +port p1 isolated true"},
				"ip neigh del 10.20.1.1 dev br-cam":   {"Neighbours, permanent: +neighbour 10.20.1.1 02:00:00:00:00:00"},
				"nft flush chain inet nvr PREROUTING": {`inet nvr: +-A PREROUTING jump NVRn-FRAG comment "nvr-hook"`},
			} {
				t.Run(command, func(t *testing.T) {
					shell(t, command)
					_, lines := compared(t, rs, backend)
					for _, w := range want {
						if w = strings.Replace(w, "-port p1 isolated true", "-port p1 isolated false", 1); !slices.Contains(lines, w) {
							t.Errorf("no %q in %q", w, lines)
						}
					}
					if len(lines) > 2*len(want)+1 {
						t.Errorf("more than was changed: %q", lines)
					}
					apply(t, kernel(t, backend), rs)
				})
			}
		})
	}
}

// Another policy's rules are told as such, and not by each line that logs.
func TestCompareWithAnotherPolicy(t *testing.T) {
	ports(t)
	rs := site(t, 3)
	apply(t, kernel(t, ""), rs)
	in := ruleset.Input{Bridge: "br-cam", Ports: []string{"p1", "p2"}, Addresses: rs.Link.Addresses, DNS: false, NTP: true, Devices: rs.Neighbours}
	other, err := ruleset.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	c, lines := compared(t, other, "")
	if c.Generation != 1 || c.Revision == c.Wanted || c.Revision == "" {
		t.Errorf("generation %d, revision %q, wanted %q", c.Generation, c.Revision, c.Wanted)
	}
	for _, l := range lines {
		if !strings.Contains(l, "dns") && !strings.Contains(l, "53") {
			t.Errorf("differs although only DNS was switched off: %s", l)
		}
	}
	if len(lines) == 0 {
		t.Error("nothing differs")
	}
}
