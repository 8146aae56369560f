package sightings

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// testSite has two camera ports and one pinned device.
func testSite() Site {
	return Site{
		Bridge: "br-cam", Ports: []string{"p1", "p2"}, Addresses: []netip.Prefix{netip.PrefixFrom(recorder, 16)},
		Pins: []Pin{{"dev-a", camera, cameraIP}},
	}
}

// clock is a recorder's clock that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)} }

func (c *clock) after(d time.Duration) time.Time {
	c.now = c.now.Add(d)
	return c.now
}

func newBook(t *testing.T, c *clock, change func(*Options)) *Book {
	t.Helper()
	o := Options{Now: func() time.Time { return c.now }}
	if change != nil {
		change(&o)
	}
	b := New(o)
	b.SetSite(testSite())
	return b
}

// hear has a Book hear a frame at a port.
func (b *Book) hear(t *testing.T, port string, raw []byte) {
	t.Helper()
	f, err := parseFrame(raw)
	if err != nil {
		t.Fatal(err)
	}
	b.frame(port, f, b.o.Now())
}

// hitOf is a dropped packet with a time to live.
func hitOf(reason nflog.Reason, port string, mac nflog.MAC, src, dst string, ttl byte, at time.Time) *nflog.Hit {
	payload := make([]byte, 20)
	payload[8] = ttl
	return &nflog.Hit{
		Time: at, Prefix: nflog.Prefix{Layer: "L3", Reason: reason}, Port: port, SrcMAC: mac, Family: 4, Protocol: 17,
		Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), DstPort: 53, Payload: payload,
	}
}

func codes(s Sighting) (all []Code) {
	for _, m := range s.Meanings {
		all = append(all, m.Code)
	}
	slices.Sort(all)
	return all
}

func TestWhatIsSeenAndWhatItMeans(t *testing.T) {
	mac := func(n byte) nflog.MAC { return nflog.MAC{2, 0, 0, 0, 1, n} }
	ip := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 20, 9, n}) }
	c := newClock()
	b := newBook(t, c, nil)
	hear := func(port string, who nflog.MAC, as netip.Addr) { b.hear(t, port, arpOf(arpRequest, who, as, recorder)) }
	hear("p1", camera, cameraIP) // as it is pinned: no sighting
	hear("p2", mac(1), ip(1))    // new
	hear("p2", mac(2), ip(2))    // two with one address
	hear("p2", mac(3), ip(2))    //
	hear("p2", mac(4), ip(4))    // one with two
	hear("p2", mac(4), ip(5))    //
	hear("p2", mac(5), cameraIP) // takes a pinned one
	hear("p2", mac(6), recorder) // takes ours
	hear("p2", mac(7), netip.MustParseAddr("192.168.1.5"))
	b.hear(t, "p2", dhcpOf(mac(8), "\x0c\x05IPCAM\xff"))
	b.Hit(hitOf(nflog.Spoof, "br-cam", camera, "10.20.9.77", "8.8.8.8", 64, c.now)) // a pinned MAC with another address
	b.Hit(hitOf(nflog.UnknownDevice, "br-cam", mac(1), "10.20.9.1", "8.8.8.8", 64, c.after(time.Second)))
	b.Hit(hitOf(nflog.Egress, "br-cam", mac(9), "10.20.9.9", "8.8.8.8", 64, c.now)) // no reason to list it

	want := map[nflog.MAC][]Code{
		camera: {Moved}, mac(1): nil, mac(2): {SharedAddress}, mac(3): {SharedAddress}, mac(4): {ManyAddresses},
		mac(5): {TakesAddress}, mac(6): {Ours}, mac(7): {Outside}, mac(8): {NoAddress},
	}
	list := b.List()
	if len(list) != len(want) || list[0].MAC != mac(1) {
		t.Errorf("%d sightings, the first is %v", len(list), list[0])
	}
	for _, s := range list {
		if !slices.Equal(codes(s), want[s.MAC]) {
			t.Errorf("%s means %v, want %v", s.MAC, codes(s), want[s.MAC])
		}
		if s.Candidate().IsValid() != (s.MAC == mac(1)) {
			t.Errorf("%s is to be pinned to %s", s.MAC, s.Candidate())
		}
	}
	one := list[0]
	if one.Port != "p2" || one.Count != 2 || len(one.Tried) != 1 || one.Tried[0].Port != 53 || !one.Last.After(one.First) {
		t.Errorf("%+v", one)
	}
	if p := b.Pinned(camera); p.Count != 1 || p.Port != "p1" {
		t.Errorf("of the pinned device: %+v", p)
	}
	// Once pinned it is no sighting any more.
	site := testSite()
	site.Pins = append(site.Pins, Pin{"dev-b", mac(1), ip(1)})
	b.SetSite(site)
	if slices.ContainsFunc(b.List(), func(s Sighting) bool { return s.MAC == mac(1) }) {
		t.Error("a pinned device is listed")
	}
}

// TestAFloodOfForgedAddresses fills no more than its port's share, and a device
// that comes again and again finds room in it.
func TestAFloodOfForgedAddresses(t *testing.T) {
	c := newClock()
	b := newBook(t, c, func(o *Options) { o.MaxPerPort = 50 })
	forge := func(n int) {
		for range n {
			m := nflog.MAC{2}
			binary.BigEndian.PutUint32(m[2:], uint32(len(b.seen))+uint32(c.now.UnixNano()))
			b.hear(t, "p2", arpOf(arpRequest, m, otherIP, recorder))
			c.after(time.Microsecond)
		}
	}
	forge(5000)
	b.hear(t, "p1", arpOf(arpRequest, stranger, otherIP, recorder))
	if n := len(b.List()); n != 51 {
		t.Errorf("%d sightings", n)
	}
	if u := b.Unlisted(); len(u) != 1 || u[0].Port != "p2" || u[0].Count != 4950 {
		t.Errorf("unlisted: %+v", u)
	}
	c.after(2 * time.Minute)
	b.hear(t, "p2", arpOf(arpRequest, nflog.MAC{2, 1, 1, 1, 1, 1}, otherIP, recorder))
	if n := len(b.List()); n != 2 {
		t.Errorf("%d sightings after the flood", n)
	}
	// Addresses and destinations of one device are bounded too.
	for i := range 200 {
		b.Hit(hitOf(nflog.UnknownDevice, "p1", stranger, netip.AddrFrom4([4]byte{10, 20, 7, byte(i + 1)}).String(), netip.AddrFrom4([4]byte{8, 8, 8, byte(i)}).String(), 64, c.now))
	}
	for _, s := range b.List() {
		if s.MAC == stranger && (len(s.Addresses) != maxAddresses || !s.More || len(s.Tried) != maxTried || s.Addresses[0].IP != netip.MustParseAddr("10.20.7.200")) {
			t.Errorf("%+v", s)
		}
	}
}

func TestARestartKeepsWhenADeviceWasFirstSeen(t *testing.T) {
	c := newClock()
	file := filepath.Join(t.TempDir(), "sightings.json")
	b := newBook(t, c, func(o *Options) { o.File = file })
	first := c.now
	b.hear(t, "p2", arpOf(arpRequest, stranger, otherIP, recorder))
	b.elsewhere(camera, cameraIP, "eth0", c.now)
	b.Hit(hitOf(nflog.Egress, "p1", camera, cameraIP.String(), "8.8.8.8", 64, c.now))
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	c.after(time.Hour)
	b = newBook(t, c, func(o *Options) { o.File = file })
	b.hear(t, "p2", arpOf(arpRequest, stranger, otherIP, recorder))
	list, found := b.List(), b.Findings()
	if len(list) != 1 || !list[0].First.Equal(first) || !list[0].Last.Equal(c.now) || list[0].Count != 2 {
		t.Errorf("%+v", list)
	}
	if len(found) != 1 || found[0].Kind != SecondWay || !found[0].First.Equal(first) || b.Pinned(camera).Count != 1 {
		t.Errorf("%+v, %+v", found, b.Pinned(camera))
	}
	for _, bad := range []string{"", "{", `{"format":9}`, `{"format":1,"sightings":[null]}`, `{"format":1,"pinned":{"":{}}}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := len(newBook(t, c, func(o *Options) { o.File = file }).List()); n != 0 {
			t.Errorf("%q gives %d sightings", bad, n)
		}
	}
}

func TestFindingsComeAndGo(t *testing.T) {
	c := newClock()
	b := newBook(t, c, nil)
	gateway := netip.MustParseAddr("10.20.0.254")
	kinds := func() (all []string) {
		for _, f := range b.Findings() {
			all = append(all, string(f.Kind))
		}
		return all
	}
	scan := func() {
		for i := range 200 {
			b.hear(t, "p1", arpOf(arpRequest, camera, cameraIP, netip.AddrFrom4([4]byte{10, 20, 3, byte(i + 1)})))
		}
	}
	scan()
	b.review(c.after(time.Minute))
	if k := kinds(); len(k) != 0 {
		t.Errorf("a scan is taken for %v", k)
	}
	// Neither the recorder's address nor a device's is a gateway.
	for range 5 {
		b.hear(t, "p1", arpOf(arpRequest, camera, cameraIP, recorder))
		b.hear(t, "p1", arpOf(arpRequest, camera, cameraIP, cameraIP))
		c.after(5 * time.Second)
	}
	c.after(2 * time.Minute)
	for range 4 {
		b.hear(t, "p1", arpOf(arpRequest, camera, cameraIP, gateway))
		c.after(4 * time.Second)
	}
	var probes []probe
	for range maxAsked / probesAtOnce { // each once before any again
		now := b.review(c.now)
		if len(now) > probesAtOnce {
			t.Errorf("%d questions at once", len(now))
		}
		probes = append(probes, now...)
	}
	if k := kinds(); !slices.Equal(k, []string{string(AsksGateway)}) {
		t.Errorf("found %v", k)
	}
	if !slices.Contains(probes, probe{"p1", recorder, gateway}) {
		t.Errorf("asks %v", probes)
	}
	if again := b.review(c.after(time.Second)); slices.Contains(again, probe{"p1", recorder, gateway}) {
		t.Error("asks again at once")
	}
	// At another port it is no way out; at the same one it is.
	b.hear(t, "p2", arpOf(arpReply, stranger, gateway, recorder))
	b.review(c.after(time.Second))
	if k := kinds(); !slices.Equal(k, []string{string(AsksGateway)}) {
		t.Errorf("found %v for a gateway at a port of its own", k)
	}
	b.hear(t, "p1", arpOf(arpReply, nflog.MAC{2, 9}, gateway, recorder))
	b.review(c.after(time.Second))
	if k := kinds(); !slices.Equal(k, []string{string(OtherGateway)}) {
		t.Errorf("found %v for a gateway that answers", k)
	}
	if f := b.Findings()[0]; f.Level() != NotEnforced || !f.Current(c.now) || f.Current(c.now.Add(2*time.Hour)) || f.Device != "dev-a" {
		t.Errorf("%+v", f)
	}
	// Listed as ours, or pinned, it is none any more.
	site := testSite()
	site.Pins = append(site.Pins, Pin{"dev-g", nflog.MAC{2, 9}, gateway})
	b.SetSite(site)
	if k := kinds(); len(k) != 0 {
		t.Errorf("%v after it was pinned", k)
	}
	// Several addresses with one MAC: a router only if they passed one.
	for i, ttl := range []byte{64, 64, 64, 63, 127, 63} {
		mac := nflog.MAC{2, 7, 0, 0, 0, byte(i / 3)}
		b.Hit(hitOf(nflog.UnknownDevice, "p1", mac, netip.AddrFrom4([4]byte{10, 20, 8, byte(i + 1)}).String(), "8.8.8.8", ttl, c.now))
	}
	b.review(c.after(time.Second))
	if f := b.Findings(); len(f) != 1 || f[0].Kind != Routed || f[0].MAC != (nflog.MAC{2, 7, 0, 0, 0, 1}) || f[0].Count != 3 {
		t.Errorf("%+v", f)
	}
	for _, f := range b.Findings() {
		if f.Text() == "" || f.Fix() == "" || strings.Contains(f.Text(), "%!") {
			t.Errorf("%q, %q", f.Text(), f.Fix())
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(`{"format":1,"sightings":[{"mac":"02:00:00:00:00:99","port":"p2","addresses":[{"ip":"10.20.1.99","via":"arp"}]}],"pinned":{"02:00:00:00:00:11":{"count":1}},"findings":[{"kind":"routed","mac":"02:00:00:00:00:99"}]}`)
	f.Add(`{"format":1,"sightings":[null]}`)
	f.Add(`{"format":1,"sightings":[{"mac":"02:00:00:00:00:99","name":"IPCAM","parameters":"1,\u001b[31m,3","client_id":"01abcd"}],"pinned":{"02:00:00:00:00:11":{"parameters":"1,3","client_id":"01\nab"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := read([]byte(text))
		if err != nil {
			return
		}
		b := newBook(t, newClock(), nil)
		b.take(k)
		for _, s := range b.seen {
			isPlain(t, s.Fingerprint)
		}
		for _, p := range b.pinned {
			isPlain(t, p.Fingerprint)
		}
		b.review(b.o.Now()) // what is old goes
		_, _, _ = b.List(), b.Findings(), b.Unlisted()
		if _, err := b.text(); err != nil {
			t.Error(err)
		}
	})
}

// isPlain checks that a fingerprint is as short and plain as one that is read from a frame.
func isPlain(t *testing.T, p Fingerprint) {
	t.Helper()
	if len(p.Parameters) > 4*maxCodes || len(p.ClientID) > 2*maxClient {
		t.Errorf("%q and %q are too long", p.Parameters, p.ClientID)
	}
	if strings.Trim(p.Parameters, "0123456789,") != "" || strings.Trim(p.ClientID, "0123456789abcdef") != "" {
		t.Errorf("%q and %q are more than numbers", p.Parameters, p.ClientID)
	}
	for _, text := range []string{p.Name, p.Class} {
		if len(text) > maxText || plain(text) != text {
			t.Errorf("%q is not plain", text)
		}
	}
}

// Who invents as many findings as there is room for keeps no later one from being
// told, once they are not current any more.
func TestInventedFindingsHideNoLaterOne(t *testing.T) {
	c := newClock()
	b := newBook(t, c, nil)
	told := func() bool {
		return slices.ContainsFunc(b.Findings(), func(f Finding) bool { return f.Kind == SecondWay })
	}
	for i := range maxFindings {
		b.note(Finding{Kind: OtherGateway, MAC: nflog.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}, Address: recorder, Port: "p1"}, c.now, c.now)
	}
	b.elsewhere(camera, cameraIP, "eth0", c.now)
	if told() {
		t.Error("as bad a finding made a current one go")
	}
	c.after(holds + time.Second)
	b.elsewhere(camera, cameraIP, "eth0", c.now)
	if n := len(b.Findings()); !told() || n != maxFindings {
		t.Errorf("%d findings, the second way among them: %t", n, told())
	}
}

// A port where many addresses are looked for leaves questions for the others.
func TestQuestionsAreSharedAmongPorts(t *testing.T) {
	c := newClock()
	b := newBook(t, c, nil)
	other := nflog.MAC{2, 7}
	site := testSite()
	site.Pins = append(site.Pins, Pin{"dev-b", other, netip.MustParseAddr("10.20.1.12")})
	b.SetSite(site)
	wanted := netip.MustParseAddr("10.20.9.9")
	for i := range maxAsked {
		b.hear(t, "p1", arpOf(arpRequest, camera, cameraIP, netip.AddrFrom4([4]byte{10, 20, 8, byte(i)})))
	}
	b.hear(t, "p2", arpOf(arpRequest, other, netip.MustParseAddr("10.20.1.12"), wanted))
	for range maxAsked/probesAtOnce + 1 { // within one round of asking
		now := b.review(c.after(time.Second))
		if len(now) > probesAtOnce {
			t.Fatalf("%d questions at once", len(now))
		}
		if slices.Contains(now, probe{"p2", recorder, wanted}) {
			return
		}
	}
	t.Error("it was not asked for")
}
