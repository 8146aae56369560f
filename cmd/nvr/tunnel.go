package main

import (
	"context"
	"net"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/internal/pinned"
	"github.com/stockade-nvr/stockade/ui"
)

// reach gives where a device's own pages are reached, if the site pins it.
func (a *app) reach(device string) (ui.Reached, bool, error) {
	d, found := a.current().Device(device)
	if !found {
		return ui.Reached{}, false, nil
	}
	to := ui.Reached{Peer: pinned.Peer{Address: d.IP, Device: bridge}, Pin: d.MAC.String() + " " + d.Port, Username: d.Username}
	if d.PasswordFile == "" {
		return to, true, nil
	}
	var err error
	to.Password, err = passwordOf(d)
	return to, true, err
}

// enforced reports whether what was loaded holds, if with a layer less.
func (a *app) enforced() bool {
	state := a.fw.Status().ReadBack
	return state == firewall.Enforced || state == firewall.Degraded
}

// serveTunnel serves devices' own pages, where the site file says so.
func (a *app) serveTunnel(ctx context.Context) error {
	at := a.current().Listen.Tunnel
	if a.cert != nil {
		if err := a.cert.Ready(); err != nil {
			return err // as the page's own task says
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", at.String())
	if err != nil {
		return err // says what and where
	}
	return a.server.ServeTunnel(ctx, ln)
}
