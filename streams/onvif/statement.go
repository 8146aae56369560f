package onvif

import (
	"net/netip"
	"time"
)

// Statement is what a device says of itself. All of its strings are claims of the
// device; a list that it did not tell is empty, and then Untold says why.
type Statement struct {
	Address netip.AddrPort // where it answered
	Signed  bool           // it took the account

	Clock        *Clock // nil: it does not tell
	Manufacturer string
	Model        string
	Firmware     string
	Serial       string
	Hardware     string
	Hostname     string

	Interfaces []Interface
	Protocols  []Protocol
	Gateways   []string
	DNS        []string
	NTP        []string
	Profiles   []Profile

	WirelessCapable bool // it says that Wi-Fi could be set up on it
	Foreign         []Foreign
	Untold          []Untold
}

// Clock is a device's time.
type Clock struct {
	Time   time.Time // UTC, as it said
	Source string    // NTP or Manual
	Offset time.Duration
}

// Interface is a network interface of a device.
type Interface struct {
	Token     string
	Name      string
	MAC       string
	Enabled   bool
	Type      int // IANA ifType: 6 is Ethernet, 71 Wi-Fi; 0: untold
	Wireless  bool
	SSID      string   // where it is wireless
	Addresses []string // with their prefix length
}

// Protocol is something that a device serves.
type Protocol struct {
	Name    string // HTTP, HTTPS, RTSP
	Enabled bool
	Ports   []int
}

// Profile is a picture that a device offers.
type Profile struct {
	Token, Name, Encoding string
	Width, Height         int
	URI                   string // of its stream, without any account in it
	Foreign               bool   // names another host than the pinned one
}

// Foreign is another host than the pinned one in a device's answers.
type Foreign struct {
	Host string
	In   string // the operation that it stood in the answer of, or redirect
}

// Untold is a question without a usable answer.
type Untold struct {
	Operation string
	Why       string
	Refused   bool // for want of an account that it takes
}
