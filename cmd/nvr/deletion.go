package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/ui"
)

// newDeleteCommand makes the verb that deletes footage by hand.
func newDeleteCommand() *cobra.Command {
	var d deleteFlags
	c := &cobra.Command{
		Use: "delete", Short: "Delete a camera's footage of a range: shows what would go, and asks", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c) },
	}
	d.at.add(c)
	d.of.add(c)
	c.Flags().StringVar(&d.reason, "reason", "", "why: it is kept in the ledgers and in the audit")
	c.Flags().BoolVar(&d.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&d.json, "json", false, "print the API's JSON; needs --yes")
	require(c, "reason")
	return c
}

type deleteFlags struct {
	at        serverFlags
	of        footageRange
	reason    string
	yes, json bool
}

func (d *deleteFlags) run(c *cobra.Command) error {
	if d.json && !d.yes {
		return errors.New("--json asks nobody: give --yes too")
	}
	from, to, err := d.of.times()
	if err != nil {
		return err
	}
	query := url.Values{"camera": {d.of.camera}, "from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
	var plan ui.DeletionView
	if err := d.at.ask(c.Context(), http.MethodGet, "deletions", query, nil, &plan); err != nil {
		return err
	}
	if !d.json {
		if err := printPlan(c.OutOrStdout(), plan); err != nil {
			return err
		}
	}
	if plan.Segments == 0 {
		return errors.New("nothing of that range can be deleted: give another range, or end what holds it")
	}
	if !d.yes {
		if err := agree(c); err != nil {
			return err
		}
	}
	var done ui.DeletedView
	sent := map[string]any{"camera": plan.Camera, "from": plan.From, "to": plan.To, "plan": plan.Plan, "why": d.reason}
	if err := d.at.ask(c.Context(), http.MethodPost, "deletions", nil, sent, &done); err != nil {
		return err
	}
	if d.json {
		return printJSON(c.OutOrStdout(), map[string]any{"plan": plan, "deleted": done})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "deleted: %d segments, %d bytes%s\n", done.Segments, done.Bytes, leftText(done))
	return err
}

func leftText(d ui.DeletedView) (text string) {
	if d.Waiting > 0 {
		text += fmt.Sprintf("; %d go when nobody reads them any more, or when their volume deletes again", d.Waiting)
	}
	if d.Held > 0 {
		text += fmt.Sprintf("; %d stay: a hold came first", d.Held)
	}
	return text
}

// printPlan says what goes and what stays.
func printPlan(out io.Writer, p ui.DeletionView) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tSTREAM\tFROM\tTO\tSEGMENTS\tBYTES")
	for _, part := range []struct {
		what string
		list []ui.DeletionPart
	}{{"deleted", p.Ranges}, {"stays: held", p.Held}, {"stays: being written", p.Growing}, {"stays: volume away", p.Away}} {
		for _, r := range part.list {
			row(w, part.what, r.Stream, short(r.From), short(r.To), r.Segments, r.Bytes)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d segments, %d bytes would be deleted for good. Segments go whole, also where they reach beyond the range.\n", p.Segments, p.Bytes)
	return err
}

// agree asks before what cannot be undone.
func agree(c *cobra.Command) error {
	answer, err := newPrompt(c.InOrStdin(), c.OutOrStdout()).line(c.Context(), "Write delete to go on: ", false)
	if err != nil {
		return fmt.Errorf("read the answer: %w: give --yes where nobody can be asked", err)
	}
	if strings.TrimSpace(answer) != "delete" {
		return errors.New("nothing was deleted")
	}
	return nil
}
