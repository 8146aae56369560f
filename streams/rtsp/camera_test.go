package rtsp_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// plainSDP is an ordinary camera's: H.264 and AAC.
const plainSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
	"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z2QAM6zoAoALWQ==,aO48MA==\r\na=control:trackID=0\r\n" +
	"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\n" +
	"a=fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\na=control:trackID=1\r\n"

// camera is a scripted camera on the loopback: it answers as an ordinary one
// does, after hook has had its way with the answer.
type camera struct {
	t        testing.TB
	listener net.Listener
	sdp      string
	// hook may change or replace (nil: send nothing) the answer.
	hook func(req *base.Request, res *base.Response) *base.Response
	// play is run once PLAY is answered, in a goroutine of its own.
	play func(w *wire)
	// beforePlay is sent right before the answer to PLAY.
	beforePlay []byte

	mu       sync.Mutex
	requests []base.Request
}

func startCamera(t testing.TB, c *camera) *camera {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.t, c.listener = t, l
	if c.sdp == "" {
		c.sdp = plainSDP
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { c.serve(nc) })
		}
	})
	return c
}

func (c *camera) url() string { return "rtsp://" + c.listener.Addr().String() + "/stream" }

func (c *camera) config() rtsp.Config {
	return rtsp.Config{
		URL: c.url(), Pinned: netip.MustParseAddr("127.0.0.1"), Timeout: 3 * time.Second, Silence: 2 * time.Second,
	}
}

// saw counts the requests with a method.
func (c *camera) saw(m base.Method) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, r := range c.requests {
		if r.Method == m {
			n++
		}
	}
	return n
}

func (c *camera) serve(nc net.Conn) {
	w := &wire{conn: nc, done: make(chan struct{})}
	var playing sync.WaitGroup
	defer playing.Wait()
	defer close(w.done)
	defer nc.Close()
	rc := conn.NewConn(nc)
	channel := 0
	for {
		what, err := rc.Read()
		if err != nil {
			return
		}
		req, ok := what.(*base.Request)
		if !ok {
			continue
		}
		c.mu.Lock()
		c.requests = append(c.requests, *req)
		c.mu.Unlock()
		res := c.answer(req, &channel)
		res.Header["CSeq"] = req.Header["CSeq"]
		if c.hook != nil {
			if res = c.hook(req, res); res == nil {
				continue
			}
		}
		b, err := res.Marshal()
		if err != nil {
			c.t.Error(err)
			return
		}
		if req.Method == base.Play {
			b = append(append([]byte(nil), c.beforePlay...), b...)
		}
		w.write(b)
		if req.Method == base.Play && res.StatusCode == base.StatusOK && c.play != nil {
			playing.Go(func() { c.play(w) })
		}
	}
}

func (c *camera) answer(req *base.Request, channel *int) *base.Response {
	res := &base.Response{StatusCode: base.StatusOK, Header: base.Header{}}
	switch req.Method {
	case base.Options:
		res.Header["Public"] = base.HeaderValue{"OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"}
	case base.Describe:
		res.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
		res.Header["Content-Base"] = base.HeaderValue{req.URL.String() + "/"}
		res.Body = []byte(c.sdp)
	case base.Setup:
		res.Header["Session"] = base.HeaderValue{"1234;timeout=60"}
		res.Header["Transport"] = base.HeaderValue{fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", *channel, *channel+1)}
		*channel += 2
	}
	return res
}

// wire is a connection to write media to.
type wire struct {
	conn net.Conn
	done chan struct{}
	mu   sync.Mutex
}

func (w *wire) write(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(b)
	return err == nil
}

// wait is false once the connection has gone.
func (w *wire) wait(d time.Duration) bool {
	select {
	case <-w.done:
		return false
	case <-time.After(d):
		return true
	}
}

// frame makes an interleaved frame.
func frame(channel byte, payload []byte) []byte {
	b := []byte{'$', channel, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(len(payload)))
	return append(b, payload...)
}

// rtpPacket makes an RTP packet.
func rtpPacket(pt byte, seq uint16, ts, ssrc uint32, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, payload...)
}

// senderReport makes an RTCP sender report without blocks.
func senderReport(ssrc uint32, ntp uint64, ts uint32) []byte {
	b := make([]byte, 28)
	b[0], b[1], b[3] = 0x80, 200, 6
	binary.BigEndian.PutUint32(b[4:], ssrc)
	binary.BigEndian.PutUint64(b[8:], ntp)
	binary.BigEndian.PutUint32(b[16:], ts)
	return b
}

// received is what a sink got.
type received struct {
	mu      sync.Mutex
	packets map[int][]receivedPacket
	reports []time.Time
	changed chan struct{}
	fail    error
}

type receivedPacket struct {
	header  media.RTPHeader
	payload string
	arrival time.Time
}

func newReceived() *received {
	return &received{packets: map[int][]receivedPacket{}, changed: make(chan struct{}, 1)}
}

func (r *received) Packet(track int, h media.RTPHeader, payload []byte, arrival time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets[track] = append(r.packets[track], receivedPacket{h, string(payload), arrival})
	r.signal()
	return r.fail
}

func (r *received) Report(_ int, _ media.RTPTime, ntp, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, ntp)
	r.signal()
}

func (r *received) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *received) count(track int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.packets[track])
}

// await waits for a condition on what was received.
func (r *received) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// play opens a session and plays it.
func play(t *testing.T, config rtsp.Config, sink rtsp.Sink) *rtsp.Session {
	t.Helper()
	s, err := rtsp.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Play(sink); err != nil {
		t.Fatal(err)
	}
	return s
}

// bothPaths runs a test with gortsplib's reading and with ours.
func bothPaths(t *testing.T, f func(t *testing.T, plain bool)) {
	for _, plain := range []bool{true, false} {
		name := "demux"
		if plain {
			name = "plain"
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); f(t, plain) })
	}
}

func mustContain(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}
