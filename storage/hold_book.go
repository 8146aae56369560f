package storage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// heldRow is a hold with what is stated of it. Which volumes state it is known
// by their numbers in the index.
type heldRow struct {
	Hold
	End   HoldEnd  `json:"end,omitzero"`     // its At is zero while nobody asked for it
	On    []uint16 `json:"on,omitempty"`     // volumes whose ledgers state the hold
	EndOn []uint16 `json:"end_on,omitempty"` // and its end

	over bool // the end is in force: every volume in use has stated it
}

// take adds what a volume's ledger says. Lines that differ about a range hold
// all of it: deleting less is right.
func (r *heldRow) take(l holdLine, volume uint16) {
	if r.ID == "" {
		r.Hold = l.Hold
	}
	if l.end != nil {
		if r.End.At.IsZero() {
			r.End = *l.end
		}
		r.EndOn = withNumber(r.EndOn, volume)
		return
	}
	if l.From.Before(r.From) {
		r.From = l.From
	}
	r.To = laterOf(r.To, l.To)
	r.On = withNumber(r.On, volume)
}

func withNumber(list []uint16, n uint16) []uint16 {
	if slices.Contains(list, n) {
		return list
	}
	return append(slices.Clone(list), n)
}

// holdBook knows every hold that the index has, and those that it has not yet.
// Whoever deletes asks here, under whatever lock: the book takes none but its own.
type holdBook struct {
	mu      sync.Mutex // guards what follows
	unread  error      // why the index's holds are not known
	rows    map[string]*heldRow
	byPlace map[string][]*heldRow // by camera
	whole   map[string]bool       // cameras that are kept whole
	serial  int                   // counts changes
	changed chan struct{}         // closed at each
}

func newHoldBook() *holdBook {
	return &holdBook{
		rows: map[string]*heldRow{}, byPlace: map[string][]*heldRow{}, whole: map[string]bool{},
		changed: make(chan struct{}),
	}
}

// load reads what the index knows, and tries again after an error.
func (b *holdBook) load(ix *index) error {
	rows, whole, err := ix.holds()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unread = err; err != nil {
		return err
	}
	for _, camera := range whole {
		b.whole[camera] = true
	}
	for _, row := range rows {
		if b.rows[row.ID] == nil {
			row.over = len(row.EndOn) > 0 // each volume's first commit states it, before any deletion
			b.putLocked(&row)
		}
	}
	b.changeLocked()
	return nil
}

// ready gives nil, or why holds cannot be read: then nothing may be deleted.
func (b *holdBook) ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unread
}

func (b *holdBook) putLocked(row *heldRow) {
	b.rows[row.ID] = row
	b.byPlace[row.Camera] = append(b.byPlace[row.Camera], row)
}

func (b *holdBook) changeLocked() {
	b.serial++
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait gives a channel that is closed at the next change.
func (b *holdBook) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// covers reports whether a segment is held (S5). It is the one place that
// says so, to retention by age and by reserve and to deletion by hand.
func (b *holdBook) covers(seg Segment) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unread != nil || b.whole[seg.Camera] {
		return true
	}
	return slices.ContainsFunc(b.byPlace[seg.Camera], func(r *heldRow) bool { return !r.over && r.touches(seg) })
}

// add puts a hold in force.
func (b *holdBook) add(h Hold) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows[h.ID] != nil {
		return fmt.Errorf("storage: hold %s exists", h.ID)
	}
	inForce := 0
	for _, r := range b.rows {
		if !r.over {
			inForce++
		}
	}
	if inForce >= maxHolds {
		return ErrTooManyHolds
	}
	b.putLocked(&heldRow{Hold: h})
	b.changeLocked()
	return nil
}

// end has a hold end once that is stated; false when there is none in force.
// Asked twice, the first counts.
func (b *holdBook) end(id string, e HoldEnd) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rows[id]
	if r == nil || r.over {
		return false
	}
	if r.End.At.IsZero() {
		r.End = e
		b.changeLocked()
	}
	return true
}

// over reports whether a hold's end is in force.
func (b *holdBook) over(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rows[id]
	return r != nil && r.over
}

// statedOn reports whether the ledgers of all these volumes, of one at least,
// state a hold.
func (b *holdBook) statedOn(id string, volumes []uint16) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rows[id]
	return r != nil && onAll(r.On, volumes)
}

// onAll reports whether all these volumes are among those, of which there is one
// at least.
func onAll(on, volumes []uint16) bool {
	return len(on) > 0 && !slices.ContainsFunc(volumes, func(n uint16) bool { return !slices.Contains(on, n) })
}

// settle puts ends in force that all volumes in use have stated. Those that are
// away are told when they come back, before anything of theirs is deleted.
func (b *holdBook) settle(inUse []uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended := false
	for _, r := range b.rows {
		if !r.over && !r.End.At.IsZero() && onAll(r.EndOn, inUse) {
			r.over, ended = true, true
		}
	}
	if ended {
		b.changeLocked()
	}
}

// expired gives the holds whose time is over and that nobody has ended.
func (b *holdBook) expired(now time.Time) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, r := range b.rows {
		if r.End.At.IsZero() && !r.Expires.IsZero() && !now.Before(r.Expires) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// list gives the holds in force, the oldest first.
func (b *holdBook) list() ([]Hold, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unread != nil {
		return nil, fmt.Errorf("list holds: %w", b.unread)
	}
	list := []Hold{}
	for _, r := range b.rows {
		if !r.over {
			list = append(list, r.Hold)
		}
	}
	slices.SortFunc(list, func(x, y Hold) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	return list, nil
}

// wholeCameras lists the cameras of which nothing is deleted.
func (b *holdBook) wholeCameras() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.whole))
}

// lacks gives the lines that a volume's ledgers do not have, and the serial of
// that answer; none and the same serial when nothing changed since.
func (b *holdBook) lacks(volume uint16, since int) (lines []holdLine, serial int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since == b.serial {
		return nil, since
	}
	for _, r := range b.rows {
		ending := !r.End.At.IsZero()
		if !slices.Contains(r.On, volume) && !ending {
			lines = append(lines, holdLine{Hold: r.Hold})
		}
		if !slices.Contains(r.EndOn, volume) && ending {
			lines = append(lines, holdLine{r.Hold, &r.End})
		}
	}
	slices.SortFunc(lines, func(x, y holdLine) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	return lines, b.serial
}

// learn takes what a volume's ledgers state.
func (b *holdBook) learn(volume uint16, lines []holdLine, whole []string) {
	if len(lines)+len(whole) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range lines {
		r := b.rows[l.ID]
		if r == nil {
			r = &heldRow{Hold: l.Hold}
			b.putLocked(r)
		}
		r.take(l, volume)
	}
	for _, camera := range whole {
		b.whole[camera] = true
	}
	b.changeLocked()
}
