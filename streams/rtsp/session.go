package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Sink is what a session plays to. Its calls come from one goroutine at a time.
// They must not block, keep the payload, or call the session's Close or Wait.
type Sink interface {
	// Packet takes an RTP packet of Tracks()[track]. An error ends the session.
	Packet(track int, h media.RTPHeader, payload []byte, arrival time.Time) error
	// Report takes a sender report: the camera's clock at an RTP time.
	Report(track int, rtp media.RTPTime, ntp, arrival time.Time)
}

// Session is one RTSP session. Open makes it, Play starts its media, Wait says
// how it ended. Whatever Wait and the others return is an *[Error].
type Session struct {
	config  Config
	camera  netip.AddrPort
	client  *gortsplib.Client
	guard   guard
	udp     udpPorts
	offered []offered
	leading int // the track that must not fall silent: the video, else the first

	table channels              // what the channels of a session over TCP carry
	conn  atomic.Pointer[demux] // over TCP, unless Config.Plain
	local atomic.Pointer[netip.Addr]
	at    atomic.Int32 // phase
	board board
	sink  Sink

	// sequences and sources belong to the receiving goroutine: gortsplib's
	// reader, or whoever holds receiving.
	sequences [maxTracks]media.Sequence
	sources   [maxTracks]source

	receiving sync.Mutex // guards plain and the sink's calls on the plain path
	plain     counters

	// Of gortsplib's goroutine:
	authorized bool // the last request carried credentials
	renewal    renewal

	ending sync.Mutex // guards cause
	cause  error      // what ended the session first
	failed atomic.Bool
	ended  chan struct{} // closed by end
	end    func()
}

// source is the synchronisation source of a track.
type source struct {
	ssrc  uint32
	known bool
}

// Open connects, asks what the camera offers, and sets up the tracks that can
// be recorded. ctx bounds opening only. The session must be closed.
func Open(ctx context.Context, config Config) (*Session, error) {
	config.fill()
	u, camera, err := config.parse()
	if err != nil {
		camera = netip.AddrPortFrom(config.Pinned, camera.Port())
		return nil, &Error{Kind: KindConfig, Camera: camera, Fix: "correct the camera in the site file", Err: err}
	}
	ended := make(chan struct{})
	s := &Session{config: config, camera: camera, ended: ended, end: sync.OnceFunc(func() { close(ended) })}
	s.guard.config, s.guard.hostname = &s.config, u.Hostname()
	s.client = s.newClient(u)
	if err := s.client.Start2(); err != nil {
		return nil, &Error{Kind: KindConfig, Camera: camera, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, config.Opening)
	defer cancel()
	defer s.udp.close()
	untie := context.AfterFunc(ctx, s.client.Close)
	err = s.setUp(u)
	if !untie() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if errors.As(err, new(liberrors.ErrClientTerminated)) && ctx.Err() != nil {
			err = ctx.Err() // the deadline, or the caller
		}
		s.client.Close()
		return nil, classify(s.guard.refused(err), camera, phase(s.at.Load()))
	}
	return s, nil
}

func (s *Session) newClient(u *base.URL) *gortsplib.Client {
	transport := gortsplib.TransportTCP
	if s.config.Transport == UDP {
		transport = gortsplib.TransportUDP
	}
	return &gortsplib.Client{
		Scheme:       u.Scheme,
		Host:         u.Host,
		Transport:    &transport,
		ReadTimeout:  s.config.Timeout,
		WriteTimeout: s.config.Timeout,
		UserAgent:    "stockade",
		// Later than our own watch, which says more.
		InitialUDPReadTimeout: s.config.Silence + 2*time.Second,
		DialContext:           s.dial,
		ListenPacket:          s.listenPacket,
		OnRequest:             s.request,
		OnResponse:            s.response,
		OnDecodeError:         s.decodeError,
		OnPacketsLost:         func(uint64) {}, // counted by us
		OnTransportSwitch: func(error) {
			// never: the transport is given
		},
	}
}

func (s *Session) setUp(u *base.URL) error {
	desc, res, err := s.client.Describe(u)
	if err != nil {
		return err
	}
	body, left := s.guard.description()
	o := readOffer(desc, body)
	o.skipped = append(o.skipped, left...)
	if err := s.guard.urls(desc, o.tracks, res.Header["Content-Base"]); err != nil {
		return err
	}
	if len(o.tracks) == 0 {
		return find(KindNoTracks, "set the camera's video to H.264 or H.265",
			"it offers nothing that can be recorded (H.264, H.265 or AAC), only: %.1000q", o.skipped)
	}
	for _, why := range o.skipped {
		s.config.Log.Info("track skipped", "track", why)
	}
	s.offered = o.tracks
	for i, t := range s.offered {
		if t.track.Codec.Video() {
			s.leading = i
			break
		}
	}
	for i := range s.offered {
		if err := s.setUpTrack(desc.BaseURL, i); err != nil {
			return fmt.Errorf("set up track %d (%s): %w", i, s.offered[i].track.Codec, err)
		}
	}
	return nil
}

func (s *Session) setUpTrack(baseURL *base.URL, track int) error {
	o := &s.offered[track]
	if s.config.Transport == UDP {
		port, err := s.udp.open(s)
		if err != nil {
			return err
		}
		_, err = s.client.Setup(baseURL, o.media, port, port+1)
		return err
	}
	res, err := s.client.Setup(baseURL, o.media, 0, 0)
	if err != nil {
		return err
	}
	var t headers.Transport
	if err := t.Unmarshal(res.Header["Transport"]); err != nil {
		return liberrors.ErrClientTransportHeaderInvalid{Err: err}
	}
	ids := t.InterleavedIDs // checked by gortsplib: present, a pair, not in use; by the guard: at most 255
	s.table[ids[0]] = channel{use: carriesRTP, track: uint8(track), payloadType: o.format.PayloadType()}
	s.table[ids[1]] = channel{use: carriesRTCP, track: uint8(track)}
	return nil
}
