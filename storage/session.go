package storage

import (
	"context"
	"log/slog"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// session is a volume in use, from attach until it fails or the store closes.
// Three goroutines work on it: the writer (queue → files), the committer
// (files → durable, ledger, index) and the reaper (deletion). What one of them
// alone uses is marked; mu guards the rest and is never held across a disk call.
type session struct {
	vol    *volume
	store  *Store
	fs     vfs.FS
	root   string // the volume's path
	id     string
	number uint16 // in the index
	device uint64
	own    bool // the volume is a file system of its own: syncfs (S2)
	log    *slog.Logger

	lock        vfs.File
	dir         vfs.File // the volume's directory, open all the time
	checkpoints checkpointFiles
	crash       *recovery // of what the last session left

	dead chan struct{} // closed by fail
	wake chan struct{} // the writer has something to do
	poke chan struct{} // the reaper has something to do

	// using is held by a rebuild, and to release: its files and maps are not
	// taken away under a rebuild. Taken before mu.
	using    sync.Mutex
	released bool // guarded by using

	mu        sync.Mutex
	err       *DiskError // why it failed
	closing   bool       // nothing more is taken
	queue     []op
	queued    int64                     // bytes in queue
	segments  map[string]*SegmentWriter // by path: growing, or ended and not yet in the index
	dirtyDirs map[string]bool           // with entries that are not durable
	deletions []deletion                // to be stated as deleted by the next commit
	losses    []Segment                 // to be stated as lost by the next commit
	toUnlink  []Segment                 // durably stated as deleted: the reaper's
	earlier   []Segment                 // stated as deleted by an earlier session: the reaper looks whether they are held
	unlinked  []string                  // paths gone since the last commit
	leaving   map[string]bool           // paths from being chosen until they are unlinked, wherever they wait
	behind    bool                      // commits are not in the index yet
	lagging   map[string]bool           // cameras with lines that are in the checkpoint only
	carried   map[string]openSegment    // promised, but could not be read: each checkpoint has them still

	committer struct { // used by the committer alone
		sequence  uint64
		heads     map[string]ledgerHead
		ledgers   map[string]vfs.File // written, not synced
		unapplied []ledgerWrite       // in a checkpoint, not in their ledgers
		unindexed []*batch            // in the ledgers, not in the index
		heldTo    int                 // serial of the holds that the ledgers state
		dropped   bool                // rows were dropped: the index must read the ledgers again
		force     bool                // write a checkpoint even if nothing changed
		clock     clockState          // in the last checkpoint
		lastStart time.Time
	}
}

// run works until the context ends or the volume fails. At the end of the
// context it writes what is queued and commits.
func (s *session) run(ctx context.Context) {
	var work, writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() { s.write(stop) })
	work.Go(func() { s.commitLoop(ctx) })
	work.Go(func() { s.reap(ctx) })
	work.Wait()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	close(stop)
	writer.Wait()
	s.lastCommit()
}

// lastCommit makes durable what the writer left. Who still waits for a segment
// to be sealed is told that it is not; the next start finds its file.
func (s *session) lastCommit() {
	var err error
	for range 2 { // a full disk may have room once more
		if err = s.failure(); err != nil {
			break
		}
		if err = s.commit(); err == nil {
			break
		}
		s.log.Error("last commit", "volume", s.root, "error", err)
	}
	e := &DiskError{Path: s.root, Reason: ReasonDiskError, Err: ErrClosed}
	if err != nil {
		e.Reason, e.Err = diskReason(err), err
	}
	var calls []func()
	s.mu.Lock()
	for _, w := range s.segments {
		if w.done != nil {
			calls = append(calls, w.failLocked(e, true)...)
		}
	}
	s.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

// failure is nil or why the session is dead.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return s.err
}

// fail ends the session and every segment on it: nothing since the last good
// commit counts as durable (S2). Only the first cause counts.
func (s *session) fail(cause error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	e := &DiskError{Path: s.root, Reason: diskReason(cause), Err: cause}
	s.err = e
	s.mu.Unlock()
	s.vol.failed(e) // first, so that whoever hears of it sees the volume's state

	s.mu.Lock()
	var calls []func()
	for _, w := range s.segments {
		calls = append(calls, w.failLocked(e, true)...)
	}
	s.mu.Unlock()
	for _, call := range calls {
		call()
	}
	// For a start after this process was killed. After a power cut there is no
	// cache to distrust, so this need not be in time for one.
	if err := s.store.index.setDistrust(s.number, true); err != nil {
		s.log.Warn("note in the index that the volume failed", "volume", s.root, "error", err)
	}
	close(s.dead)
}

// release closes every file; the session must not be running. It waits for a
// rebuild of the volume, which ends soon after the session failed.
func (s *session) release() {
	s.using.Lock()
	defer s.using.Unlock()
	s.released = true
	files := slices.Collect(maps.Values(s.committer.ledgers))
	s.mu.Lock()
	for _, w := range s.segments {
		files = append(files, w.file)
	}
	s.mu.Unlock()
	s.checkpoints.close()
	for _, f := range append(files, s.dir, s.lock) {
		if f != nil {
			_ = f.Close() // what is durable was synced
		}
	}
}

// abs gives the full name of a path on the volume.
func (s *session) abs(rel string) string { return path.Join(s.root, rel) }

// soil notes directories whose entries must be made durable.
func (s *session) soil(dirs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range dirs {
		s.dirtyDirs[d] = true
	}
}
