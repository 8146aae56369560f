package pinned_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
)

// TestListenPacketTakesPacketsOfThePeerOnly: a plain socket would take the others.
func TestListenPacketTakesPacketsOfThePeerOnly(t *testing.T) {
	for _, c := range []struct{ network, at, camera, other string }{
		{"udp4", "127.0.0.1:0", "127.0.0.1", "127.0.0.2"},
		{"udp6", "[::1]:0", "::1", ""},
	} {
		t.Run(c.network, func(t *testing.T) {
			open := func(peer string) *net.UDPConn {
				in, err := pinned.Peer{Address: netip.MustParseAddr(peer)}.ListenPacket(t.Context(), c.at)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { in.Close() })
				return in
			}
			in := open(c.camera)
			if c.other != "" {
				plain, err := net.ListenPacket(c.network, c.at)
				if err != nil {
					t.Fatal(err)
				}
				defer plain.Close()
				datagram(t, c.network, c.other, plain.LocalAddr(), "foreign")
				if received(t, plain.(*net.UDPConn)) != "foreign" {
					t.Fatal("nothing came without the filter: this test proves nothing")
				}
				datagram(t, c.network, c.other, in.LocalAddr(), "foreign")
			}
			datagram(t, c.network, c.camera, in.LocalAddr(), "own")
			if got := received(t, in); got != "own" {
				t.Errorf("received %q", got)
			}
			if got := received(t, in); got != "" {
				t.Errorf("then received %q", got)
			}
			if c.other == "" { // another camera's packets
				in = open("fd00::1")
				datagram(t, c.network, c.camera, in.LocalAddr(), "foreign")
				if got := received(t, in); got != "" {
					t.Errorf("received %q from another address", got)
				}
			}
		})
	}
}

func datagram(t *testing.T, network, from string, to net.Addr, text string) {
	t.Helper()
	out, err := net.DialUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), to.(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// received gives the next datagram; "" when none comes. On loopback it has come
// by the time that it was sent.
func received(t *testing.T, in *net.UDPConn) string {
	t.Helper()
	buf := make([]byte, 100)
	_ = in.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := in.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}
