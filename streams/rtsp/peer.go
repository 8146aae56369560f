package rtsp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
)

// This file is what gortsplib calls: to dial, and around each request.

// dial connects to the pinned address, whatever gortsplib wants to connect to;
// only the port may differ from the configured one, after a redirect (C13).
func (s *Session) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil || port == 0 || !s.config.ours(host, s.guard.hostname) {
		return nil, s.guard.foreign("a connection to %.200q was asked for", address)
	}
	to := netip.AddrPortFrom(s.config.Pinned, uint16(port))
	c, err := s.config.Dial(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	local, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		_ = c.Close()
		return nil, find(KindConfig, "", "Dial gave a connection to %T, not a *net.TCPAddr", c.RemoteAddr())
	}
	if r := remote.AddrPort().Addr().Unmap().WithZone(""); r != s.config.Pinned.WithZone("") {
		_ = c.Close()
		return nil, s.guard.foreign("the connection leads to %s", r)
	}
	ours := local.AddrPort().Addr().Unmap()
	s.local.Store(&ours)
	s.renewal.conn = c
	if s.config.Transport != TCP || s.config.Plain {
		return c, nil
	}
	d := newDemux(c, s)
	s.conn.Store(d)
	return d, nil
}

// request notes whether credentials are sent, and renews them.
func (s *Session) request(r *base.Request) {
	s.renewal.sign(r)
	s.authorized = r.Header["Authorization"] != nil
}

// response lets the guard look at an answer, and watches those to keep-alives,
// which gortsplib ignores.
func (s *Session) response(r *base.Response) {
	s.guard.response(r)
	// Only an answer to credentials proves them: many cameras let anybody
	// DESCRIBE, and challenge SETUP.
	if s.authorized && r.StatusCode >= 200 && r.StatusCode < 300 {
		s.at.CompareAndSwap(int32(phaseConnecting), int32(phaseAuthenticated))
	}
	switch {
	case phase(s.at.Load()) != phasePlaying:
	case r.StatusCode == base.StatusUnauthorized:
		s.challengedAnew(r)
	default:
		s.renewal.asked = false
	}
}

// wrongSource begins gortsplib's error for a packet of another source than the first.
const wrongSource = "received packet with wrong SSRC"

// decodeError counts what gortsplib could not use. On the plain path it drops
// every packet after a change of the source, silently: there the session ends.
func (s *Session) decodeError(err error) {
	if strings.HasPrefix(err.Error(), wrongSource) {
		s.fail(find(KindNetworkLoss, "the session is opened again", "the camera changed its RTP source: %w", err))
		return
	}
	if s.conn.Load() != nil {
		return // it sees only what we forge for it
	}
	s.receiving.Lock()
	defer s.receiving.Unlock()
	s.plain.malformed++
	s.board.malformed.Store(s.plain.malformed)
}

// fail ends the session because of err; the first call counts. It may be called
// from anywhere, as it waits for nothing.
func (s *Session) fail(err error) {
	s.ending.Lock()
	if s.cause == nil {
		s.cause = err
	}
	s.ending.Unlock()
	if s.failed.Swap(true) {
		return
	}
	if d := s.conn.Load(); d != nil {
		d.closed.Store(true)
	}
	go s.client.Close()
}

// why gives what ended the session.
func (s *Session) why(err error) *Error {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.cause != nil {
		err = s.cause
	}
	if err == nil {
		err = errors.New("the session ended")
	}
	return classify(s.guard.refused(err), s.camera, phase(s.at.Load()))
}

// sinkError is why a sink ends a session.
func sinkError(track int, sequence uint16, ssrc uint32, err error) error {
	return find(KindNetworkLoss, "the session is opened again", "track %d, packet %d of source %08x: %w", track, sequence, ssrc, err)
}
