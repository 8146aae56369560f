package lab

import (
	"cmp"
	"slices"
)

// Stats is what the lab has counted since it was built.
type Stats struct {
	// SentByCameras counts packets that left cameras for anything but the
	// recorder's camera-side address; SentKinds tells them apart.
	SentByCameras uint64
	SentKinds     []Count
	// SentByRogue counts the same of the device that nobody knows.
	SentByRogue uint64
	RogueKinds  []Count
	// OutsideReceived counts all that arrived outside, from whomever, but for the
	// canary's own control packets, which OutsideControl counts.
	OutsideReceived uint64
	OutsideKinds    []Count
	OutsideControl  uint64
	// Forwarding says whether the recorder forwards IPv4 and IPv6. Where it does
	// not, OutsideReceived 0 says nothing.
	Forwarding bool
}

// Stats gives a snapshot.
func (l *Lab) Stats() Stats {
	var s Stats
	sent := map[Kind]uint64{}
	for _, d := range l.devices {
		total, kinds := d.host.sent.sum()
		s.SentByCameras += total
		for _, k := range kinds {
			sent[k.Kind] += k.Packets
		}
	}
	for k, n := range sent {
		s.SentKinds = append(s.SentKinds, Count{k, n})
	}
	slices.SortFunc(s.SentKinds, func(a, b Count) int { return cmp.Compare(a.String(), b.String()) })
	if l.rogue != nil {
		s.SentByRogue, s.RogueKinds = l.rogue.sent.sum()
	}
	s.OutsideReceived, s.OutsideKinds = l.outside.arrived.sum()
	s.OutsideControl = l.outside.arrived.ignored()
	s.Forwarding = settingIs("net.ipv4.ip_forward", "1") && settingIs("net.ipv6.conf.all.forwarding", "1")
	return s
}

// ignored is how many packets keep turned down.
func (t *tap) ignored() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.control
}
