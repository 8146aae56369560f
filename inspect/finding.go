package inspect

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/stockade-nvr/stockade/streams/onvif"
)

// Level is how much a finding takes from what can be claimed of the device.
type Level int

// The levels.
const (
	Note        Level = iota // to be known
	Warning                  // it contradicts what is declared, or points past the recorder
	NotEnforced              // by its own account it has a way out that this box is not on
)

// String gives the level's word, as findings about the network have it.
func (l Level) String() string {
	switch l {
	case NotEnforced:
		return "not-enforced"
	case Warning:
		return "warning"
	case Note:
	}
	return "note"
}

// Code names a kind of finding.
type Code string

// The codes.
const (
	Radio           Code = "radio"            // a wireless interface that is on
	Modem           Code = "modem"            // an interface of a mobile network that is on
	RadioOff        Code = "radio-off"        // either, off
	RadioCapable    Code = "radio-capable"    // it could be given Wi-Fi
	SecondInterface Code = "second-interface" // a second cable
	Foreign         Code = "foreign"          // another host in its answers (C13)
	OtherMAC        Code = "other-mac"        // none of its MACs is the pinned one
	Maker           Code = "maker"
	Model           Code = "model"
	MACMaker        Code = "mac-maker"
	Gateway         Code = "gateway"
	DNS             Code = "dns"
	NTP             Code = "ntp"
	ClockOff        Code = "clock"
)

// Finding is something about a device that somebody should know.
type Finding struct {
	Code  Code
	About string // interface, host, or what the device says
	With  string // SSID, question, or what is declared or known instead
}

// Level of a finding.
func (f Finding) Level() Level {
	switch f.Code {
	case Radio, Modem:
		return NotEnforced
	case SecondInterface, Foreign, OtherMAC, Maker, Model:
		return Warning
	case RadioOff, RadioCapable, MACMaker, Gateway, DNS, NTP, ClockOff:
	}
	return Note
}

// Text says in words what was found.
func (f Finding) Text() string {
	switch f.Code {
	case Radio:
		return fmt.Sprintf("it has a radio that is on: %s%s", f.About, aside(f.With))
	case Modem:
		return fmt.Sprintf("it has a modem that is on: %s", f.About)
	case RadioOff:
		return fmt.Sprintf("it has a radio or modem that is off: %s", f.About)
	case RadioCapable:
		return "it says that Wi-Fi can be set up on it"
	case SecondInterface:
		return fmt.Sprintf("it has a second network interface that is on: %s", f.About)
	case Foreign:
		return fmt.Sprintf("names %s in its answer to %s; that was not dialled", f.About, f.With)
	case OtherMAC:
		return fmt.Sprintf("none of the MACs that it tells (%s) is the pinned one, %s", f.About, f.With)
	case Maker:
		return fmt.Sprintf("it says that its maker is %s, the site file says %s", f.About, f.With)
	case Model:
		return fmt.Sprintf("it says that it is the model %s, the site file says %s", f.About, f.With)
	case MACMaker:
		return fmt.Sprintf("its MAC was given to %s, its maker is said to be %s", f.About, f.With)
	case Gateway:
		return fmt.Sprintf("its gateway is %s, which is not the recorder", f.About)
	case DNS:
		return fmt.Sprintf("it asks %s for names, which is not the recorder", f.About)
	case NTP:
		return fmt.Sprintf("it asks %s for the time, which is not the recorder", f.About)
	case ClockOff:
		return fmt.Sprintf("its clock is %s the recorder's", f.About)
	}
	return string(f.Code)
}

func aside(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(", in the network %q", s)
}

// Fix says what to do about it.
func (f Finding) Fix() string {
	switch f.Code {
	case Radio, Modem:
		return "no wire sees what leaves there: switch it off in the device's own pages, take antenna or SIM card out, and ask again; else take the device down"
	case RadioOff, RadioCapable:
		return "leave it off; take antenna or SIM card out if that can be done"
	case SecondInterface:
		return "see that nothing is plugged in there, and switch it off in the device's own pages"
	case Foreign:
		return "correct the address in the device's own pages; if it comes back, the device is set up to send others there"
	case OtherMAC:
		return "find out which device answers at the pinned address"
	case Maker, Model:
		return "look at the device, and correct whichever is wrong: declared in the site file, or what was delivered"
	case MACMaker:
		return "many are made by others than those who sell them: find out who made it, if that matters to you"
	case Gateway, DNS, NTP:
		return fmt.Sprintf("set it to %s in the device's own pages; meanwhile what it tries is dropped or answered by the recorder", f.With)
	case ClockOff:
		return fmt.Sprintf("have it take its time from %s; footage carries the recorder's time all the same", f.With)
	}
	return ""
}

// find compares what a device says with what is known.
func (r *Report) find(s Subject, said *onvif.Statement) {
	note := func(c Code, about, with string) { r.Findings = append(r.Findings, Finding{c, about, with}) }
	r.interfaces(s, said, note)
	r.foreign(said.Foreign)
	if differ(s.Maker, said.Manufacturer) {
		note(Maker, said.Manufacturer, s.Maker)
	}
	if differ(s.Model, said.Model) {
		note(Model, said.Model, s.Model)
	}
	if maker := cmp.Or(s.Maker, said.Manufacturer); differ(s.MACMaker, maker) {
		note(MACMaker, s.MACMaker, maker)
	}
	us := ""
	if len(s.Ours) > 0 {
		us = s.Ours[0].String()
	}
	for _, one := range []struct {
		code Code
		said []string
	}{{Gateway, said.Gateways}, {DNS, said.DNS}, {NTP, said.NTP}} {
		if other := elsewhere(one.said, s.Ours); len(other) > 0 {
			note(one.code, strings.Join(other, ", "), us)
		}
	}
	if c := said.Clock; c != nil && c.Offset.Abs() > clockSlack {
		direction := "ahead of"
		if c.Offset < 0 {
			direction = "behind"
		}
		note(ClockOff, fmt.Sprintf("%s %s", c.Offset.Abs(), direction), us)
	}
	r.sort()
}

// clockSlack is how far a clock may be off before it is worth a word: ONVIF tells
// whole seconds, and a camera takes some to answer.
const clockSlack = 5 * time.Second

func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(b.Level(), a.Level()) })
}

// foreign notes hosts that are not the device's.
func (r *Report) foreign(named []onvif.Foreign) {
	for _, f := range named {
		r.Findings = append(r.Findings, Finding{Foreign, f.Host, f.In})
	}
}

// interfaces looks for ways out beside the wire.
func (r *Report) interfaces(s Subject, said *onvif.Statement, note func(Code, string, string)) {
	var macs []string
	wired, radio := 0, said.WirelessCapable
	for _, i := range said.Interfaces {
		if i.MAC != "" {
			macs = append(macs, i.MAC)
		}
		kind := kindOf(i)
		switch {
		case kind == loopback:
		case kind == wire && i.Enabled:
			if wired++; wired > 1 {
				note(SecondInterface, nameOf(i), "")
			}
		case kind == wire:
		case !i.Enabled:
			note(RadioOff, nameOf(i), "")
		case kind == modem:
			note(Modem, nameOf(i), "")
		default:
			note(Radio, nameOf(i), i.SSID)
		}
		radio = radio && kind != wireless
	}
	if radio {
		note(RadioCapable, "", "")
	}
	if len(macs) > 0 && !hasMAC(macs, s.MAC) {
		note(OtherMAC, strings.Join(macs, ", "), s.MAC.String())
	}
}

// medium is what an interface leads out by.
type medium int

const (
	wire medium = iota
	wireless
	modem
	loopback
)

// Types of IANA's list (ifType) that say it; most devices leave it out, so their
// interfaces' usual names under Linux count as well.
const (
	typeLoopback = 24
	typePPP      = 23
	typeWWAN     = 243
	typeWWAN2    = 244
)

func kindOf(i onvif.Interface) medium {
	name := strings.ToLower(cmp.Or(i.Name, i.Token))
	begins := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(name, w) })
	}
	switch {
	case i.Type == typeLoopback || name == "lo" || name == "lo0":
		return loopback
	case i.Wireless || begins("wlan", "wlp", "wifi", "wi-fi", "ath", "mlan", "ra0", "wl0"):
		return wireless
	case i.Type == typePPP || i.Type == typeWWAN || i.Type == typeWWAN2 || begins("ppp", "wwan", "rmnet", "lte", "3g", "4g", "5g", "cell"):
		return modem
	}
	return wire
}

// hasMAC reports whether a device's MACs hold the pinned one, however it is written.
func hasMAC(all []string, pinned net.HardwareAddr) bool {
	return slices.ContainsFunc(all, func(one string) bool {
		return letters(one) == letters(pinned.String())
	})
}

// elsewhere gives those that are not the recorder.
func elsewhere(hosts []string, ours []netip.Addr) (other []string) {
	for _, h := range hosts {
		ip, err := netip.ParseAddr(h)
		if err != nil || !slices.Contains(ours, ip.Unmap()) && !ip.IsLoopback() {
			other = append(other, h)
		}
	}
	return other
}

// differ reports whether two names of a maker or model contradict each other:
// both are there, neither holds the other, and they do not begin with one word.
func differ(a, b string) bool {
	x, y := letters(a), letters(b)
	if x == "" || y == "" || strings.Contains(x, y) || strings.Contains(y, x) {
		return false
	}
	first := func(s string) string {
		words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		return words[0]
	}
	return first(a) != first(b) || len(first(a)) < 3
}

// letters are what two spellings have in common.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
