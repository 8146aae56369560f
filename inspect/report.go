package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/streams/onvif"
)

// Subject is a device as it is known without asking it.
type Subject struct {
	Device       string
	MAC          net.HardwareAddr
	Maker, Model string       // declared in the site file; may be empty
	MACMaker     string       // whom the MAC was given to; empty: not known
	Ours         []netip.Addr // the recorder's addresses on the camera side; the first is named in fixes
}

// Outcome is how the asking ended.
type Outcome string

// The outcomes. Those but the first two are kinds of onvif.Error.
const (
	Answered    Outcome = "answered"
	Refused     Outcome = "refused" // it answers, and not to the account of the site file
	Closed      Outcome = "closed"
	Silent      Outcome = "silent"
	Unreachable Outcome = "unreachable"
	NotONVIF    Outcome = "not-onvif"
	Elsewhere   Outcome = "foreign"
)

// Source is where a claim comes from.
type Source string

// The sources.
const (
	SiteFile Source = "site-file"
	ONVIF    Source = "onvif"
	MACList  Source = "mac-list" // whom the IEEE gave the MAC to
)

// Claim is what one source says.
type Claim struct {
	Source Source
	Value  string
}

// Fact is what sources say about one thing. Its name is a word of the API.
type Fact struct {
	Name    string
	Claims  []Claim
	Differs bool
}

// Report is what was learnt of a device at a time.
type Report struct {
	Device   string
	At       time.Time
	Outcome  Outcome
	Detail   string // in words, where it did not answer
	Fix      string
	Address  string // where it answered
	Signed   bool   // with the account of the site file
	Facts    []Fact
	Findings []Finding // worst first
	Untold   []onvif.Untold
}

// Of makes a report of what a device said, or of why it said nothing.
func Of(s Subject, said *onvif.Statement, why error, at time.Time) Report {
	r := Report{Device: s.Device, At: at, Outcome: Answered, Facts: []Fact{}, Findings: []Finding{}, Untold: []onvif.Untold{}}
	if said == nil {
		r.failed(why)
		return r
	}
	r.Address, r.Signed, r.Untold = said.Address.String(), said.Signed, append(r.Untold, said.Untold...)
	if slices.ContainsFunc(said.Untold, func(u onvif.Untold) bool { return u.Refused }) && !said.Signed {
		r.Outcome, r.Detail = Refused, "it wants an account for most questions, and does not take that of the site file"
		r.Fix = "many devices keep accounts of their own for ONVIF: make one there with the same name and password as in the site file, for watching only"
	}
	r.facts(s, said)
	r.find(s, said)
	return r
}

// TellsInterfaces reports whether the device named any of its interfaces: only then
// is a radio that is not among its findings one that is gone.
func (r Report) TellsInterfaces() bool {
	return slices.ContainsFunc(r.Facts, func(f Fact) bool { return f.Name == "interface" })
}

// failed is a report of a device that told nothing.
func (r *Report) failed(why error) {
	r.Outcome, r.Detail = Silent, "it was not asked"
	var e *onvif.Error
	if !errors.As(why, &e) {
		return
	}
	r.Outcome, r.Fix = Outcome(e.Kind.String()), e.Kind.Fix()
	switch e.Kind {
	case onvif.KindClosed:
		r.Detail = "it is there, and nothing listens where ONVIF usually is"
	case onvif.KindSilent:
		r.Detail = "it did not answer in time"
	case onvif.KindUnreachable:
		r.Detail = "there is no way to it"
	case onvif.KindNotONVIF:
		r.Detail = "something answers that does not speak ONVIF"
	case onvif.KindForeign:
		r.Detail = "it sends whoever asks to another host"
	case onvif.KindEnded:
		r.Detail = "the asking was ended"
	}
	r.foreign(e.Foreign)
}

// facts sets claims side by side.
func (r *Report) facts(s Subject, said *onvif.Statement) {
	add := func(name string, differs bool, claims ...Claim) {
		claims = slices.DeleteFunc(claims, func(c Claim) bool { return c.Value == "" })
		if len(claims) > 0 {
			r.Facts = append(r.Facts, Fact{name, claims, differs && len(claims) > 1})
		}
	}
	of := func(values ...string) Claim { return Claim{ONVIF, strings.Join(values, ", ")} }
	add("maker", differ(s.Maker, said.Manufacturer) || differ(s.MACMaker, cmp.Or(s.Maker, said.Manufacturer)),
		Claim{SiteFile, s.Maker}, of(said.Manufacturer), Claim{MACList, s.MACMaker})
	add("model", differ(s.Model, said.Model), Claim{SiteFile, s.Model}, of(said.Model))
	add("firmware", false, of(said.Firmware))
	add("serial", false, of(said.Serial))
	add("hardware", false, of(said.Hardware))
	add("hostname", false, of(said.Hostname))
	var macs []string
	for _, i := range said.Interfaces {
		if i.MAC != "" {
			macs = append(macs, i.MAC)
		}
		add("interface", false, of(interfaceText(i)))
	}
	add("mac", len(macs) > 0 && !hasMAC(macs, s.MAC), Claim{SiteFile, s.MAC.String()}, of(macs...))
	add("gateway", false, of(said.Gateways...))
	add("dns", false, of(said.DNS...))
	add("ntp", false, of(said.NTP...))
	if c := said.Clock; c != nil {
		add("clock", false, of(strings.TrimSpace(fmt.Sprintf("%s %s", c.Time.Format(time.RFC3339), c.Source))))
	}
	for _, p := range said.Protocols {
		if p.Enabled {
			add("serves", false, of(strings.TrimSpace(p.Name+" "+strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Ports), " ", ", "), "[]"))))
		}
	}
	for _, p := range said.Profiles {
		add("stream", false, of(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", p.Name, pictureText(p), p.URI)), " ")))
	}
}

func pictureText(p onvif.Profile) string {
	if p.Width == 0 {
		return p.Encoding
	}
	return fmt.Sprintf("%s %dx%d", p.Encoding, p.Width, p.Height)
}

// interfaceText says an interface in one line.
func interfaceText(i onvif.Interface) string {
	words := append([]string{nameOf(i), i.MAC}, i.Addresses...)
	if i.SSID != "" {
		words = append(words, fmt.Sprintf("SSID %q", i.SSID))
	}
	if !i.Enabled {
		words = append(words, "(off)")
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func nameOf(i onvif.Interface) string {
	if i.Name != "" {
		return i.Name
	}
	return i.Token
}
