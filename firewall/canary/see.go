package canary

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// see takes a frame that was read at a tap, and finds out whose it is.
func (r *round) see(s sighting) {
	number, ok := r.n.find(s.frame)
	if !ok {
		number, ok = r.answerTo(s)
	}
	switch {
	case !ok: // somebody else's
	case number >= controlOut4:
		r.seeControl(number, s)
	case number < len(r.trials):
		r.seeTrial(r.trials[number], s)
	}
}

// answerTo finds the path that a packet without a tag answers, by the port that
// was the canary's.
func (r *round) answerTo(s sighting) (int, bool) {
	p, ok := ipv4(s.frame)
	if s.at != innerA || !ok || p.dst != r.g.a() {
		return 0, false
	}
	i := slices.IndexFunc(r.trials, func(t *trial) bool { return t.sport == p.dport })
	return i, i >= 0
}

// packet is what is read of an IPv4 packet with ports.
type packet struct {
	src, dst     netip.Addr
	sport, dport uint16
	flags        byte // of TCP
}

// ipv4 reads a frame; false where it is no IPv4 packet with ports and without options.
func ipv4(frame []byte) (p packet, ok bool) {
	const ether, header, tcp = 14, 20, 20
	if len(frame) < ether+header+4 || binary.BigEndian.Uint16(frame[12:]) != frames.TypeIPv4 || frame[ether] != 0x45 {
		return p, false
	}
	ip := frame[ether:]
	p.src, p.dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	switch ip[9] {
	case frames.ProtoTCP:
		if len(ip) < header+tcp {
			return p, false
		}
		p.flags = ip[header+13]
	case frames.ProtoUDP:
	default:
		return p, false
	}
	p.sport, p.dport = binary.BigEndian.Uint16(ip[header:]), binary.BigEndian.Uint16(ip[header+2:])
	return p, true
}

func (r *round) seeControl(number int, s sighting) {
	name := map[int]map[string]string{
		controlOut4:   {sinkOn: "leaving4", sinkAt: "sink4"},
		controlOut6:   {sinkOn: "leaving6", sinkAt: "sink6"},
		controlB:      {PortB: "leavingB", innerB: "portB"},
		controlA:      {innerA: "portA"},
		controlAnswer: {atService: "service"},
	}[number][s.at]
	c := r.controls[name]
	if c == nil {
		return
	}
	c.Seen = true
	if p, ok := ipv4(s.frame); ok && name == "portA" {
		r.answer(p.src)
	}
}

// answer is the first canary's, to what the recorder sent it from an address.
func (r *round) answer(recorder netip.Addr) {
	p := frames.UDP(r.ctlPort, r.g.servicePort, r.n.tag(controlAnswer))
	_, _ = unix.Write(r.t.a, frames.Padded(frame4(r.g.bridgeMAC, macA, r.g.a(), recorder, frames.ProtoUDP, p)))
}

// seeTrial notes where a path's packet came out, or that its way home was found.
func (r *round) seeTrial(t *trial, s sighting) {
	switch {
	case s.at == atBridge:
		t.entered = true
	case s.at == innerA && t.want.answered:
		t.answered = true
		if p, ok := ipv4(s.frame); ok && p.flags&frames.FlagSYN != 0 {
			r.hangUp(t, p)
		}
	case s.at == innerA && t.from == byA && t.as != Box:
		t.leak(atAnswer)
	case s.at == innerA:
		t.leak("a camera port, " + PortA)
	case s.at == innerB || s.at == PortB:
		t.leak("another camera's port, " + PortB)
	case s.at == sinkAt:
		t.leak(atSink)
	default:
		t.leak(s.at)
	}
}

func (t *trial) leak(at string) {
	if !slices.Contains(t.leaks, at) {
		t.leaks = append(t.leaks, at)
	}
}

// hangUp ends a connection that was answered, so that nobody waits for more.
func (r *round) hangUp(t *trial, p packet) {
	segment := frames.Summed(p.dst, p.src, frames.TCP(t.sport, p.sport, firstNumber+1, frames.FlagRST, nil))
	_, _ = unix.Write(r.t.a, frames.Padded(frame4(r.g.bridgeMAC, macA, p.dst, p.src, frames.ProtoTCP, segment)))
}
