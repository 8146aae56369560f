package rtsp_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// bystander is a host that a camera may point at: it counts what reaches it, by
// TCP and by UDP at the same port.
type bystander struct {
	port            int
	taken, received atomic.Int64
}

func startBystander(t *testing.T) *bystander {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bystander{port: ln.Addr().(*net.TCPAddr).Port}
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close(); pc.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.taken.Add(1)
			c.Close()
		}
	}()
	go func() {
		buf := make([]byte, 2048)
		for {
			if _, _, err := pc.ReadFrom(buf); err != nil {
				return
			}
			b.received.Add(1)
		}
	}()
	return b
}

// TestAForeignHostHearsNothing: whatever a hostile camera says where it or its
// media are, nothing is sent there, by TCP or UDP, and the credentials are not
// (C13). The bystander listens at the very address that the camera names.
func TestAForeignHostHearsNothing(t *testing.T) {
	at := func(b *bystander) string { return fmt.Sprintf("127.0.0.2:%d", b.port) }
	for name, c := range map[string]struct {
		method    base.Method
		transport rtsp.Transport
		answer    func(b *bystander, r *base.Response)
	}{
		"301": {base.Describe, rtsp.TCP, func(b *bystander, r *base.Response) {
			r.StatusCode, r.Body = base.StatusMovedPermanently, nil
			r.Header["Location"] = base.HeaderValue{"rtsp://" + at(b) + "/stream"}
		}},
		"302 with the credentials in it": {base.Describe, rtsp.UDP, func(b *bystander, r *base.Response) {
			r.StatusCode, r.Body = 302, nil
			r.Header["Location"] = base.HeaderValue{"rtsp://viewer:sesame@" + at(b) + "/stream"}
		}},
		"Content-Base": {base.Describe, rtsp.TCP, func(b *bystander, r *base.Response) {
			r.Header["Content-Base"] = base.HeaderValue{"rtsp://" + at(b) + "/stream/"}
		}},
		"a=control": {base.Describe, rtsp.TCP, func(b *bystander, r *base.Response) {
			r.Body = []byte(strings.Replace(plainSDP, "a=control:trackID=0", "a=control:rtsp://"+at(b)+"/trackID=0", 1))
		}},
		"source= of UDP": {base.Setup, rtsp.UDP, func(b *bystander, r *base.Response) {
			r.Header["Transport"] = base.HeaderValue{fmt.Sprintf("RTP/AVP;unicast;client_port=10000-10001;server_port=%d-%d;source=127.0.0.2", b.port, b.port+1)}
		}},
		"destination= of UDP": {base.Setup, rtsp.UDP, func(b *bystander, r *base.Response) {
			r.Header["Transport"] = base.HeaderValue{fmt.Sprintf("RTP/AVP;unicast;destination=127.0.0.2;client_port=10000-10001;server_port=%d-%d", b.port, b.port+1)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBystander(t)
			cam := startCamera(t, &camera{hook: func(q *base.Request, r *base.Response) *base.Response {
				switch {
				case q.Header["Authorization"] == nil && q.Method == base.Describe:
					r.StatusCode, r.Body = base.StatusUnauthorized, nil
					r.Header["WWW-Authenticate"] = base.HeaderValue{`Basic realm="cam"`} // would show the password
				case q.Method == c.method:
					c.answer(b, r)
				}
				return r
			}})
			config := cam.config()
			config.Transport, config.Username, config.Password = c.transport, "viewer", "sesame"
			config.Silence = 300 * time.Millisecond
			s, err := rtsp.Open(context.Background(), config)
			if err == nil { // it was told nothing that a session would be ended for
				_ = s.Play(newReceived()) // no media come
				s.Close()
			}
			if cam.saw(c.method) == 0 {
				t.Errorf("the camera had no chance to lie: %v", err)
			}
			for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				if n, m := b.taken.Load(), b.received.Load(); n+m != 0 {
					t.Fatalf("the bystander got %d connections and %d datagrams", n, m)
				}
			}
		})
	}
}

// TestTheBystanderCounts: without the guard there would be something to count.
func TestTheBystanderCounts(t *testing.T) {
	b := startBystander(t)
	for _, network := range []string{"tcp", "udp"} {
		c, err := net.Dial(network, fmt.Sprintf("127.0.0.2:%d", b.port))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); b.taken.Load() != 1 || b.received.Load() != 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections and %d datagrams, want one of each", b.taken.Load(), b.received.Load())
		}
	}
}
