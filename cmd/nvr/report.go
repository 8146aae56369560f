package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/report"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui"
)

// report makes the signed report of a period: as JSON, or as a page in a language.
func (a *app) report(ctx context.Context, from, to time.Time, as string) (made ui.Report, err error) {
	site := a.current()
	key, err := siteKeyOf(site.Storage.State)()
	if err != nil {
		return made, err
	}
	now := time.Now()
	r, err := report.Make(ctx, a.journal, site.Name, site.Zone.String(), from, to, now, a.proved(from, to))
	if err != nil {
		return made, err
	}
	made.Text, err = report.Sign(r, key, now)
	if err == nil && as != "" {
		made.Text, err = report.Page(made.Text, as)
		made.Policy = report.PagePolicy()
	}
	return made, err
}

// proved is what is known of enforcement, in a period and now, for a report.
func (a *app) proved(from, to time.Time) report.Proof {
	s := a.fw.Status()
	p := report.Proof{
		State: string(s.State), Reasons: append([]string{}, s.Reasons...), Since: s.Since.UTC(), Checked: s.Checked.UTC(),
		Changes: []report.Change{}, Disarms: []report.Disarm{}, Alarms: append([]string{}, s.Alarms...),
		Account: report.Account(s.Counted), Began: a.started.UTC(), Findings: []string{}, Unseen: sightings.Unseen(),
		States: []report.Stretch{}, Unproved: s.Unproved, Canary: canaryOf(s.Proof),
	}
	for _, x := range a.fw.Past(from, to) {
		p.States = append(p.States, report.Stretch{From: x.From, To: x.To, State: string(x.State), Why: x.Why, Proofs: x.Proofs})
	}
	for _, d := range s.Drift {
		p.Changes = append(p.Changes, report.Change{First: d.First.UTC(), Last: d.Last.UTC(), Layer: d.Layer, Found: d.Found, Done: string(d.Done), Count: d.Count})
	}
	if s.Note != nil {
		p.Disarms = append(p.Disarms, report.Disarm{When: s.Note.When.UTC(), Who: s.Note.Who, Why: s.Note.Why})
	}
	for _, f := range s.Findings {
		p.Findings = append(p.Findings, f.Text())
	}
	return p
}

// canaryOf is the canary's last round; nil where it made none.
func canaryOf(p *firewall.Proof) *report.Canary {
	if p == nil {
		return nil
	}
	c := &report.Canary{At: p.Began.UTC(), Verdict: string(p.Verdict()), Since: p.Since.UTC(), Paths: []report.Path{}, Reasons: append([]string{}, p.Reasons()...)}
	for _, x := range p.Paths {
		c.Paths = append(c.Paths, report.Path{ID: x.ID, Outcome: string(x.Outcome), Detail: x.String()})
	}
	return c
}

// newReportCommand makes the verbs about the report of a period.
func newReportCommand() *cobra.Command {
	var at serverFlags
	var from, to, output, page string
	c := &cobra.Command{
		Use: "report", Short: "Write who tried to reach what in a period, and what was proved, signed with the site key", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			values := url.Values{}
			for flag, value := range map[string]string{"from": from, "to": to} {
				if value == "" && flag == "to" {
					continue
				}
				if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
					return fmt.Errorf("--%s %q is not an RFC 3339 time such as 2026-11-23T14:05:00+09:00", flag, value)
				}
				values.Set(flag, value)
			}
			if page != "" {
				values.Set("page", page)
			}
			api, err := at.client()
			if err != nil {
				return err
			}
			body, err := api.get(c.Context(), "report", values)
			if err != nil {
				return err
			}
			defer body.Close()
			if output == "" {
				_, err = io.Copy(c.OutOrStdout(), body)
				return err
			}
			n, err := writeNew(output, body)
			if err != nil {
				return fmt.Errorf("write the report to %s: %w", output, err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes; check it anywhere with nvr report verify %s --key site.pub\n", output, n, output)
			return err
		},
	}
	at.add(c)
	c.Flags().StringVar(&from, "from", "", "RFC 3339 time")
	c.Flags().StringVar(&to, "to", "", "RFC 3339 time (default: now)")
	c.Flags().StringVar(&page, "page", "", "write a page to be read and printed, in this language (en, ko), that carries what was signed")
	c.Flags().StringVarP(&output, "output", "o", "", "the file to write; it must not exist (default: to the standard output)")
	// The flag exists: it was declared above.
	_ = c.MarkFlagRequired("from")
	c.AddCommand(newReportVerify())
	return c
}

func newReportVerify() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check that a report is what the recorder signed, without the recorder; exit 1 if it is not", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			public, err := proof.ReadPublic(key)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("read the report: %w", err)
			}
			defer f.Close()
			text, err := io.ReadAll(io.LimitReader(f, report.MaxBytes+1))
			if err != nil {
				return fmt.Errorf("read the report: %w", err)
			}
			r, head, err := report.Verify(text, public)
			if errors.Is(err, report.ErrChanged) || errors.Is(err, proof.ErrOtherKey) || errors.Is(err, proof.ErrSignature) {
				return finding{fmt.Errorf("%s: %w: take it from the recorder again, and compare the key with the one noted down elsewhere", args[0], err)}
			}
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), reportText(r, head))
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "/var/lib/nvr/state/"+proof.PublicName, "the site's public key, or a copy that was kept elsewhere")
	return c
}

// reportText is a report in short, for people.
func reportText(r report.Report, head proof.Head) string {
	canary := "not proved by a canary"
	if c := r.Proof.Canary; c != nil {
		canary = fmt.Sprintf("the canary said %s at %s", c.Verdict, short(c.At))
	}
	whole := ""
	if !r.Complete {
		whole = fmt.Sprintf("; only the %d latest attempts are listed", report.MaxRows)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "as signed at %s with key %s\n%s: %s to %s\ncontainment: %s since %s; %s; %d changes by others\n%d packets of %d devices%s\n",
		short(head.Time), head.Key, printable(r.Site), short(r.From), short(r.To), printable(r.Proof.State), short(r.Proof.Since), canary, len(r.Proof.Changes),
		r.Packets, len(r.Devices), whole)
	for _, x := range r.Shares() {
		fmt.Fprintf(&b, "  %-24s %s, %d proofs\n", printable(x.State), x.Time.Round(time.Second), x.Proofs)
	}
	for _, d := range r.Devices {
		fmt.Fprintf(&b, "  %-24s %d packets, %d attempts\n", printable(d.Device), d.Packets, len(d.Attempts))
	}
	return b.String()
}
