package firewall

import (
	"slices"
	"time"

	"github.com/stockade-nvr/stockade/firewall/sightings"
)

// With gives the status as it is in the light of what was found about the network:
// where a camera has a way that this box is not on, no rule here contains it,
// whatever was read back. What was found earlier and not of late changes nothing,
// and is told all the same.
func (s Status) With(found []sightings.Finding, now time.Time) Status {
	s.Findings = found
	var open, partly []string
	since := time.Time{}
	for _, f := range found {
		if !f.Current(now) {
			continue
		}
		switch f.Level() {
		case sightings.NotEnforced:
			open = append(open, f.Text())
			if since.IsZero() || f.First.Before(since) {
				since = f.First
			}
		case sightings.Warning:
			partly = append(partly, f.Text())
		case sightings.Note:
		}
	}
	if len(open) > 0 {
		if s.State == Enforced || s.State == Degraded {
			s.State, s.Since = NotEnforced, since
		}
		s.Reasons = slices.Concat(open, s.Reasons)
	}
	if s.State != Enforced {
		s.Reasons = slices.Concat(s.Reasons, partly)
	}
	return s
}
