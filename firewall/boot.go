package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
const portsFileHead = "# Camera ports of the policy armed last; written by nvr. nvr-bolt.service shuts them at boot.\n"

// noteAlso adds a policy's ports to those kept for the bolt: while one policy
// gives way to another, those of both are there.
func (f *Firewall) noteAlso(p Policy) {
	if have, err := os.ReadFile(f.o.PortsFile); err == nil && !p.Observe {
		p.Ports = append(slices.Clone(p.Ports), portNames(string(have))...)
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
	if err := writePorts(f.o.PortsFile, slices.Compact(names)); err != nil {
		f.log.Error("the ports to shut at the next boot are out of date", "error", err)
	}
}

// portNames reads what writePorts wrote.
func portNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if name := strings.TrimSpace(line); name != "" && !strings.HasPrefix(name, "#") {
			names = append(names, name)
		}
	}
	return names
}

// writePorts publishes the file, if it is not so already.
func writePorts(path string, names []string) error {
	if len(names) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the list of ports: %w", err)
		}
		return nil
	}
	text := portsFileHead + strings.Join(names, "\n") + "\n"
	if have, err := os.ReadFile(path); err == nil && string(have) == text {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the list of ports: %w", err)
	}
	err := durable.Replace(path, []byte(text), func(f *os.File) error { // the daemon adds to what root wrote
		return errors.Join(giveToOwner(dir, f.Name()), f.Chmod(0o644))
	})
	if err != nil {
		return fmt.Errorf("write the list of ports: %w", err)
	}
	return nil
}
