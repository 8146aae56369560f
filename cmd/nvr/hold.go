package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/ui"
)

// newHoldCommand makes the verbs that are about holds: footage that nothing deletes.
func newHoldCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "hold", Short: "Keep footage from being deleted, by anybody"})
	c.AddCommand(newHoldAddCommand(), newHoldListCommand(), newHoldRemoveCommand())
	return c
}

// footageRange are the flags that name a camera and a range.
type footageRange struct{ camera, from, to string }

func (f *footageRange) add(c *cobra.Command) {
	c.Flags().StringVar(&f.camera, "camera", "", "the camera's id")
	c.Flags().StringVar(&f.from, "from", "", "RFC 3339 time")
	c.Flags().StringVar(&f.to, "to", "", "RFC 3339 time")
	require(c, "camera", "from", "to")
}

// require marks flags that were declared just before.
func require(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = c.MarkFlagRequired(name) // the flag exists
	}
}

// times reads the range.
func (f *footageRange) times() (from, to time.Time, err error) {
	if from, err = flagTime("from", f.from); err == nil {
		to, err = flagTime("to", f.to)
	}
	return from, to, err
}

// flagTime reads a flag that holds a time.
func flagTime(flag, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return t, fmt.Errorf("--%s %q is not an RFC 3339 time such as 2026-11-23T14:05:00+09:00", flag, value)
	}
	return t, nil
}

func newHoldAddCommand() *cobra.Command {
	var at serverFlags
	var f footageRange
	var why, expires string
	var asJSON bool
	c := &cobra.Command{
		Use: "add", Short: "Hold a camera's footage of a range, also of what is still to come", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			from, to, err := f.times()
			if err != nil {
				return err
			}
			sent := map[string]any{"from": from, "to": to, "why": why}
			if expires != "" {
				if sent["expires"], err = flagTime("expires", expires); err != nil {
					return err
				}
			}
			var h ui.HoldView
			if err := at.ask(c.Context(), http.MethodPost, "holds", url.Values{"camera": {f.camera}}, sent, &h); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), h)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "held: %s; nothing deletes it before nvr hold remove %s\n", h.ID, h.ID)
			return err
		},
	}
	at.add(c)
	f.add(c)
	c.Flags().StringVar(&why, "reason", "", "the reason: it is kept with the footage and in the audit")
	c.Flags().StringVar(&expires, "expires", "", "RFC 3339 time at which it ends by itself (default: never)")
	c.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON")
	require(c, "reason")
	return c
}

// ask asks the recorder that the flags name.
func (f *serverFlags) ask(ctx context.Context, method, path string, query url.Values, sent, into any) error {
	api, err := f.client()
	if err != nil {
		return err
	}
	body, err := api.send(ctx, method, path, query, sent)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

func newHoldListCommand() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use: "list", Short: "List the holds in force", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c.Context(), "holds", c.OutOrStdout(), printHolds)
		},
	}
	o.add(c)
	c.Flags().StringVar(&o.only, "camera", "", "only of this camera")
	c.Flags().BoolVar(&o.json, "json", false, "print the API's JSON")
	return c
}

func printHolds(r io.Reader, w *tabwriter.Writer) error {
	return printTable("holds", "HOLD\tCAMERA\tFROM\tTO\tUNTIL\tBY\tWHY", func(w io.Writer, h ui.HoldView) {
		until := "removed"
		if h.Expires != nil {
			until = short(*h.Expires)
		}
		row(w, h.ID, h.Camera, short(h.From), short(h.To), until, h.By, h.Why)
	})(r, w)
}

func newHoldRemoveCommand() *cobra.Command {
	var at serverFlags
	var why string
	c := &cobra.Command{
		Use: "remove HOLD", Short: "End a hold: what it covered is deleted when its time comes", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sent := map[string]string{"why": why}
			if err := at.ask(c.Context(), http.MethodDelete, "holds/"+url.PathEscape(args[0]), nil, sent, &struct{}{}); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s: removed\n", args[0])
			return err
		},
	}
	at.add(c)
	c.Flags().StringVar(&why, "reason", "", "the reason: it is kept with the footage and in the audit")
	require(c, "reason")
	return c
}
