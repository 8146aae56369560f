package pattern

import "time"

// When the present is more than the past was.
const (
	pastDays   = 3  // full days of which something must be known
	changeBy   = 10 // times as much in an hour as in the busiest of the past
	leastHour  = 60 // packets in an hour that are worth telling
	longSilent = 7 * day
)

// Changed reports whether what a timeline counted in the hour up to now is out
// of proportion to its own past: ten times what an average hour of its busiest day
// had, or anything after seven days of silence.
func (t *Timeline) Changed(now time.Time) bool {
	minute := uint32(max(now.Unix()/60, 0))
	if minute < hour {
		return false
	}
	var recent, busiest uint64
	days := map[uint32]uint64{}
	newest, oldest := uint32(0), minute
	for _, s := range t.slots {
		if s.start+s.width > minute-hour && s.width <= hour {
			recent += s.count
			continue
		}
		oldest = min(oldest, s.start)
		newest = max(newest, s.start+s.width)
		days[s.start/day] += s.count
	}
	for _, n := range days {
		busiest = max(busiest, n)
	}
	switch {
	case recent == 0 || minute-oldest < pastDays*day:
		return false
	case minute-min(newest, minute) >= longSilent:
		return true
	}
	return recent >= leastHour && recent > busiest*changeBy/24
}
