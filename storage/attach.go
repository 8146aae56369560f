package storage

import (
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// open makes a session of the volume: it checks the identity, takes the lock,
// and recovers. Distrust says that pages in the kernel's cache may differ from
// the disk, so that nothing but what a checkpoint promises is kept.
func (v *volume) open(distrust bool) (ses *session, err error) {
	rows, err := v.store.index.volumes()
	if err != nil {
		return nil, err
	}
	known := v.known(rows)
	if err := v.makeRoot(known.ID != ""); err != nil {
		return nil, err
	}
	s := &session{
		vol: v, store: v.store, fs: v.store.opts.FS, root: v.path, log: v.log,
		dead: make(chan struct{}), wake: make(chan struct{}, 1), poke: make(chan struct{}, 1),
		segments: map[string]*SegmentWriter{}, dirtyDirs: map[string]bool{}, leaving: map[string]bool{}, carried: map[string]openSegment{},
	}
	s.committer.ledgers = map[string]vfs.File{}
	defer func() {
		if err != nil {
			s.release()
			ses = nil
		}
	}()
	// The identity is read before the lock file is made, so that a wrong disk
	// is not written to; and again under the lock, since two may start at once.
	if _, err := readIdentity(s.fs, s.root); err == nil || known.ID != "" {
		if _, _, err := identify(s.fs, s.root, known.ID, v.store.opts.Now()); err != nil {
			return nil, err
		}
	}
	if s.lock, err = lockVolume(s.fs, s.root); err != nil {
		return nil, err
	}
	id, fresh, err := identify(s.fs, s.root, known.ID, v.store.opts.Now())
	if err != nil {
		return nil, err
	}
	s.id = id.ID
	at := slices.IndexFunc(rows, func(row volumeRow) bool { return row.ID == id.ID })
	rebuild := !fresh && (at < 0 || rows[at].Rebuild)
	distrust = distrust || at >= 0 && rows[at].Distrust
	s.number, err = v.store.index.putVolume(volumeRow{
		ID: id.ID, Path: v.path, Seen: v.store.opts.Now().UTC(), Rebuild: rebuild, Distrust: distrust,
	})
	if err != nil {
		if at < 0 {
			return nil, err // no number, no rows
		}
		s.log.Error("note volume in the index", "volume", v.path, "error", err)
		s.number = rows[at].Number
	}
	if err := s.openRoot(); err != nil {
		return nil, err
	}
	if _, err := v.measure(s.fs); err != nil {
		return nil, fmt.Errorf("measure volume: %w", err)
	}
	v.mu.Lock()
	v.distrust = distrust
	v.mu.Unlock()
	if err := s.recover(rebuild, distrust); err != nil {
		return nil, fmt.Errorf("recover volume %s: %w", s.root, err)
	}
	return s, nil
}

// known is what the index knows of the volume under this path.
func (v *volume) known(rows []volumeRow) (known volumeRow) {
	if v.replaced {
		return known
	}
	for _, row := range rows {
		if row.Path == v.path && !row.Seen.Before(known.Seen) {
			known = row
		}
	}
	return known
}

// makeRoot makes the volume's directory on first use only.
func (v *volume) makeRoot(known bool) error {
	fsys := v.store.opts.FS
	st, err := fsys.Stat(v.path)
	switch {
	case err == nil && !st.Dir:
		return fmt.Errorf("volume %s is not a directory", v.path)
	case err == nil:
		return nil
	case !missing(err) || known:
		return fmt.Errorf("open volume: %w", err)
	}
	if err := fsys.Mkdir(v.path, 0o750); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	if err := syncDir(fsys, path.Dir(v.path)); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	return nil
}

// openRoot finds out how the volume is synced, and opens its checkpoints.
func (s *session) openRoot() error {
	here, err := s.fs.Stat(s.root)
	if err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	above, err := s.fs.Stat(path.Dir(s.root))
	if err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	s.device, s.own = here.Device, here.Device != above.Device
	if s.dir, err = s.fs.OpenFile(s.root, os.O_RDONLY, 0); err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	return nil
}

// recover brings checkpoint, ledgers, index and files into agreement (S2): the
// ledgers get the last commit's lines, the index what it lacks of the ledgers,
// and each segment that was growing is cut behind its last good part. It reads
// what was written since the last commits, never the archive. Only the root,
// the checkpoints and an index that cannot be read keep the volume out of use:
// a file that cannot be read costs what is in it.
func (s *session) recover(rebuild, distrust bool) error {
	files, point, err := openCheckpoints(s.fs, s.root, s.id)
	if err != nil {
		return err
	}
	s.checkpoints = files
	for _, f := range files {
		_ = f.Preallocate(0, checkpointRoom) // a help only
	}
	if err := s.dir.Sync(); err != nil {
		return fmt.Errorf("sync volume: %w", err)
	}
	cameras, err := s.cameras()
	if err != nil {
		return err
	}
	if point == nil {
		// Nothing says what was promised: everything is read again.
		rebuild = rebuild || len(cameras) > 0
		point = &checkpoint{heads: map[string]ledgerHead{}}
		if err := s.findHeads(point, cameras); err != nil {
			return err
		}
	}
	s.committer.sequence, s.committer.heads, s.committer.clock = point.sequence, point.heads, point.clock
	s.committer.force = true     // says that the recorder runs, and that the volume syncs
	s.applyLedgers(point.writes) // durable in the checkpoint only; the next commit syncs them
	if !rebuild {
		if rebuild, err = s.reconcile(); err != nil {
			return err
		}
	}
	r := &recovery{session: s, point: point, distrust: distrust}
	s.crash = r
	if err := r.openSegments(); err != nil {
		return err
	}
	if err := s.finishDeletions(); err != nil {
		return err
	}
	s.store.loadWanted(s)
	if !rebuild {
		if err := r.newSegments(cameras); err != nil {
			return err
		}
		s.store.needRebuild(s.vol, false)
	} else if err := s.markRebuild(true); err != nil {
		s.log.Error("note rebuild in the index", "volume", s.root, "error", err)
	}
	s.store.recovered(r.found)
	return nil
}

// cameras lists the directories of cameras on the volume.
func (s *session) cameras() ([]string, error) {
	list, err := s.fs.ReadDir(s.root)
	if err != nil {
		return nil, fmt.Errorf("list volume: %w", err)
	}
	var cameras []string
	for _, e := range list {
		if e.IsDir() && validID(e.Name()) && e.Name() != "lost+found" {
			cameras = append(cameras, e.Name())
		}
	}
	return cameras, nil
}

// findHeads reads the ends of the ledgers when no checkpoint tells them. What a
// crash left behind the last whole line is cut by the next write.
func (s *session) findHeads(point *checkpoint, cameras []string) error {
	for _, camera := range cameras {
		head, _, err := readLedgers(s.fs, s.root, s.id, camera, ledgerHead{}, func(ledgerLine) {})
		if err != nil {
			s.unread(camera, err)
			if head, err = blindHead(s.fs, s.root, camera); err != nil {
				return err
			}
		}
		if head.day != "" {
			point.heads[camera] = head
		}
	}
	return nil
}

// blindHead is the end of a ledger that cannot be read: its lines stay, what
// follows is chained to nothing, and so is damage.
func blindHead(fsys vfs.FS, root, camera string) (ledgerHead, error) {
	days, err := ledgerDays(fsys, root, camera)
	if len(days) == 0 || err != nil {
		return ledgerHead{}, err
	}
	day := days[len(days)-1]
	st, err := fsys.Stat(path.Join(root, ledgerPath(camera, day)))
	if err != nil {
		return ledgerHead{}, fmt.Errorf("find end of ledger: %w", err)
	}
	return ledgerHead{day: day, size: st.Size}, nil
}

// markRebuild notes in the index whether it lacks something of this volume.
func (s *session) markRebuild(needed bool) error {
	if needed { // also if the index cannot be told
		s.store.needRebuild(s.vol, true)
	}
	_, err := s.store.index.putVolume(volumeRow{
		ID: s.id, Path: s.root, Seen: s.store.opts.Now().UTC(), Rebuild: needed, Distrust: s.vol.distrusted(),
	})
	if err != nil {
		return err
	}
	s.store.needRebuild(s.vol, needed)
	return nil
}

// reconcile adds to the index what the ledgers state behind the heads that
// the index knows. If the index knows more than the ledgers hold it is not of
// this volume's present, and must be rebuilt.
func (s *session) reconcile() (rebuild bool, err error) {
	known, err := s.store.index.heads(s.number)
	if err != nil {
		return false, err
	}
	for camera := range known {
		if _, ok := s.committer.heads[camera]; !ok {
			return true, nil
		}
	}
	for camera, head := range s.committer.heads {
		from := known[camera]
		if from == head {
			continue
		}
		if from.day > head.day || from.day == head.day && from.size > head.size {
			return true, nil
		}
		b := &batch{volume: s.number, earlier: true, heads: map[string]ledgerHead{camera: head}}
		_, damaged, err := readLedgers(s.fs, s.root, s.id, camera, from, func(l ledgerLine) { b.add(l, s.id) })
		if err != nil {
			s.unread(camera, err)
			continue
		}
		for _, w := range s.committer.unapplied { // lines that are in the checkpoint only
			if w.camera == camera {
				scanLedger(w.lines, nil, func(l ledgerLine) { b.add(l, s.id) })
			}
		}
		if damaged > 0 {
			s.log.Error("ledger is damaged", "camera", camera, "volume", s.root, "lines", damaged)
			b.whole = append(b.whole, camera)
		}
		s.store.holds.learn(s.number, b.holds, b.whole) // also if the index cannot be written
		s.committer.unindexed = append(s.committer.unindexed, b)
	}
	if err := s.writeIndex(); err != nil {
		s.log.Error("index ledgers", "volume", s.root, "error", err) // with the next commit
	}
	return false, nil
}

// finishDeletions takes up what was stated as deleted before the crash.
func (s *session) finishDeletions() error {
	paths, err := s.store.index.doomed(s.number)
	if err != nil {
		return err
	}
	for _, p := range paths {
		m, err := parsePath(p)
		if err != nil {
			s.log.Error("deletion of a file that is no segment", "volume", s.root, "error", err)
			continue
		}
		s.earlier = append(s.earlier, Segment{SegmentMeta: m, Path: p, Volume: s.id})
	}
	return nil
}
