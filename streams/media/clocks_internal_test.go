package media

import (
	"testing"
	"time"
)

func TestBetween(t *testing.T) {
	wall := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		from, to     clocks
		passed, step time.Duration
	}{
		"nobody sets it":        {clocks{wall, 0}, clocks{wall.Add(3 * time.Second), 3 * time.Second}, 3 * time.Second, 0},
		"from a later reading":  {clocks{wall, time.Hour}, clocks{wall.Add(time.Second), time.Hour + time.Second}, time.Second, 0},
		"set forward":           {clocks{wall, 0}, clocks{wall.Add(time.Hour), 2 * time.Second}, 2 * time.Second, time.Hour - 2*time.Second},
		"set back":              {clocks{wall, 0}, clocks{wall.Add(-time.Hour), 2 * time.Second}, 2 * time.Second, -time.Hour - 2*time.Second},
		"set back a little":     {clocks{wall, 0}, clocks{wall.Add(time.Second), 2 * time.Second}, 2 * time.Second, -time.Second},
		"set at the same time":  {clocks{wall, 5}, clocks{wall.Add(time.Minute), 5}, 0, time.Minute},
		"first year of no time": {clocks{time.Unix(0, 0), 0}, clocks{wall, time.Second}, time.Second, wall.Sub(time.Unix(0, 0)) - time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if passed, step := between(c.from, c.to); passed != c.passed || step != c.step {
				t.Errorf("passed %s, step %s; want %s, %s", passed, step, c.passed, c.step)
			}
		})
	}
}

func TestReadClocks(t *testing.T) {
	origin := time.Now()
	later := origin.Add(3 * time.Second) // moves both clocks
	if c := readClocks(origin, later); c.mono != 3*time.Second || !c.wall.Equal(later) || c.wall != later.Round(0) {
		t.Errorf("%+v", c)
	}
	bare := origin.Round(0).UTC()
	if c := readClocks(bare, bare.Add(time.Second)); c.mono != time.Second {
		t.Errorf("%+v", c)
	}
}
