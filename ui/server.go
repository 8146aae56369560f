package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of the server. They bound what one person, or one broken page, can take.
const (
	maxHeaderBytes   = 16 << 10
	maxEventStreams  = 64
	maxLiveViewers   = 256
	readTimeout      = 10 * time.Second // of a request's head; no request has a body
	writeTimeout     = 30 * time.Second // of an answer, or of one write of a long one
	idleTimeout      = 2 * time.Minute
	shutdownPatience = 3 * time.Second
)

// Server answers HTTP. It is made by New and used with Serve.
type Server struct {
	opt     Options
	log     *slog.Logger
	began   time.Time // by the monotonic clock
	handler http.Handler

	events slots // open event streams
	live   slots // open live WebSockets
}

// New makes a server. It does no I/O and starts nothing. It panics when a
// needed option is missing: that is our own bug, seen at the first start.
func New(opt Options) *Server {
	switch {
	case opt.Site == nil, opt.Health == nil, opt.Devices == nil, opt.Cameras == nil,
		opt.Containment == nil, opt.Live == nil, opt.Footage == nil, opt.Attempts == nil:
		panic("ui: an option is missing")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{opt: opt, log: opt.Log, began: time.Now()}
	s.events.max = maxEventStreams
	s.live.max = maxLiveViewers
	s.handler = s.guard(s.mux())
	return s
}

// Handler gives the whole server as a handler, guards included.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers requests on the listener until ctx ends, and then closes it. It
// returns nil when ctx ended, and an error that says what to do when the
// listener's address is not loopback: there is no login yet, so nobody but
// people on this machine may ask.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if err := loopbackOnly(ln.Addr()); err != nil {
		return errors.Join(err, ln.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Requests end with ctx: event streams and live viewers else outlive us.
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	group.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		if err := srv.Shutdown(patience); err != nil {
			return srv.Close() // whoever is left had their time
		}
		return nil
	})
	return group.Wait()
}

// loopbackOnly refuses an address that others than this machine can reach.
func loopbackOnly(addr net.Addr) error {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen on %s: there is no login yet, so only a loopback address is allowed: "+
		"set listen.http to 127.0.0.1:PORT, and from elsewhere use ssh -L PORT:127.0.0.1:PORT", addr)
}

// slots counts what is open, up to max.
type slots struct {
	max  int64
	open atomic.Int64
}

// take takes a slot; false means that all are taken.
func (s *slots) take() bool {
	if s.open.Add(1) > s.max {
		s.open.Add(-1)
		return false
	}
	return true
}

func (s *slots) give() { s.open.Add(-1) }
