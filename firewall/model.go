package firewall

import (
	"net"
	"net/netip"
	"time"

	"github.com/stockade-nvr/stockade/firewall/sightings"
)

// Policy is what the site file means for the camera side of the box. A Policy
// compiles to exactly one ruleset; Revision names the site file it came from.
type Policy struct {
	Revision string
	// Observe asks for logging without dropping. Honoured only on a box that was
	// never armed (C1).
	Observe        bool
	Ports          []string       // interfaces enslaved to the bridge; one NIC of a site that says interface: is a list of one
	Bridge         string         // default br-cam
	Addresses      []netip.Prefix // ours on the camera side; the first is the one cameras are told
	DNS, NTP, DHCP bool
	Devices        []Device
	// Canary asks for a canary among the ports, which proves what is enforced (C12).
	Canary bool
}

// Device is what is pinned: a pair of addresses, and the port where one is given (C4).
type Device struct {
	ID   string
	IP   netip.Addr
	MAC  net.HardwareAddr
	Port string // the one of Ports that it hangs on, and that takes nobody else; empty: any
}

// State is how well the policy is enforced.
type State string

// The states of enforcement.
const (
	NotEnforced State = "not-enforced" // cameras may reach out; Reasons says why
	Observing   State = "observing"    // logging only, as configured
	Degraded    State = "degraded"     // at least one layer missing, another holds
	Enforced    State = "enforced"     // every layer read back; Unproved says why that is not Contained
	Contained   State = "contained"    // enforced, and proved by the canary of late (C12)
	Disarmed    State = "disarmed"     // by nvr firewall disarm, on the box
)

// Status is what the firewall knows of itself. It is a snapshot.
type Status struct {
	State      State
	ReadBack   State    // the same by what was read back alone, without Findings: cameras are dialled by it
	Reasons    []string // in words, worst first; empty when Enforced
	Notes      []string // what stands beside the rules and does not weaken them, with what to do
	Since      time.Time
	Checked    time.Time // last complete read-back
	Revision   string    // of the policy in force
	Generation int
	Backend    string // nf_tables or legacy
	Layers     []LayerStatus
	Counted    Counted
	Drift      []Drift             // what others changed lately, the newest first
	Findings   []sightings.Finding // about the network around, worst first
	Note       *Note               // that is obeyed, while Disarmed
	Proof      *Proof              // the canary's last, if there was one since the start
	Unproved   string              // why what is Enforced is not Contained, in words
	Alarms     []string            // what somebody should look into although it changes no state, such as a note that is not obeyed
}

// LayerStatus is one of L0 to L6.
type LayerStatus struct {
	Layer      string // L0 ... L6
	Name       string // in words
	Holds      bool
	Detail     string // what is missing, or what was read back
	Repaired   int    // times since start
	RepairedAt time.Time
}

// Counted is the account of blocked packets since the start (C11): Dropped =
// Read + Lost + Unread + Suppressed, but for what is on its way.
type Counted struct {
	Dropped    uint64 // by the kernel's own counters
	Read       uint64 // hits read
	Lost       uint64 // hits that the kernel could not hand over (sequence gaps)
	Unread     uint64 // dropped while nobody read the log
	Suppressed uint64 // dropped without being logged: too much of one source
	Canary     uint64 // of Read, the canary's own
}
