package tunnel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTime = 10 * time.Second // for a request's headers; its body has browserSilent
	idleTime   = 2 * time.Minute
	maxAsked   = 64 << 10 // of a request's headers
)

// Serve answers frames on a listener, which speaks TLS itself if at all, until
// ctx ends; then it closes the listener and all tunnels. hosts says which Host is
// answered for. It returns nil when ctx ended.
func (ts *Tunnels) Serve(ctx context.Context, ln net.Listener, hosts func(host string) bool) error {
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !hosts(r.Host) {
				strict(w.Header())
				say(w, http.StatusMisdirectedRequest, "This server does not answer for that host name.")
				return
			}
			ts.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxAsked,
		ErrorLog:          slog.NewLogLogger(ts.opt.Log.Handler(), slog.LevelDebug),
	}
	ts.mu.Lock()
	ts.serving = true
	ts.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		err = fmt.Errorf("serve tunnels: %w", err)
	}
	ts.closeAll() // what is on its way ends with it
	return errors.Join(err, srv.Close())
}
