package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// queryOptions are the flags of the verbs that ask a running recorder.
type queryOptions struct {
	serverFlags
	json   bool
	camera string
	only   string // camera, of a list that has no range
	stream string
	device string
	reason string
	where  string // in the filter language
	by     string
	from   string
	to     string
	limit  int
}

func newQueryCommands() []*cobra.Command {
	return []*cobra.Command{
		newQuery("cameras", "List cameras with the state of their streams", nil, printCameras),
		newDevicesCommand(),
		newQuery("recordings", "List the segments of a camera", withRange, printRecordings),
		newQuery("gaps", "List the stretches without footage of a camera, with reasons", withRange, printGaps),
		newInspectCommand(),
		newAttemptsCommand(),
	}
}

// newQuery makes a verb: flags adds what it needs beside --server and --json,
// table prints the answer's JSON for people.
func newQuery(endpoint, short string, flags func(*cobra.Command, *queryOptions), table func(io.Reader, *tabwriter.Writer) error) *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use: endpoint, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c.Context(), endpoint, c.OutOrStdout(), table)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&o.json, "json", false, "print the API's JSON")
	if flags != nil {
		flags(c, &o)
	}
	return c
}

func withRange(c *cobra.Command, o *queryOptions) {
	c.Flags().StringVar(&o.camera, "camera", "", "the camera's id")
	c.Flags().StringVar(&o.stream, "stream", "main", "main or sub")
	c.Flags().StringVar(&o.from, "from", "", "RFC 3339 time (default: a day ago)")
	c.Flags().StringVar(&o.to, "to", "", "RFC 3339 time (default: now)")
	// The flag exists: it was declared three lines up.
	_ = c.MarkFlagRequired("camera")
}

// values are the query parameters that were given.
func (o *queryOptions) values(endpoint string) (url.Values, error) {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("camera", o.camera+o.only)
	set("stream", o.stream)
	set("device", o.device)
	set("reason", o.reason)
	set("q", o.where)
	set("by", o.by)
	since := "since"
	if !strings.HasPrefix(endpoint, "attempts") && o.camera != "" {
		since = "from"
		now := time.Now().UTC()
		v.Set("from", now.Add(-24*time.Hour).Format(time.RFC3339))
		v.Set("to", now.Format(time.RFC3339))
	}
	for key, value := range map[string]string{since: o.from, "to": o.to} {
		if value == "" {
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
			return nil, fmt.Errorf("--%s %q is not an RFC 3339 time such as 2026-11-23T14:05:00+09:00", key, value)
		}
		v.Set(key, value)
	}
	if o.limit != 0 {
		v.Set("limit", strconv.Itoa(o.limit))
	}
	return v, nil
}

func (o *queryOptions) run(ctx context.Context, endpoint string, out io.Writer, table func(io.Reader, *tabwriter.Writer) error) error {
	api, err := o.client()
	if err != nil {
		return err
	}
	query, err := o.values(endpoint)
	if err != nil {
		return err
	}
	body, err := api.get(ctx, endpoint, query)
	if err != nil {
		return err
	}
	defer body.Close()
	return o.print(endpoint, body, out, table)
}

// print writes an answer as it came, or as a table.
func (o *queryOptions) print(endpoint string, body io.Reader, out io.Writer, table func(io.Reader, *tabwriter.Writer) error) error {
	if o.json {
		_, err := io.Copy(out, body)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if err := table(body, w); err != nil {
		return fmt.Errorf("read the answer of %s: %w", endpoint, err)
	}
	return w.Flush()
}

// printTable decodes {KEY: [row...]} and prints a line a row.
func printTable[Row any](key, head string, line func(io.Writer, Row)) func(io.Reader, *tabwriter.Writer) error {
	return func(r io.Reader, w *tabwriter.Writer) error {
		var answer map[string]json.RawMessage
		if err := json.NewDecoder(r).Decode(&answer); err != nil {
			return err
		}
		var rows []Row
		if err := json.Unmarshal(answer[key], &rows); err != nil {
			return err
		}
		fmt.Fprintln(w, head)
		for _, row := range rows {
			line(w, row)
		}
		return nil
	}
}
