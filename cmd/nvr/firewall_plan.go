package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/managers"
	"github.com/stockade-nvr/stockade/firewall/netfilter"
)

type planOptions struct {
	config       string
	diff, asJSON bool
}

// planView is the plan for programs.
type planView struct {
	Revision  string `json:"revision"` // of the site file
	Rules     string `json:"rules"`    // digest
	Text      string `json:"text"`
	Enforcing bool   `json:"observe_refused"` // the site file asks for observing, on a box that was armed before

	Kernel *kernelView `json:"kernel,omitempty"` // with --diff
}

// kernelView is what the kernel holds beside it.
type kernelView struct {
	Generation  int              `json:"generation"`      // 0: none of ours
	Rules       string           `json:"rules,omitempty"` // digest that its log rules bear, empty for none or several
	Differences []differenceView `json:"differences"`
}

type differenceView struct {
	Part  string   `json:"part"`
	Lines []string `json:"lines"` // from kernel to plan, each begins with - or +
}

// planFirewall prints the ruleset, for which no right is needed, or with --diff
// what of it the kernel holds in another way.
func planFirewall(c *cobra.Command, site *configs.Site, o planOptions) error {
	fw := newFirewall(site, silent)
	plan, err := fw.Plan(policyOf(site))
	if err != nil {
		return err
	}
	if plan.Enforcing {
		fmt.Fprintln(c.ErrOrStderr(), "containment: observe is not honoured: this box was armed before. This is what it enforces.")
	}
	if root := systemRoot(); root != "" {
		plan.Text += managers.Text(root, append([]string{bridge}, site.CameraNetwork.Ports...))
	}
	v := planView{Revision: site.Revision, Rules: plan.Rules, Text: plan.Text, Enforcing: plan.Enforcing}
	if !o.diff {
		if o.asJSON {
			return printJSON(c.OutOrStdout(), v)
		}
		_, err = io.WriteString(c.OutOrStdout(), plan.Text)
		return err
	}
	if err := checkRights(); err != nil {
		return err
	}
	k, err := fw.Compare(c.Context(), policyOf(site))
	if err != nil {
		return err
	}
	v.Kernel = kernelViewOf(k)
	if o.asJSON {
		err = printJSON(c.OutOrStdout(), v)
	} else {
		err = printDifferences(c.OutOrStdout(), o.config, plan, k)
	}
	if err == nil && (len(k.Differences) > 0 || k.Revision != k.Wanted) {
		err = finding{errors.New("the kernel holds something else than the site file means: nvr firewall arm loads it")}
	}
	return err
}

func kernelViewOf(k netfilter.Comparison) *kernelView {
	v := &kernelView{Generation: k.Generation, Rules: k.Rules(), Differences: []differenceView{}}
	for _, d := range k.Differences {
		v.Differences = append(v.Differences, differenceView(d))
	}
	return v
}

// printDifferences prints them as diff -u does.
func printDifferences(w io.Writer, config string, plan firewall.Plan, k netfilter.Comparison) error {
	held := fmt.Sprintf("generation %d, rules %s", k.Generation, k.Rules())
	switch {
	case k.Generation == 0:
		held = "nothing of ours"
	case k.Revision == "":
		held = fmt.Sprintf("generation %d, whose log rules were changed", k.Generation)
	case k.Revision != k.Wanted:
		held += " of another policy"
	case len(k.Differences) == 0:
		_, err := fmt.Fprintf(w, "the kernel holds exactly this: %s\n", held)
		return err
	}
	_, err := fmt.Fprintf(w, "--- the kernel: %s\n+++ %s: rules %s\n", held, config, plan.Rules)
	for _, d := range k.Differences {
		fmt.Fprintf(w, "@@ %s @@\n", d.Part)
		for _, l := range d.Lines {
			fmt.Fprintln(w, printable(l))
		}
	}
	return err
}
