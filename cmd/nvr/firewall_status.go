package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/ui"
)

// statusView is the status for programs. Its fields stay; new ones may come.
type statusView struct {
	ui.ContainmentView

	Rules      string            `json:"rules"` // digest, as log prefixes bear it
	Alarms     []string          `json:"alarms"`
	Note       *firewall.Note    `json:"note,omitempty"` // while disarmed
	FirstArmed *time.Time        `json:"first_armed,omitempty"`
	Ports      []portView        `json:"ports"`
	Families   []familyView      `json:"families"`
	Drops      map[string]uint64 `json:"drops"` // packets by the rule that dropped them, since the rules were first loaded

	// Daemon is the account of the nvr that runs; absent where none answers.
	Daemon *ui.ContainmentView `json:"daemon,omitempty"`
}

type portView struct {
	Port     string   `json:"port"`
	Present  bool     `json:"present"`
	Up       bool     `json:"up"`
	Carrier  bool     `json:"carrier"` // something is plugged in
	Bridged  bool     `json:"bridged"` // in our bridge
	Isolated bool     `json:"isolated"`
	Missing  []string `json:"missing"`
}

type familyView struct {
	Family  string   `json:"family"` // IPv4, IPv6, frames
	Missing []string `json:"missing"`
}

func firewallStatus(c *cobra.Command, site *configs.Site, asJSON bool) error {
	fw, err := openFirewall(site, silent)
	if err != nil {
		return err
	}
	b, err := fw.Check(c.Context(), policyOf(site))
	if err != nil {
		return err
	}
	v := statusOf(b)
	if d, err := daemonContainment(c.Context(), site); err == nil {
		v.Daemon, v.Since, v.Counted, v.Proof, v.Unproved = &d, d.Since, d.Counted, d.Proof, d.Unproved
		if b.State == firewall.Enforced { // by the read-back; the daemon's canary has seen more
			v.State, v.Reasons = d.State, append(v.Reasons, d.Reasons...)
		}
	} else if b.Unproved != "" {
		v.Unproved = "nvr does not answer; nvr firewall prove makes one round by itself"
	}
	if asJSON {
		err = printJSON(c.OutOrStdout(), v)
	} else {
		_, err = io.WriteString(c.OutOrStdout(), statusText(v, b.Findings))
	}
	switch {
	case err != nil:
		return err
	case v.State != string(firewall.Enforced) && v.State != string(firewall.Contained):
		return finding{fmt.Errorf("containment is %s", v.State)}
	case len(b.Alarms) > 0:
		return finding{fmt.Errorf("containment is %s, and there is an alarm: %s", v.State, b.Alarms[0])}
	}
	return nil
}

func statusOf(b firewall.ReadBack) statusView {
	v := statusView{
		ContainmentView: containmentView(b.Status), Rules: b.Rules, Alarms: append([]string{}, b.Alarms...), Note: b.Note,
		Drops: map[string]uint64{}, Ports: []portView{}, Families: []familyView{},
	}
	if !b.FirstArmed.IsZero() {
		v.FirstArmed = &b.FirstArmed
	}
	for _, p := range b.Ports {
		v.Ports = append(v.Ports, portView{p.Name, p.Present, p.Up, p.Carrier, p.Bridged, p.Isolated, p.Missing})
	}
	for _, f := range b.Families {
		v.Families = append(v.Families, familyView(f))
	}
	maps.Copy(v.Drops, b.Drops)
	return v
}

// statusText is the status for people.
func statusText(v statusView, found []sightings.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: generation %d, rules %s, revision %s, backend %s\n", v.State, v.Generation, v.Rules, v.Revision, v.Backend)
	for _, r := range v.Reasons {
		if !slices.ContainsFunc(v.Layers, func(l ui.LayerView) bool { return strings.HasPrefix(r, l.Layer+": ") }) { // said below
			fmt.Fprintf(&b, "  because: %s\n", printable(r))
		}
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "  beside the rules: %s\n", printable(n))
	}
	for _, a := range v.Alarms {
		fmt.Fprintf(&b, "  ALARM: %s\n", printable(a))
	}
	b.WriteString(v.proven())
	line := func(name, what string, missing []string) { b.WriteString(statusLine(name, what, missing)) }
	for _, l := range v.Layers {
		switch {
		case l.Holds:
			line(l.Layer, l.Name, nil)
		case v.Generation == 0: // all is missing: that was said
			line(l.Layer, "", []string{l.Name})
		default:
			line(l.Layer, l.Name, []string{l.Detail})
		}
	}
	if v.Generation == 0 {
		for _, p := range v.Ports {
			fmt.Fprintf(&b, "  %-8s %s\n", p.Port, portFacts(p))
		}
		v.history(&b)
		return b.String()
	}
	for _, p := range v.Ports {
		line(p.Port, portFacts(p), p.Missing)
	}
	for _, f := range v.Families {
		line(f.Family, "", f.Missing)
	}
	b.WriteString(networkText(found))
	b.WriteString(driftText(v.Drift))
	v.history(&b)
	return b.String()
}

// proven says what the canary's last round was, and why more is not claimed.
func (v statusView) proven() string {
	p := v.Proof
	switch {
	case p == nil || p.Began == nil:
		return fmt.Sprintf("  not proved: %s\n", printable(v.Unproved))
	case v.Unproved != "":
		return fmt.Sprintf("  not proved: %s (round of %s)\n", printable(v.Unproved), short(*p.Began))
	}
	return fmt.Sprintf("  proved: %d paths tried at %s, none leaked\n", p.Tried, short(*p.Began))
}

// shownChanges is how many changes by others the status prints.
const shownChanges = 10

// driftText says what others changed, and what became of it.
func driftText(drift []ui.DriftView) string {
	var b strings.Builder
	for i, d := range drift {
		if i == 0 {
			b.WriteString("changed by others, the latest first:\n")
		}
		if i == shownChanges {
			fmt.Fprintf(&b, "  and %d before; --json lists them\n", len(drift)-i)
			break
		}
		fmt.Fprintf(&b, "  %s %s %s: %s", short(d.First.UTC()), d.Layer, d.Done, printable(d.Found))
		if d.Count > 1 {
			fmt.Fprintf(&b, " (%d times, last %s)", d.Count, short(d.Last.UTC()))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// networkText says where containment ends: what was found around the box, and
// what cannot be seen from it.
func networkText(found []sightings.Finding) string {
	var b strings.Builder
	for _, f := range found {
		was := ""
		if !f.Current(time.Now()) {
			was = "earlier, "
		}
		fmt.Fprintf(&b, "  network: %s (%sfirst %s, last %s)\n    do: %s\n", printable(f.Text()), was, short(f.First), short(f.Last), printable(f.Fix()))
	}
	for _, u := range sightings.Unseen() {
		fmt.Fprintf(&b, "  cannot be seen from here: %s\n", u)
	}
	return b.String()
}

// maxMissing is how much of what is missing a line names; JSON has all of it.
const maxMissing = 3

// statusLine says whether something holds, and what of it is missing.
func statusLine(name, what string, missing []string) string {
	if len(missing) == 0 {
		return strings.TrimRight(fmt.Sprintf("  %-8s holds    %s", name, what), " ") + "\n"
	}
	says := printable(strings.Join(missing[:min(len(missing), maxMissing)], "; "))
	if more := len(missing) - maxMissing; more > 0 {
		says += fmt.Sprintf("; and %d more", more)
	}
	if what != "" {
		says = what + ": " + says
	}
	return fmt.Sprintf("  %-8s MISSING  %s\n", name, says)
}

// history says since when, and what was dropped.
func (v statusView) history(b *strings.Builder) {
	var total uint64
	for _, n := range v.Drops {
		total += n
	}
	fmt.Fprintf(b, "dropped since the rules were first loaded: %d packets\n", total)
	for _, rule := range slices.Sorted(maps.Keys(v.Drops)) {
		if n := v.Drops[rule]; n > 0 {
			fmt.Fprintf(b, "  %-16s %d\n", rule, n)
		}
	}
	if v.FirstArmed != nil {
		fmt.Fprintf(b, "armed for the first time: %s\n", short(*v.FirstArmed))
	}
	d := v.Daemon
	if d == nil {
		b.WriteString("nvr does not answer: what is loaded stays loaded, and nobody repairs it\n")
		return
	}
	repairs := 0
	for _, l := range d.Layers {
		repairs += l.Repaired
	}
	fmt.Fprintf(b, "nvr runs: %s since %s; %d repairs; dropped %d = read %d (of these the canary's %d) + lost %d + unread %d + suppressed %d\n", d.State, short(d.Since),
		repairs, d.Counted.Dropped, d.Counted.Read, d.Counted.Canary, d.Counted.Lost, d.Counted.Unread, d.Counted.Suppressed)
}

func portFacts(p portView) string {
	if !p.Present {
		return "not there"
	}
	says := []string{"up"}
	if !p.Up {
		says[0] = "down"
	} else if !p.Carrier {
		says[0] = "up, nothing plugged in"
	}
	for _, f := range []struct {
		is       bool
		yes, not string
	}{{p.Bridged, "in the bridge", "not in the bridge"}, {p.Isolated, "isolated", "not isolated"}} {
		if f.is {
			says = append(says, f.yes)
		} else {
			says = append(says, f.not)
		}
	}
	return strings.Join(says, ", ")
}
