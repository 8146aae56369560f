package storage

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// retryEvery is how often a volume that is not usable is tried again.
const retryEvery = 5 * time.Second

// volume is one directory of footage: a session while it is usable, and the
// figures that outlive sessions.
type volume struct {
	store   *Store
	path    string
	reserve atomic.Int64 // bytes
	budget  int64
	log     *slog.Logger

	replaced bool // another volume under this path is taken on purpose

	mu       sync.Mutex // taken after a session's mu, guards what follows
	ses      *session   // nil while the volume is not usable
	attached bool       // was usable since the start
	figures  VolumeStatus
	distrust bool // the last session failed: cached pages may not be on the disk
	noSpace  bool // a write found no space where the file system shows some, since the last deletion
	spaceAt  time.Time
}

func newVolume(s *Store, o VolumeOptions) *volume {
	v := &volume{store: s, path: path.Clean(o.Path), budget: s.opts.MemoryBudget, log: s.log, replaced: o.Replaced}
	v.reserve.Store(o.Reserve)
	v.figures = VolumeStatus{Path: v.path, Reserve: o.Reserve, State: VolumeMissing}
	return v
}

// run keeps the volume in use until the context ends. What was queued before
// that is written also if it ended before we began.
func (v *volume) run(ctx context.Context) {
	for {
		if ses := v.session(); ses != nil {
			ses.run(ctx)
			if ses.failure() != nil {
				v.detach(ses)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryEvery):
			v.retry()
		}
	}
}

// retry attaches a volume that is not usable.
func (v *volume) retry() {
	err := v.attach()
	if err == nil {
		if err := v.store.trimFound(v.session().crash.found); err != nil {
			v.log.Error("trim gaps", "volume", v.path, "error", err)
		}
		err = v.start()
	}
	if err != nil {
		v.log.Warn("volume is not usable", "volume", v.path, "error", err)
	}
	if v.session() == nil {
		return
	}
	if err == nil {
		v.log.Info("volume is back", "volume", v.path)
	}
	// Also if its first commit found no room: what it brought is read all the same.
	v.store.startRebuild()
}

func (v *volume) session() *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ses
}

func (v *volume) wasAttached() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.attached
}

func (v *volume) distrusted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.distrust
}

// attach makes the volume usable, with everything that a crash left behind recovered.
func (v *volume) attach() error {
	ses, err := v.open(v.distrusted())
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.figures.State, v.figures.Error = VolumeError, err.Error()
		if missing(err) || errors.Is(err, errNotMounted) {
			v.figures.State = VolumeMissing
		}
		return err
	}
	v.ses, v.figures.ID = ses, ses.id
	v.store.knowVolume(volumeRef{ses.id, v.path})
	if !v.attached {
		v.attached = true
		v.store.clock.restore(ses.crash.point.at, ses.crash.point.clock)
	}
	return nil
}

// start states what attaching recovered. From then on the volume takes segments.
func (v *volume) start() error {
	ses := v.session()
	// The first checkpoint says that the recorder ran now: what the last one
	// tells about the clock is compared before.
	if streams, err := v.store.Streams(); err == nil {
		v.store.checkClock(v.store.opts.Now(), streams)
	}
	err := ses.commit()
	if ses.failure() != nil {
		v.detach(ses)
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.figures.State, v.figures.Error = VolumeOK, ""
	if err != nil && diskReason(err) == ReasonDiskFull {
		v.figures.State, v.figures.Error = VolumeFull, err.Error()
	}
	return err
}

// trust ends the distrust of the volume, in memory and over a restart: a commit
// succeeded on it, and with it what recovery put aside.
func (v *volume) trust(ses *session) {
	v.mu.Lock()
	distrust := v.distrust
	v.distrust = false
	v.mu.Unlock()
	if !distrust {
		return
	}
	if err := v.store.index.setDistrust(ses.number, false); err != nil {
		v.log.Warn("note in the index that the volume syncs again", "volume", v.path, "error", err)
	}
}

// detach gives up a session that does not run any more.
func (v *volume) detach(ses *session) {
	v.mu.Lock()
	v.ses = nil
	v.mu.Unlock()
	v.store.abandon(ses)
	ses.release()
}

// failed notes why a session died.
func (v *volume) failed(err *DiskError) {
	v.log.Error("volume failed", "volume", v.path, "error", err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.distrust = true
	v.figures.State, v.figures.Error = VolumeError, err.Error()
}

// full notes that a write found no space, and has the reaper look at once.
func (v *volume) full(err *DiskError) {
	space, spaceErr := v.store.opts.FS.Space(v.path)
	v.mu.Lock()
	ses := v.ses
	v.noSpace = v.noSpace || spaceErr == nil && space.Free >= roomAgain(space.Total)
	if v.figures.State == VolumeOK {
		v.figures.State, v.figures.Error = VolumeFull, err.Error()
	}
	v.mu.Unlock()
	if ses != nil {
		ses.wakeReaper()
	}
}

// takeNoSpace reports whether a write found no space since it was last asked.
func (v *volume) takeNoSpace() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.noSpace
	v.noSpace = false
	return found
}

// roomAgain is the free space, in bytes, from which a full volume is used
// again: a few parts of many cameras, but not more than small volumes have.
func roomAgain(total int64) int64 { return min(64<<20, total/16) }

// measure reads the free space; a full volume that has room again is used again.
func (v *volume) measure(fsys vfs.FS) (vfs.Space, error) {
	space, err := fsys.Space(v.path)
	if err != nil {
		return space, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f := &v.figures
	f.BytesFree, f.BytesTotal = space.Free, space.Total
	if f.State == VolumeFull && space.Free >= roomAgain(space.Total) {
		f.State, f.Error = VolumeOK, ""
	}
	v.spaceAt = time.Now()
	return space, nil
}

// healthy gives the session if the volume takes new segments.
func (v *volume) healthy() (ses *session, free int64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ses, v.figures.BytesFree, v.ses != nil && v.figures.State == VolumeOK
}

// trouble is why the volume takes no segments.
func (v *volume) trouble() *DiskError {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := &DiskError{Path: v.path, Reason: ReasonDiskError, Err: errors.New(v.figures.Error)}
	if v.figures.State == VolumeFull {
		e.Reason = ReasonDiskFull
	}
	return e
}

func (v *volume) countOverload() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.figures.Overloads++
}

func (v *volume) countQueued(bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.figures.QueueHighWater = max(v.figures.QueueHighWater, bytes)
}

func (v *volume) countWrite(bytes int64, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := &v.figures
	f.Writes++
	f.BytesWritten += bytes
	f.WriteLatency += (took - f.WriteLatency) / 16
	f.WriteLatencyMax = max(f.WriteLatencyMax, took)
}

func (v *volume) countCommit(at, start, last time.Time) {
	took := time.Since(start)
	v.mu.Lock()
	defer v.mu.Unlock()
	f := &v.figures
	f.Commits++
	f.LastCommit, f.CommitTime = at, took
	f.CommitTimeMax = max(f.CommitTimeMax, took)
	if !last.IsZero() {
		f.CommitInterval = start.Sub(last)
	}
}

func (v *volume) countCommitError() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.figures.CommitErrors++
}

func (v *volume) countDeleted(bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.figures.Deleted++
	v.figures.DeletedBytes += bytes
}
