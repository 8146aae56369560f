package netfilter_test

import (
	"strings"
	"testing"
)

// C9: from 10 to 1,300 devices in two /16s, arming loads the same rules by the
// same number of commands, and so does changing one device.
func TestRulesAndCommandsDoNotGrowWithDevices(t *testing.T) {
	type account struct{ rules, sets, arming, change, quiet int }
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			var few account
			for _, devices := range []int{10, 1300} {
				ports(t)
				k := kernel(t, backend)
				var a account
				apply(t, k, site(t, devices))
				a.arming = k.Commands()
				verify(t, k)
				before := k.Commands()
				apply(t, k, site(t, devices-1))
				a.change = k.Commands() - before
				verify(t, k)
				before = k.Commands()
				verify(t, k)
				a.quiet = k.Commands() - before
				out := shell(t, "for t in raw mangle nat filter; do iptables-"+backend+"-save -t $t; ip6tables-"+backend+"-save -t $t; done; ebtables-nft-save; nft list table inet nvr")
				a.rules, a.sets = strings.Count(out, "-A ")+strings.Count(out, "comment \""), strings.Count(shell(t, "ipset list -n"), "nvr-")
				if few == (account{}) {
					few = a
					t.Logf("%d devices: %+v", devices, a)
					continue
				}
				if a != few {
					t.Errorf("%d devices: %+v, with few %+v", devices, a, few)
				}
				if limit := map[string]int{"nft": 3, "legacy": 13}[backend]; a.change > limit {
					t.Errorf("%d commands change one device, at most %d are promised", a.change, limit)
				}
			}
		})
	}
}
