package rtsp_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"

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

// TestLowWater: with the low-water mark a stream is read in fewer, larger
// blocks; while watched each packet comes at once.
func TestLowWater(t *testing.T) {
	cam := startCamera(t, &camera{play: func(w *wire) {
		payload := make([]byte, 1000)
		for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, payload))) && w.wait(2*time.Millisecond); i++ {
		}
	}})
	s := play(t, cam.config(), newReceived())
	perRead := func() float64 {
		before := s.Stats()
		time.Sleep(700 * time.Millisecond)
		after := s.Stats()
		return float64(after.Packets-before.Packets) / float64(after.Reads-before.Reads)
	}
	time.Sleep(1200 * time.Millisecond) // the rate is measured twice
	if n := perRead(); n < 5 {
		t.Errorf("%.1f packets a read with the mark", n)
	}
	s.SetWatched(true)
	if n := perRead(); n > 3 {
		t.Errorf("%.1f packets a read while watched", n)
	}
	s.SetWatched(false)
	if n := perRead(); n < 5 {
		t.Errorf("%.1f packets a read once nobody watches", n)
	}
	s.Close()
}

// TestLowWaterSilence: a stream that all but stops is not held back by a mark
// that was set for its former rate, and so not taken for frozen.
func TestLowWaterSilence(t *testing.T) {
	cam := startCamera(t, &camera{play: func(w *wire) {
		payload := make([]byte, 1000)
		for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, payload))); i++ {
			wait := 2 * time.Millisecond
			if i > 600 {
				wait = 500 * time.Millisecond
			}
			if !w.wait(wait) {
				return
			}
		}
	}})
	sink := newReceived()
	s := play(t, cam.config(), sink)
	sink.await(t, "four slow packets", func() bool { return len(sink.packets[0]) > 605 })
	s.Close()
	p := sink.packets[0]
	for i := 603; i < 605; i++ { // the first slow ones may wait for the mark to follow
		if d := p[i+1].arrival.Sub(p[i].arrival); d > 900*time.Millisecond {
			t.Errorf("%v between slow packets", d)
		}
	}
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
