package ruleset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Sets of the table that judges frames. nft(8) makes them: an ipset knows no
// port of a bridge together with a pair.
const (
	pinPorts  = "nvr-ports"        // ports that devices are bound to
	pinMACs   = "nvr-bound"        // MACs of bound devices
	pinAt     = "nvr-at-port"      // port and MAC of each bound device
	pinAtPair = "nvr-at-port-pair" // port and pair of each bound device, also with the address 0.0.0.0
	pinShared = "nvr-shared-pairs" // pairs of devices that are bound to no port
	pinListed = "nvr-listed"       // addresses of all devices, and our own
)

// beforeBridge is a priority ahead of ebtables' own -300 (NF_BR_PRI_NAT_DST_BRIDGED).
const beforeBridge = "type filter hook prerouting priority -310; policy accept;"

const (
	frameIPv4   = "ether type 0x0800"
	frameARP    = "ether type 0x0806"
	frameTagged = "ether type 0x8100"
)

// pinning is the part of L1 that knows ports (C4): a device that is bound to a
// port is taken for itself on that port only, and such a port takes nobody else.
// What is refused here was not learnt by the bridge yet, so no forged frame
// moves a bound device's MAC to another port. ARP is judged as IP is: who claims
// a listed address must be the listed pair. Of a device that is not listed, ARP
// passes on a shared port, so that it finds the recorder and its attempts are seen.
func (c compiler) pinning() Table {
	b := c.build(Frames, OwnTable, "pin")
	b.table.Hooks = []Hook{{Base: "PREROUTING", Chain: "PIN", Layer: L1, Definition: beforeBridge}}
	b.table.Sets = pinSets(b.in)
	var from []Rule
	for _, p := range b.in.Ports {
		from = append(from, b.leads("from-"+p, fmt.Sprintf("iifname \"%s\"", p), "PIN-CAM"))
	}
	b.chain("PIN", L1, append(from, b.leads("from-group", fmt.Sprintf("iifgroup %d", Group), "PIN-CAM"))...)

	spoof, unknown := b.deny("PIN", reasonSpoof, L1), b.deny("PIN", reasonUnknown, L1)
	b.chain("PIN-CAM", L1, append(b.floods(),
		b.verdict("tagged", frameTagged, "RETURN"), // dropped as such, whoever sent it
		b.leads("at-port", "iifname . ether saddr @"+pinAt, "PIN-OWN"),
		b.leads("other-port", "iifname @"+pinPorts, "PIN-STRANGE"),
		b.leads("moved", "ether saddr @"+pinMACs, "PIN-STRANGE"),
		b.verdict("pair", "ether saddr . ip saddr @"+pinShared, "RETURN"),
		b.verdict("arp-pair", "ether saddr . arp saddr ip @"+pinShared+" arp saddr ether . arp saddr ip @"+pinShared, "RETURN"),
		b.verdict("nobody", "ip saddr 0.0.0.0", "RETURN"), // DHCP: judged above
		b.leads("is-spoof", "ip saddr @"+pinListed, spoof),
		b.leads("arp-spoof", "arp saddr ip @"+pinListed, spoof),
		b.leads("is-unknown", frameIPv4, unknown))...)
	b.chain("PIN-OWN", L1,
		b.verdict("own", "iifname . ether saddr . ip saddr @"+pinAtPair, "RETURN"),
		b.verdict("own-arp", "iifname . ether saddr . arp saddr ip @"+pinAtPair+" iifname . arp saddr ether . arp saddr ip @"+pinAtPair, "RETURN"),
		b.leads("own-other", frameIPv4, "PIN-STRANGE"),
		b.leads("own-arp-other", frameARP, "PIN-STRANGE"))
	b.chain("PIN-STRANGE", L1,
		b.leads("strange-listed", "ip saddr @"+pinListed, spoof),
		b.leads("strange-arp", "arp saddr ip @"+pinListed, spoof),
		b.leads("strange-unlisted", frameIPv4, unknown),
		b.leads("strange-arp-unlisted", frameARP, unknown),
		b.leads("strange-mac", "ether saddr @"+pinMACs, spoof), // no address to go by
		b.leads("strange", "", unknown))
	return b.table
}

// floods drop what no later rule lets pass, and is too much to log there: IPv6
// knows no addresses to count by, and frames that are not for us no limits.
func (b *builder) floods() []Rule {
	var matches []string
	if !b.in.Observe {
		for _, m := range []string{
			"ether type 0x86dd",
			"ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != " + bridgeMAC(b.in.Addresses[0].Addr()).String(),
			"ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 ether type != { 0x0800, 0x0806, 0x86dd }",
		} {
			matches = append(matches, m+" "+beyondOne)
		}
	}
	return b.more("PIN", "pin", L1, matches)
}

// pinSets are the sets of the table that judges frames. Their number does not
// depend on the devices, nor do the rules that look things up in them (C9).
func pinSets(in Input) []Set {
	var ports, macs, at, atPair, shared, listed []string
	for _, a := range in.Addresses {
		listed = append(listed, a.Addr().String())
	}
	nobody := netip.IPv4Unspecified().String() // asks for an address, or whether somebody has one (RFC 5227)
	for _, d := range in.Devices {
		mac := strings.ToLower(d.MAC.String())
		listed = append(listed, d.IP.String())
		if d.Port == "" {
			shared = append(shared, mac+" . "+d.IP.String())
			continue
		}
		port := `"` + d.Port + `"`
		ports, macs = append(ports, port), append(macs, mac)
		at = append(at, port+" . "+mac)
		atPair = append(atPair, port+" . "+mac+" . "+d.IP.String(), port+" . "+mac+" . "+nobody)
	}
	set := func(name, create string, members []string) Set {
		return newSet(name, "type "+create+";", members)
	}
	return []Set{
		set(pinPorts, "ifname", ports),
		set(pinMACs, "ether_addr", macs),
		set(pinAt, "ifname . ether_addr", at),
		set(pinAtPair, "ifname . ether_addr . ipv4_addr", atPair),
		set(pinShared, "ether_addr . ipv4_addr", shared),
		set(pinListed, "ipv4_addr", listed),
		talk(),
	}
}

// checkBound refuses a device that is bound to what is no port, and one MAC bound to two.
func (in Input) checkBound() error {
	at := map[string]string{}
	for _, d := range in.Devices {
		if d.Port == "" {
			continue
		}
		if !slices.Contains(in.Ports, d.Port) {
			return fmt.Errorf("%w: device %s is bound to %s, which is none of the camera ports %s",
				ErrInput, d.IP, d.Port, strings.Join(in.Ports, ", "))
		}
		mac := d.MAC.String()
		if other, ok := at[mac]; ok && other != d.Port {
			return fmt.Errorf("%w: MAC %s is bound to %s and to %s", ErrInput, mac, other, d.Port)
		}
		at[mac] = d.Port
	}
	return nil
}
