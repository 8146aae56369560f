package sightings

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Another DHCP server is found by what it says, and by who takes its offer,
// where a switch brings its answers to the device alone. The recorder's own is none.
func TestAnotherDHCPServerIsFound(t *testing.T) {
	b := newBook(t, newClock(), nil)
	takes := func(ip string) string {
		a := netip.MustParseAddr(ip).As4()
		return "\x35\x01\x03\x36\x04" + string(a[:])
	}
	b.hear(t, "p1", dhcpOf(camera, takes("10.20.0.1")))
	if f := b.Findings(); len(f) != 0 {
		t.Errorf("the recorder is found to be another server: %+v", f)
	}
	b.hear(t, "p1", dhcpOf(camera, takes("10.20.1.99")))
	b.hear(t, "p1", offerOf(stranger, "\x36\x04\x0a\x14\x01\x63"))
	b.hear(t, "p1", dhcpOf(nflog.MAC{2, 0, 0, 0, 0, 7}, takes("10.20.1.99")))
	b.hear(t, "p2", offerOf(stranger, "\x0c\x05IPCAM"))
	found := b.Findings()
	if len(found) != 2 || found[0].Kind != OtherDHCP || found[0].Level() != Warning {
		t.Fatalf("found %+v", found)
	}
	for _, f := range found {
		if f.Address != otherIP || f.MAC != stranger || f.Fix() == "" || !strings.Contains(f.Text(), "another DHCP server") {
			t.Errorf("found %+v: %s", f, f.Text())
		}
		if f.Port == "p1" && (f.Device != "dev-a" || f.Count != 3) {
			t.Errorf("found %+v", f)
		}
	}
	if len(b.List()) != 1 { // the one that took an offer; the server told nothing of itself
		t.Errorf("sightings: %+v", b.List())
	}
	site := testSite()
	site.Addresses = append(site.Addresses, netip.PrefixFrom(otherIP, 16))
	b.SetSite(site)
	if f := b.Findings(); len(f) != 0 {
		t.Errorf("an address that is ours now is another server's: %+v", f)
	}
}

// What a device told DHCP stays with it, pinned or not, also over a restart.
func TestFingerprintsAreKept(t *testing.T) {
	c := newClock()
	path := t.TempDir() + "/seen.json"
	withFile := func(o *Options) { o.File = path }
	b := newBook(t, c, withFile)
	want := Fingerprint{"IPCAM", "1,3,6,42", "[31mudhcp", "01abcd"}
	for _, mac := range []nflog.MAC{camera, stranger} {
		b.hear(t, "p1", dhcpOf(mac, helloOptions))
		b.hear(t, "p1", dhcpOf(mac, "\x35\x01\x03")) // says nothing of it
	}
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	again := newBook(t, c, withFile)
	for _, at := range []*Book{b, again} {
		if got := at.Pinned(camera).Fingerprint; got != want {
			t.Errorf("of the pinned device: %+v", got)
		}
		for _, s := range at.List() {
			if s.MAC == stranger && s.Fingerprint != want {
				t.Errorf("of the other: %+v", s.Fingerprint)
			}
		}
	}
}
