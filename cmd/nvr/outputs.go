package main

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall/outputs"
	"github.com/stockade-nvr/stockade/ui"
)

// outputsOf is whom the site file has told, and where nobody is dialled.
func outputsOf(s *configs.Site) (targets []outputs.Target, cameraSide []netip.Prefix) {
	for _, o := range s.Outputs {
		targets = append(targets, outputs.Target{
			ID: o.ID, Address: o.To, TLS: o.TLS, Format: outputs.Format(o.Format),
			CAFile: o.CAFile, CertificateFile: o.CertificateFile, KeyFile: o.KeyFile,
		})
	}
	return targets, s.CameraNetwork.Addresses
}

// newOutputs makes what tells other systems of the journal.
func (a *app) newOutputs() *outputs.Outputs {
	host, err := os.Hostname()
	if err != nil {
		host = "" // the messages name nobody, and are told all the same
	}
	s := outputs.New(outputs.Options{
		Log: a.Log, Source: a.journal, Version: version(), Host: host, Situation: a.situation,
		StateDir: a.site.Storage.State,
	})
	s.Set(outputsOf(a.site))
	return s
}

// situation is how containment stands, for other systems.
func (a *app) situation() outputs.Situation {
	s := a.fw.Status()
	out := outputs.Situation{State: string(s.State), Reasons: s.Reasons, Alarms: s.Alarms}
	for _, d := range s.Drift {
		out.Changes = append(out.Changes, outputs.Change{First: d.First, Last: d.Last, Layer: string(d.Layer), Found: d.Found, Done: string(d.Done)})
	}
	return out
}

// outputPatience is how long a receiver may be away before health says so: less
// is a restart.
const outputPatience = time.Minute

// outputHealth has a check for each receiver that is away or missed something.
func (a *app) outputHealth() []ui.HealthCheck {
	var checks []ui.HealthCheck
	if a.outputs == nil {
		return nil
	}
	for _, s := range a.outputs.Status() {
		c := ui.HealthCheck{Name: "output " + s.ID, State: ui.HealthOK, Detail: fmt.Sprintf("connected since %s, %d messages sent", short(s.Since), s.Sent)}
		if !s.Connected && time.Since(s.Since) > outputPatience {
			c.State = ui.HealthWarn
			c.Detail = fmt.Sprintf("%s: not told since %s: %s", s.Address, short(s.Since), printable(s.Problem))
			c.Fix = "attempts wait in the journal and are told once it answers; see that it listens there and, with TLS, that ca_file is its authority"
		} else if !s.Connected {
			c.Detail = "not connected: " + printable(s.Problem)
		}
		if s.Lost > 0 {
			c.Detail += fmt.Sprintf("; %d changes and alarms were never told it, there was no room for them", s.Lost)
		}
		checks = append(checks, c)
	}
	return checks
}
