package canary

import (
	"net/netip"
	"testing"

	"github.com/stockade-nvr/stockade/internal/frames"
)

// A camera that takes the canary's MAC and addresses is not taken for it: only
// the number of a round is.
func TestNobodyPassesForTheCanary(t *testing.T) {
	c := New()
	side, _ := SideOf(nil)
	forged := frames.IPv4(side.Devices[0].IP, side.Recorder.Addr(), frames.ProtoUDP, frames.UDP(1, 2, make([]byte, 40)))
	if c.Hit("L3", "egress", forged) {
		t.Error("taken before there was a round")
	}
	for range 3 { // of the rounds before, too
		n, err := c.begin()
		if err != nil {
			t.Fatal(err)
		}
		own := frames.IPv4(side.Devices[0].IP, side.Recorder.Addr(), frames.ProtoUDP, frames.UDP(1, 2, n.tag(7)))
		if c.Hit("L3", "egress", forged) || !c.Hit("L3", "egress", own) || c.hitsOf(7)[0] != "L3 egress" {
			t.Errorf("forged taken, or own not: %v", c.hitsOf(7))
		}
		if _, err := c.begin(); err != nil {
			t.Fatal(err)
		}
		if !c.Hit("L3", "egress", own) || len(c.hitsOf(7)) != 0 {
			t.Error("a late hit of the round before is an attempt, or counts for this one")
		}
	}
	if c.Hits() != 6 {
		t.Errorf("%d hits, want 6", c.Hits())
	}
}

// The canary's network is nobody else's.
func TestTheCanaryMakesWay(t *testing.T) {
	all := []netip.Prefix{}
	for _, taken := range []string{"198.51.100.0/24", "203.0.113.224/27", "192.0.2.228/30"} {
		side, ok := SideOf(all)
		if !ok || overlaps(side.Recorder, all) {
			t.Fatalf("%v, %t beside %v", side, ok, all)
		}
		all = append(all, netip.MustParsePrefix(taken))
	}
	if side, ok := SideOf(all); ok {
		t.Errorf("%v beside %v", side, all)
	}
}

// FuzzSeen reads what arrives at a tap: a camera may have sent it.
func FuzzSeen(f *testing.F) {
	side, _ := SideOf(nil)
	n := nonce{1, 2, 3, 4, 5, 6}
	f.Add(frame4(macA, macB, side.Recorder.Addr(), side.Devices[0].IP, frames.ProtoUDP, frames.UDP(53, 20001, n.tag(1))))
	f.Add(frame4(macA, macB, side.Recorder.Addr(), side.Devices[0].IP, frames.ProtoTCP, frames.TCP(53, 20001, 1, frames.FlagSYN, nil)))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, frame []byte) {
		r := &round{n: n, controls: map[string]*Control{}, g: ground{side: side}, trials: []*trial{{sport: 20001}}}
		for _, at := range []string{innerA, innerB, sinkAt, atService, atBridge, "eth0"} {
			number, ok := r.n.find(frame)
			if !ok {
				number, ok = r.answerTo(sighting{at, frame})
			}
			if ok && number < controlOut4 && number < len(r.trials) {
				r.trials[number].leaks = nil
				r.seeTrial(r.trials[number], sighting{at, frame})
			}
		}
	})
}
