package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/ui"
)

// disarmed is what disarming came to.
type disarmed struct {
	State    firewall.State `json:"state"`
	Note     firewall.Note  `json:"note"`
	Unsigned string         `json:"unsigned,omitempty"` // why the note bears no signature
	Daemon   string         `json:"daemon"`             // what the running daemon says of it; empty: none runs
}

// disarmFirewall asks for the site's name, so that nobody opens the wrong box (C1).
func disarmFirewall(c *cobra.Command, site *configs.Site, reason string, asJSON bool) error {
	if reason = strings.TrimSpace(reason); reason == "" {
		return errors.New("say why with --reason: it is kept in the note")
	}
	if len(reason) > maxReason {
		return fmt.Errorf("the reason has %d bytes, at most %d are kept: shorten it", len(reason), maxReason)
	}
	fw, err := openFirewall(site, silent)
	if err != nil {
		return err
	}
	ask := newPrompt(c.InOrStdin(), c.ErrOrStderr())
	if err := ask.siteName(c.Context(), site.Name); err != nil {
		return err
	}
	names, err := secondPerson{site, ask}.confirm(c, reason)
	if err != nil {
		return err
	}
	who := operator()
	if len(names) > 0 {
		who += ", confirmed by " + strings.Join(names, " and ")
	}
	note, unsigned, err := fw.Disarm(c.Context(), policyOf(site), firewall.Note{Who: who, Why: reason})
	if err != nil && note.Number == 0 {
		return err
	}
	var undone error // of the rest: the note is left, and obeyed
	if err != nil {
		undone = finding{err}
	}
	writeDown(c, site, "disarm", "by "+who+": "+reason)
	d := disarmed{State: firewall.Disarmed, Note: note, Unsigned: unsigned, Daemon: awaitObedience(c.Context(), site)}
	if unsigned != "" {
		fmt.Fprintf(c.ErrOrStderr(), "The note bears no signature: %s\n", printable(unsigned))
	}
	if asJSON {
		return cmp.Or(printJSON(c.OutOrStdout(), d), undone)
	}
	running := "nvr does not run"
	if d.Daemon != "" {
		running = "nvr runs and says: " + printable(d.Daemon)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "disarmed: cameras are not contained any more; %s\nnvr firewall arm closes it again\n", running)
	return cmp.Or(err, undone)
}

// maxReason bounds a reason: it is shown on the page as long as the box is open.
const maxReason = 500

// obedienceWithin is how soon a daemon obeys: it looks each second.
const obedienceWithin = 5 * time.Second

// awaitObedience asks a running daemon until it says that it is disarmed, and
// gives what it said last; empty where none runs.
func awaitObedience(ctx context.Context, site *configs.Site) (said string) {
	ctx, cancel := context.WithTimeout(ctx, obedienceWithin)
	defer cancel()
	for ctx.Err() == nil {
		v, err := daemonContainment(ctx, site)
		if err != nil {
			return said
		}
		if said = v.State; said == string(firewall.Disarmed) {
			return said
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return said
}

// daemonContainment asks the daemon of this box for its own account.
func daemonContainment(ctx context.Context, site *configs.Site) (ui.ContainmentView, error) {
	var v ui.ContainmentView
	api, err := newClient("unix:" + filepath.Join(site.Storage.State, socketName))
	if err != nil {
		return v, err
	}
	ctx, cancel := context.WithTimeout(ctx, askSiteWithin)
	defer cancel()
	return v, api.call(ctx, http.MethodGet, "containment", nil, &v)
}
