package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall"
	"github.com/stockade-nvr/stockade/ui/audit"
)

// TestWhoArmedIsNamed has the recorder see that the camera side was armed before, after
// and without being told by whom.
func TestWhoArmedIsNamed(t *testing.T) {
	const armed, disarmed = firewall.Enforced, firewall.Disarmed
	type step struct {
		after time.Duration
		state firewall.State // seen; or
		by    string         // told
	}
	for name, c := range map[string]struct {
		steps []step
		want  []string
	}{
		"at start":               {[]step{{0, armed, ""}}, []string{"arm nvr"}},
		"told after it was seen": {[]step{{0, armed, ""}, {0, disarmed, ""}, {time.Second, armed, ""}, {time.Second, "", "kim"}, {time.Minute, armed, ""}}, []string{"arm nvr", "disarm nvr", "arm kim"}},
		"told before":            {[]step{{0, disarmed, ""}, {0, "", "kim"}, {time.Second, armed, ""}, {time.Minute, armed, ""}}, []string{"disarm nvr", "arm kim"}},
		"told long before":       {[]step{{0, disarmed, ""}, {0, "", "kim"}, {2 * time.Minute, armed, ""}, {nameWithin, armed, ""}}, []string{"disarm nvr", "arm nvr"}},
		"not told":               {[]step{{0, disarmed, ""}, {0, armed, ""}, {nameWithin, armed, ""}}, []string{"disarm nvr", "arm nvr"}},
		"disarmed meanwhile":     {[]step{{0, disarmed, ""}, {0, armed, ""}, {0, disarmed, ""}}, []string{"disarm nvr", "arm nvr", "disarm nvr"}},
		"armed already":          {[]step{{0, armed, ""}, {time.Hour, "", "kim"}, {time.Minute, armed, ""}}, []string{"arm nvr", "arm kim"}},
		"at the end":             {[]step{{0, disarmed, ""}, {0, armed, ""}, {0, "", ""}}, []string{"disarm nvr", "arm nvr"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			account := &armingAccount{write: func(e audit.Entry) error {
				got = append(got, e.Action[len("firewall."):]+" "+e.Actor)
				return nil
			}}
			now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
			for _, s := range c.steps {
				now = now.Add(s.after)
				var err error
				switch {
				case s.state != "":
					err = account.look(firewall.Status{State: s.state}, now)
				case s.by != "":
					err = account.by(s.by, "", now)
				default:
					err = account.end()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
