package lab_test

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// bridge joins ports as a recorder without a firewall would.
func bridge(t *testing.T, ports []string) func() {
	t.Helper()
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam", HardwareAddr: net.HardwareAddr{2, 9, 9, 9, 9, 9}}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netlink.LinkAdd(br))
	for _, name := range ports {
		port, err := netlink.LinkByName(name)
		must(err)
		must(netlink.LinkSetMaster(port, br))
		must(netlink.LinkSetUp(port))
	}
	for _, a := range []string{"10.20.0.1/16", "2001:db8:20::1/64"} {
		addr, err := netlink.ParseAddr(a)
		must(err)
		must(netlink.AddrAdd(br, addr))
	}
	must(netlink.LinkSetUp(br))
	return func() { must(netlink.LinkDel(br)) }
}
