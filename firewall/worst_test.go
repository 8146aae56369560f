package firewall_test

import "os"

// worstCase sets the recorder so that everything that can leak does: as another
// program, or an administrator in a hurry, might have left it.
func (l *lab) worstCase() {
	l.worstSettings()
	// Another program tracks connections, as most firewalls do: the kernel puts
	// fragments together for it. And the log tells where in it the test is: see hitReader.settle.
	foreign(l.t, "nft -f - <<'end'\ntable inet other {\n"+
		"chain c { type filter hook postrouting priority 0; ct state established accept; }\n"+
		"chain m { type filter hook output priority -500; oifname \"lo\" udp dport 9 log prefix \""+markerPrefix+"\" group 100 snaplen 320; }\n"+
		"}\nend")
	// Bridges forward no LLDP, unless somebody wants it.
	foreign(l.t, "ip link set br-cam type bridge group_fwd_mask 0x4000")
}

// worstSettings is the part of worstCase that lies under /proc/sys.
func (l *lab) worstSettings() {
	// Forwarding first: it resets others.
	l.sysctl("net/ipv4/ip_forward", "1")
	l.sysctl("net/ipv6/conf/all/forwarding", "1")
	for path, value := range l.worst() {
		l.sysctl(path, value)
	}
}

// worst gives the settings by path.
func (l *lab) worst() map[string]string {
	w := map[string]string{
		"net/ipv4/conf/all/rp_filter":              "0",
		"net/ipv4/conf/all/accept_source_route":    "1",
		"net/ipv4/conf/all/send_redirects":         "1",
		"net/bridge/bridge-nf-call-iptables":       "0",
		"net/bridge/bridge-nf-call-ip6tables":      "0",
		"net/ipv4/icmp_ratelimit":                  "0",
		"net/ipv4/icmp_msgs_per_sec":               "1000000",
		"net/ipv4/icmp_msgs_burst":                 "1000000",
		"net/ipv6/icmp/ratelimit":                  "0",
		"net/ipv4/neigh/br-cam/locktime":           "0",
		"net/ipv6/conf/br-cam/accept_redirects":    "1",
		"net/ipv6/conf/br-cam/accept_source_route": "1",
	}
	for _, i := range append([]string{"br-cam", "up0"}, l.ports()...) {
		for key, value := range map[string]string{
			"rp_filter": "0", "forwarding": "1", "send_redirects": "1", "accept_redirects": "1", "accept_source_route": "1",
			"route_localnet": "1", "accept_local": "1", "proxy_arp": "1", "arp_ignore": "0", "arp_announce": "0",
		} {
			w["net/ipv4/conf/"+i+"/"+key] = value
		}
		w["net/ipv4/neigh/"+i+"/proxy_delay"] = "0" // or what is answered for another comes at any time within a second
		for key, value := range map[string]string{"accept_ra": "2", "accept_dad": "0", "dad_transmits": "0", "autoconf": "1"} {
			w["net/ipv6/conf/"+i+"/"+key] = value
		}
	}
	return w
}

func (l *lab) sysctl(path, value string) {
	l.t.Helper()
	must(l.t, os.WriteFile("/proc/sys/"+path, []byte(value), 0o644))
}
