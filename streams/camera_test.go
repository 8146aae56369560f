package streams_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// Two parameter sets of real cameras: 2560x1920 and 640x480.
const (
	spsLarge = "Z2QAM6zoAoALWQ=="
	spsSmall = "Z0IAHvQCgC3I"
	pps      = "aO48MA=="
)

func decode(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// camera is a camera made of gortsplib's server. It sends a picture each 20 ms,
// of several packets, and a random access unit each 10 pictures.
type camera struct {
	t      *testing.T
	server *gortsplib.Server
	stream *gortsplib.ServerStream
	media  *description.Media
	port   int

	mu       sync.Mutex
	sps      []byte
	frozen   bool
	password string // "" lets everybody in
	shuffle  func([]*rtp.Packet) []*rtp.Packet
	spoil    func(unit []byte) []byte // what is sent in place of a NAL unit
	asked    []time.Time              // DESCRIBEs
	conns    map[*gortsplib.ServerConn]bool
}

func startCamera(t *testing.T) *camera {
	t.Helper()
	c := &camera{t: t, sps: decode(spsLarge), conns: map[*gortsplib.ServerConn]bool{}}
	c.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{
		&format.H264{PayloadTyp: 96, SPS: decode(spsLarge), PPS: decode(pps), PacketizationMode: 1},
	}}
	c.listen("127.0.0.1:0")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); c.send(stop) }()
	t.Cleanup(func() { close(stop); <-done; c.stream.Close(); c.server.Close() })
	return c
}

// listen starts the server; over UDP it takes a pair of ports that is free.
func (c *camera) listen(address string) {
	for try := 0; ; try++ {
		port := 20000 + 2*rand.IntN(10000)
		s := &gortsplib.Server{
			Handler: c, RTSPAddress: address,
			Listen: func(network, address string) (net.Listener, error) {
				l, err := net.Listen(network, address)
				if err == nil {
					c.port = l.Addr().(*net.TCPAddr).Port
				}
				return l, err
			},
			UDPRTPAddress: fmt.Sprintf("127.0.0.1:%d", port), UDPRTCPAddress: fmt.Sprintf("127.0.0.1:%d", port+1),
		}
		if err := s.Start(); err != nil {
			if try == 20 {
				c.t.Fatal(err)
			}
			continue
		}
		c.server = s
		c.stream = &gortsplib.ServerStream{Server: s, Desc: &description.Session{Medias: []*description.Media{c.media}}}
		if err := c.stream.Initialize(); err != nil {
			c.t.Fatal(err)
		}
		return
	}
}

func (c *camera) send(stop chan struct{}) {
	encoder := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: 300}
	if err := encoder.Init(); err != nil {
		c.t.Error(err)
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := uint32(0); ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		frozen, sps, shuffle, spoil := c.frozen, c.sps, c.shuffle, c.spoil
		c.mu.Unlock()
		if frozen {
			continue
		}
		picture := make([]byte, 1000)
		copy(picture, []byte{0x41, 0x9a})
		units := [][]byte{picture}
		if i%10 == 0 {
			copy(picture, []byte{0x65, 0x88})
			units = [][]byte{sps, decode(pps), picture}
		}
		for i := range units {
			if spoil != nil {
				units[i] = spoil(units[i])
			}
		}
		packets, err := encoder.Encode(units)
		if err != nil {
			c.t.Error(err)
			return
		}
		for _, p := range packets {
			p.Timestamp = i * 1800
		}
		if shuffle != nil {
			packets = shuffle(packets)
		}
		for _, p := range packets {
			_ = c.stream.WritePacketRTP(c.media, p) // fails for a reader that just left
		}
	}
}

func (c *camera) OnConnOpen(x *gortsplib.ServerHandlerOnConnOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[x.Conn] = true
}

func (c *camera) OnConnClose(x *gortsplib.ServerHandlerOnConnCloseCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, x.Conn)
}

func (c *camera) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, time.Now())
	if c.password != "" && !x.Conn.VerifyCredentials(x.Request, "viewer", c.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// set changes what the camera does.
func (c *camera) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// hangUp breaks all connections.
func (c *camera) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

func (c *camera) describes() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time(nil), c.asked...)
}

// await waits for a condition on what the camera was asked.
func (c *camera) await(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for done := false; !done; time.Sleep(time.Millisecond) {
		c.set(func() { done = ok() })
		if !done && time.Now().After(deadline) {
			c.t.Fatalf("waited in vain for %s: asked at %v", what, c.describes())
		}
	}
}

func (c *camera) options(sink streams.Sink) streams.Options {
	return options(c.port, "/stream", sink)
}

// options are those of a test: everything happens sooner.
func options(port int, path string, sink streams.Sink) streams.Options {
	return streams.Options{
		Camera: "gate-north", Stream: "main", Sink: sink, PartDuration: 200 * time.Millisecond,
		FirstDelay: 50 * time.Millisecond, MaxDelay: 200 * time.Millisecond, StableAfter: 200 * time.Millisecond,
		RTSP: rtsp.Config{
			URL: fmt.Sprintf("rtsp://127.0.0.1:%d%s", port, path), Pinned: netip.MustParseAddr("127.0.0.1"),
			Timeout: 5 * time.Second, Silence: time.Second,
		},
	}
}

// recorder is a sink that checks what every recorder relies on: parts of a run
// tile its time, and a Down lies at the end of the last part.
type recorder struct {
	t *testing.T

	mu      sync.Mutex
	changed chan struct{}
	parts   int
	samples int
	lost    int
	damaged int
	runs    []string
	end     time.Time
	downs   []streams.Down
	isDown  bool
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, changed: make(chan struct{}, 1)}
}

func (r *recorder) Part(p *media.Part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer p.Release()
	if n := len(r.runs); n == 0 || r.runs[n-1] != p.Run.ID {
		if n > 0 && !r.isDown {
			r.t.Errorf("run %s began without a Down", p.Run.ID)
		}
		r.runs = append(r.runs, p.Run.ID)
		if !p.RandomAccess || p.Sequence != 0 {
			r.t.Errorf("run %s begins with part %d, random access %v", p.Run.ID, p.Sequence, p.RandomAccess)
		}
	} else if !p.Start.Equal(r.end) {
		r.t.Errorf("part %d of run %s starts at %v, the one before ended at %v", p.Sequence, p.Run.ID, p.Start, r.end)
	}
	if p.Run.Camera != "gate-north" || p.Run.Stream != "main" {
		r.t.Errorf("part of %+v", p.Run)
	}
	for i := range p.Tracks {
		r.samples += len(p.Tracks[i].Samples)
	}
	r.parts++
	r.lost += p.Lost
	r.damaged += p.Damaged
	r.end, r.isDown = p.End, false
	r.signal()
}

func (r *recorder) Down(since time.Time, cause streams.Cause, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.end.IsZero() && !since.Equal(r.end) {
		r.t.Errorf("down since %v, the footage ended at %v", since, r.end)
	}
	r.downs = append(r.downs, streams.Down{Since: since, Cause: cause, Detail: detail})
	r.isDown = true
	r.signal()
}

func (r *recorder) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// await waits for a condition on what was recorded.
func (r *recorder) await(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
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
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("waited in vain for %s: %d parts, %d runs, downs %v", what, r.parts, len(r.runs), r.downs)
		}
	}
}

// down gives what the sink was told of when it was told so for the i-th time.
func (r *recorder) down(i int) streams.Down {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.downs[i]
}

func (r *recorder) causes() []streams.Cause {
	r.mu.Lock()
	defer r.mu.Unlock()
	var c []streams.Cause
	for _, d := range r.downs {
		c = append(c, d.Cause)
	}
	return c
}
