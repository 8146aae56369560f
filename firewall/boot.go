package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
	"github.com/stockade-nvr/stockade/internal/durable"
)

// stateless tells whether the state directory is to be done without: at boot
// its file system may be mounted later, and a directory made below the mount
// point would be root's, hidden, and believed.
func (f *Firewall) stateless() bool {
	if !f.o.Boot {
		return false
	}
	_, err := os.Stat(f.o.StateDir)
	return errors.Is(err, fs.ErrNotExist)
}

// portsFileHead tells people what the file is. The bolt ignores the line.
const portsFileHead = "# Camera ports of the policy armed last, and their cards; written by nvr. nvr-bolt.service shuts them at boot.\n"

// portsFileBytes bounds the file: a thousand ports are 34 KiB.
const portsFileBytes = 64 << 10

// noteAlso adds a policy's ports to those kept for the bolt: while one policy
// gives way to another, those of both are there.
func (f *Firewall) noteAlso(p Policy) {
	if !p.Observe {
		p.Ports = slices.Concat(p.Ports, slices.Collect(maps.Keys(f.notedPorts())))
	}
	f.notePorts(p)
}

// notePorts keeps the names of the policy's ports for the bolt; of one that has
// none, or only observes, no file stays. Where it cannot be written, containment
// goes on: the file speaks of the next boot, and the log says that it is out of date.
func (f *Firewall) notePorts(p Policy) {
	if f.o.PortsFile == "" {
		return
	}
	names := slices.Clone(p.Ports)
	if p.Observe {
		names = nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	cards, noted := cardsOf(names), f.notedPorts()
	for i, name := range names {
		mac := cards[name]
		if mac == "" {
			mac = noted[name] // it is not there now: what it was
		}
		names[i] = strings.TrimSpace(name + " " + mac)
	}
	if err := writePorts(f.o.PortsFile, names); err != nil {
		f.log.Error("the ports to shut at the next boot are out of date", "error", err)
	}
}

// notedPorts are the ports kept for the bolt, with the MAC of each, if it is known.
func (f *Firewall) notedPorts() map[string]string {
	if f.o.PortsFile == "" {
		return nil
	}
	text, err := durable.Read(f.o.PortsFile, portsFileBytes)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Error("the ports of the policy armed last cannot be read", "error", err)
		}
		return nil
	}
	return parsePorts(string(text))
}

// portName is what the bolt takes for a name, which a service's directory could have anything for.
var portName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$`)

// parsePorts reads what writePorts wrote, and nothing else.
func parsePorts(text string) map[string]string {
	ports := map[string]string{}
	for line := range strings.Lines(text) {
		w := append(strings.Fields(line), "", "")
		if !portName.MatchString(w[0]) {
			continue
		}
		if _, err := net.ParseMAC(w[1]); err != nil {
			w[1] = ""
		}
		ports[w[0]] = w[1]
	}
	return ports
}

// cardsOf are the MACs of interfaces, by name. One that another interface has as
// well, such as a VLAN and the card below it, says nothing and is left out.
func cardsOf(names []string) map[string]string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	times, cards := map[string]int{}, map[string]string{}
	for _, i := range all {
		times[i.HardwareAddr.String()]++
	}
	for _, i := range all {
		if mac := i.HardwareAddr.String(); slices.Contains(names, i.Name) && times[mac] == 1 && len(i.HardwareAddr) == 6 {
			cards[i.Name] = mac
		}
	}
	return cards
}

// shutRenamed shuts cards that were camera ports and are called something else
// now, as after another card was put in: the rules know names, and a network
// manager that takes any card would set such a one up (C1). It is put into the
// group of camera interfaces, which the rules know too, and set down; without
// write it is only named.
func (f *Firewall) shutRenamed(l ruleset.Link, write bool) (list []string, err error) {
	cards := f.missingCards(l)
	if len(cards) == 0 || !l.Isolated {
		return nil, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("look for renamed ports: %w", err)
	}
	for _, i := range all {
		was := cards[i.HardwareAddr.String()]
		if was == "" || i.Name == l.Bridge || slices.Contains(l.Ports, i.Name) {
			continue
		}
		list = append(list, fmt.Sprintf("the card that was port %s is called %s now and is kept shut: name it %s again, or write %s into camera_network.ports", was, i.Name, was, i.Name))
		if write {
			err = errors.Join(err, f.k.Shut(l, i.Name))
		}
	}
	return list, err
}

// missingCards are the names of ports that are not there, by the MAC that each had.
func (f *Firewall) missingCards(l ruleset.Link) map[string]string {
	cards := map[string]string{}
	for name, mac := range f.notedPorts() {
		if mac == "" || !slices.Contains(l.Ports, name) {
			continue
		}
		if _, err := net.InterfaceByName(name); err != nil {
			cards[mac] = name
		}
	}
	return cards
}

// writePorts publishes the file, if it is not so already.
func writePorts(path string, lines []string) error {
	if len(lines) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the list of ports: %w", err)
		}
		return nil
	}
	text := portsFileHead + strings.Join(lines, "\n") + "\n"
	if have, err := durable.Read(path, portsFileBytes); err == nil && string(have) == text {
		return nil
	}
	// Open for reading: people and other programs may know, and the daemon adds to what root wrote.
	if err := durable.Replace(path, []byte(text), func(f *os.File) error { return f.Chmod(0o644) }); err != nil {
		return fmt.Errorf("write the list of ports: %w", err)
	}
	return nil
}
