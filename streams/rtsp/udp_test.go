package rtsp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestOnlyFrom: a socket takes packets from the camera's address only; without
// the filter it would take the others.
func TestOnlyFrom(t *testing.T) {
	for _, c := range []struct{ network, at, camera, other string }{
		{"udp4", "127.0.0.1:0", "127.0.0.1", "127.0.0.2"},
		{"udp6", "[::1]:0", "::1", ""},
	} {
		t.Run(c.network, func(t *testing.T) {
			pc, err := net.ListenPacket(c.network, c.at)
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
			in := pc.(*net.UDPConn)
			send := func(from, text string) {
				out, err := net.DialUDP(c.network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), in.LocalAddr().(*net.UDPAddr))
				if err != nil {
					t.Fatal(err)
				}
				defer out.Close()
				if _, err := out.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			receive := func() string {
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
			if c.other != "" {
				send(c.other, "foreign")
				if receive() != "foreign" {
					t.Fatal("nothing came without the filter: this test proves nothing")
				}
			}
			if err := onlyFrom(in, netip.MustParseAddr(c.camera)); err != nil {
				t.Fatal(err)
			}
			if c.other != "" {
				send(c.other, "foreign")
			}
			send(c.camera, "own")
			if got := receive(); got != "own" {
				t.Errorf("received %q", got)
			}
			if got := receive(); got != "" {
				t.Errorf("then received %q", got)
			}
			if c.other == "" { // another camera's packets
				if err := onlyFrom(in, netip.MustParseAddr("fd00::1")); err != nil {
					t.Fatal(err)
				}
				send(c.camera, "foreign")
				if got := receive(); got != "" {
					t.Errorf("received %q from another address", got)
				}
			}
		})
	}
}
