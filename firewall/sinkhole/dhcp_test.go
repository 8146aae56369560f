package sinkhole

import (
	"bytes"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/ipv4"
)

var (
	gate     = MAC{2, 0, 0, 0, 0, 0x11}
	stranger = MAC{2, 0, 0, 0, 0, 0x99}
	gateIP   = netip.MustParseAddr("10.20.1.11")
	nobody   = netip.IPv4Unspecified()
)

// leasesOf has one pinned device in the second of two networks.
func leasesOf(t testing.TB, networks ...string) func() *Leases {
	t.Helper()
	if networks == nil {
		networks = []string{"10.30.0.1/24", "10.20.0.1/16"}
	}
	var list []netip.Prefix
	for _, n := range networks {
		list = append(list, netip.MustParsePrefix(n))
	}
	l := NewLeases(list, map[MAC]netip.Addr{gate: gateIP})
	return func() *Leases { return l }
}

func newTestDHCP(t testing.TB, networks ...string) (*dhcpServer, *time.Time) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	o := Options{DHCP: true, Leases: leasesOf(t, networks...), Now: func() time.Time { return now }}
	return New(o).dhcp, &now
}

// asks is a client's message as it stands on the wire.
func asks(t testing.TB, mac MAC, kind dhcpv4.MessageType, with ...dhcpv4.Modifier) []byte {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(mac[:]), dhcpv4.WithMessageType(kind)}, with...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.ToBytes()
}

func wanting(ip string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(ip)))
}

func choosing(server string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(server)))
}

// said is an answer in short.
func said(r *dhcpReply) string {
	if r == nil {
		return "nothing"
	}
	return strings.Join([]string{r.message.MessageType().String(), r.message.YourIPAddr.String(), "from", r.from.String(), "to", r.to.String()}, " ")
}

// C8: a pinned device gets its own address and no other; one that nobody knows
// gets one that is pinned to nobody.
func TestDHCPAnswers(t *testing.T) {
	const (
		pinned      = "OFFER 10.20.1.11 from 10.20.0.1 to 255.255.255.255"
		quarantined = "OFFER 10.30.0.2"
		refused     = "NAK <nil> from 10."
	)
	for name, c := range map[string]struct {
		mac  MAC
		kind dhcpv4.MessageType
		with []dhcpv4.Modifier
		from netip.Addr
		want string // how what is said begins
	}{
		"pinned discovers":                   {gate, dhcpv4.MessageTypeDiscover, nil, nobody, pinned},
		"pinned discovers another address":   {gate, dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{wanting("10.30.0.250")}, nobody, pinned},
		"pinned takes the offer":             {gate, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("10.20.1.11"), choosing("10.20.0.1")}, nobody, "ACK 10.20.1.11 from 10.20.0.1 to 255.255.255.255"},
		"pinned renews":                      {gate, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{dhcpv4.WithClientIP(net.IP{10, 20, 1, 11})}, gateIP, "ACK 10.20.1.11 from 10.20.0.1 to 10.20.1.11"},
		"pinned wants another's address":     {gate, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("10.30.0.250")}, nobody, refused},
		"pinned wants nothing in particular": {gate, dhcpv4.MessageTypeRequest, nil, nobody, refused},
		"pinned has chosen another server":   {gate, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("10.20.1.11"), choosing("10.20.0.77")}, nobody, "nothing"},
		"pinned informs":                     {gate, dhcpv4.MessageTypeInform, []dhcpv4.Modifier{dhcpv4.WithClientIP(net.IP{10, 20, 1, 11})}, gateIP, "ACK 0.0.0.0 from 10.20.0.1 to 10.20.1.11"},
		"inform from another address":        {gate, dhcpv4.MessageTypeInform, []dhcpv4.Modifier{dhcpv4.WithClientIP(net.IP{8, 8, 8, 8})}, netip.MustParseAddr("8.8.8.8"), "nothing"},
		"pinned releases":                    {gate, dhcpv4.MessageTypeRelease, nil, gateIP, "nothing"},
		"stranger discovers":                 {stranger, dhcpv4.MessageTypeDiscover, nil, nobody, quarantined},
		"stranger wants a pinned address":    {stranger, dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{wanting("10.20.1.11")}, nobody, quarantined},
		"stranger wants ours":                {stranger, dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{wanting("10.30.0.1")}, nobody, quarantined},
		"stranger insists on a pinned one":   {stranger, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("10.20.1.11")}, nobody, refused},
		"stranger insists on one outside":    {stranger, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("8.8.8.8")}, nobody, refused},
		"stranger comes back":                {stranger, dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{wanting("10.30.0.254")}, nobody, "ACK 10.30.0.254 from 10.30.0.1 to 255.255.255.255"},
		"stranger informs":                   {stranger, dhcpv4.MessageTypeInform, nil, nobody, "nothing"},
		"by a relay":                         {gate, dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{dhcpv4.WithRelay(net.IP{203, 0, 113, 9})}, nobody, "nothing"},
		"a server's message":                 {gate, dhcpv4.MessageTypeOffer, nil, nobody, "nothing"},
		"BOOTP":                              {gate, dhcpv4.MessageTypeNone, nil, nobody, "nothing"},
		"a group's MAC":                      {MAC{1, 0, 0x5e}, dhcpv4.MessageTypeDiscover, nil, nobody, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newTestDHCP(t)
			if got := said(d.answer(asks(t, c.mac, c.kind, c.with...), c.from)); !strings.HasPrefix(got, c.want) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

// C8: whatever is asked for, the recorder is the gateway, a gateway that leads
// nowhere, and no way past it is told.
func TestDHCPSaysNoMoreThanItMust(t *testing.T) {
	var every []dhcpv4.OptionCode
	for code := 1; code < 255; code++ {
		every = append(every, dhcpv4.GenericOptionCode(code))
	}
	hostile := []dhcpv4.Modifier{
		dhcpv4.WithRequestedOptions(every...),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, []byte("\x00cam"))),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionHostName, bytes.Repeat([]byte("\x1b[31m$(reboot)"), 15))),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, []byte("\x01\x04port"))),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, make([]byte, 255))),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionRapidCommit, nil)),
	}
	want := []uint8{1, 3, 6, 42, 51, 53, 54, 58, 59, 61}
	for _, mac := range []MAC{gate, stranger} {
		d, _ := newTestDHCP(t)
		m := d.answer(asks(t, mac, dhcpv4.MessageTypeDiscover, hostile...), nobody).message
		if got := slices.Sorted(maps.Keys(m.Options)); !slices.Equal(got, want) {
			t.Errorf("%x is told the options %v, want %v", mac, got, want)
		}
		us := m.ServerIdentifier()
		for _, list := range [][]net.IP{m.Router(), m.DNS(), m.NTPServers()} {
			if len(list) != 1 || !list[0].Equal(us) {
				t.Errorf("%x is told %v, not the recorder %v", mac, list, us)
			}
		}
		if m.ServerHostName != "" || m.BootFileName != "" || len(m.ToBytes()) > 576 {
			t.Errorf("%x is told more: %v", mac, m)
		}
	}
	d, _ := newTestDHCP(t)
	long := dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, make([]byte, 400)))
	if m := d.answer(asks(t, gate, dhcpv4.MessageTypeDiscover, long), nobody).message; m.Options.Has(dhcpv4.OptionClientIdentifier) {
		t.Error("a client's identifier of 400 bytes is echoed")
	}
}

// Who invents MACs gets a bounded number of answers and addresses, and takes
// nothing from a pinned device.
func TestAFloodOfDiscoveries(t *testing.T) {
	d, now := newTestDHCP(t)
	answered := 0
	flood := func() {
		for i := range 5000 {
			mac := MAC{2, 9, byte(now.Unix()), 0, byte(i >> 8), byte(i)}
			if d.answer(asks(t, mac, dhcpv4.MessageTypeDiscover), nobody) != nil {
				answered++
			}
		}
		if r := d.answer(asks(t, gate, dhcpv4.MessageTypeDiscover), nobody); said(r) != "OFFER 10.20.1.11 from 10.20.0.1 to 255.255.255.255" {
			t.Errorf("a pinned device is told %s", said(r))
		}
	}
	flood()
	if n := (&Sinkhole{dhcp: d}).DHCP(); !n.Short || n.Quarantine != 63 {
		t.Errorf("the quarantine is not said to be full: %+v", n)
	}
	if got := d.refused.Load(); answered != 63 || got != 5000-messagesStrangers || d.full.Load() != 1 { // a /24 has 63 for strangers
		t.Errorf("%d of 5000 were answered, %d refused, %d found none left", answered, got, d.full.Load())
	}
	*now = now.Add(time.Second)
	flood()
	if answered != 63 || len(d.quarantine.byIP) != 63 || len(d.budget.of) > messagesStrangers+1 {
		t.Errorf("%d answered, %d addresses, %d in the budget", answered, len(d.quarantine.byIP), len(d.budget.of))
	}
	*now = now.Add(offered)
	if r := d.answer(asks(t, stranger, dhcpv4.MessageTypeDiscover), nobody); r == nil {
		t.Error("none of the addresses that were offered in vain is given again")
	}
	for range 2 * messagesOfOne {
		d.answer(asks(t, gate, dhcpv4.MessageTypeDiscover), nobody)
	}
	if n := d.budget.of[share{mac: gate}]; n != messagesOfOne {
		t.Errorf("one device was answered %d times in a second", n)
	}
	// Its MAC in those messages may be forged: its renewal has a share of its own.
	renewal := asks(t, gate, dhcpv4.MessageTypeRequest, dhcpv4.WithClientIP(gateIP.AsSlice()))
	if r := d.answer(renewal, gateIP); said(r) != "ACK 10.20.1.11 from 10.20.0.1 to 10.20.1.11" {
		t.Errorf("a pinned device that renews is told %s", said(r))
	}
	for range 2 * messagesOfOne {
		d.answer(renewal, gateIP)
		d.answer(renewal, netip.MustParseAddr("10.20.1.12")) // another's address is no renewal
	}
	if n := d.budget.of[share{gate, true}]; n != messagesOfOne || len(d.budget.of) != 3 {
		t.Errorf("one device renewed %d times in a second: %v", n, d.budget.of)
	}
}

func TestQuarantine(t *testing.T) {
	d, now := newTestDHCP(t)
	give := func(last byte) netip.Addr {
		t.Helper()
		*now = now.Add(time.Second)
		r := d.answer(asks(t, MAC{2, 0, 0, 0, 0, last}, dhcpv4.MessageTypeDiscover), nobody)
		if r == nil {
			return netip.Addr{}
		}
		ip, _ := netip.AddrFromSlice(r.message.YourIPAddr.To4())
		return ip
	}
	first := give(1)
	if again := give(1); again != first {
		t.Errorf("a device got %s and then %s", first, again)
	}
	d.answer(asks(t, MAC{2, 0, 0, 0, 0, 1}, dhcpv4.MessageTypeDecline, wanting(first.String())), nobody)
	if next := give(1); next == first || !next.IsValid() {
		t.Errorf("after declining %s a device got %s", first, next)
	}
	// What is pinned meanwhile is given to nobody else.
	held := give(7)
	pinned := NewLeases([]netip.Prefix{netip.MustParsePrefix("10.30.0.1/24")}, map[MAC]netip.Addr{gate: held})
	d.opts.Leases = func() *Leases { return pinned }
	if next := give(7); next == held || !next.IsValid() {
		t.Errorf("a stranger has %s, which is pinned now", next)
	}
	// Who declines everything leaves half to others.
	for i := range 200 {
		d.quarantine.give(pinned, stranger, netip.Addr{}, *now, offered)
		d.quarantine.decline(pinned, stranger, now.Add(time.Duration(i)))
	}
	if d.quarantine.declined > 31 || !give(8).IsValid() {
		t.Errorf("%d addresses were declined, and none is left", d.quarantine.declined)
	}
	*now = now.Add(declined + time.Second)
	if n := d.quarantine.count(pinned, *now); n != 0 || d.quarantine.declined != 0 || len(d.quarantine.byIP) != 0 {
		t.Errorf("%d are left, %d declined", n, d.quarantine.declined)
	}
}

// Of our own addresses none is handed out, wherever in the network they lie.
func TestThePoolHasNoneOfOurs(t *testing.T) {
	for networks, want := range map[string]string{
		"10.9.9.1/30":                          "10.9.9.2",
		"10.99.0.1/29":                         "10.99.0.6",
		"10.99.0.6/29":                         "10.99.0.5",
		"10.99.0.6/29 10.99.0.5/29":            "10.99.0.4",
		"10.99.0.13/28":                        "10.99.0.11 10.99.0.12 10.99.0.14",
		"10.9.9.1/30 10.9.9.2/30 10.20.0.1/16": "",
	} {
		var list []netip.Prefix
		for n := range strings.FieldsSeq(networks) {
			list = append(list, netip.MustParsePrefix(n))
		}
		l := NewLeases(list, nil)
		var pool []string
		for _, ip := range l.pool {
			pool = append(pool, ip.String())
		}
		if got := strings.Join(pool, " "); got != want {
			t.Errorf("%s: the pool is %q, want %q", networks, got, want)
		}
		if _, ok := newQuarantine().give(l, stranger, netip.Addr{}, time.Time{}, offered); ok != (want != "") {
			t.Errorf("%s: an address is given: %t", networks, ok)
		}
	}
	wide := NewLeases([]netip.Prefix{netip.MustParsePrefix("10.20.255.254/16")}, nil)
	if n := len(wide.pool); n != maxQuarantine || wide.pool[0].String() != "10.20.251.254" || !wide.free(wide.pool[0]) || wide.free(wide.pool[0].Prev()) {
		t.Errorf("a /16 has %d from %s", n, wide.pool[0])
	}
}

// An address that was declined long ago is not one of those that are, whether or
// not anybody counts.
func TestWhatWasDeclinedLongAgoLetsOthersDecline(t *testing.T) {
	l := NewLeases([]netip.Prefix{netip.MustParsePrefix("10.9.9.1/28")}, nil) // three addresses, of which one may be declined
	q, now := newQuarantine(), time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	for place := range 2 {
		ip := l.pool[place]
		q.give(l, stranger, ip, now, offered)
		q.decline(l, stranger, now)
		if q.may(l, gate, ip, now) || q.declined != 1 {
			t.Errorf("%s is given again at once, %d are declined", ip, q.declined)
		}
		now = now.Add(declined)
	}
}

func TestADeviceWhoseAddressIsInUseIsTold(t *testing.T) {
	d, now := newTestDHCP(t)
	for range 3 {
		d.answer(asks(t, gate, dhcpv4.MessageTypeDecline), nobody)
	}
	if d.conflicts.Load() != 3 || len(d.told) != 1 {
		t.Errorf("%d conflicts, %d told", d.conflicts.Load(), len(d.told))
	}
	// Where the log has as many as it takes, it has others once these are old.
	for i := range 2 * maxTold {
		d.conflict(MAC{2, 9, 0, 0, byte(i >> 8), byte(i)}, gateIP)
	}
	if len(d.told) != maxTold {
		t.Errorf("%d were told at once", len(d.told))
	}
	for _, mac := range []MAC{gate, stranger} { // told before, and not
		*now = now.Add(tellEvery)
		if d.conflict(mac, gateIP); d.told[mac] != *now {
			t.Errorf("a conflict of %x is not told any more: %s", mac, d.told[mac])
		}
	}
}

// The frame's headers are the kernel's work everywhere else: here they are ours.
func TestAnAnswerIsAWholeDatagram(t *testing.T) {
	for id := range 300 { // odd and even lengths
		d, now := newTestDHCP(t)
		*now = now.Add(time.Duration(id) * time.Second)
		with := dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, bytes.Repeat([]byte{byte(id)}, id%256)))
		b := datagram(d.answer(asks(t, gate, dhcpv4.MessageTypeDiscover, with), nobody))
		h, err := ipv4.ParseHeader(b)
		if err != nil || h.TotalLen != len(b) || h.Protocol != 17 || !h.Src.Equal(net.IP{10, 20, 0, 1}) {
			t.Fatalf("header %v of %d bytes, %v", h, len(b), err)
		}
		pseudo := append(bytes.Clone(b[12:20]), 0, 17, b[24], b[25])
		for name, got := range map[string]uint32{"IP": sum(b[:20], 0), "UDP": sum(b[20:], sum(pseudo, 0))} {
			if got>>16+got&0xffff != 0xffff {
				t.Errorf("the checksum of %s is wrong by %x, %d bytes", name, got, len(b))
			}
		}
	}
}

func FuzzDHCPMessage(f *testing.F) {
	f.Add(asks(f, gate, dhcpv4.MessageTypeDiscover, wanting("10.20.1.11")), false)
	f.Add(asks(f, stranger, dhcpv4.MessageTypeRequest, wanting("10.30.0.254"), choosing("10.30.0.1")), false)
	f.Add(asks(f, gate, dhcpv4.MessageTypeInform), true)
	d, now := newTestDHCP(f)
	f.Fuzz(func(t *testing.T, message []byte, renews bool) {
		*now = now.Add(time.Second)
		from := nobody
		if renews {
			from = gateIP
		}
		r := d.answer(message, from)
		if r == nil {
			return
		}
		out := r.message.ToBytes()
		if r.to != everybody && r.to != gateIP || len(out) > 576 || out[0] != 2 || !bytes.Equal(out[4:8], message[4:8]) {
			t.Errorf("%x answered with %x to %s", message, out, r.to)
		}
		again, err := dhcpv4.FromBytes(out)
		if err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		for code := range again.Options {
			if !slices.Contains([]uint8{1, 3, 6, 42, 51, 53, 54, 58, 59, 61}, code) {
				t.Errorf("told option %d", code)
			}
		}
		ip, _ := netip.AddrFromSlice(again.YourIPAddr.To4())
		mac := MAC(message[28:])
		if l := d.opts.Leases(); !ip.IsUnspecified() && (mac == gate) != (ip == gateIP) || mac != gate && !ip.IsUnspecified() && !l.free(ip) {
			t.Errorf("%x is given %s", mac, ip)
		}
	})
}
