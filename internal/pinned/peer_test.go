package pinned_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/stockade-nvr/stockade/internal/lab/ns"
	"github.com/stockade-nvr/stockade/internal/pinned"
)

func TestMain(m *testing.M) { ns.Main(m) }

// TestDialReachesThePinnedAddressOnly: every other address, and every name, also
// one for the pinned address, is refused before a packet is sent.
func TestDialReachesThePinnedAddressOnly(t *testing.T) {
	camera, foreign := counter(t, "127.0.0.1:0"), counter(t, "127.0.0.2:0")
	t.Setenv("HTTP_PROXY", "http://"+foreign.address)
	t.Setenv("ALL_PROXY", "socks5://"+foreign.address)
	peer := pinned.Peer{Address: netip.MustParseAddr("127.0.0.1")}
	_, port, err := net.SplitHostPort(camera.address)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		network, address string
		is               error // nil: it is dialled
		says             string
	}{
		"the pinned address":                {"tcp", camera.address, nil, ""},
		"the same, mapped into IPv6":        {"tcp", "[::ffff:127.0.0.1]:" + port, nil, ""},
		"another address":                   {"tcp", foreign.address, pinned.ErrForeign, "127.0.0.1"},
		"a name, even its own":              {"tcp", "localhost:" + port, pinned.ErrForeign, "no address"},
		"no host, which Go takes for local": {"tcp", ":" + port, pinned.ErrForeign, ""},
		"an address with a zone":            {"tcp", "[fe80::1%lo]:80", pinned.ErrForeign, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := camera.taken.Load()
			conn, err := peer.DialContext(t.Context(), c.network, c.address)
			if c.is == nil {
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				within(t, "the connection", func() bool { return camera.taken.Load() == before+1 })
				return
			}
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
	for _, network := range []string{"udp", "unix", "ip4:icmp"} {
		if _, err := peer.DialContext(t.Context(), network, camera.address); err == nil {
			t.Error(network, "was dialled")
		}
	}
	if _, err := (pinned.Peer{}).DialContext(t.Context(), "tcp", camera.address); err == nil {
		t.Error("dialled without a pinned address")
	}
	if n := foreign.taken.Load(); n != 0 {
		t.Errorf("%d connections at the foreign address", n)
	}
}

// TestDialLeavesByTheCameraSideOnly: while the bridge is gone a stranger behind
// the uplink has the pinned address. Unbound sockets find it.
func TestDialLeavesByTheCameraSideOnly(t *testing.T) {
	stranger, err := ns.New("stranger")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stranger.Close() })
	uplink(t, stranger)
	var behind *counting
	if err := stranger.Do(func() error { behind = counter(t, "10.20.1.11:80"); return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	unbound := pinned.Peer{Address: netip.MustParseAddr("10.20.1.11")}
	conn, err := unbound.DialContext(ctx, "tcp", behind.address)
	if err != nil {
		t.Fatal("the stranger is not reached by an unbound socket either: this test proves nothing:", err)
	}
	conn.Close()
	within(t, "the unbound connection", func() bool { return behind.taken.Load() == 1 })

	bound := pinned.Peer{Address: unbound.Address, Device: "br-cam"}
	if _, err := bound.DialContext(ctx, "tcp", behind.address); err == nil || !strings.Contains(err.Error(), "br-cam") {
		t.Error("without a bridge:", err)
	}
	if _, err := bound.ListenPacket(ctx, "127.0.0.1:0"); err == nil {
		t.Error("a packet socket is open without a bridge")
	}
	// The bridge is there, but nothing answers behind it.
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-cam"}}
	if err := errors.Join(netlink.LinkAdd(bridge), netlink.LinkSetUp(bridge)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(bridge) })
	short, end := context.WithTimeout(ctx, 300*time.Millisecond)
	defer end()
	if conn, err := bound.DialContext(short, "tcp", behind.address); err == nil {
		conn.Close()
		t.Error("a bound socket left by the uplink")
	}
	if n := behind.taken.Load(); n != 1 {
		t.Errorf("%d connections at the stranger, want the unbound one", n)
	}
}

// uplink leads everything to the stranger, who has the pinned address.
func uplink(t *testing.T, stranger *ns.Namespace) {
	t.Helper()
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "far", PeerNamespace: stranger.FD()}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(pair) })
	give := func(name string, addresses ...string) error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			parsed, err := netlink.ParseAddr(a)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(link, parsed); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(link)
	}
	err := errors.Join(
		stranger.Do(func() error { return give("far", "192.0.2.2/24", "10.20.1.11/32") }), give("eth0", "192.0.2.1/24"),
		netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP("192.0.2.2")}))
	if err != nil {
		t.Fatal(err)
	}
}

// counting is a listener that counts who reaches it.
type counting struct {
	address string
	taken   atomic.Int64
}

func counter(t *testing.T, at string) *counting {
	t.Helper()
	ln, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c := &counting{address: ln.Addr().String()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			c.taken.Add(1)
			conn.Close()
		}
	}()
	return c
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
}
