package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Store keeps the footage of all cameras on its volumes.
type Store struct {
	opts  Options
	log   *slog.Logger
	index *index
	// indexLost is why the index is one for this run only; nil: it is not.
	indexLost error
	gaps      *gapBook
	holds     *holdBook
	clock     *clockGuard
	volumes   []*volume

	running   atomic.Bool
	rebuild   chan struct{} // volumes are waiting for it
	rebuildMu sync.Mutex    // one rebuild at a time

	mu              sync.Mutex // guards what follows; never held across a disk call
	retention       Retention
	retentionSerial int
	indexErr        error
	pending         map[*volume]bool        // whose ledgers are not all in the index, attached or not
	firstFound      map[streamKey]time.Time // start of the first segment of a stream that recovery found
	untiled         bool                    // what is missing before this start is not stated yet: the index is being rebuilt
	known           map[string]string       // identity of the volume under each configured path that ever had one
	unread          map[unreadLedger]string // why a camera is not read
	awaitUntil      time.Time               // until then volumes that are known and not attached are waited for
	pins            map[fileKey]int
	doomed          map[fileKey]Segment       // to be deleted, or just deleted
	wanted          map[fileKey]wantedSegment // to be deleted by hand, not stated yet
}

// fileKey names a segment's file.
type fileKey struct{ volume, path string }

// OpenStore locks the volumes, recovers what a crash left behind and opens the
// index, before the first camera is recorded. A volume that is missing, broken
// or not the one that it should be is told by Status and tried again by Run;
// only a bad option, an index that can be opened nowhere, or another process
// (ErrLocked) is an error here.
func OpenStore(o Options) (*Store, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, log: o.Log, gaps: newGapBook(), holds: newHoldBook(), clock: newClockGuard(),
		rebuild: make(chan struct{}, 1), retention: o.Retention,
		pending: map[*volume]bool{}, firstFound: map[streamKey]time.Time{}, known: map[string]string{}, unread: map[unreadLedger]string{},
		pins: map[fileKey]int{}, doomed: map[fileKey]Segment{}, wanted: map[fileKey]wantedSegment{},
	}
	if s.index, s.indexLost, err = openIndexSomewhere(o); err != nil {
		return nil, err
	}
	if s.indexLost != nil {
		s.log.Error("the index is kept for this run only, and read anew from the volumes", "error", s.indexLost)
	}
	s.index.learn = func(volume uint16, lines []holdLine, whole []string) {
		s.holds.learn(volume, lines, whole)
		s.holds.settle(s.inUse())
	}
	if err := s.holds.load(s.index); err != nil {
		s.log.Error("nothing is deleted while holds cannot be read", "error", err)
	}
	for _, vo := range o.Volumes {
		s.volumes = append(s.volumes, newVolume(s, vo))
	}
	if err := s.recallVolumes(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.loadPending(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, v := range s.volumes {
		if err := v.attach(); errors.Is(err, ErrLocked) {
			return nil, errors.Join(err, s.Close())
		} else if err != nil {
			s.log.Error("volume is not usable", "volume", v.path, "error", err)
		}
	}
	// What recovery found is stated after the gaps that it implies, or with
	// them: another crash in between must find both, or neither.
	err = s.loadGaps()
	for _, v := range s.volumes {
		if v.session() == nil || err != nil {
			continue
		}
		if startErr := v.start(); startErr != nil {
			s.log.Error("first commit", "volume", v.path, "error", startErr)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// loadGaps takes up the open gaps, and states the time that the recorder was down.
func (s *Store) loadGaps() error {
	open, err := s.index.openGaps()
	if err != nil {
		return err
	}
	maps.Copy(s.gaps.open, open)
	s.mu.Lock()
	s.untiled = true // the end of the footage is not known before a rebuild
	s.awaitUntil = time.Now().Add(awaitFor)
	s.mu.Unlock()
	s.startRebuild()
	return s.rebuilt()
}

// Run writes, commits and deletes until the context ends; then it writes what
// is queued, commits, and returns nil.
func (s *Store) Run(ctx context.Context) error {
	s.running.Store(true)
	defer s.running.Store(false)
	var group sync.WaitGroup
	for _, v := range s.volumes {
		group.Go(func() { v.run(ctx) })
	}
	group.Go(func() { s.rebuildLoop(ctx) })
	group.Go(func() { s.homelessLoop(ctx) })
	group.Go(func() { s.holdsLoop(ctx) })
	group.Wait()
	return nil
}

// homelessLoop puts gaps into the index while no volume can take them.
func (s *Store) homelessLoop(ctx context.Context) {
	ticker := time.NewTicker(s.opts.Durability)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if slices.ContainsFunc(s.volumes, func(v *volume) bool { return v.session() != nil }) {
			continue
		}
		gaps := s.gaps.homeless()
		if len(gaps) == 0 {
			continue
		}
		err := s.index.apply(&batch{gaps: gaps})
		s.indexFailed(err)
		if err == nil {
			s.gaps.homed(gaps)
			s.gaps.indexed(gaps)
		}
	}
}

// Close unlocks the volumes and closes the index. Run must have returned.
func (s *Store) Close() error {
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil {
			v.mu.Lock()
			v.ses = nil
			v.mu.Unlock()
			ses.release()
		}
	}
	return s.index.close()
}

// assumedSegment is how many bytes each open segment is expected to need, so
// that cameras which start together are spread over volumes.
const assumedSegment = 256 << 20

// Create begins a segment on the healthy volume with the most free space. It
// does not wait for the disk: the file is made by the volume's writer. The
// error is ErrClosed or the *DiskError of a volume; see ReasonOf.
func (s *Store) Create(m SegmentMeta) (*SegmentWriter, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	m.Start = m.Start.UTC().Round(0)
	type choice struct {
		ses  *session
		free int64
	}
	var choices []choice
	for _, v := range s.volumes {
		if ses, free, ok := v.healthy(); ok {
			open, queued := ses.load()
			free -= int64(open) * assumedSegment
			if queued > v.budget/2 {
				free -= 1 << 50 // slow: only if there is no other
			}
			choices = append(choices, choice{ses, free})
		}
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(b.free, a.free) })
	var err error
	for _, c := range choices {
		w := c.ses.newSegment(m)
		if err = c.ses.push(op{kind: opCreate, segment: w}); err == nil {
			s.gaps.began(m, c.ses.vol)
			return w, nil
		}
	}
	if err == nil {
		err = s.noVolume()
	}
	return nil, fmt.Errorf("create segment: %w", err)
}

// noVolume says why no volume takes footage: full if one is, since that is
// what an admin can change.
func (s *Store) noVolume() error {
	var first *DiskError
	for _, v := range s.volumes {
		e := v.trouble()
		if first == nil || e.Reason == ReasonDiskFull && first.Reason != ReasonDiskFull {
			first = e
		}
	}
	return first
}

// SetRetention replaces the retention from now on.
func (s *Store) SetRetention(r Retention) {
	s.mu.Lock()
	s.retention = r.clone()
	s.retentionSerial++
	s.mu.Unlock()
	for _, v := range s.volumes {
		if ses := v.session(); ses != nil {
			ses.wakeReaper()
		}
	}
}

// SetReserve changes how many bytes of a volume are kept free, from now on: a larger
// reserve deletes footage. A path that is no volume's changes nothing.
func (s *Store) SetReserve(volume string, bytes int64) {
	for _, v := range s.volumes {
		if v.path != path.Clean(volume) || v.reserve.Swap(bytes) == bytes {
			continue
		}
		v.mu.Lock()
		v.figures.Reserve = bytes
		v.mu.Unlock()
		if ses := v.session(); ses != nil {
			ses.wakeReaper()
		}
	}
}

func (s *Store) currentRetention() (r Retention, serial int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retention, s.retentionSerial
}

// ConfirmClock says that the clock is right after a step, or after the recorder
// was off for long: deletion by age goes on (S7), also after a restart once the
// volumes have committed.
func (s *Store) ConfirmClock() {
	var newest time.Time
	if streams, err := s.Streams(); err == nil { // else that of the last check counts
		newest = newestOf(streams)
	}
	s.clock.confirm(s.opts.Now(), newest)
}

// checkClock gives why nothing may be deleted by age, and logs what changes.
func (s *Store) checkClock(now time.Time, streams []StreamSummary) (suspended string) {
	before := s.clock.suspended()
	if suspended = s.clock.check(now, newestOf(streams)); suspended != before {
		s.log.Warn("deletion by age", "suspended", suspended)
	}
	return suspended
}

// newestOf gives the end of the newest footage of all.
func newestOf(streams []StreamSummary) (newest time.Time) {
	for _, st := range streams {
		newest = laterOf(newest, st.Last)
	}
	return newest
}

// indexFailed notes the outcome of the last write of the index.
func (s *Store) indexFailed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexErr = err
}

// abandon forgets what a dead session was about to delete: what of it is
// stated, the next session reads in the ledger.
func (s *Store) abandon(ses *session) {
	ses.mu.Lock()
	leaving := ses.leaving
	ses.leaving = map[string]bool{}
	ses.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range leaving {
		delete(s.doomed, fileKey{ses.id, p})
	}
}

// Status tells how the store is.
func (s *Store) Status() Status {
	st := Status{NoDeletion: s.noDeletion(), Suspended: s.clock.suspended(), GapsDropped: s.gaps.droppedCount()}
	for _, v := range s.volumes {
		st.Rebuilding = st.Rebuilding || v.session() != nil && s.rebuildNeeded(v)
	}
	st.KeptWhole = s.holds.wholeCameras()
	if err := s.holds.ready(); err != nil {
		st.HoldsError = err.Error()
	}
	st.Unread = s.unreadList()
	s.mu.Lock()
	st.Rebuilding = st.Rebuilding || s.untiled
	if s.indexErr != nil {
		st.IndexError = s.indexErr.Error()
	}
	if s.indexLost != nil {
		st.IndexLost = s.indexLost.Error()
	}
	s.mu.Unlock()
	for _, v := range s.volumes {
		st.Volumes = append(st.Volumes, v.status())
	}
	return st
}

// status copies the volume's figures.
func (v *volume) status() VolumeStatus {
	v.mu.Lock()
	f, ses := v.figures, v.ses
	v.mu.Unlock()
	if ses != nil {
		f.OpenSegments, f.QueueBytes = ses.load()
	}
	return f
}

// load is how many segments are growing and how many bytes wait.
func (s *session) load() (open int, queued int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.segments {
		if w.stage != stageEnded {
			open++
		}
	}
	return open, s.queued
}

// errExists: a segment of the same stream, start and run is growing already.
var errExists = fmt.Errorf("storage: segment exists: %w", os.ErrExist)
