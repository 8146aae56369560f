package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// short is how tables print a time: RFC 3339, to the second.
func short(t time.Time) string { return t.Format(time.RFC3339) }

// printJSON prints a value as the API would, but readable.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printCameras(r io.Reader, w *tabwriter.Writer) error {
	return printTable("cameras", "CAMERA\tSTREAM\tSTATE\tCODEC\tPICTURE\tKBIT/S\tRECORDING\tWHY", func(w io.Writer, c ui.CameraView) {
		for _, s := range c.Streams {
			picture, why := "-", s.Detail
			if s.Width > 0 {
				picture = fmt.Sprintf("%dx%d", s.Width, s.Height)
			}
			if why == "" {
				why = s.Cause
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.ID, s.Stream, s.State, s.Codec, picture, s.Bitrate/1000, s.Recording, why)
		}
	})(r, w)
}

func printDevices(r io.Reader, w *tabwriter.Writer) error {
	return printTable("devices", "DEVICE\tIP\tMAC\tMAKER\tMODEL\tCAMERAS", func(w io.Writer, d ui.DeviceView) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%v\n", d.ID, d.IP, d.MAC, d.Maker, d.Model, d.Cameras)
	})(r, w)
}

func printRecordings(r io.Reader, w *tabwriter.Writer) error {
	return printTable("recordings", "START\tEND\tSECONDS\tBYTES\tSTATE\tRUN", func(w io.Writer, s ui.RecordingView) {
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%d\t%s\t%s\n", short(s.Start), short(s.End), s.End.Sub(s.Start).Seconds(), s.Bytes, s.State, s.Run)
	})(r, w)
}

func printGaps(r io.Reader, w *tabwriter.Writer) error {
	return printTable("gaps", "FROM\tTO\tREASON\tDETAIL", func(w io.Writer, g ui.GapView) {
		to := "still open"
		if g.To != nil {
			to = short(*g.To)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", short(g.From), to, g.Reason, g.Detail)
	})(r, w)
}

func printAttempts(r io.Reader, w *tabwriter.Writer) error {
	return printTable("attempts", "LAST\tDEVICE\tSOURCE\tHOST\tADDRESS\tPORT\tREASON\tCOUNT\tFIRST", func(w io.Writer, a ui.AttemptView) {
		device, port := a.Device, a.Protocol
		if device == "" {
			device = "(unknown) " + a.MAC
		}
		switch {
		case a.Port != 0:
			port += "/" + strconv.Itoa(a.Port)
		case a.ICMPType >= 0:
			port += " type " + strconv.Itoa(a.ICMPType)
		}
		// %q would quote every plain name; a name with control characters is an attack on the terminal.
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
			short(a.Last), device, a.Source, printable(a.Host), a.Address, port, a.Reason, a.Count, short(a.First))
	})(r, w)
}

// printable is a foreign string without what a terminal would obey.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}
