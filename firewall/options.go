package firewall

import (
	"log/slog"
	"time"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/firewall/sightings"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// defaultInterval is how often everything is read back when no event calls for it sooner.
const defaultInterval = time.Second

// defaultBridge is the bridge's name where the policy gives none.
const defaultBridge = "br-cam"

// Options of a Firewall.
type Options struct {
	// StateDir is where the marks of arming and disarming are kept.
	StateDir string
	Log      *slog.Logger
	// Root of the files that the system's network managers read, such as /; empty
	// where none of them sees this network.
	Root string
	// Interval between read-backs; zero is a second.
	Interval time.Duration
	// Key, if set, opens the site key, which signs disarming notes and checks them;
	// Site, if set, is the name that a note must be for.
	Key  func() (*proof.Key, error)
	Site func() string
	// Backend is nft or legacy; empty takes what the system's iptables is.
	Backend string
	// PortsFile, if set, is where the names of the ports are kept, one a line, with
	// the MAC of each, for the bolt that shuts them at the next boot until they are
	// armed. A card that was a port and has another name now is kept shut by it, too.
	PortsFile string
	// GuardFile, if set, asks for the guard at the way out, and says where the
	// numbers of its programs are kept: it holds behind what passes by all rules.
	GuardFile string
	// Absent allows ports that are not there: they are taken over once they come.
	Absent bool
	// Boot says that the file system of StateDir may not be mounted yet: a
	// StateDir that is not there is not made, and observing is then refused.
	Boot bool
	// Hits, if set, gives the log reader's account: hits handed over and hits
	// that the kernel could not hand over, both since the start.
	Hits func() (read, lost uint64)
	// Binding, if set, tells how often the log reader was bound so far, and
	// whether it is now: what is dropped in between is nobody's loss.
	Binding func() (times uint64, bound bool)
	// Findings, if set, gives what was found about the network around, worst first.
	Findings func() []sightings.Finding
}

func compile(p Policy) (ruleset.Ruleset, error) {
	in := ruleset.Input{
		Observe: p.Observe, Bridge: p.Bridge, Ports: p.Ports, Addresses: p.Addresses,
		DNS: p.DNS, NTP: p.NTP, DHCP: p.DHCP,
	}
	if in.Bridge == "" {
		in.Bridge = defaultBridge
	}
	for _, d := range p.Devices {
		in.Devices = append(in.Devices, ruleset.Device{IP: d.IP.Unmap(), MAC: d.MAC, Port: d.Port})
	}
	if p.Canary && !p.Observe {
		if err := takeIn(&in); err != nil {
			return ruleset.Ruleset{}, err
		}
	}
	return ruleset.Compile(in)
}
