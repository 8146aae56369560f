package storage

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

const (
	reapEvery  = time.Second      // how often free space is measured
	ageEvery   = 10 * time.Second // how often old footage is looked for
	checkEvery = 10 * time.Second // how often the identity is read again
	spareEvery = 10 * time.Second // how often what could not be looked at is, again
	// reapBatch is how many segments one commit states as deleted: enough for
	// 64 GB a second at 1 GB a segment, few enough not to hold anything up.
	reapBatch = 64
	// aheadFor is for how long the space must last that is free beside the
	// reserve (S5: freed ahead of need).
	aheadFor = 10 * time.Second
)

// reaper is what the reaping goroutine remembers between rounds.
type reaper struct {
	*session
	lastAge, lastCheck time.Time
	serial             int   // of the retention at lastAge
	lastBytes          int64 // written, at the last round
	lastRound          time.Time
	rate               float64   // bytes per second, smoothed
	spared             []Segment // held after all: to be taken out of gaps
	unsure             []Segment // of earlier: could not be looked at, tried again
	lastUnsure         time.Time
}

// reap deletes until the context ends or the session dies. A deletion is
// stated in the ledger, made durable, marked in the index; then the file is
// unlinked, and when that is durable the mark is forgotten.
func (s *session) reap(ctx context.Context) {
	r := &reaper{session: s, lastRound: time.Now(), lastCheck: time.Now()}
	ticker := time.NewTicker(reapEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dead:
			return
		case <-ticker.C:
		case <-s.poke:
		}
		if err := r.spare(); err != nil {
			s.log.Error("finish deletions", "volume", s.root, "error", err)
		}
		r.unlink(ctx)
		if err := r.round(); err != nil {
			s.log.Error("retention", "volume", s.root, "error", err)
		}
	}
}

// unlink removes the files that are durably stated as deleted.
func (r *reaper) unlink(ctx context.Context) {
	r.mu.Lock()
	files := r.toUnlink
	r.toUnlink = nil
	r.mu.Unlock()
	for len(files) > 0 && ctx.Err() == nil && r.failure() == nil {
		r.unlinkFile(files[0])
		files = files[1:]
	}
	r.mu.Lock()
	r.toUnlink = append(files, r.toUnlink...) // the next start goes on if we do not
	r.mu.Unlock()
}

func (r *reaper) unlinkFile(seg Segment) {
	name := r.abs(seg.Path)
	if err := r.fs.Remove(name); err != nil && !missing(err) {
		r.log.Error("unlink segment", "segment", seg.Path, "error", err)
		r.left(seg.Path)
		return // the mark in the index stays: tried again at the next start
	}
	r.vol.countDeleted(seg.Bytes)
	hour := path.Dir(name)
	changed := hour
	// What was put aside may reach beyond the hour in which it began.
	if at := seg.Start.Truncate(time.Hour); !r.store.holds.covers(Segment{
		SegmentMeta: SegmentMeta{Camera: seg.Camera, Start: at}, End: at.Add(2 * time.Hour),
	}) {
		r.removeAside(hour)
	}
	// An empty hour and day go too; the writer makes them again if it must.
	for range 2 {
		if r.fs.Remove(changed) != nil {
			break
		}
		changed = path.Dir(changed)
	}
	r.soil(changed)
	r.mu.Lock()
	r.unlinked = append(r.unlinked, seg.Path)
	r.mu.Unlock()
	r.vol.takeNoSpace() // of before this file was gone
	r.left(seg.Path)
}

// removeAside removes what recovery put aside in an hour of which no segment is left.
func (r *reaper) removeAside(hour string) {
	list, err := r.fs.ReadDir(hour)
	if err != nil || slices.ContainsFunc(list, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), asideSuffix) }) {
		return
	}
	for _, e := range list {
		if err := r.fs.Remove(path.Join(hour, e.Name())); err != nil {
			r.log.Warn("remove unsynced file", "segment", e.Name(), "error", err)
		}
	}
}

// left ends a segment's way out.
func (r *reaper) left(rel string) {
	r.mu.Lock()
	delete(r.leaving, rel)
	r.mu.Unlock()
	r.store.forgetDoomed(fileKey{r.id, rel})
}

// busy reports whether a batch is under way: from the choice, through commit
// and index, until its files are gone. Until then its bytes are not free and
// would be chosen for again. An index that is behind shows rows that are stated
// as deleted, so nothing is chosen from it either.
func (r *reaper) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.leaving)+len(r.toUnlink)+len(r.earlier) > 0 || r.behind
}

// round measures, checks that the volume is still there, and states what is to
// be deleted next. One batch is under way at a time.
func (r *reaper) round() error {
	now := time.Now()
	space, err := r.vol.measure(r.fs)
	if err == nil && now.Sub(r.lastCheck) >= checkEvery {
		r.lastCheck = now
		err = r.stillThere()
	}
	if err != nil {
		r.fail(err)
		return err
	}
	r.measureRate(now, space)
	if r.store.holds.ready() != nil {
		if err := r.store.holds.load(r.store.index); err != nil {
			return err // while holds cannot be read nothing is deleted
		}
	}
	if r.busy() || r.store.noDeletion() != "" {
		return nil
	}
	noSpace := r.vol.takeNoSpace()
	pick := &pick{reaper: r, need: r.shortage(space)}
	retention, serial := r.store.currentRetention()
	err = pick.byHand()
	if err == nil && !pick.full() && (now.Sub(r.lastAge) >= ageEvery || serial != r.serial) {
		err = pick.expired(retention)
		if !pick.full() { // else the next round goes on
			r.lastAge, r.serial = now, serial
		}
	}
	// A quota, or a file system without inodes left, shows room that there is
	// not (S5): then a batch goes, whatever its size.
	byCount := noSpace && pick.need <= 0 && len(pick.chosen) == 0
	if err == nil && (pick.need > 0 || byCount) {
		err = r.store.index.oldest(r.number, func(seg Segment) bool {
			if pick.full() {
				return false
			}
			pick.choose(seg)
			return pick.need > 0 || byCount
		})
	}
	r.mu.Lock()
	r.deletions = append(r.deletions, pick.chosen...)
	for _, seg := range pick.chosen {
		r.leaving[seg.Path] = true
	}
	r.mu.Unlock()
	return err
}

// stillThere reads the identity again, so that an unmounted or swapped disk is
// noticed also while nothing is created.
func (r *reaper) stillThere() error {
	id, err := readIdentity(r.fs, r.root)
	switch {
	case missing(err):
		return errNotMounted
	case err != nil:
		return err
	case id.ID != r.id:
		return errSwapped
	}
	return nil
}

// measureRate follows how fast the volume fills.
func (r *reaper) measureRate(now time.Time, space vfs.Space) {
	v := r.vol
	v.mu.Lock()
	defer v.mu.Unlock()
	if passed := now.Sub(r.lastRound).Seconds(); passed >= 0.5 {
		rate := float64(v.figures.BytesWritten-r.lastBytes) / passed
		r.rate += (rate - r.rate) / 8
		r.lastBytes, r.lastRound = v.figures.BytesWritten, now
	}
	v.figures.DaysLeft = 0
	if r.rate > 1 {
		left := max(0, space.Free-v.reserve.Load())
		v.figures.DaysLeft = float64(left) / r.rate / (24 * time.Hour).Seconds()
	}
}

// shortage is how many bytes must be freed: below the reserve, and what
// aheadFor will need. A volume without reserve keeps a little all the same,
// because a full one cannot even state what it deletes.
func (r *reaper) shortage(space vfs.Space) int64 {
	least := max(r.vol.reserve.Load(), 2*roomAgain(space.Total))
	ahead := min(int64(r.rate*aheadFor.Seconds()), space.Total/16)
	return least + ahead - space.Free
}

// pick chooses what is deleted next.
type pick struct {
	*reaper
	need   int64 // bytes yet to be freed
	chosen []deletion
}

// full reports whether one commit takes no more.
func (p *pick) full() bool { return len(p.chosen) >= reapBatch }

// choose takes a segment, unless somebody reads it or it is held.
func (p *pick) choose(seg Segment) {
	if p.store.isUnread(seg.Camera) {
		return // its holds are not known
	}
	seg.Volume = p.id
	key := fileKey{p.id, seg.Path}
	if !p.store.condemn(key, seg) {
		return
	}
	d := deletion{Segment: seg}
	if hand, ok := p.store.wantedBy(key); ok {
		gaps, err := p.store.gapsLeft(seg, hand)
		if err != nil {
			p.log.Error("find the gap that a deletion leaves", "segment", seg.Path, "error", err)
			p.store.forgetDoomed(key)
			return // tried again
		}
		d.hand, d.gaps = &hand, gaps
	}
	p.chosen = append(p.chosen, d)
	p.need -= seg.Bytes
}

// expired chooses what is older than it is to be kept, stream by stream. S7:
// only while the clock can be trusted.
func (p *pick) expired(retention Retention) error {
	streams, err := p.store.Streams()
	if err != nil {
		return err
	}
	now := p.store.opts.Now()
	if p.store.checkClock(now, streams) != "" {
		return nil
	}
	var errs []error
	for _, st := range streams {
		keep := retention.of(st.Camera)
		if p.full() {
			break
		}
		if keep <= 0 || !st.First.Before(now.Add(-keep)) {
			continue
		}
		cutoff := now.Add(-keep)
		errs = append(errs, p.store.index.each(streamKey{st.Camera, st.Stream}, st.First, cutoff, func(row located) bool {
			if row.number == p.number && !row.End.After(cutoff) {
				p.choose(row.Segment)
			}
			return !p.full()
		}))
	}
	return errors.Join(errs...)
}
