package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/firewall/managers"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// newFirewallCommand makes the verbs that work on the box without the daemon.
func newFirewallCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "firewall", Short: "Show, arm and disarm the containment of the camera network, without the daemon"})
	var config string
	c.PersistentFlags().StringVar(&config, "config", defaultConfig, "the site file")

	withSite := func(run func(*cobra.Command, *configs.Site) error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, _ []string) error {
			site, err := loadSite(config)
			if err != nil {
				return err
			}
			return run(c, site)
		}
	}
	plan := &cobra.Command{
		Use: "plan", Short: "Print the exact ruleset that the site file means", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error {
			text, err := firewall.Plan(policyOf(site))
			if err != nil {
				return err
			}
			if root := systemRoot(); root != "" {
				text += managers.Text(root, append([]string{bridge}, site.CameraNetwork.Ports...))
			}
			_, err = io.WriteString(c.OutOrStdout(), text)
			return err
		}),
	}
	arm := &cobra.Command{
		Use: "arm", Short: "Load the ruleset, read it back, and open the camera ports", Args: cobra.NoArgs,
		RunE: withSite(armFirewall),
	}
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "Read the kernel back and say which layers hold; exit 1 if one does not", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error { return firewallStatus(c, site, asJSON) }),
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	var reason string
	disarm := &cobra.Command{
		Use: "disarm", Short: "Open the camera network: asks for the site's name, and leaves a note", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error { return disarmFirewall(c, site, reason) }),
	}
	disarm.Flags().StringVar(&reason, "reason", "", "why: kept in the note and shown while disarmed")
	prove := &cobra.Command{
		Use: "prove", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("not built yet: the proof by a canary on the live data path; nvr firewall status reads every layer back")
		},
	}
	c.AddCommand(plan, arm, status, disarm, prove)
	return c
}

func openFirewall(site *configs.Site) (*firewall.Firewall, error) {
	if err := checkRights(); err != nil {
		return nil, err
	}
	return firewall.New(firewall.Options{StateDir: site.Storage.State, Log: newLogger(false), Root: systemRoot(), Findings: keptFindings(site)}), nil
}

// keptFindings are what the daemon found about the network, as its file has it.
func keptFindings(site *configs.Site) func() []sightings.Finding {
	return func() []sightings.Finding {
		kept, err := sightings.Load(filepath.Join(site.Storage.State, sightingsName))
		if err != nil {
			newLogger(false).Warn("what was found about the camera network is not known", "error", err)
		}
		return kept.Findings
	}
}

// systemRoot is where the files of the system's network managers are, empty where
// they do not see this network, as in a demo.
func systemRoot() string {
	if managers.Here("/proc") {
		return "/"
	}
	return ""
}

func armFirewall(c *cobra.Command, site *configs.Site) error {
	fw, err := openFirewall(site)
	if err != nil {
		return err
	}
	if err := fw.Arm(c.Context(), policyOf(site)); err != nil {
		return err
	}
	s := fw.Status()
	if err := noteArmed(site, "revision "+s.Revision); err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "This is not in the audit: %v\n", err)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "beside the rules: %s\n", printable(n))
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: revision %s, generation %d, %d devices\n", s.State, s.Revision, s.Generation, len(site.Devices))
	return err
}

// noteArmed writes down who armed. A daemon that runs sees it and writes it down
// itself, and before its first start there is no account to write to.
func noteArmed(site *configs.Site, detail string) error {
	if _, err := os.Stat(filepath.Join(site.Storage.State, stateName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p, err := openPeople(peopleOptions{
		Site: func() *configs.Site { return site }, Mirrors: func() []string { return nil }, Log: newLogger(false),
	})
	if errors.Is(err, errDaemon) {
		return nil
	}
	if err != nil {
		return err
	}
	as := auth.LocalPrincipal(operator())
	return errors.Join(p.audit.Append(audit.Entry{
		Actor: as.Name(), Via: as.Via(), Action: "firewall.arm", Object: "containment", Outcome: "ok", Detail: detail,
	}), p.close())
}

func firewallStatus(c *cobra.Command, site *configs.Site, asJSON bool) error {
	fw, err := openFirewall(site)
	if err != nil {
		return err
	}
	s, err := fw.Check(c.Context(), policyOf(site))
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(containmentView(s))
	} else {
		_, err = io.WriteString(out, statusText(s))
	}
	if err == nil && s.State != firewall.Enforced {
		err = finding{fmt.Errorf("containment is %s", s.State)}
	}
	return err
}

// statusText is the status for people.
func statusText(s firewall.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: generation %d, backend %s\n", s.State, s.Generation, s.Backend)
	for _, r := range s.Reasons {
		fmt.Fprintf(&b, "  because: %s\n", printable(r))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "  beside the rules: %s\n", printable(n))
	}
	for _, l := range s.Layers {
		mark := "holds  "
		if !l.Holds {
			mark = "MISSING"
		}
		fmt.Fprintf(&b, "  %s %s  %s", l.Layer, mark, l.Name)
		if l.Detail != "" {
			fmt.Fprintf(&b, " (%s)", printable(l.Detail))
		}
		b.WriteByte('\n')
	}
	for i, d := range s.Drift {
		if i == 0 {
			b.WriteString("Changed by others, the latest first:\n")
		}
		if i == shownChanges {
			fmt.Fprintf(&b, "  and %d before; --json lists them\n", len(s.Drift)-i)
			break
		}
		fmt.Fprintf(&b, "  %s %s %s: %s", d.First.UTC().Format(time.RFC3339), d.Layer, d.Done, printable(d.Found))
		if d.Count > 1 {
			fmt.Fprintf(&b, " (%d times, last %s)", d.Count, d.Last.UTC().Format(time.RFC3339))
		}
		b.WriteByte('\n')
	}
	for _, f := range s.Findings {
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

// shownChanges is how many changes by others the status prints.
const shownChanges = 10

// disarmFirewall asks for the site's name, so that nobody opens the wrong box (C1).
func disarmFirewall(c *cobra.Command, site *configs.Site, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return errors.New("say why with --reason: it is kept in the note")
	}
	fw, err := openFirewall(site)
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
	if err := fw.Disarm(c.Context(), policyOf(site), firewall.Note{Who: who, Why: reason}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), "disarmed: nvr firewall arm closes it again")
	return err
}

// operator names who runs this program, also behind sudo.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
