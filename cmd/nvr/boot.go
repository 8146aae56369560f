package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/firewall"
)

// lookForPorts is how often a port that is missing at boot is looked for.
const lookForPorts = 100 * time.Millisecond

// portsFile is where the ports to shut at the next boot are kept; the bolt reads
// it (configs/deb/bolt). Nowhere without a site file, as in the demo.
func portsFile(config string) string {
	if config == "" {
		return ""
	}
	return config + ".ports"
}

// atBoot is arming before the network is up, when nothing but the root file
// system may be there: it reads the site file and no secret, database or volume.
type atBoot struct {
	on   bool
	wait time.Duration
}

func (b *atBoot) flags(c *cobra.Command) {
	c.Flags().BoolVar(&b.on, "boot", false, "as nvr-arm.service does: obey a disarming note, and go on without ports that are not there")
	c.Flags().DurationVar(&b.wait, "wait", 0, "with --boot: how long to wait for ports that are not there yet")
}

// arm loads the rules at once, by the names of the ports, and opens each port
// when it is there. What is not as the site file says is a finding: the unit is
// then shown as failed, while what was armed stays so. A disarming note is
// obeyed; only an operator's nvr firewall arm ends it (C1). Nothing goes into
// the audit: the daemon writes down what it finds.
func (b *atBoot) arm(c *cobra.Command, site *configs.Site) error {
	if err := checkRights(); err != nil {
		return err
	}
	fw := firewall.New(firewall.Options{
		StateDir: site.Storage.State, PortsFile: portsFile(site.Path), Absent: true, Boot: true, Log: newLogger(false),
		Key: siteKeyOf(site.Storage.State), Site: func() string { return site.Name }, Root: systemRoot(),
	})
	policy := policyOf(site)
	err := fw.Set(c.Context(), policy)
	if err == nil && len(missingPorts(policy.Ports)) > 0 && b.wait > 0 {
		awaitPorts(c.Context(), policy.Ports, b.wait)
		err = fw.Set(c.Context(), policy)
	}
	s := fw.Status()
	for _, n := range s.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "beside the rules: %s\n", printable(n))
	}
	switch {
	case errors.Is(err, firewall.ErrDisarmed):
		return finding{fmt.Errorf("cameras are not contained: %s; nvr firewall arm closes it", strings.Join(s.Reasons, "; "))}
	case err != nil:
		return fmt.Errorf("arm at boot, the camera ports stay shut: %w", err)
	case s.State != firewall.Enforced && s.State != firewall.Observing:
		return finding{fmt.Errorf("containment is %s: %s", s.State, strings.Join(s.Reasons, "; "))}
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: revision %s, generation %d, %d devices\n", s.State, s.Revision, s.Generation, len(site.Devices))
	return err
}

// awaitPorts returns when all ports are there, or when limit has passed.
func awaitPorts(ctx context.Context, ports []string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(lookForPorts)
	defer tick.Stop()
	for len(missingPorts(ports)) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// missingPorts are those that this machine does not have, yet.
func missingPorts(ports []string) []string {
	return slices.DeleteFunc(slices.Clone(ports), func(p string) bool {
		_, err := net.InterfaceByName(p)
		return err == nil
	})
}
