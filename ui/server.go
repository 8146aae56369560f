package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/cert"
	"github.com/stockade-nvr/stockade/ui/tunnel"
	"github.com/stockade-nvr/stockade/ui/web"
)

// Limits of the server. They bound what one person, or one broken page, can
// take: see shares.
const (
	maxHeaderBytes   = 16 << 10
	maxEventStreams  = 64
	maxOwnEvents     = 8 // event streams of one user
	keptEvents       = 16
	maxLiveViewers   = 256
	maxOwnViewers    = 64 // live pictures of one user: a wall, twice
	keptViewers      = 64
	maxFilms         = 96 // answers from footage
	maxOwnFilms      = 24
	keptFilms        = 24
	readTimeout      = 10 * time.Second // of a request, its body included
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
	page    http.Handler
	tunnels *tunnel.Tunnels

	events shares // open event streams
	live   shares // open live WebSockets
	films  shares // films, their plans, frames and exports on their way

	changes pace // requests that change something
	views   pace // of footage, and live pictures, that begin; exports
}

// New makes a server. It does no I/O and starts nothing. It panics when a
// needed option is missing: that is our own bug, seen at the first start.
func New(opt Options) *Server {
	switch {
	case opt.Site == nil, opt.Health == nil, opt.Devices == nil, opt.Cameras == nil, opt.Groups == nil,
		opt.Containment == nil, opt.Live == nil, opt.Footage == nil, opt.Attempts == nil,
		opt.Accounts != nil && (opt.Audit == nil || opt.ConfirmClock == nil || opt.Reviews == nil):
		panic("ui: an option is missing")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Tunnel.Reach == nil || opt.Tunnel.Enforced == nil {
		opt.Tunnel.Port = 0
	}
	s := &Server{
		opt: opt, log: opt.Log, began: time.Now(), page: web.Handler(),
		tunnels: tunnel.New(tunnel.Options{Log: opt.Log, Now: opt.Now, Sessions: ourCookies()}),
		events:  shares{max: maxEventStreams, each: maxOwnEvents, kept: keptEvents},
		live:    shares{max: maxLiveViewers, each: maxOwnViewers, kept: keptViewers},
		films:   shares{max: maxFilms, each: maxOwnFilms, kept: keptFilms},

		changes: pace{what: "changes", Pace: auth.Pace{Burst: 120, Every: 3 * time.Second}},
		views:   pace{what: "views", Pace: auth.Pace{Burst: 300, Every: 4 * time.Second}},
	}
	s.handler = s.guard(s.mux())
	return s
}

// Handler gives the whole server as a handler, guards included.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers requests on the listener until ctx ends, and then closes it. It
// returns nil when ctx ended. It takes three kinds of listener, and says what to
// do about any other: a loopback address speaks plain HTTP; any other address
// speaks TLS, and needs accounts, names and Options.TLS; a unix socket is for
// programs of root or of this process's own user, who are let in as the box.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	in, ln, err := s.enter(ln)
	if err != nil {
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
		BaseContext: func(net.Listener) context.Context { return context.WithValue(ctx, entranceKey{}, in) },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if known, ok := c.(peerConn); ok {
				return context.WithValue(ctx, peerKey{}, known.peer)
			}
			return ctx
		},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
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

// enter decides what is spoken on a listener. With an error it gives the
// listener back as it was.
func (s *Server) enter(ln net.Listener) (entrance, net.Listener, error) {
	if ln.Addr().Network() == "unix" {
		if s.opt.Accounts == nil {
			return entrance{}, ln, errors.New("listen on a socket: without accounts there is nobody to let in as the box")
		}
		return entrance{}, peers{ln, s.log}, nil
	}
	tcp, ok := ln.Addr().(*net.TCPAddr)
	switch {
	case ok && tcp.IP.IsLoopback():
		return entrance{}, newCrowd(ln, s.log, maxConnections, 0), nil
	case s.opt.Accounts == nil:
		return entrance{}, ln, fmt.Errorf("listen on %s: there are no accounts here, so only a loopback address is allowed: "+
			"give 127.0.0.1:PORT, and from elsewhere use ssh -L PORT:127.0.0.1:PORT", ln.Addr())
	case s.opt.TLS == nil, s.opt.Names == nil, len(s.opt.Names()) == 0:
		return entrance{}, ln, fmt.Errorf("listen on %s: only a loopback address is served without TLS: "+
			"name the hosts that people use in listen.names of the site file", ln.Addr())
	}
	in := entrance{secure: true, names: s.opt.Names}
	// Below TLS, so that the server still knows a connection by its kind, and
	// handshakes count too.
	return in, cert.Listen(newCrowd(ln, s.log, maxConnections, maxOfSource), s.opt.TLS, in.answers, s.log), nil
}
