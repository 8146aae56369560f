package streams

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// Stream supervises one stream of a camera: it keeps a session with the camera
// for as long as Run runs, feeds Options.Sink, and serves Readers.
type Stream struct {
	options Options
	fan     *fanout
	turn    *turn
	session atomic.Pointer[rtsp.Session] // the one that plays, or the last one
	meter   meter

	mu     sync.Mutex // guards what follows
	status Status     // what changes rarely; Status adds the rest
	past   rtsp.Stats // of the sessions before the one that plays
}

// New makes a stream; Run starts it.
func New(o Options) *Stream {
	o.fill()
	s := &Stream{options: o, turn: o.Accounts.turn(&o)}
	s.fan = newFanout(o.GOPCacheBytes, s.setWatched)
	s.status = Status{
		Camera: o.Camera, Stream: o.Stream, Cause: CauseStarting, Since: time.Now().UTC(),
		Transport: string(o.RTSP.Transport),
	}
	return s
}

// Subscribe adds a viewer, at any time. Close the reader when it goes.
func (s *Stream) Subscribe(o ReaderOptions) *Reader { return s.fan.add(o) }

// setWatched is called by fanout, in order.
func (s *Stream) setWatched(on bool) {
	if src := s.session.Load(); src != nil {
		src.SetWatched(on)
	}
}

// Status is a snapshot of a stream for people and metrics.
type Status struct {
	Camera, Stream string

	Playing bool      // access units are coming
	Cause   Cause     // why not, when not Playing
	Detail  string    // in words: what is wrong, at which address, and the fix
	Since   time.Time // since when it is Playing, or there is no footage

	RunID     string // of the current or last run
	Transport string // tcp or udp
	Tracks    []TrackStatus

	BitsPerSecond int64  // in the last whole second
	Frames        uint64 // access units of all tracks
	Packets       uint64
	Lost          uint64 // RTP packets missing
	Damaged       uint64 // access units discarded because of that, or malformed
	Reordered     uint64 // RTP packets behind a later one; over UDP they are sorted before they are counted
	Malformed     uint64 // packets that were no RTP
	JunkBytes     uint64 // between packets
	Reconnects    uint64 // sessions that broke
	LastPacket    time.Time
	Viewers       int
}

// TrackStatus is what one track carries.
type TrackStatus struct {
	Codec         media.Codec
	CodecString   string // RFC 6381, as browsers ask for it
	Width, Height int
	SampleRate    int
	Channels      int
}

// Status gives a snapshot.
func (s *Stream) Status() Status {
	s.mu.Lock()
	st, total := s.status, s.past
	if src := s.session.Load(); src != nil {
		total = sum(total, src.Stats())
	}
	s.mu.Unlock()
	st.Packets, st.Reordered, st.Malformed, st.JunkBytes = total.Packets, total.Reordered, total.Malformed, total.JunkBytes
	st.LastPacket = total.LastPacket
	st.BitsPerSecond = s.meter.bitsPerSecond(time.Now())
	st.Frames, st.Lost, st.Damaged = s.meter.frames.Load(), s.meter.lost.Load(), s.meter.damaged.Load()
	st.Viewers = s.fan.viewers()
	return st
}

func sum(a, b rtsp.Stats) rtsp.Stats {
	b.Packets += a.Packets
	b.Reordered += a.Reordered
	b.Malformed += a.Malformed
	b.JunkBytes += a.JunkBytes
	if b.LastPacket.IsZero() {
		b.LastPacket = a.LastPacket
	}
	return b
}

// begin makes src the session that plays.
func (s *Stream) begin(src *rtsp.Session) {
	s.mu.Lock()
	if last := s.session.Load(); last != nil {
		s.past = sum(s.past, last.Stats())
	}
	s.session.Store(src)
	s.mu.Unlock()
	s.fan.tell()
}

// meter counts what the receiving goroutine sees, for others to read.
type meter struct {
	frames, lost, damaged atomic.Uint64

	second         atomic.Int64 // Unix time of the second being counted
	bytes, lastSec atomic.Int64 // in it, and in the one before
}

func (m *meter) add(bytes int, arrival time.Time) {
	now := arrival.Unix()
	if last := m.second.Load(); now != last {
		whole := m.bytes.Swap(0)
		if now != last+1 {
			whole = 0
		}
		m.lastSec.Store(whole)
		m.second.Store(now)
	}
	m.bytes.Add(int64(bytes))
}

func (m *meter) bitsPerSecond(now time.Time) int64 {
	switch now.Unix() - m.second.Load() {
	case 0:
		return 8 * m.lastSec.Load()
	case 1:
		return 8 * m.bytes.Load()
	default:
		return 0
	}
}
