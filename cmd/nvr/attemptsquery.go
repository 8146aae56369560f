package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/firewall/filter"
	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/ui"
)

const attemptsHelp = `Choose attempts by words, as on the page:

  nvr attempts 'camera:gate-north -port:123 host:*.example country:CN since:24h reason:spoof'

FIELD:VALUE is met by what has the value, alternatives of one field are joined by
or, all else by and; a word without a field may stand anywhere, a minus in front
leaves out. Fields: camera, device, host, address, port, protocol, country, network,
said, source, mac, reason, layer, rule, is, since, until. is:new, is:odd, is:beacon, is:scan,
is:many, is:names and is:changed ask for what is special about an attempt.

Put -- before a filter that begins with a minus: nvr attempts -- '-port:123'`

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
			return o.runAttempts(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: put -- before a filter that begins with a minus: nvr attempts -- '-port:123'", err)
	})
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
		row(w, strings.Replace(g.Value, journal.Others, "(all others)", 1), g.Name, g.Country, g.Attempts, g.Count, short(g.First), short(g.Last))
	})(r, w)
}

// patience is how long a search goes on before it says how far it has come, each time.
const patience = 3 * time.Second

// runAttempts asks until there are as many attempts as may be printed, or all is
// searched, and for groups until all is: the recorder answers in parts.
func (o *queryOptions) runAttempts(ctx context.Context, out, errs io.Writer) error {
	api, err := o.client()
	if err != nil {
		return err
	}
	endpoint, table := "attempts", printAttempts
	if o.by != "" {
		endpoint, table = "attempts/groups", printAttemptGroups
	}
	query, err := o.values(endpoint)
	if err != nil {
		return err
	}
	var answer any
	said := time.Now()
	progress := func(searched *time.Time) {
		if searched != nil && time.Since(said) >= patience {
			said = time.Now()
			fmt.Fprintf(errs, "looked back to %s so far, going on\n", short(*searched))
		}
	}
	if o.by == "" {
		answer, err = allAttempts(ctx, api, query, cmp.Or(o.limit, 100), progress)
	} else {
		answer, err = allGroups(ctx, api, query, progress)
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("join the answers of %s: %w", endpoint, err)
	}
	return o.print(endpoint, bytes.NewReader(append(body, '\n')), out, table)
}

// allAttempts follows the list until limit.
func allAttempts(ctx context.Context, api *client, query url.Values, limit int, progress func(searched *time.Time)) (ui.AttemptPage, error) {
	all := ui.AttemptPage{Attempts: []ui.AttemptView{}}
	for {
		var part ui.AttemptPage
		if err := askPart(ctx, api, "attempts", query, &part); err != nil {
			return all, err
		}
		all.Attempts = append(all.Attempts, part.Attempts...)
		all.Next = part.Next
		all.Searched = cmp.Or(part.Searched, all.Searched)
		left := limit - len(all.Attempts)
		if part.Next == "" || part.Next == query.Get("cursor") || left <= 0 {
			return all, nil
		}
		query.Set("cursor", part.Next)
		query.Set("limit", strconv.Itoa(left))
		progress(all.Searched)
	}
}

// allGroups adds the parts' groups up, to the end.
func allGroups(ctx context.Context, api *client, query url.Values, progress func(searched *time.Time)) (ui.AttemptGroups, error) {
	all := ui.AttemptGroups{Groups: []ui.AttemptGroup{}}
	at := map[string]int{}
	for {
		var part ui.AttemptGroups
		if err := askPart(ctx, api, "attempts/groups", query, &part); err != nil {
			return all, err
		}
		for _, g := range part.Groups {
			i, known := at[g.Value]
			if !known {
				at[g.Value] = len(all.Groups)
				all.Groups = append(all.Groups, g)
				continue
			}
			was := &all.Groups[i]
			was.Name, was.Country = cmp.Or(was.Name, g.Name), cmp.Or(was.Country, g.Country)
			was.Attempts += g.Attempts
			was.Count += g.Count
			if g.First.Before(was.First) {
				was.First = g.First
			}
			if g.Last.After(was.Last) {
				was.Last = g.Last
			}
		}
		all.Next = part.Next
		all.Searched = cmp.Or(part.Searched, all.Searched)
		if part.Next == "" || part.Next == query.Get("cursor") {
			slices.SortStableFunc(all.Groups, func(a, b ui.AttemptGroup) int { return cmp.Compare(b.Count, a.Count) })
			return all, nil
		}
		query.Set("cursor", part.Next)
		progress(all.Searched)
	}
}

func askPart(ctx context.Context, api *client, endpoint string, query url.Values, into any) error {
	body, err := api.get(ctx, endpoint, query)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", endpoint, err)
	}
	return nil
}
