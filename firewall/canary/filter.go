package canary

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Filters run in the kernel, before a frame is copied: all that the box sends goes
// by the tap that looks for what leaves.

// snap is how much of a frame is read: headers and a tag fit in.
const snap = 320

var (
	take  = bpf.RetConstant{Val: snap}
	leave = bpf.RetConstant{Val: 0}
)

// when takes what is loaded and equals one of some values.
func when(values ...uint32) []bpf.Instruction {
	var list []bpf.Instruction
	for _, v := range values {
		list = append(list, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, take)
	}
	return list
}

// refused lets nothing pass, for a socket that only sends.
func refused() []bpf.Instruction { return []bpf.Instruction{leave} }

// fromCanary lets frames pass whose sender's MAC begins like the canary's.
func fromCanary() []bpf.Instruction {
	list := []bpf.Instruction{bpf.LoadAbsolute{Off: 6, Size: 4}}
	return append(append(list, when(binary.BigEndian.Uint32(macA))...), leave)
}

// Beginnings of networks that are kept for documentation, which all of the canary's
// addresses are of.
const (
	net1 = 192<<16 | 0<<8 | 2
	net2 = 198<<16 | 51<<8 | 100
	net3 = 203<<16 | 0<<8 | 113

	six1      = 0x20010db8
	six2      = 0x3fffca9a
	linkLocal = 0xfe800000
)

// leaves lets pass what leaves the box and could be the canary's: from or to its
// networks, to all, or of a protocol that is not IP. Of what PPPoE carries the
// packet is seen at its own interface. Offsets are from the network header on, as
// a socket that leaves link headers out has it.
func leaves() []bpf.Instruction {
	const sender4, receiver4, sender6, receiver6 = 12, 16, 8, 24
	third := bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 8} // the first three bytes of four
	four := append([]bpf.Instruction{bpf.LoadAbsolute{Off: sender4, Size: 4}, third}, when(net1, net2, net3)...)
	four = append(append(four, bpf.LoadAbsolute{Off: receiver4, Size: 4}), when(0xffffffff)...)
	four = append(append(append(four, third), when(net1, net2, net3)...), leave)
	six := append([]bpf.Instruction{bpf.LoadAbsolute{Off: sender6, Size: 4}}, when(six1, six2, linkLocal)...)
	six = append(append(append(six, bpf.LoadAbsolute{Off: receiver6, Size: 4}), when(six1, six2)...), leave)

	list := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
		leave,
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_PPP_SES, SkipTrue: 1},
		leave,
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: uint8(len(four))},
	}
	list = append(append(list, four...), bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IPV6, SkipTrue: uint8(len(six))})
	return append(append(list, six...), take)
}
