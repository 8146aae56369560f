package firewall_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// serveCamera answers like a camera: a greeting over TCP, and over UDP what an
// RTP stream looks like after the recorder's punch.
func serveCamera(t *testing.T) error {
	ln, err := net.Listen("tcp4", ":554")
	if err != nil {
		return err
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "hello from the camera")
			c.Close()
		}
	}()
	pc, err := net.ListenPacket("udp4", ":6970")
	if err != nil {
		return err
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			_, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo([]byte("rtp"), from)
		}
	}()
	return nil
}

// How long to wait for what must come, and for what must not.
const (
	surely = 30 * time.Second
	never  = time.Second
)

// askTCP gives what the camera says, or nothing.
func askTCP(t *testing.T, address string, patience time.Duration) string {
	t.Helper()
	c, err := net.DialTimeout("tcp4", address, patience)
	if err != nil {
		return ""
	}
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	b, _ := io.ReadAll(c) // a time-out reads as nothing
	return string(b)
}

// punchUDP sends what opens the way, and gives the answer, or nothing.
func punchUDP(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("udp4", address)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(surely)))
	if _, err := c.Write([]byte("punch")); err != nil {
		return ""
	}
	b := make([]byte, 64)
	n, _ := c.Read(b)
	return string(b[:n])
}
