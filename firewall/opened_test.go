package firewall_test

import (
	"io"
	"net"
	"testing"
	"time"
)

// C5: what a camera opened before the firewall was armed ends with it: a TCP
// session to the outside, and flows of UDP that were answered, to the outside
// and to the recorder. Nothing needs to be forgotten for that, and in neither
// direction does another byte pass.
func TestWhatACameraOpenedBeforeEndsWithArming(t *testing.T) {
	l := newLab(t)
	var server net.Listener
	must(t, l.out.space.Do(func() (err error) {
		server, err = net.Listen("tcp4", ":8443")
		return err
	}))
	t.Cleanup(func() { server.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := server.Accept(); err == nil {
			accepted <- c
		}
	}()
	var camera net.Conn
	must(t, l.camA.space.Do(func() (err error) {
		camera, err = net.DialTimeout("tcp4", "192.0.2.2:8443", surely)
		return err
	}))
	t.Cleanup(func() { camera.Close() })
	cloud := <-accepted
	t.Cleanup(func() { cloud.Close() })
	says := func(c net.Conn, text string) {
		t.Helper()
		_, err := io.WriteString(c, text)
		must(t, err)
	}
	hears := func(c net.Conn, patience time.Duration) string {
		t.Helper()
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		b := make([]byte, 16)
		n, _ := c.Read(b) // a time-out reads as nothing
		return string(b[:n])
	}
	says(camera, "picture")
	says(cloud, "order")
	if got := hears(cloud, surely) + hears(camera, surely); got != "pictureorder" {
		t.Fatalf("before arming they hear %q: the test proves nothing", got)
	}
	// Flows of UDP, answered, so that connection tracking calls them established.
	out := func(tag string) {
		l.camA.send(t, v4(farIP, 17, func(string) []byte { return udp(4100, 4100, tag) })(""))
	}
	back := func(tag string) {
		l.out.send(t, as4(upMAC, outMAC, farIP, camAIP, func(string) []byte { return udp(4100, 4100, tag) })(""))
	}
	in := func(tag string) {
		l.camA.send(t, v4(recorderIP, 17, func(string) []byte { return udp(5000, openPort, tag) })(""))
	}
	through := func() (there, home, recorder bool) {
		a, b, c := newTag(), newTag(), newTag()
		out(a)
		l.settle()
		back(b)
		in(c)
		l.settle()
		return l.out.saw.count(a) > 0, l.camA.saw.count(b) > 0, l.service.count(c) > 0
	}
	for range 2 {
		if there, home, recorder := through(); !there || !home || !recorder {
			t.Fatalf("before arming: out %t, back %t, recorder %t: the test proves nothing", there, home, recorder)
		}
	}

	l.arm(policy())
	if there, home, recorder := through(); there || home || recorder {
		t.Errorf("established flows of UDP go on: out %t, back %t, recorder %t", there, home, recorder)
	}
	says(camera, "more")
	says(cloud, "more")
	if got := hears(cloud, never) + hears(camera, never); got != "" {
		t.Errorf("an established TCP session goes on: they hear %q", got)
	}
}
