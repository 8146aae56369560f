package rtsp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

func TestPlay(t *testing.T) {
	bothPaths(t, func(t *testing.T, plain bool) {
		const n = 300
		cam := startCamera(t, &camera{play: func(w *wire) {
			// 2025-01-01T00:00:00.75Z: a fraction that only a right conversion gives.
			w.write(frame(0, rtpPacket(96, 65500, 1000, 7, []byte{1, 0, 0})))
			w.write(frame(1, senderReport(7, (1735689600+2208988800)<<32|0xC0000000, 1000)))
			for i := range n {
				w.write(frame(0, rtpPacket(96, uint16(65501+i), 1000, 7, fmt.Appendf(nil, "v%d", i))))
				w.write(frame(2, rtpPacket(97, uint16(i), 1000, 8, fmt.Appendf(nil, "a%d", i))))
			}
			w.wait(time.Minute)
		}})
		config := cam.config()
		config.Plain = plain
		sink := newReceived()
		s := play(t, config, sink)
		tracks := s.Tracks()
		if len(tracks) != 2 || tracks[0].Codec != media.H264 || tracks[0].Width != 2560 || tracks[1].Codec != media.AAC ||
			tracks[1].ClockRate != 16000 || tracks[1].SizeLength != 13 || len(tracks[1].AudioConfig) == 0 {
			t.Errorf("tracks: %+v", tracks)
		}
		sink.await(t, "all packets", func() bool { return len(sink.packets[0]) == n+1 && len(sink.packets[1]) == n && len(sink.reports) == 1 })
		for i, p := range sink.packets[0][1:] {
			if p.payload != fmt.Sprintf("v%d", i) || p.header.Sequence != uint16(65501+i) || p.header.SSRC != 7 {
				t.Fatalf("packet %d: %+v", i, p)
			}
		}
		if want := time.Date(2025, 1, 1, 0, 0, 0, 750e6, time.UTC); !sink.reports[0].Equal(want) {
			t.Errorf("sender report at %v, want %v", sink.reports[0], want)
		}
		s.Close()
		wantKind(t, s.Wait(), rtsp.KindClosed)
		// Counters are shown after the sink was called: they are complete at the end.
		if st := s.Stats(); st.Packets != 2*n+1 || st.Lost != 0 || st.LastPacket.IsZero() {
			t.Errorf("stats: %+v", st)
		}
		deadline := time.Now().Add(5 * time.Second)
		for cam.saw(base.Teardown) == 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if cam.saw(base.Teardown) != 1 {
			t.Error("no TEARDOWN")
		}
	})
}

func wantKind(t *testing.T, err error, kind rtsp.Kind) *rtsp.Error {
	t.Helper()
	var e *rtsp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, not an *Error of kind %v", err, kind)
	}
	if e.Kind != kind {
		t.Errorf("kind %v, want %v: %v", e.Kind, kind, err)
	}
	return e
}

// TestOpenErrors: what each kind of failure is called, and that its text names
// the camera, what was expected, and the fix.
func TestOpenErrors(t *testing.T) {
	set := func(m base.Method, f func(*base.Response)) func(*base.Request, *base.Response) *base.Response {
		return func(q *base.Request, r *base.Response) *base.Response {
			if q.Method == m {
				f(r)
			}
			return r
		}
	}
	status := func(code base.StatusCode) func(*base.Response) {
		return func(r *base.Response) {
			r.StatusCode, r.Body = code, nil
			r.Header["WWW-Authenticate"] = base.HeaderValue{`Digest realm="cam", nonce="n"`}
		}
	}
	header := func(k, v string) func(*base.Response) {
		return func(r *base.Response) { r.Header[k] = base.HeaderValue{v} }
	}
	for name, c := range map[string]struct {
		sdp  string
		hook func(*base.Request, *base.Response) *base.Response
		kind rtsp.Kind
		says []string
	}{
		"password refused":   {hook: set(base.Describe, status(401)), kind: rtsp.KindAuth, says: []string{"password_file"}},
		"no known challenge": {hook: set(base.Describe, func(r *base.Response) { r.StatusCode, r.Body = 401, nil }), kind: rtsp.KindAuth, says: []string{"enable digest"}},
		"right refused":      {hook: set(base.Describe, status(403)), kind: rtsp.KindForbidden, says: []string{"right"}},
		"no such stream":     {hook: set(base.Describe, status(404)), kind: rtsp.KindProtocol, says: []string{"path"}},
		"too many sessions":  {hook: set(base.Setup, status(453)), kind: rtsp.KindProtocol, says: []string{"close other viewers"}},
		"password refused at SETUP, DESCRIBE being open": {hook: set(base.Setup, status(401)), kind: rtsp.KindAuth, says: []string{"password_file"}},
		"nonce stale at SETUP": {hook: func(q *base.Request, r *base.Response) *base.Response {
			if q.Method == base.Setup || q.Method == base.Describe && q.Header["Authorization"] == nil {
				status(401)(r)
			}
			return r
		}, kind: rtsp.KindNetworkLoss, says: []string{"nonce"}},
		"redirect elsewhere": {hook: set(base.Describe, func(r *base.Response) {
			r.StatusCode = 302
			r.Header["Location"] = base.HeaderValue{"rtsp://192.0.2.9/x"}
		}), kind: rtsp.KindForeign, says: []string{"192.0.2.9", "127.0.0.1"}},
		"redirect to a name": {hook: set(base.Describe, func(r *base.Response) {
			r.StatusCode = 301
			r.Header["Location"] = base.HeaderValue{"rtsp://evil.example/x"}
		}), kind: rtsp.KindForeign, says: []string{"evil.example"}},
		"redirect to http": {hook: set(base.Describe, func(r *base.Response) {
			r.StatusCode = 302
			r.Header["Location"] = base.HeaderValue{"http://127.0.0.1/x"}
		}), kind: rtsp.KindForeign},
		"redirect to rtsps": {hook: set(base.Describe, func(r *base.Response) {
			r.StatusCode = 302
			r.Header["Location"] = base.HeaderValue{"rtsps://127.0.0.1/x"}
		}), kind: rtsp.KindForeign},
		"foreign source":       {hook: set(base.Setup, header("Transport", "RTP/AVP/TCP;unicast;source=192.0.2.9;interleaved=0-1")), kind: rtsp.KindForeign, says: []string{"source=192.0.2.9"}},
		"source is a name":     {hook: set(base.Setup, header("Transport", "RTP/AVP/TCP;unicast;Source=evil.example;interleaved=0-1")), kind: rtsp.KindForeign, says: []string{"evil.example"}},
		"foreign Content-Base": {hook: set(base.Describe, header("Content-Base", "rtsp://192.0.2.9/stream/")), kind: rtsp.KindForeign, says: []string{"192.0.2.9"}},
		"foreign control":      {sdp: strings.Replace(plainSDP, "a=control:trackID=0", "a=control:rtsp://192.0.2.9/trackID=0", 1), kind: rtsp.KindForeign, says: []string{"192.0.2.9"}},
		"foreign base control": {sdp: strings.Replace(plainSDP, "a=control:*", "a=control:rtsp://192.0.2.9/", 1), kind: rtsp.KindForeign, says: []string{"192.0.2.9"}},
		"control is no URL":    {sdp: strings.Replace(plainSDP, "a=control:trackID=0", "a=control:%zz", 1), kind: rtsp.KindProtocol, says: []string{"%zz"}},
		"no usable tracks":     {sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:t\r\nm=audio 0 RTP/AVP 0\r\na=control:u\r\n", kind: rtsp.KindNoTracks, says: []string{"JPEG", "G711", "H.264"}},
		"no SDP":               {sdp: "hello", kind: rtsp.KindProtocol},
		"wrong content type":   {hook: set(base.Describe, header("Content-Type", "text/html")), kind: rtsp.KindProtocol},
		"channel out of range": {hook: set(base.Setup, header("Transport", "RTP/AVP/TCP;unicast;interleaved=300-301")), kind: rtsp.KindProtocol, says: []string{"300"}},
		"no channels":          {hook: set(base.Setup, header("Transport", "RTP/AVP/TCP;unicast")), kind: rtsp.KindProtocol},
		"no answer":            {hook: func(*base.Request, *base.Response) *base.Response { return nil }, kind: rtsp.KindOffline, says: []string{"did not answer in time"}},
		"redirect without end": {hook: func(q *base.Request, r *base.Response) *base.Response {
			if q.Method == base.Describe {
				r.StatusCode = 302
				r.Header["Location"] = base.HeaderValue{q.URL.String() + "x"}
			}
			return r
		}, kind: rtsp.KindProtocol, says: []string{"redirected more than 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := startCamera(t, &camera{sdp: c.sdp, hook: c.hook})
			config := cam.config()
			config.Timeout = time.Second
			config.Username, config.Password = "viewer", "sesame"
			s, err := rtsp.Open(context.Background(), config)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			wantKind(t, err, c.kind)
			mustContain(t, err, append(c.says, cam.listener.Addr().String())...)
			if strings.Contains(err.Error(), "sesame") {
				t.Error("the error holds the password")
			}
		})
	}
}

func TestOpenConfig(t *testing.T) {
	here := netip.MustParseAddr("127.0.0.1")
	for name, c := range map[string]struct {
		config rtsp.Config
		says   string
	}{
		"no address":  {rtsp.Config{URL: "rtsp://127.0.0.1/x"}, "no pinned address"},
		"other host":  {rtsp.Config{URL: "rtsp://192.0.2.1/x", Pinned: here}, "pinned to 127.0.0.1"},
		"credentials": {rtsp.Config{URL: "rtsp://a:b@127.0.0.1/x", Pinned: here}, "credentials"},
		"rtsps":       {rtsp.Config{URL: "rtsps://127.0.0.1/x", Pinned: here}, "not supported"},
		"multicast":   {rtsp.Config{URL: "rtsp://127.0.0.1/x", Pinned: here, Transport: rtsp.Multicast}, "use tcp or udp"},
		"port":        {rtsp.Config{URL: "rtsp://127.0.0.1:70000/x", Pinned: here}, "70000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rtsp.Open(context.Background(), c.config)
			wantKind(t, err, rtsp.KindConfig)
			mustContain(t, err, c.says)
		})
	}
}

func TestOpenRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, err = rtsp.Open(context.Background(), rtsp.Config{URL: "rtsp://" + address + "/x", Pinned: netip.MustParseAddr("127.0.0.1")})
	wantKind(t, err, rtsp.KindOffline)
	mustContain(t, err, address, "nothing listens")
}

func TestOpenCancelled(t *testing.T) {
	cam := startCamera(t, &camera{hook: func(*base.Request, *base.Response) *base.Response { return nil }})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := rtsp.Open(ctx, cam.config())
	wantKind(t, err, rtsp.KindClosed)
}

// TestDialOnlyPinned: a redirect to another port of the camera is followed,
// and every connection goes to the pinned address.
func TestDialOnlyPinned(t *testing.T) {
	second := startCamera(t, &camera{play: func(w *wire) {
		w.write(frame(0, rtpPacket(96, 1, 1, 7, []byte("x"))))
		w.wait(time.Minute)
	}})
	first := startCamera(t, &camera{hook: func(q *base.Request, r *base.Response) *base.Response {
		if q.Method == base.Describe {
			r.StatusCode, r.Body = 302, nil
			r.Header["Location"] = base.HeaderValue{second.url()}
		}
		return r
	}})
	config := first.config()
	var dialed []string
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	sink := newReceived()
	play(t, config, sink)
	sink.await(t, "a packet", func() bool { return len(sink.packets[0]) == 1 })
	if len(dialed) != 2 || dialed[1] != second.listener.Addr().String() {
		t.Errorf("dialed %v", dialed)
	}
}

// TestDialForeignConn: a Dial hook that leads elsewhere is refused.
func TestDialForeignConn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cam := startCamera(t, &camera{})
	config := cam.config()
	config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
	}
	_, err = rtsp.Open(context.Background(), config)
	wantKind(t, err, rtsp.KindForeign)
	mustContain(t, err, "127.0.0.2")
}

func TestEnds(t *testing.T) {
	packets := func(w *wire, from, n int) bool {
		for i := range n {
			if !w.write(frame(0, rtpPacket(96, uint16(from+i), 1, 7, []byte("x")))) {
				return false
			}
		}
		return true
	}
	for name, c := range map[string]struct {
		play func(w *wire)
		kind rtsp.Kind
		says []string
	}{
		"dies":         {func(w *wire) { packets(w, 0, 5); _ = w.conn.Close() }, rtsp.KindNetworkLoss, nil},
		"freezes":      {func(w *wire) { packets(w, 0, 5); w.wait(time.Minute) }, rtsp.KindNetworkLoss, []string{"no RTP packet on track 0 (H.264)"}},
		"never begins": {func(w *wire) { w.wait(time.Minute) }, rtsp.KindNetworkLoss, []string{"no RTP packet"}},
		"sends only reports": {func(w *wire) {
			packets(w, 0, 5)
			for w.wait(50*time.Millisecond) && w.write(frame(1, senderReport(7, 1<<40, 1))) {
			}
		}, rtsp.KindNetworkLoss, []string{"no RTP packet"}},
		"sends only audio": {func(w *wire) {
			packets(w, 0, 5)
			for i := 0; w.wait(50*time.Millisecond) && w.write(frame(2, rtpPacket(97, uint16(i), 1, 8, []byte("x")))); i++ {
			}
		}, rtsp.KindNetworkLoss, []string{"no RTP packet on track 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, plain bool) {
				cam := startCamera(t, &camera{play: c.play})
				config := cam.config()
				config.Plain = plain
				config.Silence = 600 * time.Millisecond
				s := play(t, config, newReceived())
				err := s.Wait()
				wantKind(t, err, c.kind)
				mustContain(t, err, append(c.says, cam.listener.Addr().String())...)
			})
		})
	}
}

// TestSinkError: an error of the sink ends the session, and the sink is not called again.
func TestSinkError(t *testing.T) {
	bothPaths(t, func(t *testing.T, plain bool) {
		cam := startCamera(t, &camera{play: func(w *wire) {
			for i := 0; w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, []byte("x")))); i++ {
			}
		}})
		config := cam.config()
		config.Plain = plain
		sink := newReceived()
		sink.fail = errors.New("clock tore")
		s, err := rtsp.Open(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err = s.Play(sink); err == nil { // the first packet may come before the answer to PLAY
			err = s.Wait()
		}
		wantKind(t, err, rtsp.KindNetworkLoss)
		mustContain(t, err, "clock tore", "source 00000007")
		if n := sink.count(0); n != 1 {
			t.Errorf("%d packets after an error", n-1)
		}
	})
}

// TestStaleNonce: a keep-alive that is refused with a new nonce is sent again
// with it, at once, and the session goes on; only if that is refused, too, it
// ends. One that is refused with the old nonce is left at that.
func TestStaleNonce(t *testing.T) {
	for name, c := range map[string]struct {
		taken func(nonce string, keepAlives int) bool // whether a keep-alive is accepted
		given func(keepAlives int) string             // the nonce of the challenge if not
		ends  bool
	}{
		"nonces of one use": {
			taken: func(nonce string, n int) bool { return nonce == fmt.Sprint("nonce-", n-1) },
			given: func(n int) string { return fmt.Sprint("nonce-", n) },
		},
		"always refused with new nonces": {
			taken: func(string, int) bool { return false },
			given: func(n int) string { return fmt.Sprint("nonce-", n) }, ends: true,
		},
		"always refused with the same nonce": {
			taken: func(string, int) bool { return false },
			given: func(int) string { return "first" },
		},
	} {
		t.Run(name, func(t *testing.T) { testStaleNonce(t, c.taken, c.given, c.ends) })
	}
}

func testStaleNonce(t *testing.T, taken func(string, int) bool, given func(int) string, ends bool) {
	t.Parallel()
	accepted, refused := make(chan struct{}, 100), make(chan struct{}, 100)
	keepAlives := 0 // of the one connection's goroutine
	cam := startCamera(t, &camera{
		play: func(w *wire) {
			for i := 0; w.wait(20*time.Millisecond) && w.write(frame(0, rtpPacket(96, uint16(i), 1, 7, []byte("x")))); i++ {
			}
		},
		hook: func(q *base.Request, r *base.Response) *base.Response {
			challenge := func(nonce string) {
				r.StatusCode, r.Body = 401, nil
				r.Header["WWW-Authenticate"] = base.HeaderValue{`Digest realm="cam", nonce="` + nonce + `", stale="TRUE"`}
			}
			var h headers.Authorization
			if a := q.Header["Authorization"]; a != nil && h.Unmarshal(a) != nil {
				t.Errorf("credentials %q", a)
			}
			switch {
			case q.Method == base.GetParameter:
				keepAlives++
				if taken(h.Nonce, keepAlives) {
					accepted <- struct{}{}
					break
				}
				challenge(given(keepAlives))
				refused <- struct{}{}
			case q.Header["Authorization"] == nil:
				challenge("first")
			case q.Method == base.Setup:
				r.Header["Session"] = base.HeaderValue{"1234;timeout=1"}
			}
			return r
		},
	})
	config := cam.config()
	config.Username, config.Password = "viewer", "sesame"
	s := play(t, config, newReceived())
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	if ends {
		err := <-ended
		wantKind(t, err, rtsp.KindNetworkLoss)
		mustContain(t, err, "nonce")
		return
	}
	for range 3 {
		select {
		case <-refused:
		case err := <-ended:
			t.Fatalf("ended: %v", err)
		}
	}
	if taken("nonce-1", 2) { // each refused one was sent again, and taken
		<-accepted
		<-accepted
		numbers := map[string]bool{}
		cam.mu.Lock()
		defer cam.mu.Unlock()
		for _, r := range cam.requests {
			if n := r.Header["CSeq"][0]; numbers[n] {
				t.Errorf("two requests have the number %s", n)
			} else {
				numbers[n] = true
			}
		}
	}
}
