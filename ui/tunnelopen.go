package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/tunnel"
)

// mayOpen refuses what no device would change.
func (s *Server) mayOpen(r *http.Request) error {
	switch {
	case principal(r).Session == "":
		return &Problem{http.StatusForbidden, "a tunnel belongs to a session of the page", "sign in on the page and open it there"}
	case s.opt.Tunnel.Port == 0:
		return &Problem{http.StatusConflict, "this recorder has no listener for devices' own pages", "write tunnel: ADDRESS:PORT under listen in the site file, with another port than the page's, and restart nvr"}
	case !s.opt.Tunnel.Enforced():
		return &Problem{http.StatusConflict, "containment is not enforced, so no device is reached", "see the containment panel, or nvr firewall status on the box"}
	}
	return nil
}

// openTunnel opens one, and has it closed when the right to it ends.
func (s *Server) openTunnel(r *http.Request, asked tunnelAsked) (tunnel.View, error) {
	p, device := principal(r), r.PathValue("device")
	to, found, err := s.opt.Tunnel.Reach(device)
	if err != nil {
		return tunnel.View{}, fmt.Errorf("reach device %s: %w", device, err)
	}
	if !found {
		return tunnel.View{}, &Problem{http.StatusNotFound, "there is no such device", "GET /api/v1/devices lists the ids"}
	}
	if asked.Username != "" {
		to.Username, to.Password = asked.Username, asked.Password
	}
	// It outlives the request, and ends with the right.
	ctx, end := context.WithCancel(context.WithoutCancel(r.Context()))
	why := atomic.Value{}
	why.Store(tunnel.EndSession)
	ctx, unfollow := s.opt.Accounts.Follow(ctx, p, func(now auth.Principal) bool {
		is, found, err := s.opt.Tunnel.Reach(device)
		switch {
		case mayRole(admins, now) != nil:
			why.Store(tunnel.EndSession)
		case !found && err == nil, found && (is.Peer != to.Peer || is.Pin != to.Pin):
			why.Store(tunnel.EndUnpinned)
		case !s.opt.Tunnel.Enforced():
			why.Store(tunnel.EndContained)
		default:
			return true
		}
		return false
	})
	stop := func() { unfollow(); end() }
	v, err := s.tunnels.Open(r.Context(), tunnel.Opening{
		Device: device, Peer: to.Peer, Port: uint16(asked.Port), TLS: asked.TLS, Username: to.Username, Password: to.Password,
		For: time.Duration(asked.Minutes) * time.Minute, Reason: asked.Reason, By: p.Name(), Owner: p.Session,
		Origin: s.tunnelOrigin(r), Page: entranceOf(r.Context()).origin(r),
		Used:    func() { s.opt.Accounts.Use(p) },
		Changed: func(c tunnel.Change) { s.noteTunnel(r, tunnelChange(p, device, c)) },
		Ended: func(a tunnel.Account) {
			stop()
			if a.Why != tunnel.EndClosed { // who closes it has that written down
				s.noteTunnel(r, tunnelEnd(p, a))
			}
		},
	})
	if err != nil {
		stop()
		return v, openProblem(err, to.Peer)
	}
	context.AfterFunc(ctx, func() { _, _ = s.tunnels.Close(v.ID, why.Load().(tunnel.End)) }) // else it ended by itself
	if err := s.note(r, tunnelBegin(p, v)); err != nil {
		_, _ = s.tunnels.Close(v.ID, tunnel.EndRecorder) // without an entry there is none
		return v, err
	}
	return v, nil
}

// openProblem says why a device was not reached.
func openProblem(err error, peer pinned.Peer) error {
	switch {
	case errors.Is(err, tunnel.ErrNotServed):
		return &Problem{http.StatusConflict, "the listener for devices' own pages does not run", "the page's head says why: put right listen.tunnel in the site file"}
	case errors.Is(err, tunnel.ErrTooMany):
		return &Problem{http.StatusConflict, fmt.Sprintf("%d tunnels are open already", tunnel.MaxOpen), "close one"}
	case errors.Is(err, context.Canceled):
		return err
	default:
		return &Problem{http.StatusBadGateway, fmt.Sprintf("the device at %s does not answer: %.200s", peer.Address, err), "check its power, and the port of its pages; many speak HTTPS only: then open it with HTTPS"}
	}
}

// tunnelOrigin is what the browser that asks will call the tunnel's listener.
func (s *Server) tunnelOrigin(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(hostName(r.Host), strconv.Itoa(int(s.opt.Tunnel.Port)))}
	if entranceOf(r.Context()).secure {
		u.Scheme = "https"
	}
	if s.opt.Tunnel.Port == 443 && u.Scheme == "https" || s.opt.Tunnel.Port == 80 && u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.String()
}

// noteTunnel writes down what happens in a tunnel, after the request that opened
// it: nobody is left to be told that it could not be written, but the log.
func (s *Server) noteTunnel(r *http.Request, e audit.Entry) {
	if err := s.note(r, e); err != nil {
		s.log.Error("write the audit of a tunnel", "action", e.Action, "device", e.Object, "error", err)
	}
}

func tunnelBegin(p auth.Principal, v tunnel.View) audit.Entry {
	e := entryOf(p, "tunnel.open", v.Device, fmt.Sprintf("%s: until %s at %s", v.Reason, v.Expires.UTC().Format(time.RFC3339), v.Address))
	if v.TLS {
		e.Detail += ", HTTPS with the certificate SHA-256 " + v.Fingerprint
	}
	return e
}

func tunnelChange(p auth.Principal, device string, c tunnel.Change) audit.Entry {
	e := entryOf(p, "tunnel.change", device, c.Method+" "+c.Path)
	if c.SHA256 != "" {
		e.Action = "tunnel.upload"
		e.Detail += fmt.Sprintf(": %d bytes, SHA-256 %s", c.Bytes, c.SHA256)
	}
	return e
}

func tunnelEnd(p auth.Principal, a tunnel.Account) audit.Entry {
	return entryOf(p, "tunnel.close", a.Device, fmt.Sprintf("%s; requests: %d, of them changes: %d; bytes to the device: %d, from it: %d; opened by %s for: %s",
		a.Why, a.Requests, a.Changes, a.ToDevice, a.FromDevice, a.By, a.Reason))
}
