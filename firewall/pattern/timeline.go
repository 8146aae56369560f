package pattern

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Widths of slots, in minutes.
const (
	ten  = 10
	hour = 60
	day  = 24 * 60
)

// How finely a timeline tells the past: each width from when it is over for so
// many minutes, then not at all. So it has at most about 90 slots.
const (
	byTen  = 10
	byHour = 60
	byDay  = day
	toldIn = 30 * day
	// ahead is how far behind the newest slot a count may come before the clock
	// must have been set back.
	ahead = 10
)

// ErrTimeline says that bytes are no timeline: of a damaged file.
var ErrTimeline = errors.New("no timeline")

// Slot is a stretch of time, half-open, and how much was counted in it.
type Slot struct {
	Start time.Time     `json:"start"`
	Width time.Duration `json:"width"` // a minute, ten, an hour or a day, in UTC
	Count uint64        `json:"count"`
}

// Timeline counts by time. The sum of its slots and what it has no place for any
// longer is exactly what was added. The zero value is empty.
type Timeline struct {
	slots  []slot // by start, not overlapping
	before uint64 // counted, and too long ago to say when
}

// slot has its times in minutes since 1970.
type slot struct {
	start, width uint32
	count        uint64
}

// Add counts n at an instant, which is the present: what stands in its future,
// because a clock was set back since, has no time any longer.
func (t *Timeline) Add(at time.Time, n uint64) {
	minute := uint32(max(at.Unix()/60, 0))
	if k := len(t.slots); k > 0 && t.slots[k-1].start == minute && t.slots[k-1].width == 1 {
		t.slots[k-1].count += n // as in a flood
		return
	}
	for k := len(t.slots); k > 0 && t.slots[k-1].start > minute+ahead; k-- {
		t.before += t.slots[k-1].count
		t.slots = t.slots[:k-1]
	}
	t.place(slot{minute, 1, n})
	t.coarsen()
}

// AddBefore counts n of a time that nobody knows.
func (t *Timeline) AddBefore(n uint64) { t.before += n }

// Merge adds what another timeline has.
func (t *Timeline) Merge(o *Timeline) {
	t.before += o.before
	for _, s := range o.slots {
		t.place(s)
	}
	t.coarsen()
}

// place adds a slot where one covers its start, or beside the others.
func (t *Timeline) place(s slot) {
	i, _ := slices.BinarySearchFunc(t.slots, s, func(a, b slot) int { return cmp.Compare(a.start, b.start) })
	switch {
	case i < len(t.slots) && t.slots[i].start == s.start:
		t.slots[i].count += s.count
		t.slots[i].width = max(t.slots[i].width, s.width)
	case i > 0 && s.start < t.slots[i-1].start+t.slots[i-1].width:
		t.slots[i-1].count += s.count
	default:
		t.slots = slices.Insert(t.slots, i, s)
	}
}

// coarsen joins old slots into longer ones, measured from the newest.
func (t *Timeline) coarsen() {
	if len(t.slots) == 0 {
		return
	}
	now := t.slots[len(t.slots)-1].start
	kept := t.slots[:0]
	for _, s := range t.slots {
		if now-s.start >= toldIn {
			t.before += s.count
			continue
		}
		s = s.within(now)
		if k := len(kept); k > 0 && s.start < kept[k-1].start+kept[k-1].width {
			kept[k-1].count += s.count
			continue
		}
		kept = append(kept, s)
	}
	t.slots = kept
}

// within gives the wider slot that one belongs to when it is now.
func (s slot) within(now uint32) slot {
	for _, w := range [...]struct{ width, over uint32 }{{day, byDay}, {hour, byHour}, {ten, byTen}} {
		begin := s.start - s.start%w.width
		if s.width <= w.width && now >= begin+w.width+w.over {
			return slot{begin, w.width, s.count}
		}
	}
	return s
}

// Slots are the counts by time, the oldest first; before is what is too long ago.
func (t *Timeline) Slots() (slots []Slot, before uint64) {
	slots = make([]Slot, len(t.slots))
	for i, s := range t.slots {
		slots[i] = Slot{time.Unix(int64(s.start)*60, 0).UTC(), time.Duration(s.width) * time.Minute, s.count}
	}
	return slots, t.before
}

// Sum is all that was counted.
func (t *Timeline) Sum() uint64 {
	sum := t.before
	for _, s := range t.slots {
		sum += s.count
	}
	return sum
}

// Append writes the timeline behind b: before, number of slots, and of each how
// far it is from the one before, its width and its count, all as uvarint.
func (t *Timeline) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, t.before)
	b = binary.AppendUvarint(b, uint64(len(t.slots)))
	last := uint32(0)
	for _, s := range t.slots {
		b = binary.AppendUvarint(b, uint64(s.start-last))
		b = binary.AppendUvarint(b, uint64(s.width))
		b = binary.AppendUvarint(b, s.count)
		last = s.start
	}
	return b
}

// maxSlots bounds what is read from a file that may be damaged.
const maxSlots = 256

// ReadTimeline reads what Append wrote and gives what follows it.
func ReadTimeline(b []byte) (t Timeline, rest []byte, err error) {
	var n uint64
	if t.before, b, err = number(b); err != nil {
		return t, nil, err
	}
	if n, b, err = number(b); err != nil || n > maxSlots {
		return t, nil, ErrTimeline
	}
	at := uint64(0)
	for range n {
		var step, width, count uint64
		if step, b, err = number(b); err != nil {
			return t, nil, err
		}
		if width, b, err = number(b); err != nil {
			return t, nil, err
		}
		if count, b, err = number(b); err != nil {
			return t, nil, err
		}
		at += step
		if width == 0 || width > day || step > 1<<31 || at > 1<<31 {
			return t, nil, ErrTimeline
		}
		t.place(slot{uint32(at), uint32(width), count})
	}
	return t, b, nil
}

func number(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, ErrTimeline
	}
	return v, b[n:], nil
}
