package pattern

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// What belongs together: attempts of one burst are tried for one reason.
const (
	maxBursts = 33                // begins of bursts kept: 32 intervals
	burstGap  = 4 * time.Second   // what follows sooner is the same burst
	retryGap  = 130 * time.Second // Linux repeats a SYN after 1, 2, 4 ... 64 s
	minBeacon = 8 * time.Second   // ten seconds and 20 % of jitter
	maxBeacon = 8 * time.Hour     // six hours and as much
	leastRuns = 6                 // intervals that tell a beacon
	maxSpread = 0.19              // standard deviation of the logarithm of the intervals
)

// Rhythm remembers when an attempt's latest bursts began. A burst is a try and
// its repetitions: the same TCP connection's SYNs, or whatever follows within four
// seconds. The zero value is empty.
type Rhythm struct {
	starts   []int64 // begins of the latest bursts, milliseconds since 1970
	last     int64   // of the last packet
	lastPort uint16
}

// Note takes a packet. The source port is that of a TCP connection, 0 for all
// else. It reports whether a burst began.
func (r *Rhythm) Note(at time.Time, port uint16) bool {
	now := at.UnixMilli()
	gap := now - r.last
	known := len(r.starts) > 0
	same := known && gap >= 0 && (gap < burstGap.Milliseconds() ||
		port != 0 && port == r.lastPort && gap < retryGap.Milliseconds())
	if known && gap < 0 {
		if -gap < burstGap.Milliseconds() {
			return false // packets out of their order
		}
		r.starts = r.starts[:0] // the clock was set back
	}
	r.last, r.lastPort = now, port
	if same {
		return false
	}
	if len(r.starts) == maxBursts {
		r.starts = append(r.starts[:0], r.starts[1:]...)
	}
	r.starts = append(r.starts, now)
	return true
}

// Before puts an earlier rhythm of the same attempt in front.
func (r *Rhythm) Before(o *Rhythm) {
	if len(r.starts) == 0 {
		*r = *o
		return
	}
	if len(o.starts) == 0 || o.last > r.starts[0] {
		return
	}
	all := slices.Concat(o.starts, r.starts)
	if gap := r.starts[0] - o.last; gap < burstGap.Milliseconds() {
		all = slices.Concat(o.starts, r.starts[1:])
	}
	r.starts = slices.Clone(all[max(len(all)-maxBursts, 0):])
}

// Beacon is what comes by the clock.
type Beacon struct {
	Period time.Duration
	Jitter time.Duration // half of what lies between the shortest and the longest interval, stragglers apart
}

// Beacon tells whether the bursts come by the clock. Where they do not, those
// that follow much sooner than the others are taken for repetitions of them.
func (r *Rhythm) Beacon() (Beacon, bool) {
	if b, ok := beacon(r.starts); ok {
		return b, true
	}
	return beacon(collapsed(r.starts))
}

// collapsed leaves out the bursts that follow on one in less than a quarter of the
// longest interval, if there is a clear gap between such and the others.
func collapsed(starts []int64) []int64 {
	if len(starts) < 2*leastRuns {
		return nil
	}
	intervals := steps(starts)
	slices.Sort(intervals)
	longest := intervals[len(intervals)-1]
	for i := 1; i < len(intervals); i++ {
		if intervals[i-1]*4 < longest && intervals[i] > 3*intervals[i-1] {
			kept := starts[:1:1]
			for k := 1; k < len(starts); k++ {
				if starts[k]-starts[k-1] > intervals[i-1] {
					kept = append(kept, starts[k])
				}
			}
			return kept
		}
	}
	return nil
}

// beacon looks at the intervals: most are as long as the median, and the others a
// small multiple of it, where beats were missed.
func beacon(starts []int64) (Beacon, bool) {
	if len(starts) <= leastRuns {
		return Beacon{}, false
	}
	intervals := steps(starts)
	slices.Sort(intervals)
	median := float64(intervals[len(intervals)/2])
	if len(intervals)%2 == 0 {
		median = (median + float64(intervals[len(intervals)/2-1])) / 2
	}
	if median < float64(minBeacon.Milliseconds()) || median > float64(maxBeacon.Milliseconds()) {
		return Beacon{}, false
	}
	var single []float64
	stray := 0
	for _, v := range intervals {
		beats := math.Round(float64(v) / median)
		switch {
		case beats == 1:
			single = append(single, float64(v))
		case beats > 1 && beats <= 4:
			stray++ // beats were missed
		default:
			stray += 2
		}
	}
	if len(single) < leastRuns || stray*5 > len(single) || spread(single) > maxSpread {
		return Beacon{}, false
	}
	sum := 0.0
	for _, v := range single {
		sum += v
	}
	mean := sum / float64(len(single))
	ms := func(v float64) time.Duration { return time.Duration(math.Round(v)) * time.Millisecond }
	return Beacon{ms(mean), ms((single[len(single)-1] - single[0]) / 2)}, true
}

func steps(starts []int64) []int64 {
	intervals := make([]int64, 0, len(starts))
	for i := 1; i < len(starts); i++ {
		intervals = append(intervals, starts[i]-starts[i-1])
	}
	return intervals
}

// spread is the standard deviation of the logarithms.
func spread(values []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, v := range values {
		l := math.Log(max(v, 1))
		sum += l
		squares += l * l
	}
	n := float64(len(values))
	return math.Sqrt(max(squares-sum*sum/n, 0) / (n - 1))
}

// Append writes the rhythm behind b: source port, last packet, number of bursts
// and how far each is from the one before, as uvarint.
func (r *Rhythm) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.lastPort))
	b = binary.AppendUvarint(b, uint64(max(r.last, 0)))
	b = binary.AppendUvarint(b, uint64(len(r.starts)))
	last := int64(0)
	for _, s := range r.starts {
		b = binary.AppendUvarint(b, uint64(max(s-last, 0)))
		last = s
	}
	return b
}

// ReadRhythm reads what Append wrote and gives what follows it.
func ReadRhythm(b []byte) (r Rhythm, rest []byte, err error) {
	var port, last, n uint64
	if port, b, err = number(b); err != nil {
		return r, nil, err
	}
	if last, b, err = number(b); err != nil {
		return r, nil, err
	}
	if n, b, err = number(b); err != nil || n > maxBursts || port > math.MaxUint16 || last > 1<<52 {
		return r, nil, ErrTimeline
	}
	at := uint64(0)
	for range n {
		var step uint64
		if step, b, err = number(b); err != nil {
			return r, nil, err
		}
		if at += step; step > 1<<52 || at > 1<<52 {
			return r, nil, ErrTimeline
		}
		r.starts = append(r.starts, int64(at))
	}
	r.last, r.lastPort = int64(last), uint16(port)
	return r, b, nil
}
