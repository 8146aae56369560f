package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxWaitingGaps bounds the gap lines that wait for a volume whose ledger can
// take them. Over it the oldest go without a ledger line: the index has them.
const maxWaitingGaps = 10_000

// gapBook keeps each stream's gaps tiled: at most one is open, and it ends
// where the next begins (S6). Changes wait here for the next commit of a
// volume, and are shown from here until the index has them.
type gapBook struct {
	mu      sync.Mutex
	open    map[streamKey]Gap
	waiting []waitingGap                // for a ledger
	fresh   map[streamKey]map[int64]Gap // not in the index yet, by From in ns
	home    map[string]*volume          // by camera: where its footage goes
	since   map[streamKey]time.Time     // first word about a stream since OpenStore
	dropped int64
}

type waitingGap struct {
	Gap
	indexed bool // in the index already, for want of a volume
}

func newGapBook() *gapBook {
	return &gapBook{
		open: map[streamKey]Gap{}, fresh: map[streamKey]map[int64]Gap{},
		home: map[string]*volume{}, since: map[streamKey]time.Time{},
	}
}

// set opens a gap, ending one that is open for another reason.
func (b *gapBook) set(g Gap) {
	key := streamKey{g.Camera, g.Stream}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.markLocked(key, g.From)
	if open, ok := b.open[key]; ok {
		if open.Reason == g.Reason && !g.From.Before(open.From) {
			return // it goes on
		}
		b.endLocked(key, open, g.From)
	}
	b.open[key] = g
	b.changeLocked(g)
}

// end closes the open gap, if there is one.
func (b *gapBook) end(key streamKey, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.markLocked(key, at)
	if open, ok := b.open[key]; ok {
		b.endLocked(key, open, at)
	}
}

// endLocked gives a gap its end. One that would end before it began, after the
// clock was set back, vanishes.
func (b *gapBook) endLocked(key streamKey, open Gap, at time.Time) {
	delete(b.open, key)
	open.To = at
	if at.Before(open.From) {
		open.To = open.From
	}
	b.changeLocked(open)
}

// put adds or replaces a gap of the past, which may still be open.
func (b *gapBook) put(g Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := streamKey{g.Camera, g.Stream}
	if g.To.IsZero() {
		b.open[key] = g
	} else if b.open[key].From.Equal(g.From) {
		delete(b.open, key)
	}
	b.changeLocked(g)
}

// replace puts pieces in the place of a gap; nothing if it changed meanwhile.
// The last piece may be open only if the gap goes on: if it is the one that is
// open now, or if nothing was heard of the stream.
func (b *gapBook) replace(old Gap, pieces []Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := streamKey{old.Camera, old.Stream}
	if now, ok := b.fresh[key][old.From.UnixNano()]; ok && !now.To.Equal(old.To) {
		return
	}
	open, ok := b.open[key]
	isOpen := ok && open.From.Equal(old.From)
	if isOpen {
		delete(b.open, key)
	}
	_, heard := b.since[key]
	if n := len(pieces); n > 0 && pieces[n-1].To.IsZero() && !isOpen && (ok || heard) {
		pieces = pieces[:n-1]
	}
	if len(pieces) == 0 || !pieces[0].From.Equal(old.From) {
		old.To = old.From // without length: it vanishes
		b.changeLocked(old)
	}
	for _, g := range pieces {
		if g.To.IsZero() {
			b.open[key] = g
		}
		b.changeLocked(g)
	}
}

func (b *gapBook) changeLocked(g Gap) {
	key := streamKey{g.Camera, g.Stream}
	if b.fresh[key] == nil {
		b.fresh[key] = map[int64]Gap{}
	}
	b.fresh[key][g.From.UnixNano()] = g
	b.waiting = append(b.waiting, waitingGap{Gap: g})
}

// markLocked remembers when a stream was first heard of.
func (b *gapBook) markLocked(key streamKey, at time.Time) {
	if first, ok := b.since[key]; !ok || at.Before(first) {
		b.since[key] = at
	}
}

// began notes that footage of a stream goes to a volume.
func (b *gapBook) began(m SegmentMeta, v *volume) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.home[m.Camera] = v
	b.markLocked(m.key(), m.Start)
}

// firstWord is when a stream was first heard of since OpenStore; zero if never.
func (b *gapBook) firstWord(key streamKey) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since[key]
}

// take gives the changes whose lines go into a volume's ledgers: those of
// cameras whose footage is there, or whose volume does not work.
func (b *gapBook) take(v *volume) []Gap {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return nil
	}
	var gaps []Gap
	left := b.waiting[:0]
	for _, g := range b.waiting {
		home := b.home[g.Camera]
		if home != nil && home != v {
			if _, _, ok := home.healthy(); ok {
				left = append(left, g)
				continue
			}
		}
		gaps = append(gaps, g.Gap)
	}
	clear(b.waiting[len(left):])
	b.waiting = left
	return gaps
}

// giveBack undoes take. Lines of one gap stay in their order.
func (b *gapBook) giveBack(gaps []Gap) {
	if len(gaps) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	back := make([]waitingGap, 0, len(gaps)+len(b.waiting))
	for _, g := range gaps {
		back = append(back, waitingGap{Gap: g})
	}
	b.waiting = append(back, b.waiting...)
}

// homeless gives the changes that no index has, when no volume works to take them.
func (b *gapBook) homeless() []Gap {
	b.mu.Lock()
	defer b.mu.Unlock()
	var gaps []Gap
	for _, g := range b.waiting {
		if !g.indexed {
			gaps = append(gaps, g.Gap)
		}
	}
	return gaps
}

// homed notes that the index has what homeless gave, and bounds what waits for
// a ledger: only what the index has may go.
func (b *gapBook) homed(gaps []Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.waiting {
		if len(gaps) > 0 && b.waiting[i].Gap == gaps[0] {
			b.waiting[i].indexed = true
			gaps = gaps[1:]
		}
	}
	for over := len(b.waiting) - maxWaitingGaps; over > 0 && b.waiting[0].indexed; over-- {
		b.dropped++
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

func (b *gapBook) droppedCount() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// indexed forgets what the index shows by now.
func (b *gapBook) indexed(gaps []Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range gaps {
		key, ns := streamKey{g.Camera, g.Stream}, g.From.UnixNano()
		if now, ok := b.fresh[key][ns]; ok && now == g {
			delete(b.fresh[key], ns)
			if len(b.fresh[key]) == 0 {
				delete(b.fresh, key)
			}
		}
	}
}

// overlay replaces what the index says by what is newer.
func (b *gapBook) overlay(fresh map[int64]Gap, list []Gap, from, to time.Time) []Gap {
	byFrom := map[int64]Gap{}
	for _, g := range list {
		byFrom[g.From.UnixNano()] = g
	}
	maps.Copy(byFrom, fresh)
	list = list[:0]
	for _, g := range byFrom {
		if g.From.Before(to) && (g.To.IsZero() || g.To.After(from) && g.To.After(g.From)) {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b Gap) int { return a.From.Compare(b.From) })
	return list
}

// freshOf copies what the index does not have of a stream.
func (b *gapBook) freshOf(key streamKey) map[int64]Gap {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.fresh[key])
}

// SetGap says that from at on there is no footage of a stream, and why. A gap
// open for another reason ends at that instant; for the same reason it goes on.
// An open gap that begins later vanishes: whoever states the past tells it again.
func (s *Store) SetGap(camera, stream string, at time.Time, reason Reason, detail string) error {
	if err := checkKey(camera, stream); err != nil {
		return err
	}
	if !validTime(at) || reason == "" || len(reason) > 64 {
		return fmt.Errorf("storage: gap of %s/%s at %v for %q", camera, stream, at, reason)
	}
	detail = strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "")
	s.gaps.set(Gap{Camera: camera, Stream: stream, From: at.UTC().Round(0), Reason: reason, Detail: detail})
	return nil
}

// maxDetail bounds what a gap tells, in bytes: it may quote a camera (S9).
const maxDetail = 1024

// CloseGap says that footage begins at an instant. Without an open gap it does nothing.
func (s *Store) CloseGap(camera, stream string, at time.Time) error {
	if err := checkKey(camera, stream); err != nil {
		return err
	}
	if !validTime(at) {
		return fmt.Errorf("storage: gap of %s/%s cannot end at %v", camera, stream, at)
	}
	s.gaps.end(streamKey{camera, stream}, at.UTC().Round(0))
	return nil
}

// Gaps lists the gaps that overlap [from, to), oldest first. An open gap has a
// zero To. Time that was not to be recorded is left out.
func (s *Store) Gaps(camera, stream string, from, to time.Time) ([]Gap, error) {
	if err := checkKey(camera, stream); err != nil {
		return nil, err
	}
	list, err := s.allGaps(streamKey{camera, stream}, from, to)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(g Gap) bool { return g.Reason == ReasonNotScheduled }), nil
}

// allGaps includes ReasonNotScheduled.
func (s *Store) allGaps(key streamKey, from, to time.Time) ([]Gap, error) {
	fresh := s.gaps.freshOf(key) // before the index, so that nothing is missed in between
	list, err := s.index.gaps(key, from, to)
	if err != nil {
		return nil, err
	}
	return s.gaps.overlay(fresh, list, from, to), nil
}
