package rtsp_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// TestFramesAroundPlay: a camera that sends media before it answers PLAY, and
// asks whether we are there.
func TestFramesAroundPlay(t *testing.T) {
	early := frame(0, rtpPacket(96, 1, 1, 7, []byte("early")))
	early = append(early, "OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 77\r\n\r\n"...)
	cam := startCamera(t, &camera{
		beforePlay: early,
		play: func(w *wire) {
			w.write(frame(0, rtpPacket(96, 2, 1, 7, []byte("late"))))
			w.wait(time.Minute)
		},
	})
	sink := newReceived()
	play(t, cam.config(), sink)
	sink.await(t, "both packets", func() bool { return len(sink.packets[0]) == 2 })
}

// TestSourceChange: both paths give up a session whose source changes, so that
// the next run begins cleanly. Over TCP that is the sink's decision.
func TestSourceChange(t *testing.T) {
	bothPaths(t, func(t *testing.T, plain bool) {
		cam := startCamera(t, &camera{play: func(w *wire) {
			for i := range 10 {
				w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, []byte("a"))))
			}
			for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 70, []byte("b")))) && w.wait(10*time.Millisecond); i++ {
			}
		}})
		config := cam.config()
		config.Plain = plain
		sink := newReceived()
		s := play(t, config, sink)
		if plain {
			err := s.Wait()
			wantKind(t, err, rtsp.KindNetworkLoss)
			mustContain(t, err, "changed its RTP source")
			return
		}
		sink.await(t, "packets of the other source", func() bool {
			p := sink.packets[0]
			return len(p) > 15 && p[len(p)-1].header.SSRC == 70
		})
	})
}

// lowWater keeps the sessions' connections, to read the mark back.
type lowWater struct{ conns chan *net.TCPConn }

func newLowWater(c *rtsp.Config) lowWater {
	l := lowWater{make(chan *net.TCPConn, 1)}
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			l.conns <- conn.(*net.TCPConn)
		}
		return conn, err
	}
	return l
}

// await waits until the mark is as it should be.
func (l lowWater) await(t *testing.T, what string, ok func(mark int) bool) {
	t.Helper()
	c := <-l.conns
	l.conns <- c
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	mark := 0
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		var failed error
		err := raw.Control(func(fd uintptr) { mark, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT) })
		switch {
		case err != nil || failed != nil:
			t.Fatalf("read the mark: %v, %v", err, failed)
		case ok(mark):
			return
		case time.Now().After(deadline):
			t.Fatalf("the mark is %d, not %s", mark, what)
		}
	}
}

func marked(mark int) bool   { return mark >= 2<<10 && mark <= 16<<10 }
func unmarked(mark int) bool { return mark == 1 }

// TestLowWater: the kernel holds back a stream's packets until there are some,
// but not while it is watched.
func TestLowWater(t *testing.T) {
	cam := startCamera(t, &camera{play: func(w *wire) {
		payload := make([]byte, 1000)
		for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, payload))) && w.wait(2*time.Millisecond); i++ {
		}
	}})
	config := cam.config()
	l := newLowWater(&config)
	s := play(t, config, newReceived())
	l.await(t, "set by the rate", marked)
	s.SetWatched(true)
	l.await(t, "1 while watched", unmarked)
	s.SetWatched(false)
	l.await(t, "set once nobody watches", marked)
}

// TestLowWaterSilence: a stream that all but stops is not held back by a mark
// that was set for its former rate, and so not taken for frozen.
func TestLowWaterSilence(t *testing.T) {
	slow := make(chan struct{})
	cam := startCamera(t, &camera{play: func(w *wire) {
		payload := make([]byte, 1000)
		for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, payload))); i++ {
			wait := 2 * time.Millisecond
			select {
			case <-slow:
				wait = 500 * time.Millisecond
			default:
			}
			if !w.wait(wait) {
				return
			}
		}
	}})
	config := cam.config()
	config.Silence = 10 * time.Second
	l := newLowWater(&config)
	sink := newReceived()
	play(t, config, sink)
	l.await(t, "set by the rate", marked)
	close(slow)
	l.await(t, "1 once the rate has gone", unmarked)
	before := sink.count(0)
	sink.await(t, "slow packets, one by one", func() bool { return len(sink.packets[0]) >= before+3 })
}

// udpCamera answers SETUP for UDP, from the given ports, and sends nothing.
func udpCamera(t *testing.T, transport string) *camera {
	return startCamera(t, &camera{hook: func(q *base.Request, r *base.Response) *base.Response {
		if q.Method == base.Setup {
			r.Header["Transport"] = base.HeaderValue{transport}
		}
		return r
	}})
}

func TestUDPSilence(t *testing.T) {
	cam := udpCamera(t, "RTP/AVP;unicast;source=0.0.0.0;server_port=5000-5001")
	config := cam.config()
	config.Transport, config.Silence = rtsp.UDP, 500*time.Millisecond
	s := play(t, config, newReceived())
	err := s.Wait()
	wantKind(t, err, rtsp.KindNetworkLoss)
	mustContain(t, err, "no RTP packet", "transport: tcp")
}

// TestUDPForeignSource: gortsplib sends to whatever source= names. Without the
// guard packets get there; with it none do, and the session says why (C13).
func TestUDPForeignSource(t *testing.T) {
	elsewhere, err := net.ListenPacket("udp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	port := elsewhere.LocalAddr().(*net.UDPAddr).Port
	arrived := func() bool {
		_ = elsewhere.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, _, err := elsewhere.ReadFrom(make([]byte, 2000))
		return err == nil
	}
	cam := udpCamera(t, fmt.Sprintf("RTP/AVP;unicast;source=127.0.0.2;server_port=%d-%d", port, port+1))

	transport := gortsplib.TransportUDP
	bare := &gortsplib.Client{Scheme: "rtsp", Host: cam.listener.Addr().String(), Transport: &transport}
	if err := bare.Start2(); err != nil {
		t.Fatal(err)
	}
	u, err := base.ParseURL(cam.url())
	if err != nil {
		t.Fatal(err)
	}
	desc, _, err := bare.Describe(u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Setup(desc.BaseURL, desc.Medias[0], 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Play(nil); err != nil {
		t.Fatal(err)
	}
	if !arrived() {
		t.Fatal("nothing arrives without the guard: this test proves nothing")
	}
	bare.Close()
	for arrived() {
	}

	config := cam.config()
	config.Transport = rtsp.UDP
	_, err = rtsp.Open(context.Background(), config)
	wantKind(t, err, rtsp.KindForeign)
	mustContain(t, err, "source=127.0.0.2")
	if arrived() {
		t.Error("a packet went to the foreign address")
	}
}
