package outguard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
)

// Guard is what is to be guarded.
type Guard struct {
	File   string // where the numbers of its programs are kept, beside what root reads
	Bridge string
	Ports  []string
}

// Errors that say why a guard cannot be attached.
var (
	ErrNoTCX  = errors.New("this kernel has no place for it: tcx came with Linux 6.6")
	ErrRights = errors.New("not permitted: it takes root on the box itself, as nvr firewall arm has")
)

// Check lists what of the guard is missing, in words; nothing when it is whole.
func (g Guard) Check() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return g.check(links), nil
}

func (g Guard) check(links []netlink.Link) []string {
	n := readNote(g.File)
	if n.Out == 0 {
		return []string{"no program of ours is attached"}
	}
	var missing []string
	for _, x := range links {
		a := x.Attrs()
		switch {
		case g.isOurs(a.Name) && !slices.Contains(n.Inside, a.Index):
			missing = append(missing, "camera interface "+a.Name+" came later and is not known to it")
		case leadsOut(x) && !isFirst(a.Index, AtEgress, n.Out):
			missing = append(missing, "what leaves by "+a.Name+" is not looked at")
		case slices.Contains(g.Ports, a.Name) && !isFirst(a.Index, AtIngress, n.In):
			missing = append(missing, "traffic control may act on "+a.Name)
		case a.Name == g.Bridge && (a.Xdp == nil || a.Xdp.ProgId != n.Hold):
			missing = append(missing, "XDP programs may be put on the ports of "+a.Name)
		}
	}
	return missing
}

// Attach attaches what is missing. No frame finds a moment without the guard that
// was there; where it fails, that one is left as it was, or none.
func (g Guard) Attach() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	if len(g.check(links)) == 0 {
		return nil
	}
	if err := anyPlace(links); err != nil {
		return err
	}
	return g.attach(links)
}

// Remove takes the guard off every interface; where none was noted, nothing is done.
func (g Guard) Remove() error {
	if readNote(g.File).Out == 0 {
		return nil
	}
	err := detach(note{})
	if err != nil {
		return fmt.Errorf("take the guard at the way out off: %w", err)
	}
	if err := os.Remove(g.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take the guard's note away: %w", err)
	}
	return nil
}

// Programs are the numbers of the guard's own, so that nobody takes them for another's.
type Programs []uint32

// Noted gives those that were attached since this boot, and those that are being
// replaced; none where none were.
func Noted(file string) Programs {
	return readNote(file).all()
}

// Has reports whether a program is ours: by the note or, where that was lost, by its
// name, which the kernel tells root alone.
func (p Programs) Has(id uint32) bool { return slices.Contains(p, id) || isOurProgram(id) }

// leadsOut reports whether anything can leave the box by an interface.
func leadsOut(link netlink.Link) bool { return link.Attrs().Flags&net.FlagLoopback == 0 }

func (g Guard) isOurs(name string) bool { return name == g.Bridge || slices.Contains(g.Ports, name) }

// inside are the numbers of the cameras' interfaces that are there.
func (g Guard) inside(links []netlink.Link) (list []int) {
	for _, x := range links {
		if g.isOurs(x.Attrs().Name) {
			list = append(list, x.Attrs().Index)
		}
	}
	return list
}
