package storage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeletionPlan says what deleting a camera's footage of [From, To) by hand would
// take: of every stream each segment that touches the range, whole.
type DeletionPlan struct {
	Camera   string
	From, To time.Time
	Take     []Segment // goes
	Held     []Segment // stays: a hold covers something of it
	Growing  []Segment // stays: it is being written
	Away     []Segment // stays: its volume is not in use
}

// ID names what the plan takes: another list of segments has another. It begins
// with the end of the newest, so that Only knows what was there to take.
func (p DeletionPlan) ID() string {
	sum, last := sha256.New(), time.Unix(0, 0)
	for _, seg := range p.Take {
		fmt.Fprintf(sum, "%s %s %d\n", seg.Volume, seg.Path, seg.Bytes)
		last = laterOf(last, seg.End)
	}
	return fmt.Sprintf("%016x-%x", last.UnixNano(), sum.Sum(nil)[:16])
}

// Only leaves of a plan what an earlier one of that ID took; false when that is
// not there any more as it was. What was completed since is left out.
func (p DeletionPlan) Only(id string) (DeletionPlan, bool) {
	until, _, _ := strings.Cut(id, "-")
	last, err := strconv.ParseInt(until, 16, 64)
	if err != nil {
		return p, false
	}
	p.Take = slices.DeleteFunc(slices.Clone(p.Take), func(seg Segment) bool { return seg.End.UnixNano() > last })
	return p, p.ID() == id
}

// PlanDeletion says what would be deleted by hand now; ErrHoldsUnread.
func (s *Store) PlanDeletion(camera string, from, to time.Time) (DeletionPlan, error) {
	p := DeletionPlan{Camera: camera, From: from, To: to}
	streams, err := s.Streams()
	if err != nil {
		return p, err
	}
	if err := s.holds.ready(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrHoldsUnread, err)
	}
	inUse := map[string]bool{}
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil {
			inUse[ses.id] = true
		}
	}
	for _, st := range streams {
		if st.Camera != camera {
			continue
		}
		list, err := s.Segments(camera, st.Stream, from, to)
		if err != nil {
			return p, err
		}
		for _, seg := range list {
			switch {
			case seg.State == Open:
				p.Growing = append(p.Growing, seg)
			case s.holds.covers(seg):
				p.Held = append(p.Held, seg)
			case !inUse[seg.Volume]:
				p.Away = append(p.Away, seg)
			default:
				p.Take = append(p.Take, seg)
			}
		}
	}
	return p, nil
}

// Deleted says what came of a deletion by hand.
type Deleted struct {
	Segments int // gone
	Bytes    int64
	Held     int // not deleted: a hold came first
	Waiting  int // deleted later: somebody reads them, or their volume deletes nothing now
}

// Delete deletes what a plan takes, stated in the ledgers with who and why. It
// waits until that is done, or ctx ends. What is being read is deleted when the
// last reader closes it, also after a restart; what is held by then is not.
// ErrAway: nothing is deleted. ErrUncounted: it goes on.
func (s *Store) Delete(ctx context.Context, p DeletionPlan, by, why string) (Deleted, error) {
	hand := byHand{By: cutText(by, maxHoldBy), Why: cutText(why, maxHoldWhy)}
	if err := s.want(p.Take, hand); err != nil {
		return Deleted{}, err
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for s.onTheirWay(p) {
		select {
		case <-ctx.Done():
			return s.deleted(p.Take)
		case <-ticker.C:
		}
	}
	return s.deleted(p.Take)
}

// byHand says who had a segment deleted, and why.
type byHand struct {
	By  string `json:"by"`
	Why string `json:"why"`
}

// want notes segments that are to be deleted by hand, durably in the index: an
// index that is lost forgets the wish, not the footage. What is wanted already
// stays as the first had it.
func (s *Store) want(list []Segment, hand byHand) error {
	s.mu.Lock()
	list = slices.DeleteFunc(slices.Clone(list), func(seg Segment) bool {
		_, wanted := s.wanted[fileKey{seg.Volume, seg.Path}]
		return wanted
	})
	s.mu.Unlock()
	inUse := map[string]*session{}
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil {
			inUse[ses.id] = ses
		}
	}
	byVolume := map[*session][]Segment{}
	for _, seg := range list {
		ses := inUse[seg.Volume]
		if ses == nil {
			return fmt.Errorf("delete %s: %w", seg.Path, ErrAway)
		}
		byVolume[ses] = append(byVolume[ses], seg)
	}
	for ses, segments := range byVolume {
		if err := s.index.want(ses.number, segments, hand); err != nil {
			return errors.Join(err, s.unwantAll(byVolume)) // all of it, or nothing
		}
	}
	for ses, segments := range byVolume {
		s.mu.Lock()
		for _, seg := range segments {
			s.wanted[fileKey{ses.id, seg.Path}] = wantedSegment{seg.SegmentMeta, hand}
		}
		s.mu.Unlock()
		ses.wakeReaper()
	}
	return nil
}

// unwantAll takes a wish back that could not be noted in full.
func (s *Store) unwantAll(byVolume map[*session][]Segment) error {
	var errs []error
	for ses, segments := range byVolume {
		paths := make([]string, 0, len(segments))
		for _, seg := range segments {
			paths = append(paths, seg.Path)
		}
		errs = append(errs, s.index.unwant(ses.number, paths))
	}
	return errors.Join(errs...)
}

// wantedSegment is a segment that somebody wants to be deleted. What else is
// known of it the index has.
type wantedSegment struct {
	SegmentMeta
	byHand
}

// onTheirWay reports whether segments that were wanted may be gone soon.
func (s *Store) onTheirWay(p DeletionPlan) bool {
	if s.noDeletion() != "" || s.isUnread(p.Camera) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(p.Take, func(seg Segment) bool {
		key := fileKey{seg.Volume, seg.Path}
		_, wanted := s.wanted[key]
		return wanted && s.pins[key] == 0
	})
}

// deleted counts what became of segments that were wanted. Whether one is gone
// the index says: a hold may have come after that.
func (s *Store) deleted(list []Segment) (d Deleted, err error) {
	for _, seg := range list {
		s.mu.Lock()
		_, wanted := s.wanted[fileKey{seg.Volume, seg.Path}]
		s.mu.Unlock()
		there, err := s.index.has(seg.SegmentMeta)
		switch {
		case err != nil:
			return d, fmt.Errorf("%w: %w", ErrUncounted, err)
		case !there:
			d.Segments++
			d.Bytes += seg.Bytes
		case wanted:
			d.Waiting++
		default:
			d.Held++
		}
	}
	return d, nil
}

// loadWanted takes up what was wanted before this start. What cannot be read is
// kept.
func (s *Store) loadWanted(ses *session) {
	list, err := s.index.wanted(ses.number)
	if err != nil {
		s.log.Error("read what is to be deleted by hand", "volume", ses.root, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range list {
		s.wanted[fileKey{ses.id, w.path()}] = w
	}
}

// wantedOn lists what is to be deleted by hand on a volume, the oldest first.
func (s *Store) wantedOn(volume string) (list []wantedSegment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, w := range s.wanted {
		if key.volume == volume {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b wantedSegment) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.path(), b.path()))
	})
	return list
}

// unwant forgets what was deleted, or is held after all.
func (s *Store) unwant(volume string, paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range paths {
		delete(s.wanted, fileKey{volume, p})
	}
}

// wantedBy tells whether, and by whom, a segment is wanted to be deleted.
func (s *Store) wantedBy(key fileKey) (byHand, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.wanted[key]
	return w.byHand, ok
}
