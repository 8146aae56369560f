package netfilter

import (
	"net/netip"
	"testing"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

func TestConcerns(t *testing.T) {
	l := ruleset.Link{Bridge: "br-cam", Ports: []string{"enp2s0"}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16")}}
	for line, want := range map[string]bool{
		"-P FORWARD ACCEPT": false, "-N DOCKER": false, "": false, "-A": false,
		"-A FORWARD -j ACCEPT": true, "-A FORWARD -j DROP": false, "-A FORWARD -j DOCKER": false,
		"-A FORWARD -i eth0 -o br-lan -j ACCEPT": false, "-A INPUT -i lo -j ACCEPT": false,
		"-A FORWARD -i br-cam -j ACCEPT": true, "-A FORWARD -i enp+ -j ACCEPT": true, "-A FORWARD ! -i eth0 -j ACCEPT": true,
		"-A POSTROUTING -o eth0 -j MASQUERADE": true, "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE": false,
		"-A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source 192.0.2.1": true, "-A POSTROUTING ! -s 172.17.0.0/16 -j MASQUERADE": true,
		"-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353": true,
		"-A PREROUTING -j TEE --gateway 192.0.2.9":                           true,
	} {
		if got := concerns(line, l); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}
}

func TestCopiesOfIPv6(t *testing.T) {
	for command, want := range map[string]bool{
		"ip6tables-legacy -t raw -A PREROUTING -j TEE --gateway fd00::1":    true,
		"ip6tables-legacy -t mangle -A PREROUTING -j TEE --gateway fd00::1": false, // what ours drop never comes there
		"iptables-legacy -t raw -A PREROUTING -j TEE --gateway 192.0.2.9":   false,
		"ip6tables-legacy -t raw -A PREROUTING -j ACCEPT":                   false,
	} {
		if got := copiesIPv6(command); got != want {
			t.Errorf("%q: %t", command, got)
		}
	}
}

func FuzzConcerns(f *testing.F) {
	f.Add("-A FORWARD ! -i eth+ -s 10.0.0.0/8 -j ACCEPT")
	f.Add("-A X -i")
	l := ruleset.Link{Bridge: "br-cam", Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.1/16")}}
	f.Fuzz(func(_ *testing.T, line string) { concerns(line, l) })
}
