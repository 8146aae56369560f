package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/ui"
)

const attemptsHelp = `Choose attempts by words, as on the page:

  nvr attempts 'camera:gate-north -port:123 host:*.example country:CN since:24h reason:spoof'

FIELD:VALUE is met by what has the value, alternatives of one field are joined by
or, all else by and; a word without a field may stand anywhere, a minus in front
leaves out. Fields: camera, device, host, address, port, protocol, country, network,
said, source, mac, reason, layer, rule, is, since, until. is:new, is:odd, is:beacon, is:scan,
is:many, is:names and is:changed ask for what is special about an attempt.`

// newAttemptsCommand makes the verb that lists attempts, or groups of them.
func newAttemptsCommand() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use: "attempts [FILTER]", Short: "List blocked connection attempts", Long: "List blocked connection attempts.\n\n" + attemptsHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.where = strings.Join(args, " ")
			if _, err := filter.Parse(o.where, time.Now()); err != nil {
				return badFilter(err)
			}
			if o.by == "" {
				return o.run(c.Context(), "attempts", c.OutOrStdout(), printAttempts)
			}
			return o.run(c.Context(), "attempts/groups", c.OutOrStdout(), printAttemptGroups)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&o.json, "json", false, "print the API's JSON")
	c.Flags().StringVar(&o.camera, "camera", "", "only of this camera's device")
	c.Flags().StringVar(&o.device, "device", "", "only of this device")
	c.Flags().StringVar(&o.reason, "reason", "", strings.Join(filter.Reasons(), ", "))
	c.Flags().StringVar(&o.from, "since", "", "RFC 3339 time")
	c.Flags().StringVar(&o.by, "group", "", "count them by camera, destination or reason")
	c.Flags().IntVar(&o.limit, "limit", 100, "rows at the most, 1 to 500")
	return c
}

// badFilter is a filter's error in one line, with the fix.
func badFilter(err error) error {
	if wrong, is := err.(*filter.Error); is { //nolint:errorlint // Parse documents that it is one
		return fmt.Errorf("filter, %w: %s", err, wrong.Fix)
	}
	return err
}

func printAttemptGroups(r io.Reader, w *tabwriter.Writer) error {
	return printTable("groups", "VALUE\tNAME\tCOUNTRY\tATTEMPTS\tCOUNT\tFIRST\tLAST", func(w io.Writer, g ui.AttemptGroup) {
		row(w, g.Value, g.Name, g.Country, g.Attempts, g.Count, short(g.First), short(g.Last))
	})(r, w)
}
