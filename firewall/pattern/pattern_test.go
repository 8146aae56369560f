package pattern_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/firewall/pattern"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// beacons gives the packets of one that calls each period, with jitter of up to a
// fifth, the repetitions of each call and now and then a missed one.
func beacons(r *rand.Rand, period time.Duration, schedule func() time.Duration, tcp bool) (ok bool) {
	var got pattern.Rhythm
	at := noon
	port := uint16(40000)
	for range 7 + r.IntN(26) {
		port++
		repeat := []time.Duration{0}
		if tcp && period > 20*time.Second {
			repeat = []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		}
		source := port
		if !tcp {
			source = 0
		}
		for _, d := range repeat {
			got.Note(at.Add(d), source)
		}
		at = at.Add(schedule())
	}
	b, ok := got.Beacon()
	if ok && math.Abs(float64(b.Period-period)) > 0.15*float64(period) {
		return false
	}
	return ok
}

// Recall: periods of 10 s to 6 h with 20 % of jitter, TCP repetitions included.
func TestBeaconsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found, all := 0, 0
	for _, period := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, time.Hour, 6 * time.Hour} {
		here := 0
		for n := range 400 {
			if beacons(r, period, func() time.Duration {
				return time.Duration(float64(period) * (0.8 + 0.4*r.Float64()))
			}, n%2 == 0) {
				here++
			}
		}
		t.Logf("period %s: %d of 400", period, here)
		found, all = found+here, all+400
	}
	if found*100 < all*95 {
		t.Errorf("%d of %d beacons found", found, all)
	}
}

// Noise as devices make it: people, bursts, retries that back off, random waits.
func noises(r *rand.Rand) map[string]func() time.Duration {
	backoff := time.Second
	burst := 0
	return map[string]func() time.Duration{
		"at random":     func() time.Duration { return time.Duration(r.ExpFloat64() * float64(5*time.Minute)) },
		"now and then":  func() time.Duration { return time.Duration(r.ExpFloat64() * float64(3*time.Hour)) },
		"within bounds": func() time.Duration { return time.Minute + time.Duration(r.Float64()*float64(9*time.Minute)) },
		"heavy tail": func() time.Duration {
			return time.Duration(math.Exp(r.NormFloat64()*1.2) * float64(time.Minute))
		},
		"backing off": func() time.Duration {
			backoff *= 2
			if backoff > 20*time.Minute {
				backoff = time.Second * time.Duration(1+r.IntN(5))
			}
			return backoff
		},
		"bursts": func() time.Duration {
			if burst--; burst > 0 {
				return time.Duration((0.2 + r.Float64()*8) * float64(time.Second))
			}
			burst = 2 + r.IntN(8)
			return time.Duration(r.ExpFloat64() * float64(time.Hour))
		},
	}
}

// False positives: of a hundred at most one in the end, and five at some time on
// the way, where it is asked at each burst.
func TestNoiseIsNoBeacon(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range slices.Sorted(maps.Keys(noises(r))) { // in the same order each time: r is one series
		wrong, ever := 0, 0
		for range 500 {
			next := noises(r)[name]
			var got pattern.Rhythm
			at, once := noon, false
			for range 40 {
				if got.Note(at, 0) {
					_, ok := got.Beacon()
					once = once || ok
				}
				at = at.Add(next())
			}
			if _, ok := got.Beacon(); ok {
				wrong++
			}
			if once {
				ever++
			}
		}
		t.Logf("%s: %d of 500 taken for a beacon in the end, %d at some time", name, wrong, ever)
		if wrong > 5 || ever > 25 {
			t.Errorf("%s: %d of 500 taken for beacons in the end, %d at some time", name, wrong, ever)
		}
	}
}

func TestRepetitionsAreOneCall(t *testing.T) {
	var r pattern.Rhythm
	began := 0
	for call := range 8 {
		for n := range 7 { // SYN and six repetitions over 63 s
			at := noon.Add(time.Duration(call)*5*time.Minute + time.Duration(1<<n-1)*time.Second)
			if r.Note(at, uint16(40000+call)) {
				began++
			}
		}
	}
	b, ok := r.Beacon()
	if began != 8 || !ok || b.Period != 5*time.Minute || b.Jitter != 0 {
		t.Errorf("%d calls, %+v, %v", began, b, ok)
	}
}

// What is asked anew every five seconds three times, each ten minutes, calls each ten minutes.
func TestRepetitionsOfQuestions(t *testing.T) {
	var r pattern.Rhythm
	for call := range 10 {
		for n := range 3 {
			r.Note(noon.Add(time.Duration(call)*10*time.Minute+time.Duration(n)*5*time.Second), 0)
		}
	}
	if b, ok := r.Beacon(); !ok || b.Period < 9*time.Minute || b.Period > 11*time.Minute {
		t.Errorf("%+v, %v", b, ok)
	}
}

// A timeline loses no count, whatever the clock does, and stays small.
func TestTimelineIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var line pattern.Timeline
	want, at := uint64(0), noon
	for n := range 20_000 {
		switch {
		case n%3000 == 2999:
			at = at.AddDate(-1, 0, 0) // the clock is set back
		case n%1000 == 999:
			at = at.AddDate(0, 2, 0)
		default:
			at = at.Add(time.Duration(r.ExpFloat64() * float64(7*time.Minute)))
		}
		line.Add(at, 1)
		want++
		slots, _ := line.Slots()
		if len(slots) > 100 {
			t.Fatalf("%d slots", len(slots))
		}
		if line.Sum() != want {
			t.Fatalf("%d counted, %d told", want, line.Sum())
		}
		if last := slots[len(slots)-1]; at.Before(last.Start.Add(-10*time.Minute)) || !at.Before(last.Start.Add(last.Width+10*time.Minute)) {
			t.Fatalf("counted at %s, the newest slot is at %s", at, last.Start)
		}
	}
	again, rest, err := pattern.ReadTimeline(line.Append(nil))
	if err != nil || len(rest) != 0 || again.Sum() != want {
		t.Error(err, len(rest), again.Sum())
	}
	a, _ := line.Slots()
	b, _ := again.Slots()
	if !slices.Equal(a, b) {
		t.Error("not read as written")
	}
}

func TestTimelineTellsMinutesHoursAndDays(t *testing.T) {
	var line pattern.Timeline
	for at := noon; at.Before(noon.AddDate(0, 0, 40)); at = at.Add(time.Minute) {
		line.Add(at, 2)
	}
	slots, before := line.Slots()
	width := map[time.Duration]int{}
	for i, s := range slots {
		width[s.Width]++
		if i > 0 && s.Start.Before(slots[i-1].Start.Add(slots[i-1].Width)) {
			t.Errorf("slot %d begins at %s, within the one before", i, s.Start)
		}
	}
	if width[time.Minute] < 10 || width[time.Hour] < 22 || width[24*time.Hour] < 28 || before == 0 || line.Sum() != 2*40*24*60 {
		t.Errorf("%v, %d before, %d in all", width, before, line.Sum())
	}
}

func TestFan(t *testing.T) {
	var f pattern.Fan
	for n := range 64 {
		if f.New(noon.Add(time.Duration(n)*time.Second), 64, 5*time.Minute) {
			t.Fatalf("spread after %d", n)
		}
	}
	at := noon.Add(65 * time.Second)
	if !f.New(at, 64, 5*time.Minute) || !f.New(at.Add(4*time.Minute), 64, 5*time.Minute) {
		t.Error("65 in a minute are some")
	}
	if f.New(at.Add(10*time.Minute), 64, 5*time.Minute) {
		t.Error("spread out for ever")
	}
	if f.New(noon.AddDate(-1, 0, 0), 64, 5*time.Minute) {
		t.Error("spread out in the past")
	}
}

func TestChange(t *testing.T) {
	steady := func(days int, each uint64) (line pattern.Timeline) {
		for n := range days * 24 {
			line.Add(noon.Add(time.Duration(n)*time.Hour), each)
		}
		return line
	}
	now := noon.AddDate(0, 0, 10)
	line := steady(10, 6)
	line.Add(now, 6)
	if line.Changed(now) {
		t.Error("as ever is a change")
	}
	line.Add(now, 100)
	if !line.Changed(now) {
		t.Error("18 times as much is no change")
	}
	short := steady(1, 6)
	short.Add(noon.AddDate(0, 0, 1), 1000)
	if short.Changed(noon.AddDate(0, 0, 1)) {
		t.Error("a day is a past")
	}
	silent := steady(4, 6)
	later := noon.AddDate(0, 0, 14)
	silent.Add(later, 1)
	if !silent.Changed(later) {
		t.Error("awake after ten days is no change")
	}
}

func FuzzReadTimeline(f *testing.F) {
	var line pattern.Timeline
	line.Add(noon, 3)
	line.Add(noon.Add(time.Hour), 4)
	var r pattern.Rhythm
	r.Note(noon, 5)
	f.Add(r.Append(line.Append(nil)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		line, rest, err := pattern.ReadTimeline(b)
		if err != nil {
			return
		}
		line.Add(noon, 1)
		line.Slots()
		line.Changed(noon)
		if r, _, err := pattern.ReadRhythm(rest); err == nil {
			r.Note(noon, 1)
			r.Beacon()
		}
	})
}
