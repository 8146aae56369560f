package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
	"github.com/stockade-nvr/stockade/internal/durable"
	"github.com/stockade-nvr/stockade/internal/proof"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// newFirewallCommand makes the verbs that work on the box, whether the daemon runs or not.
func newFirewallCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "firewall", Short: "Show, arm and disarm the containment of the camera network, whether the daemon runs or not"})
	var config string
	var asJSON bool
	c.PersistentFlags().StringVar(&config, "config", defaultConfig, "the site file")
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")

	withSite := func(run func(*cobra.Command, *configs.Site) error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, _ []string) error {
			site, err := loadSite(config)
			if err != nil {
				return err
			}
			return run(c, site)
		}
	}
	var diff bool
	plan := &cobra.Command{
		Use: "plan", Short: "Print the exact ruleset that the site file means; with --diff, what arming would change; exit 1 if anything", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error {
			return planFirewall(c, site, planOptions{config, diff, asJSON})
		}),
	}
	plan.Flags().BoolVar(&diff, "diff", false, "print only in which lines the kernel differs")
	var boot atBoot
	arm := &cobra.Command{
		Use: "arm", Short: "Load the ruleset, read it back, and open the camera ports", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error {
			if boot.on {
				return boot.arm(c, site)
			}
			return armFirewall(c, site, asJSON)
		}),
	}
	boot.flags(arm)
	status := &cobra.Command{
		Use: "status", Short: "Read the kernel back and say which layers hold; exit 1 if one does not", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error { return firewallStatus(c, site, asJSON) }),
	}
	var reason string
	disarm := &cobra.Command{
		Use: "disarm", Short: "Open the camera network: asks for the site's name, and leaves a note", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error { return disarmFirewall(c, site, reason, asJSON) }),
	}
	disarm.Flags().StringVar(&reason, "reason", "", "why: kept in the note and shown while disarmed")
	prove := &cobra.Command{
		Use: "prove", Short: "Try every way out once, by the canary on the live data path; exit 1 if one leaks or a layer is missing", Args: cobra.NoArgs,
		RunE: withSite(func(c *cobra.Command, site *configs.Site) error { return proveFirewall(c, site, asJSON) }),
	}
	c.AddCommand(plan, arm, status, disarm, prove)
	return c
}

// newFirewall makes what the verbs work with. It touches nothing. What a verb
// does it says itself; beyond that, only what was found and put right is told.
func newFirewall(site *configs.Site, log slog.Leveler) *firewall.Firewall {
	return firewall.New(firewall.Options{
		StateDir: site.Storage.State, PortsFile: portsFile(site.Path), GuardFile: guardFile(site.Path), Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: log})),
		Key: siteKeyOf(site.Storage.State), Site: func() string { return site.Name }, Findings: keptFindings(site), Root: systemRoot(),
	})
}

// siteKeyOf opens the site key that signs disarming notes and checks them. A
// command that makes it gives it to the daemon's user.
func siteKeyOf(state string) func() (*proof.Key, error) {
	return func() (*proof.Key, error) {
		key, err := proof.OpenKey(state)
		if err != nil {
			return nil, err
		}
		return key, durable.Give(state, proof.KeyName, proof.PublicName)
	}
}

func openFirewall(site *configs.Site, log slog.Leveler) (*firewall.Firewall, error) {
	if err := checkRights(); err != nil {
		return nil, err
	}
	return newFirewall(site, log), nil
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

// silent is above all levels.
const silent = slog.LevelError + 1

// armed is what arming came to.
type armed struct {
	State      firewall.State `json:"state"`
	Reasons    []string       `json:"reasons"`
	Revision   string         `json:"revision"` // of the site file
	Rules      string         `json:"rules"`    // digest
	Generation int            `json:"generation"`
	Devices    int            `json:"devices"`
	Took       float64        `json:"seconds"`
	Ended      *firewall.Note `json:"ended,omitempty"` // the disarming note that this arming ended
	Enforcing  bool           `json:"observe_refused"` // the site file asks for observing, on a box that was armed before
}

func armFirewall(c *cobra.Command, site *configs.Site, asJSON bool) error {
	fw, err := openFirewall(site, slog.LevelWarn)
	if err != nil {
		return err
	}
	plan, err := fw.Plan(policyOf(site))
	if err != nil {
		return err
	}
	began := time.Now()
	ended, err := fw.Arm(c.Context(), policyOf(site))
	if ended != nil {
		fmt.Fprintf(c.ErrOrStderr(), "This ends the disarming by %s on %s: %s\n", printable(ended.Who), short(ended.When), printable(ended.Why))
	}
	if err != nil {
		return err
	}
	s := fw.Status()
	for _, n := range s.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "beside the rules: %s\n", printable(n))
	}
	detail := "revision " + s.Revision
	if ended != nil {
		detail += "; ends the disarming by " + ended.Who + " on " + short(ended.When)
	}
	writeDown(c, site, "arm", detail)
	return printArmed(c, armed{
		State: s.State, Reasons: append([]string{}, s.Reasons...), Revision: s.Revision, Rules: plan.Rules, Generation: s.Generation,
		Devices: len(site.Devices), Took: time.Since(began).Seconds(), Ended: ended, Enforcing: plan.Enforcing,
	}, asJSON)
}

func printArmed(c *cobra.Command, a armed, asJSON bool) (err error) {
	if a.Enforcing {
		fmt.Fprintln(c.ErrOrStderr(), "containment: observe is not honoured: this box was armed before. It enforces.")
	}
	if asJSON {
		err = printJSON(c.OutOrStdout(), a)
	} else {
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: generation %d, rules %s, revision %s, %d devices, in %.2f s\n",
			a.State, a.Generation, a.Rules, a.Revision, a.Devices, a.Took)
	}
	if err == nil && a.State != firewall.Enforced && a.State != firewall.Observing {
		err = finding{fmt.Errorf("armed, but containment is %s: %s", a.State, strings.Join(a.Reasons, "; "))}
	}
	return err
}

// writeDownWithin bounds how long a daemon that hangs delays a command.
const writeDownWithin = 10 * time.Second

// writeDown writes in the audit who did it. The daemon is asked while it has the
// audit open; before its first start there is no account to write to. What
// cannot be written is said, and has happened all the same.
func writeDown(c *cobra.Command, site *configs.Site, command, detail string) {
	err := writeDownStored(site, command, detail)
	if errors.Is(err, errDaemon) {
		ctx, cancel := context.WithTimeout(c.Context(), writeDownWithin)
		defer cancel()
		api, unreachable := newClient("unix:" + filepath.Join(site.Storage.State, socketName))
		if err = unreachable; err == nil {
			err = api.call(ctx, http.MethodPost, "containment/commands", map[string]string{"command": command, "detail": detail}, nil)
		}
	}
	if err != nil && !errors.Is(err, errNoState) {
		fmt.Fprintf(c.ErrOrStderr(), "This is not in the audit: %v\n", err)
	}
}

func writeDownStored(site *configs.Site, command, detail string) error {
	if _, err := os.Stat(filepath.Join(site.Storage.State, stateName)); errors.Is(err, os.ErrNotExist) {
		return errNoState
	}
	p, err := openPeople(peopleOptions{
		Site: func() *configs.Site { return site }, Mirrors: func() []string { return nil }, Log: newLogger(false),
	})
	if err != nil {
		return err
	}
	as := auth.LocalPrincipal(operator())
	return errors.Join(p.audit.Append(audit.Entry{
		Actor: as.Name(), Via: as.Via(), Action: "firewall." + command, Object: "containment", Outcome: "ok", Detail: detail,
	}), p.close())
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
