package ns_test

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
)

func TestMain(m *testing.M) { ns.Main(m) }

func TestNamespacesAreApartAndJoinedByAVeth(t *testing.T) {
	far, err := ns.New("far")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	mac, _ := net.ParseMAC("02:00:00:00:00:11")
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "near0"}, PeerName: "far0",
		PeerNamespace: far.FD(), PeerHardwareAddr: mac,
	}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	if _, err := netlink.LinkByName("far0"); err == nil {
		t.Fatal("the far end is visible here")
	}
	err = far.Do(func() error {
		ifc, err := net.InterfaceByName("far0")
		if err != nil {
			return err
		}
		if ifc.HardwareAddr.String() != mac.String() {
			t.Errorf("far end has address %s, want %s", ifc.HardwareAddr, mac)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
