package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/ui"
)

// newDevicesCommand lists devices, pinned ones or those that are not, and pins.
func newDevicesCommand() *cobra.Command {
	var o queryOptions
	var unknown bool
	c := &cobra.Command{
		Use: "devices", Short: "List pinned devices, or with --unknown those that are not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if unknown {
				return o.run(c.Context(), "sightings", c.OutOrStdout(), printSightings)
			}
			return o.run(c.Context(), "devices", c.OutOrStdout(), printDevices)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&o.json, "json", false, "print the API's JSON")
	c.Flags().BoolVar(&unknown, "unknown", false, "what was seen on the camera network and is not pinned")
	c.AddCommand(newPinCommand(), newUnpinCommand())
	return c
}

func newPinCommand() *cobra.Command {
	var server serverFlags
	var all bool
	c := &cobra.Command{
		Use:   "pin MAC=IP[=ID][@PORT]... | --all-unknown",
		Short: "Pin devices: add them to the site file, which the recorder takes at once",
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("give devices as MAC=IP, or --all-unknown: nvr devices --unknown lists them")
			}
			api, err := server.client()
			if err != nil {
				return err
			}
			return pinDevices(c, api, args)
		},
	}
	server.add(c)
	c.Flags().BoolVar(&all, "all-unknown", false, "all that were seen with one address that nobody else has; the others are named")
	return c
}

func newUnpinCommand() *cobra.Command {
	var server serverFlags
	c := &cobra.Command{
		Use: "unpin ID", Short: "Remove a device that no camera uses from the site file", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := server.client()
			if err != nil {
				return err
			}
			var seen ui.SightingsView
			if err := api.call(c.Context(), http.MethodGet, "sightings", nil, &seen); err != nil {
				return err
			}
			return changeSite(c, api, http.MethodDelete, "devices/"+url.PathEscape(args[0]), seen.Revision, nil, "unpinned")
		},
	}
	server.add(c)
	return c
}

// pinDevices pins what is given, or all that need no choice.
func pinDevices(c *cobra.Command, api *client, given []string) error {
	var wanted []ui.NewDevice
	for _, text := range given {
		d, err := parsePin(text)
		if err != nil {
			return err
		}
		wanted = append(wanted, d)
	}
	var seen ui.SightingsView
	if err := api.call(c.Context(), http.MethodGet, "sightings", nil, &seen); err != nil {
		return err
	}
	if len(given) == 0 {
		for _, s := range seen.Sightings {
			if s.IP == "" {
				fmt.Fprintf(c.ErrOrStderr(), "not pinned: %s: %s\n", s.MAC, printable(meaningText(s)))
				continue
			}
			wanted = append(wanted, ui.NewDevice{ID: s.ID, MAC: s.MAC, IP: s.IP})
		}
		if len(wanted) == 0 {
			return finding{errors.New("nothing was seen that could be pinned without a choice")}
		}
	}
	return changeSite(c, api, http.MethodPost, "devices", seen.Revision, map[string][]ui.NewDevice{"devices": wanted}, "pinned")
}

// parsePin reads MAC=IP or MAC=IP=ID, and @PORT behind it.
func parsePin(text string) (ui.NewDevice, error) {
	pair, port, bound := strings.Cut(text, "@")
	if bound && port == "" {
		return ui.NewDevice{}, fmt.Errorf("%q names no port behind @: write one of camera_network.ports", text)
	}
	parts := strings.Split(pair, "=")
	if len(parts) != 2 && len(parts) != 3 {
		return ui.NewDevice{}, fmt.Errorf("%q is not MAC=IP, such as 02:00:00:00:00:11=10.20.1.11", text)
	}
	mac, err := net.ParseMAC(parts[0])
	if err != nil || len(mac) != 6 {
		return ui.NewDevice{}, fmt.Errorf("%q is not a MAC: write six pairs of hexadecimal digits", parts[0])
	}
	ip, err := netip.ParseAddr(parts[1])
	if err != nil {
		return ui.NewDevice{}, fmt.Errorf("%q is not an address: write one such as 10.20.1.11", parts[1])
	}
	d := ui.NewDevice{MAC: mac.String(), IP: ip.String(), Port: port}
	if len(parts) == 3 {
		d.ID = parts[2]
	}
	return d, nil
}

// changeSite asks for a change of the site file of a revision, and says what became of it.
func changeSite(c *cobra.Command, api *client, method, path, revision string, sent any, what string) error {
	api.ifMatch = revision
	var done struct {
		Devices []string
		ui.SiteChanged
	}
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	if err := api.call(ctx, method, path, sent, &done); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s; the site file is at revision %s\n", what, printable(strings.Join(done.Devices, " ")), printable(done.Revision)); err != nil {
		return err
	}
	if !done.InForce {
		return finding{fmt.Errorf("the recorder has not taken the site file: %s", printable(done.Why))}
	}
	return nil
}

func printSightings(r io.Reader, w *tabwriter.Writer) error {
	return printTable("sightings", "MAC\tMAKER\tPORT\tADDRESSES\tTOLD DHCP\tFIRST SEEN\tLAST SEEN\tTRIED\tMEANS", func(w io.Writer, s ui.SightingView) {
		var addresses, tried []string
		for _, a := range s.Addresses {
			addresses = append(addresses, a.IP)
		}
		for _, t := range s.Tried[:min(len(s.Tried), 2)] {
			tried = append(tried, fmt.Sprintf("%s %s/%d", t.Address, t.Protocol, t.Port))
		}
		maker := s.Maker
		if s.Local {
			maker = "(made-up MAC)"
		}
		row(w, s.MAC, cmp.Or(maker, "(unknown)"), cmp.Or(s.Port, "-"), cmp.Or(strings.Join(addresses, " "), "-"), cmp.Or(toldText(s.FingerprintView), "-"),
			short(s.First), short(s.Last), cmp.Or(strings.Join(tried, ", "), "-"), cmp.Or(meaningText(s), "-"))
	})(r, w)
}

// toldText is what a device told DHCP, in one line.
func toldText(p ui.FingerprintView) string {
	var all []string
	for _, f := range []string{p.Name, p.Class} {
		if f != "" {
			all = append(all, f)
		}
	}
	if p.Parameters != "" {
		all = append(all, "asks for "+p.Parameters)
	}
	return strings.Join(all, "; ")
}

// meaningText says in words what an admin must know before pinning a device.
func meaningText(s ui.SightingView) string {
	var all []string
	for _, m := range s.Means {
		switch m.Code {
		case "moved":
			all = append(all, fmt.Sprintf("it is %s with another address, %s: change ip of %s in the site file if that is right", m.Device, m.IP, m.Device))
		case "takes-address":
			all = append(all, fmt.Sprintf("%s is pinned to %s (%s): a second device with it, or a forgery", m.IP, m.Device, m.MAC))
		case "shared-address":
			all = append(all, fmt.Sprintf("%s uses %s too: find out which one is right", m.MAC, m.IP))
		case "many-addresses":
			all = append(all, "it uses several addresses: choose one")
		case "outside":
			all = append(all, fmt.Sprintf("%s is in no camera network: add its network to camera_network.addresses, or change the device", m.IP))
		case "ours":
			all = append(all, fmt.Sprintf("it claims %s, which is the recorder's", m.IP))
		case "no-address":
			all = append(all, "it never told an address: give it one, or find it out")
		default:
			all = append(all, m.Code)
		}
	}
	return strings.Join(all, "; ")
}
