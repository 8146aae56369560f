package firewall

import (
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/canary"
)

// C12: a proof is of what was in force when it was made, and counts for 120 s.
func TestAProofExpires(t *testing.T) {
	began := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	stopped := canary.Path{ID: "udp4", As: canary.Pinned, Text: "UDP to the outside", Outcome: canary.Stopped}
	leaked, held := stopped, stopped
	leaked.Outcome, leaked.Leaks = canary.Leaked, []string{"eth0"}
	held.Outcome, held.Seen, held.Expected = canary.OtherLayer, []string{"L4 egress"}, "L3 egress"
	round := func(paths ...canary.Path) canary.Proof { return canary.Proof{Began: began, Paths: paths} }
	deaf := round(stopped)
	deaf.Controls = []canary.Control{{ID: "service", Text: "a socket of the recorder"}}
	now := Status{State: Enforced, ReadBack: Enforced, Revision: "r1", Generation: 3, Checked: began, Layers: []LayerStatus{{Layer: "L3", Repaired: 1}}}
	with := func(change func(*Status)) Status {
		s := now
		change(&s)
		return s
	}
	for _, c := range []struct {
		name  string
		proof canary.Proof
		is    Status
		after time.Duration
		state State
		says  string // in Unproved or in Reasons
	}{
		{"fresh", round(stopped), now, time.Second, Contained, ""},
		{"almost old", round(stopped), now, 119 * time.Second, Contained, ""},
		{"old", round(stopped), now, 120 * time.Second, Enforced, "older than"},
		{"another generation", round(stopped), with(func(s *Status) { s.Generation = 4 }), time.Second, Enforced, "has changed"},
		{"another revision", round(stopped), with(func(s *Status) { s.Revision = "r2" }), time.Second, Enforced, "has changed"},
		{"repaired since", round(stopped), with(func(s *Status) { s.Layers = []LayerStatus{{Repaired: 2}} }), time.Second, Enforced, "has changed"},
		{"a layer missing", round(stopped), with(func(s *Status) { s.State = Degraded }), time.Second, Degraded, ""},
		{"leaking", round(stopped, leaked), now, time.Second, NotEnforced, "came out at eth0"},
		{"leaking, with a layer missing", round(leaked), with(func(s *Status) { s.State = Degraded }), time.Second, NotEnforced, "came out at eth0"},
		{"held elsewhere", round(held), now, time.Second, Degraded, "held by L4 egress, and not by L3 egress"},
		{"deaf", deaf, now, time.Second, Enforced, "deaf at a socket of the recorder"},
		{"no round", canary.Proof{Began: began, Fault: "no veth"}, now, time.Second, Enforced, "no veth"},
		{"disarmed", round(leaked), with(func(s *Status) { s.State = Disarmed }), time.Second, Disarmed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x proving
			x.in(Policy{Canary: true}, "br-cam")
			x.keep(c.proof, now.about())
			s := x.judge(c.is, began.Add(c.after))
			if s.State != c.state || s.ReadBack != Enforced {
				t.Errorf("state %s, read back %s; want %s: %q, %q", s.State, s.ReadBack, c.state, s.Unproved, s.Reasons)
			}
			if said := s.Unproved + strings.Join(s.Reasons, "; "); !strings.Contains(said, c.says) {
				t.Errorf("says %q, want %q in it", said, c.says)
			}
			if (s.State == Contained) != (s.Unproved == "") && s.State != Degraded && s.State != Disarmed {
				t.Errorf("state %s, and unproved for %q", s.State, s.Unproved)
			}
		})
	}
}
