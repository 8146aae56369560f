package sightings

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Options of a Book.
type Options struct {
	Log *slog.Logger
	// File is where what was seen is kept between runs; "" keeps nothing.
	File string
	// Every is how often the file is written while something changes; default 10 s.
	Every time.Duration
	// Settle is how long a device must have asked for an address before that is
	// told: who scans asks for each once. Default 10 s.
	Settle time.Duration
	// AskEvery is how often an address that cameras look for is asked for; default a minute.
	AskEvery   time.Duration
	MaxPerPort int           // sightings of one port; default 1024
	Keep       time.Duration // what was not seen for so long goes; default 30 days
	Now        func() time.Time
}

// Bounds that no option sets.
const (
	maxSightings = 8192
	freeEach     = 64 // sightings that every port may have, however full the Book is
	maxAddresses = 8  // of one sighting
	maxTried     = 8
	maxAsked     = 128 // addresses that are asked for at one port
	maxFindings  = 256
	maxPorts     = 512
)

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	if o.Settle <= 0 {
		o.Settle = 10 * time.Second
	}
	if o.AskEvery <= 0 {
		o.AskEvery = time.Minute
	}
	if o.MaxPerPort <= 0 {
		o.MaxPerPort = 1024
	}
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Site is what a Book compares with: the camera side as the site file has it.
type Site struct {
	Bridge    string
	Ports     []string
	Addresses []netip.Prefix // ours there; the first is the one cameras are told
	Pins      []Pin
}

// Pin is a pinned pair.
type Pin struct {
	Device string
	MAC    nflog.MAC
	IP     netip.Addr
}

// Sighting is a device that was seen and is not pinned as it was seen.
type Sighting struct {
	MAC       nflog.MAC `json:"mac"`
	Port      string    `json:"port,omitempty"` // of the bridge, where it was seen last; the bridge's name while not known
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Count     uint64    `json:"count"`               // frames and packets
	Addresses []Address `json:"addresses,omitempty"` // most recently seen first
	// More says that it used more addresses than are listed.
	More bool `json:"more,omitempty"`
	Fingerprint
	Tried []Try `json:"tried,omitempty"` // most recent first

	// Device is the pinned device with this MAC, if there is one: it was seen with
	// another address than its own.
	Device   string    `json:"-"`
	Meanings []Meaning `json:"-"`
}

// Fingerprint is what a device told DHCP of itself: evidence of what it is, as
// far as its word goes.
type Fingerprint struct {
	Name       string `json:"name,omitempty"`       // option 12
	Parameters string `json:"parameters,omitempty"` // option 55: what it asks for, in its order
	Class      string `json:"class,omitempty"`      // option 60: the maker of its software
	ClientID   string `json:"client_id,omitempty"`  // option 61, hexadecimal
}

// learn takes what a message says; what it does not say stays.
func (p *Fingerprint) learn(said Fingerprint) {
	for _, f := range []struct {
		known *string
		said  string
	}{{&p.Name, said.Name}, {&p.Parameters, said.Parameters}, {&p.Class, said.Class}, {&p.ClientID, said.ClientID}} {
		if f.said != "" {
			*f.known = f.said
		}
	}
}

// bound makes what a file has as short and plain as what is read from a frame.
func (p *Fingerprint) bound() {
	p.Name, p.Class = plain(p.Name), plain(p.Class)
	p.Parameters = only("0123456789,", p.Parameters[:min(len(p.Parameters), 4*maxCodes)])
	p.ClientID = only("0123456789abcdef", p.ClientID[:min(len(p.ClientID), 2*maxClient)])
}

// only gives a text of these characters, and nothing for another.
func only(these, s string) string {
	if strings.Trim(s, these) != "" {
		return ""
	}
	return s
}

// Address is an address that a sighting used.
type Address struct {
	IP    netip.Addr `json:"ip"`
	First time.Time  `json:"first"`
	Last  time.Time  `json:"last"`
	Via   Via        `json:"via"`
	// Routed says that packets from it had come through a router, by their time to live.
	Routed bool `json:"routed,omitempty"`
}

// Via says how an address became known; of several ways the best evidence.
type Via string

// The ways, the better evidence first.
const (
	ViaARP  Via = "arp"  // it answers to it
	ViaIP   Via = "ip"   // it sent from it
	ViaDHCP Via = "dhcp" // it asked DHCP for it
)

// Try is what a sighting wanted to reach.
type Try struct {
	Address  netip.Addr `json:"address"`
	Protocol uint8      `json:"protocol"`
	Port     uint16     `json:"port,omitempty"`
	Count    uint64     `json:"count"`
	Last     time.Time  `json:"last"`
}

// Meaning is something about a sighting that an admin must know before pinning.
type Meaning struct {
	Code   Code
	Device string     // the pinned device that it is about
	MAC    nflog.MAC  // the other one's
	IP     netip.Addr // the address that it is about
}

// Code names a meaning.
type Code string

// The meanings.
const (
	Moved         Code = "moved"          // a pinned MAC with another address: Device's, now IP
	TakesAddress  Code = "takes-address"  // its IP is pinned to Device, which has another MAC
	SharedAddress Code = "shared-address" // MAC, which is not pinned either, uses the same IP
	ManyAddresses Code = "many-addresses" // it uses several
	Outside       Code = "outside"        // IP lies in no camera network of the site file
	Ours          Code = "ours"           // it claims IP, which is the recorder's
	NoAddress     Code = "no-address"     // it never told one
)

// Unlisted is how many frames of one port found no room in the Book.
type Unlisted struct {
	Port  string
	Count uint64
	Last  time.Time
}

// Blocked is how often a pinned device tried to reach something that is not for it.
type Blocked struct {
	Count uint64    `json:"count"` // packets, multicast and the like not counted
	Last  time.Time `json:"last"`
	Port  string    `json:"port,omitempty"` // where it was seen last
	Seen  time.Time `json:"seen"`           // by ARP, or by what was blocked
	Fingerprint
}
