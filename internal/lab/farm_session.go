package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
	"golang.org/x/sys/unix"
)

// farmSession is one connection. The loop writes to it without ever waiting.
type farmSession struct {
	conn     net.Conn
	raw      syscall.RawConn
	camera   *farmCamera // once it plays
	reported time.Time   // the loop's own

	mu      sync.Mutex // guards what is written, and in which order
	pending []byte
	playing bool // has begun, with a key frame
	broken  bool
	packets uint32
	octets  uint32
}

type frameFate uint8

const (
	frameSkipped frameFate = iota // the session waits for a key frame, or is gone
	frameSent
	frameDropped
)

// frame writes or queues one frame.
func (s *farmSession) frame(wire []byte, fr *packetFrame, perWrite, maxPending int) frameFate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || !s.playing && !fr.key {
		return frameSkipped
	}
	s.playing = true
	if len(s.pending) > 0 {
		s.flush()
	}
	if len(s.pending) > maxPending {
		return frameDropped
	}
	s.packets += uint32(len(fr.headers))
	s.octets += uint32(len(wire) - len(fr.headers)*(rtpHeader+4))
	if perWrite <= 0 {
		s.write(wire)
		return frameSent
	}
	for i := 0; i < len(fr.headers); i += perWrite {
		end := len(wire)
		if i+perWrite < len(fr.headers) {
			end = fr.headers[i+perWrite] - 4
		}
		s.write(wire[fr.headers[i]-4 : end])
	}
	return frameSent
}

// report writes a sender report on channel 1 (RFC 3550 section 6.4.1).
func (s *farmSession) report(c *farmCamera, rtpTime uint32, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || !s.playing {
		return
	}
	b := []byte{'$', 1, 0, 28, 0x80, 200, 0, 6}
	b = binary.BigEndian.AppendUint32(b, c.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntpTime(now))
	b = binary.BigEndian.AppendUint32(b, rtpTime)
	b = binary.BigEndian.AppendUint32(b, s.packets)
	b = binary.BigEndian.AppendUint32(b, s.octets)
	s.write(b)
}

// write sends what the kernel takes and queues the rest; s.mu is held.
func (s *farmSession) write(b []byte) {
	if len(s.pending) > 0 {
		s.pending = append(s.pending, b...)
		return
	}
	s.pending = append(s.pending, b[s.try(b):]...)
}

func (s *farmSession) flush() {
	s.pending = slices.Delete(s.pending, 0, s.try(s.pending))
}

// try writes without waiting and says how much went.
func (s *farmSession) try(b []byte) (n int) {
	err := s.raw.Write(func(fd uintptr) bool {
		var e error
		n, e = unix.Write(int(fd), b)
		if e != nil {
			n = 0
			s.broken = s.broken || e != unix.EAGAIN && e != unix.EINTR
		}
		return true // never wait: the next frame tries again
	})
	s.broken = s.broken || err != nil
	return n
}

// Write implements io.Writer for answers, in order with the media.
func (s *farmSession) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return 0, net.ErrClosed
	}
	s.write(b)
	return len(b), nil
}

// Read implements io.Reader.
func (s *farmSession) Read(b []byte) (int, error) { return s.conn.Read(b) }

// serve answers one client's requests until it goes away.
func (f *Farm) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	tcp, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	s := &farmSession{conn: c, raw: raw}
	defer f.leave(s)
	rtsp := conn.NewConn(s)
	for {
		message, err := rtsp.Read()
		if err != nil {
			return
		}
		request, ok := message.(*base.Request)
		if !ok {
			continue // receiver reports
		}
		response := f.answer(s, request)
		response.Header["CSeq"] = request.Header["CSeq"]
		if rtsp.WriteResponse(response) != nil || request.Method == base.Teardown {
			return
		}
		if request.Method == base.Play && response.StatusCode == base.StatusOK {
			f.join(s, f.find(request))
		}
	}
}

// answer serves the methods of RFC 2326 that a recorder uses.
func (f *Farm) answer(s *farmSession, r *base.Request) *base.Response {
	ok := &base.Response{StatusCode: base.StatusOK, Header: base.Header{}}
	refuse := func(code base.StatusCode) *base.Response {
		return &base.Response{StatusCode: code, Header: base.Header{}}
	}
	switch r.Method {
	case base.Options:
		ok.Header["Public"] = base.HeaderValue{"DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"}
		return ok
	case base.GetParameter, base.Teardown:
		return ok
	case base.Describe, base.Setup, base.Play:
	default:
		return refuse(base.StatusNotImplemented)
	}
	if f.find(r) == nil {
		return refuse(base.StatusNotFound)
	}
	switch r.Method {
	case base.Describe:
		body, err := f.describe()
		if err != nil {
			return refuse(base.StatusInternalServerError)
		}
		ok.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
		ok.Header["Content-Base"] = base.HeaderValue{r.URL.String() + "/"}
		ok.Body = body
	case base.Setup:
		var t headers.Transport
		if t.Unmarshal(r.Header["Transport"]) != nil || t.Protocol != headers.TransportProtocolTCP || t.InterleavedIDs != nil && t.InterleavedIDs[0] != 0 {
			return refuse(base.StatusUnsupportedTransport)
		}
		ok.Header["Transport"] = base.HeaderValue{"RTP/AVP/TCP;unicast;interleaved=0-1"}
		ok.Header["Session"] = base.HeaderValue{"12345678;timeout=60"}
	case base.Play:
		ok.Header["Session"] = base.HeaderValue{"12345678;timeout=60"}
		ok.Header["RTP-Info"] = base.HeaderValue{"url=" + r.URL.String()}
	}
	return ok
}

// find gives the camera that a request's path names, or nil.
func (f *Farm) find(r *base.Request) *farmCamera {
	if r.URL == nil {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var n int
	if _, err := fmt.Sscanf(first, "cam%d", &n); err != nil || n < 1 || n > len(f.cameras) {
		return nil
	}
	return f.cameras[n-1]
}

func (f *Farm) describe() ([]byte, error) {
	s := &stream{clip: f.clip.clip}
	lane, err := s.newVideoLane()
	if err != nil {
		return nil, err
	}
	lane.media.Control = "trackID=0"
	d := description.Session{Title: "farm", Medias: []*description.Media{lane.media}}
	return d.Marshal(false)
}

// join begins to send a camera's frames to a session.
func (f *Farm) join(s *farmSession, c *farmCamera) {
	if s.camera != nil {
		return
	}
	s.camera = c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(slices.Clone(c.sessions), s)
	f.sessions.Add(1)
	f.played.Add(1)
}

func (f *Farm) leave(s *farmSession) {
	s.mu.Lock()
	s.broken = true
	s.mu.Unlock()
	if s.camera == nil {
		return
	}
	s.camera.mu.Lock()
	defer s.camera.mu.Unlock()
	s.camera.sessions = slices.DeleteFunc(slices.Clone(s.camera.sessions), func(o *farmSession) bool { return o == s })
	f.sessions.Add(-1)
}
