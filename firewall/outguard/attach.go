package outguard

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Names of our programs, at most 15 bytes: by them root tells ours from others'.
const (
	nameOut  = "stockade_out"
	nameIn   = "stockade_in"
	nameHold = "stockade_hold"
)

// Places that programs are attached to.
const (
	AtEgress  = ebpf.AttachTCXEgress
	AtIngress = ebpf.AttachTCXIngress
)

// Verdicts of tcx and XDP (linux/bpf.h).
const (
	tcxNext = -1 // the next program decides
	tcxPass = 0  // on its way, no filter of traffic control asked
	tcxDrop = 2
	xdpPass = 2
)

// ingressIfindex is where struct __sk_buff has the number of the interface that
// a packet came in by last; 0 for what the box itself made.
const ingressIfindex = 36

// outProgram drops what came in by one of these interfaces.
func outProgram(inside []int) *ebpf.ProgramSpec {
	code := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, ingressIfindex, asm.Word),
		asm.Mov.Imm(asm.R0, tcxDrop),
	}
	for _, index := range inside {
		code = append(code, asm.JEq.Imm(asm.R2, int32(index), "drop"))
	}
	code = append(code, asm.Mov.Imm(asm.R0, tcxNext), asm.Return().WithSymbol("drop"))
	return &ebpf.ProgramSpec{Name: nameOut, Type: ebpf.SchedCLS, Instructions: code}
}

// verdict is a program that says the same of each packet.
func verdict(name string, kind ebpf.ProgramType, flags uint32, v int32) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Name: name, Type: kind, Flags: flags, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, v), asm.Return()}}
}

// attach loads the programs and puts them before all others, then takes
// earlier ones of ours away: there is no moment without any.
func (g Guard) attach(links []netlink.Link) (err error) {
	now := g.inside(links)
	var loaded []*ebpf.Program
	defer func() { // what is attached stays
		for _, p := range loaded {
			err = errors.Join(err, p.Close())
		}
	}()
	n := note{Boot: bootID(), Inside: now}
	for _, x := range []struct {
		spec *ebpf.ProgramSpec
		id   *uint32
	}{
		{outProgram(now), &n.Out},
		{verdict(nameIn, ebpf.SchedCLS, 0, tcxPass), &n.In},
		{verdict(nameHold, ebpf.XDP, unix.BPF_F_XDP_HAS_FRAGS, xdpPass), &n.Hold},
	} {
		p, err := ebpf.NewProgram(x.spec)
		if err != nil {
			return fmt.Errorf("load a BPF program: %w", plainly(err))
		}
		loaded = append(loaded, p)
		info, err := p.Info()
		if err != nil {
			return fmt.Errorf("ask for a program's number: %w", err)
		}
		id, _ := info.ID()
		*x.id = uint32(id)
	}
	before := readNote(g.File)
	n.Giving = before.all()
	if err := n.write(g.File); err != nil { // before anything is attached: others look meanwhile
		return err
	}
	for _, x := range links {
		if err = g.attachTo(x, loaded); err != nil {
			err = fmt.Errorf("guard %s: %w", x.Attrs().Name, plainly(err))
			break
		}
	}
	if err != nil {
		return errors.Join(err, g.takeBack(before))
	}
	if err := detach(n); err != nil {
		return err
	}
	n.Giving = nil
	return n.write(g.File)
}

// takeBack undoes an attaching that failed: what was there before is what is there.
// XDP has one place, so the program before is not there any more; then none is, and
// the next look names that.
func (g Guard) takeBack(before note) error {
	err := detach(before)
	if before.Out == 0 {
		if gone := os.Remove(g.File); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return errors.Join(err, before.write(g.File))
}

// plainly says what to do, in place of what the library guesses.
func plainly(err error) error {
	switch {
	case errors.Is(err, unix.EPERM): // the verifier's EACCES would be a fault of ours
		return ErrRights
	case errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.ENOSYS):
		return ErrNoTCX
	}
	return err
}

// attachTo puts the programs out, in and hold where they belong on one interface.
func (g Guard) attachTo(x netlink.Link, loaded []*ebpf.Program) error {
	a := x.Attrs()
	if !leadsOut(x) {
		return nil
	}
	put := func(p *ebpf.Program, at ebpf.AttachType) error {
		err := link.RawAttachProgram(link.RawAttachProgramOptions{Target: a.Index, Program: p, Attach: at, Anchor: link.Head()})
		if errors.Is(err, unix.ENODEV) {
			return nil // it is gone meanwhile
		}
		return err
	}
	if err := put(loaded[0], AtEgress); err != nil {
		return err
	}
	if a.Name == g.Bridge {
		flags := nl.XDP_FLAGS_SKB_MODE
		if a.Xdp == nil || !a.Xdp.Attached || !isOurProgram(a.Xdp.ProgId) {
			flags |= nl.XDP_FLAGS_UPDATE_IF_NOEXIST
		}
		err := netlink.LinkSetXdpFdWithFlags(x, loaded[2].FD(), flags)
		if errors.Is(err, unix.EBUSY) {
			return nil // another's is there, which is a finding of its own
		}
		return err
	}
	if slices.Contains(g.Ports, a.Name) {
		return put(loaded[1], AtIngress)
	}
	return nil
}

// Attached are the numbers of the programs at a place, in order; ErrNoTCX on a kernel
// that has no such place. Within a user namespace nobody may ask, and nobody may
// attach any.
func Attached(index int, at ebpf.AttachType) ([]uint32, error) {
	q, err := link.QueryPrograms(link.QueryOptions{Target: index, Attach: at})
	if errors.Is(err, unix.EINVAL) {
		return nil, ErrNoTCX
	}
	if err != nil {
		return nil, plainly(err)
	}
	var ids []uint32
	for _, p := range q.Programs {
		ids = append(ids, uint32(p.ID))
	}
	return ids, nil
}

// anyPlace reports ErrNoTCX where the kernel has no place for the guard, before
// anything is loaded: of whom may not load either it would else be said that root may.
func anyPlace(links []netlink.Link) error {
	for _, x := range links {
		if _, err := Attached(x.Attrs().Index, AtEgress); errors.Is(err, ErrNoTCX) {
			return err
		}
	}
	return nil
}

// isFirst reports whether a program is the first at its place.
func isFirst(index int, at ebpf.AttachType, id uint32) bool {
	ids, err := Attached(index, at)
	return err == nil && len(ids) > 0 && ids[0] == id
}

// detach takes programs of ours off all interfaces, but those of the note.
func detach(but note) error {
	links, err := netlink.LinkList() // as they are now: XDP stands in the list
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	var errs []error
	for _, x := range links {
		a := x.Attrs()
		for _, at := range []ebpf.AttachType{AtEgress, AtIngress} {
			ids, err := Attached(a.Index, at)
			if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, ErrNoTCX) {
				errs = append(errs, err)
			}
			for _, id := range ids {
				if id != but.Out && id != but.In {
					errs = append(errs, detachOurs(a.Index, at, id))
				}
			}
		}
		if a.Xdp != nil && a.Xdp.Attached && a.Xdp.ProgId != but.Hold && isOurProgram(a.Xdp.ProgId) {
			errs = append(errs, netlink.LinkSetXdpFdWithFlags(x, -1, nl.XDP_FLAGS_SKB_MODE))
		}
	}
	return errors.Join(errs...)
}

func detachOurs(index int, at ebpf.AttachType, id uint32) error {
	p, err := ourProgram(id)
	if p == nil || err != nil {
		return err
	}
	return errors.Join(link.RawDetachProgram(link.RawDetachProgramOptions{Target: index, Program: p, Attach: at}), p.Close())
}

func isOurProgram(id uint32) bool {
	p, err := ourProgram(id)
	return err == nil && p != nil && p.Close() == nil
}

// ourProgram opens a program by its number, if it is ours; else it gives nil.
func ourProgram(id uint32) (*ebpf.Program, error) {
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open BPF program %d: %w", id, plainly(err))
	}
	info, err := p.Info()
	if err == nil && (info.Name == nameOut || info.Name == nameIn || info.Name == nameHold) {
		return p, nil
	}
	return nil, errors.Join(err, p.Close())
}
