package sightings

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// Finding is something about the network that containment depends on and that
// no rule on this box can change.
type Finding struct {
	Kind    Kind       `json:"kind"`
	Device  string     `json:"device,omitempty"` // pinned
	MAC     nflog.MAC  `json:"mac"`
	Address netip.Addr `json:"address,omitzero"`
	Port    string     `json:"port,omitempty"` // or interface
	// Other is the second device of a finding about two.
	Other string    `json:"other,omitempty"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count uint64    `json:"count"`
}

// Kind says what was found.
type Kind string

// The kinds, worst first.
const (
	// OtherGateway: somebody on the camera network who is not pinned answers to an
	// address that a camera looks for, behind the same port: a way past this box.
	OtherGateway Kind = "other-gateway"
	// SecondWay: a pinned MAC was seen on an interface that is not a camera port.
	SecondWay Kind = "second-way"
	// Routed: packets from several addresses come with one MAC and have passed a router.
	Routed Kind = "routed"
	// AsksGateway: a camera looks for an address that is neither ours nor a
	// device's; nobody answers it here.
	AsksGateway Kind = "asks-gateway"
	// OtherDHCP: another DHCP server answers devices on the camera network.
	OtherDHCP Kind = "other-dhcp"
	// Radio: a device says that it has a radio or a modem that is on. Port is its
	// interface, Other the network that it is in. It is the device's claim: whoever
	// could make the state red by a sentence could also make it say nothing.
	Radio Kind = "radio"
	// SwitchLocal: two devices behind one port talk to each other.
	SwitchLocal Kind = "switch-local"
)

// Level is how much a finding takes from what can be claimed.
type Level int

// The levels.
const (
	Note        Level = iota // nothing; to be known
	Warning                  // what is promised holds, but not all is seen
	NotEnforced              // a camera may reach out by a way that this box is not on
)

// Level of a finding.
func (f Finding) Level() Level {
	switch f.Kind {
	case OtherGateway, SecondWay, Routed:
		return NotEnforced
	case AsksGateway, OtherDHCP, Radio:
		return Warning
	case SwitchLocal:
		return Note
	}
	return Note
}

// holds is how long after it was last seen a finding says how things are. Who
// answers as a gateway is asked each minute.
const holds = time.Hour

// asked is the same for what devices say when they are asked, which is daily.
const asked = 26 * time.Hour

// Current reports whether a finding is recent enough to say how things are now.
func (f Finding) Current(now time.Time) bool {
	if f.Kind == Radio {
		return now.Sub(f.Last) <= asked
	}
	return now.Sub(f.Last) <= holds
}

// Text says in words what was found.
func (f Finding) Text() string {
	switch f.Kind {
	case OtherGateway:
		return fmt.Sprintf("another gateway: %s looks for %s, and %s, which is not pinned, answers to it behind the same port %s", f.Device, f.Address, f.MAC, f.Port)
	case SecondWay:
		return fmt.Sprintf("a second way: %s (%s) was seen on %s, which is no camera port%s", f.Device, f.MAC, f.Port, withAddress(f.Address))
	case Routed:
		return fmt.Sprintf("a router before the cameras: packets from %d addresses, such as %s, come with the one MAC %s at %s and have passed a router", f.Count, f.Address, f.MAC, f.Port)
	case AsksGateway:
		return fmt.Sprintf("%s looks for %s, which is neither the recorder's nor a device's; nobody answers", f.Device, f.Address)
	case OtherDHCP:
		who := f.Address.String()
		if !f.MAC.IsZero() {
			who += " (" + f.MAC.String() + ")"
		}
		if f.Device == "" {
			return fmt.Sprintf("another DHCP server: %s hands out addresses at port %s", who, f.Port)
		}
		return fmt.Sprintf("another DHCP server: %s takes its address from %s at port %s", f.Device, who, f.Port)
	case Radio:
		network := ""
		if f.Other != "" {
			network = fmt.Sprintf(" in the network %q", f.Other)
		}
		return fmt.Sprintf("%s says that it has a radio that is on: %s%s", f.Device, f.Port, network)
	case SwitchLocal:
		return fmt.Sprintf("%s and %s talk to each other behind port %s", f.Device, f.Other, f.Port)
	}
	return string(f.Kind)
}

func withAddress(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return " as " + ip.String()
}

// Fix says what to do about it.
func (f Finding) Fix() string {
	switch f.Kind {
	case OtherGateway:
		return "take that gateway off the camera network: a VLAN of its own for cameras whose only router is this box, or port isolation with the gateway's port isolated as well; if it is a camera, pin it"
	case SecondWay:
		return "unplug its other cable, switch its radio off, or keep the camera VLAN from the switch that this interface is on"
	case Routed:
		return "put the box into the cameras' own network, or bring their VLAN to it: behind a router they reach whatever that router lets them"
	case AsksGateway:
		return fmt.Sprintf("list %s in camera_network.addresses, so that what it tries arrives here and is seen; or give the camera the recorder as its gateway", f.Address)
	case OtherDHCP:
		return "switch that server off on the camera network: it may tell cameras another way out, and an address that is not pinned; dhcp: true in camera_network has the recorder hand them out"
	case Radio:
		return fmt.Sprintf("no wire sees what leaves there: switch it off in the device's own pages, take antenna or SIM card out, then nvr inspect --device %s --fresh", f.Device)
	case SwitchLocal:
		return "the switch lets them: use its port isolation, or a VLAN for each port"
	}
	return ""
}

// findingKey is what makes two findings the same.
type findingKey struct {
	kind    Kind
	device  string
	mac     nflog.MAC
	address netip.Addr
	port    string
	other   string
}

func (f Finding) key() findingKey {
	k := findingKey{f.Kind, f.Device, f.MAC, f.Address, f.Port, f.Other}
	switch f.Kind {
	case OtherGateway: // one gateway for all cameras that look for it
		k.device = ""
	case AsksGateway: // the same for all cameras
		k.device, k.mac, k.port = "", nflog.MAC{}, ""
	case SecondWay, Routed: // whatever address it has at the time
		k.address = netip.Addr{}
	case SwitchLocal:
		k.mac, k.address = nflog.MAC{}, netip.Addr{}
	case OtherDHCP: // the same, whoever takes its offers
		k.device, k.mac = "", nflog.MAC{}
	}
	return k
}

// Unseen are the ways out that nothing on this box can see, in words: they are
// said always.
func Unseen() []string {
	return []string{
		"a camera's own radio or modem leaves by a way that no wire sees: look at the device, and take antennas and SIM cards out",
		"what an external switch forwards between its own ports never reaches this box: use port isolation or a VLAN per port",
		"a gateway that never speaks within our hearing stays unknown: a switch brings its answers to the camera alone",
	}
}
