package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/canary"
	"github.com/stockade-nvr/stockade/firewall/nflog"
	"github.com/stockade-nvr/stockade/firewall/outguard"
	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/ui"
)

// provenView is one proof for programs: the round, and what was read back beside it.
type provenView struct {
	ui.ProofView

	State  string         `json:"state"`  // by what was read back
	Layers []ui.LayerView `json:"layers"` // ...
	By     string         `json:"by"`     // daemon, or command
}

// proveFirewall makes one round of the canary, and says per path what became of it.
// Beside a daemon it asks that one, which has the log of dropped packets.
func proveFirewall(c *cobra.Command, site *configs.Site, asJSON bool) error {
	fw, err := openFirewall(site, silent)
	if err != nil {
		return err
	}
	b, err := fw.Check(c.Context(), policyOf(site))
	if err != nil {
		return err
	}
	v := provenView{State: string(b.ReadBack), Layers: containmentView(b.Status).Layers, By: "daemon"}
	v.ProofView, err = proveByDaemon(c.Context(), site)
	if errors.Is(err, errUnreachable) {
		v.By = "command"
		v.ProofView, err = proveHere(c.Context(), fw)
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(c.OutOrStdout(), v)
	} else {
		_, err = io.WriteString(c.OutOrStdout(), v.text())
	}
	switch {
	case err != nil:
		return err
	case v.Verdict != string(canary.Proved):
		return finding{fmt.Errorf("containment is not proved: %s", strings.Join(v.Reasons, "; "))}
	case b.ReadBack != firewall.Enforced: // a missing layer that another one hides from the canary
		return finding{fmt.Errorf("no packet got out, but containment is %s: %s", b.ReadBack, strings.Join(b.Reasons, "; "))}
	}
	return guardMissing(site, v.Layers)
}

// guardMissing is a finding where the guard at the way out was attached since this
// boot and is whole no more. Where nobody can attach it, as on an older kernel, its
// line says so, and no layer that there could be is missing.
func guardMissing(site *configs.Site, layers []ui.LayerView) error {
	for _, l := range layers {
		if !l.Holds && len(outguard.Noted(guardFile(site.Path))) > 0 {
			return finding{fmt.Errorf("no packet got out, but %s is missing: %s", l.Layer, l.Detail)}
		}
	}
	return nil
}

// proveByDaemon has the daemon of this box make a round.
func proveByDaemon(ctx context.Context, site *configs.Site) (v ui.ProofView, err error) {
	api, err := newClient("unix:" + filepath.Join(site.Storage.State, socketName))
	if err != nil {
		return v, err
	}
	return v, api.call(ctx, http.MethodPost, "containment/proof", struct{}{}, &v)
}

// proveHere makes a round in this process, which reads the log meanwhile.
func proveHere(ctx context.Context, fw *firewall.Firewall) (v ui.ProofView, err error) {
	reader := nflog.New(nflog.Options{Group: ruleset.LogGroup, Log: newLogger(false), Handle: func(h *nflog.Hit) { fw.Hit(h) }})
	reading, end := context.WithCancel(ctx)
	defer end()
	done := make(chan error, 1)
	go func() { done <- reader.Run(reading) }()
	select {
	case <-reader.Ready():
	case err := <-done:
		if errors.Is(err, nflog.ErrGroupTaken) {
			err = fmt.Errorf("%w; if that is an nvr that does not answer, wait until it does", err)
		}
		return v, err
	}
	v = proofView(fw.Prove(ctx))
	end()
	return v, <-done
}

// text is a proof for people.
func (v provenView) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d paths stopped where they should be, %d leaked; %.2f s, %.3f s of a processor; read back: %s\n",
		v.Verdict, v.Stopped, v.Tried, v.Leaked, v.Seconds, v.CPU, v.State)
	for _, l := range v.Layers {
		if !l.Holds {
			b.WriteString(statusLine(l.Layer, l.Name, []string{l.Detail}))
		}
	}
	for _, r := range v.Reasons {
		if len(v.Paths) == 0 {
			fmt.Fprintf(&b, "  because: %s\n", printable(r))
		}
	}
	for _, x := range v.Paths {
		says := strings.Join(x.Seen, ", ")
		switch {
		case len(x.Leaks) > 0:
			says = "came out at " + strings.Join(x.Leaks, ", ")
		case x.Outcome == string(canary.OtherLayer):
			says += ", and not " + x.Expected
		case x.Outcome == string(canary.Unseen):
			says = "nothing tells what held it; it should be " + x.Expected
			if x.Detail != "" {
				says = x.Detail
			}
		}
		fmt.Fprintf(&b, "  %-12s %-9s %-18s %s: %s\n", strings.ToUpper(x.Outcome), x.As, x.ID, x.Text, printable(says))
	}
	for _, x := range v.Controls {
		sees := "sees"
		if !x.Seen {
			sees = "DEAF"
		}
		fmt.Fprintf(&b, "  %-12s control   %-18s %s\n", sees, x.ID, x.Text)
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "  not tried: %s\n", n)
	}
	for _, u := range v.Unseeable {
		fmt.Fprintf(&b, "  does not prove: %s\n", u)
	}
	return b.String()
}
