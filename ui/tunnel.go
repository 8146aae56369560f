package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/tunnel"
)

// Bounds of what is asked for.
const (
	usualTunnel   = 15 * time.Minute
	maxTunnelWhy  = 300 // bytes
	maxTunnelWord = 128 // bytes of a name or password
)

// Tunnel is how devices' own pages are reached. See package tunnel.
type Tunnel struct {
	// Port is that of the listener which ServeTunnel is given: 0 means that there
	// is none. It is reached by the names that the page is.
	Port uint16
	// Reach gives where a pinned device is and the account that the recorder has
	// there; false when there is no such device.
	Reach func(device string) (Reached, bool, error)
	// Enforced reports whether the firewall's rules hold, if with a layer less:
	// what it finds of the network beside them does not matter here.
	Enforced func() bool
}

// Reached is a pinned device, as a tunnel leads there.
type Reached struct {
	Peer               pinned.Peer
	Pin                string // what else it is pinned by: one that changes is another device
	Username, Password string // never shown
}

// TunnelView is an open tunnel.
type TunnelView struct {
	ID          string    `json:"id"`
	Device      string    `json:"device"`
	Address     string    `json:"address"` // of the device, with the port
	TLS         bool      `json:"tls"`
	Fingerprint string    `json:"fingerprint,omitempty"` // SHA-256 of the device's certificate, which nobody vouches for
	Why         string    `json:"why"`
	By          string    `json:"by"`
	Mine        bool      `json:"mine"` // opened in the session that asks: only there it can be used
	Opened      time.Time `json:"opened"`
	Expires     time.Time `json:"expires"`
	Requests    uint64    `json:"requests"`
	Changes     uint64    `json:"changes"` // requests that are not mere questions
	ToDevice    uint64    `json:"to_device"`
	FromDevice  uint64    `json:"from_device"`
	URL         string    `json:"url"` // of the page that shows it
}

func tunnelView(v tunnel.View, p auth.Principal) TunnelView {
	return TunnelView{
		ID: v.ID, Device: v.Device, Address: v.Address.String(), TLS: v.TLS, Fingerprint: v.Fingerprint,
		Why: v.Reason, By: v.By, Mine: v.Owner == p.Session && p.Session != "",
		Opened: v.Opened.UTC(), Expires: v.Expires.UTC(), Requests: v.Requests, Changes: v.Changes,
		ToDevice: v.ToDevice, FromDevice: v.FromDevice, URL: "/tunnel/" + v.ID,
	}
}

// ServeTunnel answers frames with devices' own pages on a listener, until ctx
// ends. What is said of listeners at Serve holds here; a socket is none.
func (s *Server) ServeTunnel(ctx context.Context, ln net.Listener) error {
	if ln.Addr().Network() == "unix" {
		return errors.Join(errors.New("listen on a socket: a tunnel is for browsers"), ln.Close())
	}
	in, ln, err := s.enter(ln)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return s.tunnels.Serve(ctx, ln, in.answers)
}

func (s *Server) getTunnels(w http.ResponseWriter, r *http.Request) {
	all := []TunnelView{}
	for _, v := range s.tunnels.List() {
		all = append(all, tunnelView(v, principal(r)))
	}
	writeJSON(w, struct {
		Tunnels []TunnelView `json:"tunnels"`
		Served  bool         `json:"served"`
	}{all, s.tunnels.Served()})
}

// tunnelAsked is what a request to open one says.
type tunnelAsked struct {
	Why                string
	Minutes            int
	Port               int
	TLS                bool
	Username, Password string // an account of the device; empty: that of the site file
}

// check completes what was asked, and says what is wrong with it.
func (a *tunnelAsked) check() (err error) {
	if a.Why, err = reasonOf(a.Why, maxTunnelWhy); err != nil {
		return err
	}
	switch {
	case a.Minutes < 0 || time.Duration(a.Minutes)*time.Minute > tunnel.MaxTime:
		return &Problem{http.StatusBadRequest, "minutes is not between 1 and 120", "give a number in that range, or leave it out: then it is 15"}
	case a.Port < 0 || a.Port > 65535:
		return &Problem{http.StatusBadRequest, "port is not between 1 and 65535", "give the port of the device's pages, or leave it out: then it is 80, or 443 with tls"}
	case len(a.Username) > maxTunnelWord || len(a.Password) > maxTunnelWord || (a.Username == "") != (a.Password == ""):
		return &Problem{http.StatusBadRequest, "username and password go together", fmt.Sprintf("give both, of at most %d bytes, or neither: then the site file's are used", maxTunnelWord)}
	}
	if a.Minutes == 0 {
		a.Minutes = int(usualTunnel / time.Minute)
	}
	if a.Port == 0 {
		a.Port = map[bool]int{false: 80, true: 443}[a.TLS]
	}
	return nil
}

func (s *Server) postTunnel(w http.ResponseWriter, r *http.Request) {
	var asked tunnelAsked
	err := readBody(r, &asked)
	if err == nil {
		err = asked.check()
	}
	if err == nil {
		err = s.mayOpen(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v, err := s.openTunnel(r, asked)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, tunnelView(v, principal(r)))
}

// postTunnelEntrance gives the address that the page's frame begins with.
func (s *Server) postTunnelEntrance(w http.ResponseWriter, r *http.Request) {
	if err := readNothing(r); err != nil {
		s.fail(w, r, err)
		return
	}
	at, err := s.tunnels.Entrance(r.PathValue("tunnel"), principal(r).Session)
	if err != nil {
		s.fail(w, r, &Problem{http.StatusNotFound, "there is no such tunnel, or it was opened in another session", "GET /api/v1/tunnels lists them"})
		return
	}
	writeJSON(w, struct {
		URL string `json:"url"`
	}{at})
}

func (s *Server) deleteTunnel(w http.ResponseWriter, r *http.Request) {
	was, err := s.tunnels.Close(r.PathValue("tunnel"), tunnel.EndClosed)
	if err != nil {
		s.fail(w, r, &Problem{http.StatusNotFound, "there is no such tunnel", "it may have ended: GET /api/v1/tunnels lists those that are open"})
		return
	}
	s.noteTunnel(r, tunnelEnd(principal(r), was)) // by who closed it
	done(w)
}

// getTunnelPage serves the page around a device's pages: the same as at /, which
// may show that one other origin in a frame.
func (s *Server) getTunnelPage(w http.ResponseWriter, r *http.Request) {
	if s.opt.Tunnel.Port != 0 {
		w.Header().Set("Content-Security-Policy", contentPolicy+"; frame-src "+s.tunnelOrigin(r))
	}
	r.URL.Path = "/"
	s.page.ServeHTTP(w, r)
}
