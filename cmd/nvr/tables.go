package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/stockade-nvr/stockade/firewall/clouds"
	"github.com/stockade-nvr/stockade/firewall/journal"
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

// row prints the cells of one line. Cells may come from a camera or from
// whoever answers at --server, so each is made printable.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, printable(fmt.Sprint(c)))
	}
	fmt.Fprintln(w)
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
			row(w, c.ID, s.Stream, s.State, s.Codec, picture, s.Bitrate/1000, s.Recording, why)
		}
	})(r, w)
}

func printDevices(r io.Reader, w *tabwriter.Writer) error {
	return printTable("devices", "DEVICE\tIP\tMAC\tPORT\tMAKER\tMODEL\tCAMERAS\tBLOCKED\tLAST BLOCKED", func(w io.Writer, d ui.DeviceView) {
		last := "-"
		if d.BlockedLast != nil {
			last = short(*d.BlockedLast)
		}
		row(w, d.ID, d.IP, d.MAC, cmp.Or(d.Port, "-"), d.Maker, d.Model, d.Cameras, d.Blocked, last)
	})(r, w)
}

func printRecordings(r io.Reader, w *tabwriter.Writer) error {
	return printTable("recordings", "START\tEND\tSECONDS\tBYTES\tSTATE\tRUN", func(w io.Writer, s ui.RecordingView) {
		row(w, short(s.Start), short(s.End), fmt.Sprintf("%.1f", s.End.Sub(s.Start).Seconds()), s.Bytes, s.State, s.Run)
	})(r, w)
}

func printGaps(r io.Reader, w *tabwriter.Writer) error {
	return printTable("gaps", "FROM\tTO\tREASON\tDETAIL", func(w io.Writer, g ui.GapView) {
		to := "still open"
		if g.To != nil {
			to = short(*g.To)
		}
		row(w, short(g.From), to, g.Reason, g.Detail)
	})(r, w)
}

func printAttempts(r io.Reader, w *tabwriter.Writer) error {
	return printTable("attempts", "LAST\tDEVICE\tSOURCE\tHOST\tADDRESS\tPORT\tCOUNTRY\tNETWORK\tCLOUD\tREASON\tIS\tCOUNT\tFIRST", func(w io.Writer, a ui.AttemptView) {
		device, port := a.Device, a.Protocol
		if device == "" {
			device = strings.TrimSpace("(unknown) " + a.MAC)
		}
		if a.Overflow || a.Scan {
			a.Address = "(many)"
		}
		if a.Many {
			a.Source = "(many)"
		}
		is := strings.Join(a.Tags, ",")
		if a.Period > 0 {
			is = strings.Replace(is, "beacon", fmt.Sprintf("beacon:%.0fs±%.0fs", a.Period, a.Jitter), 1)
		}
		if a.Host == journal.SharedHost {
			a.Host = "(one of too many)"
		}
		if a.Host == "" && len(a.Said) > 0 { // what a packet says is no name that was asked for
			a.Host = a.Said[0].By + ":" + a.Said[0].Name
		}
		cloud := ""
		if a.Cloud != nil {
			cloud = a.Cloud.Service
			if a.Cloud.By != string(clouds.ByName) {
				cloud += " (by its " + a.Cloud.By + ")"
			}
		}
		switch {
		case a.Port != 0:
			port += "/" + strconv.Itoa(a.Port)
		case a.ICMPType >= 0:
			port += " type " + strconv.Itoa(a.ICMPType)
		}
		row(w, short(a.Last), device, a.Source, a.Host, a.Address, port, a.Country, a.Network, cloud, a.Reason, is, a.Count, short(a.First))
	})(r, w)
}

// printable is a string without what a terminal would obey. Quoting every plain
// one would be hard to read; one with control characters is an attack.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

// printableLines is printable for text of several lines, such as an error that
// has a line for each problem.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = printable(l)
	}
	return strings.Join(lines, "\n")
}
