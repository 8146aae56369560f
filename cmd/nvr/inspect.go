package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/ui"
)

// newInspectCommand shows what devices say of themselves.
func newInspectCommand() *cobra.Command {
	var o queryOptions
	var fresh bool
	c := &cobra.Command{
		Use: "inspect", Short: "Show what devices say of themselves, and where that contradicts the site file", Args: cobra.NoArgs,
		Long: "Devices are asked over ONVIF once a day, and sooner where they did not answer. --fresh asks the device of --device now.",
		RunE: func(c *cobra.Command, _ []string) error {
			if fresh && o.device == "" {
				return errors.New("--fresh asks one device: name it with --device")
			}
			if fresh {
				api, err := o.client()
				if err != nil {
					return err
				}
				if err := api.call(c.Context(), http.MethodPost, "devices/"+url.PathEscape(o.device)+"/inspect", nil, nil); err != nil {
					return err
				}
			}
			table := printInspections
			if o.device != "" {
				table = printInspection
			}
			return o.run(c.Context(), "inspect", c.OutOrStdout(), table)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&o.json, "json", false, "print the API's JSON")
	c.Flags().BoolVar(&fresh, "fresh", false, "ask the device now: an admin's right, and written into the audit")
	c.Flags().StringVar(&o.device, "device", "", "only this device, with all that it says")
	return c
}

// printInspections prints a line a device.
func printInspections(r io.Reader, w *tabwriter.Writer) error {
	return printTable("inspections", "DEVICE\tASKED\tOUTCOME\tMAKER\tMODEL\tFIRMWARE\tFINDINGS", func(w io.Writer, v ui.InspectionView) {
		said := func(name string) string {
			for _, f := range v.Facts {
				for _, c := range f.Claims {
					if f.Name == name && c.Source == "onvif" {
						return c.Value
					}
				}
			}
			return "-"
		}
		var found []string
		for _, f := range v.Findings {
			found = append(found, f.Code)
		}
		row(w, v.Device, short(v.At), v.Outcome, said("maker"), said("model"), said("firmware"), cmp.Or(strings.Join(found, " "), "-"))
	})(r, w)
}

// printInspection prints all of one device.
func printInspection(r io.Reader, w *tabwriter.Writer) error {
	var answer struct{ Inspections []ui.InspectionView }
	if err := json.NewDecoder(r).Decode(&answer); err != nil {
		return err
	}
	if len(answer.Inspections) == 0 {
		fmt.Fprintln(w, "it was not asked yet: nvr inspect --device ID --fresh asks it now")
		return nil
	}
	v := answer.Inspections[0]
	row(w, "asked", short(v.At), cmp.Or(v.Address, v.Outcome))
	if v.Detail != "" {
		row(w, v.Outcome, v.Detail, v.Fix)
	}
	fmt.Fprintln(w, "\nFACT\tSOURCE\tSAYS")
	for _, f := range v.Facts {
		for _, c := range f.Claims {
			name := f.Name
			if f.Differs {
				name += " (differs)"
			}
			row(w, name, c.Source, c.Value)
		}
	}
	if len(v.Findings) > 0 {
		fmt.Fprintln(w, "\nLEVEL\tFOUND\tFIX")
	}
	for _, f := range v.Findings {
		row(w, f.Level, f.Text, f.Fix)
	}
	if len(v.Untold) > 0 {
		fmt.Fprintln(w, "\nNOT TOLD\tWHY")
	}
	for _, u := range v.Untold {
		row(w, u.Operation, u.Why)
	}
	return nil
}
